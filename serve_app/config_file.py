"""Our part of a Serve configuration, checked before Ray is started for it."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from artifacts.errors import ArtifactError, BadInput, RecordError
from serve_app.config import AppConfig
from serve_app.environment import unset_variables
from serve_app.launching.serve_config import read_serve_yaml
from serve_app.live_settings import FieldError, LiveSettings
from serve_app.marked_yaml import MarkedYaml
from serve_app.profiled import local_manifest

IMPORT_PATH = "serve_app.app:build_app"
_ARGS = ("args",)
_LIVE = ("deployments", "Gateway", "user_config")

Steps = tuple[str | int, ...]


def read_app_config(path: Path) -> AppConfig:
    """Of a Serve config file; BadInput names file, line and field."""
    document = read_serve_yaml(path)
    return _application(document.data, path, document).config()


def startable_config(document: MarkedYaml, environment: Mapping[str, str]) -> AppConfig:
    """Of a Serve config that was read, to be started in `environment`; BadInput also
    where it would not start: for want of a backend, a variable, or the artifact."""
    application = _application(document.data, document.path, document)
    config = application.config()
    application.check_backends(config)
    application.check_variables(config, environment)
    application.check_artifact(config)
    return config


def app_config(
    data: Mapping[str, Any], path: Path, document: MarkedYaml | None = None
) -> AppConfig:
    """Our application's configuration in a Serve YAML as it is in force: its `args`,
    and over them the Gateway's `user_config`. BadInput names the field, and the line if
    there is the `document` that `data` was read from."""
    return _application(data, path, document).config()


def _application(
    data: Mapping[str, Any], path: Path, document: MarkedYaml | None
) -> "_Application":
    applications = data.get("applications")
    for i, app in enumerate(applications if isinstance(applications, list) else []):
        if isinstance(app, dict) and app.get("import_path") == IMPORT_PATH:
            return _Application(app, i, path, document)
    what = f"no application has the import_path {IMPORT_PATH}"
    if document is not None:
        raise RecordError(path, document.line(("applications",)), what)
    raise BadInput(f"{path}: {what}")


@dataclass(frozen=True, slots=True)
class _Application:
    """Ours, the `index`-th of a Serve configuration."""

    stated: Mapping[str, Any]
    index: int
    path: Path
    document: MarkedYaml | None

    def config(self) -> AppConfig:
        args, live = self._mapping(_ARGS, self.stated.get("args")), self._live()
        for name in live.keys() - LiveSettings.model_fields.keys():
            raise self._error((*_LIVE, str(name)), "not a live setting")
        if not LiveSettings.model_fields.keys() & {*args, *live}:
            raise self._error((*_ARGS, "catalog"), "Field required")
        return self._validated(args, live)

    def check_backends(self, config: AppConfig) -> None:
        """BadInput at the first model whose backend is not deployed: that is made of
        `args` alone, before the Gateway is told its `user_config`."""
        args = self._mapping(_ARGS, self.stated.get("args"))
        deployed = self._validated(args, {}).backend_names
        for spec in config.catalog.models:
            if config.backend_of(spec) not in deployed:
                steps = (*_LIVE, "catalog", "models", spec.id, "backend")
                way_out = (
                    "local models stand in the catalog of args"
                    if spec.backend == "vllm"
                    else "args.backends.deploy names it"
                )
                what = f"{spec.backend!r} is not deployed ({way_out})"
                raise self._error(steps, what)

    def _validated(self, args: dict[str, Any], live: dict[str, Any]) -> AppConfig:
        try:
            return AppConfig.model_validate(args | live)
        except ValidationError as error:
            steps, what = _first(error)
        section = _LIVE if steps and steps[0] in live else _ARGS
        raise self._error((*section, *steps), what)

    def check_variables(
        self, config: AppConfig, environment: Mapping[str, str]
    ) -> None:
        """BadInput at the first that is set neither there nor by a `runtime_env`."""
        for steps, what in unset_variables(config, {**environment, **self._env_vars()}):
            raise self._error((*_ARGS, *steps), what)

    def check_artifact(self, config: AppConfig) -> None:
        """BadInput unless one lies where it is said to, if that is on this machine."""
        try:
            local_manifest(config)
        except ArtifactError as error:
            raise self._error((*_ARGS, "artifact"), str(error)) from None

    def _env_vars(self) -> dict[str, str]:
        """Of the application and its deployments: what Ray gives to their processes."""
        deployments = self.stated.get("deployments") or ()
        options = [_inner(each, "ray_actor_options") for each in deployments]
        found: dict[str, str] = {}
        for stated in (self.stated, *options):
            of = _inner(stated, "runtime_env", "env_vars")
            found |= {name: str(value) for name, value in of.items()}
        return found

    def _live(self) -> dict[str, Any]:
        deployments = self.stated.get("deployments") or ()
        if not isinstance(deployments, (list, tuple)):
            raise self._error(("deployments",), "a list was expected")
        for deployment in deployments:
            if isinstance(deployment, dict) and deployment.get("name") == "Gateway":
                return self._mapping(_LIVE, deployment.get("user_config"))
        return {}

    def _mapping(self, steps: Steps, found: Any) -> dict[str, Any]:
        if found is not None and not isinstance(found, dict):
            raise self._error(steps, "a mapping was expected")
        return found or {}

    def _error(self, steps: Steps, what: str) -> BadInput:
        what = f"{'.'.join(map(str, steps))}: {what}"
        if self.document is None:
            return BadInput(f"{self.path}: {what}")
        line = self.document.line(("applications", self.index, *steps))
        return RecordError(self.path, line, what)


def _inner(stated: Any, *names: str) -> dict[str, Any]:
    """The mapping that lies there; empty where none does."""
    for name in names:
        stated = stated.get(name) if isinstance(stated, dict) else None
    return stated if isinstance(stated, dict) else {}


def _first(error: ValidationError) -> tuple[Steps, str]:
    """The field that is wrong, and why."""
    first = error.errors(include_url=False, include_input=False)[0]
    cause = first.get("ctx", {}).get("error")
    if isinstance(cause, FieldError):
        return (*first["loc"], *cause.steps), cause.what
    return first["loc"], first["msg"].removeprefix("Value error, ")
