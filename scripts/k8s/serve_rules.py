"""The Serve config in a RayService: Ray's schema, our configuration, deployments."""

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import zip_longest
from pathlib import Path, PurePosixPath
from string import Template
from typing import Any

from artifacts.errors import BadInput
from scripts.k8s.application import deployed
from scripts.k8s.finding import Finding, Object, named
from scripts.k8s.placement_rules import check_placement
from scripts.k8s.rayservice import Group, groups_of, ray_services, serve_config_of
from scripts.k8s.serve_schema import schema_findings
from scripts.k8s.time_rules import check_times
from serve_app.config import AppConfig
from serve_app.config_file import IMPORT_PATH, app_config

_SECRET = re.compile(r"\bsk-[A-Za-z0-9-]{8,}|://[^/\s:@]+:[^/\s@]+@")


def check_serve_configs(manifests: Sequence[Object]) -> Iterator[Finding]:
    """That of each RayService."""
    for service in ray_services(manifests):
        where = f"{named(service)} serveConfigV2"
        config = serve_config_of(service)
        if config is None:
            yield Finding(where, "it is not a mapping in YAML")
            continue
        if _SECRET.search(service["spec"]["serveConfigV2"]):
            yield Finding(where, "a secret in plain text does not belong here")
        for path, what in schema_findings(config):
            yield Finding(f"{where} {path}", what)
        yield from _addresses(where, config)
        yield from _applications(service, config, manifests)


def _addresses(where: str, config: Mapping[str, Any]) -> Iterator[Finding]:
    if config.get("proxy_location") != "EveryNode":
        what = "proxy_location: EveryNode; with another no worker becomes ready"
        yield Finding(where, what)
    http = config.get("http_options") or {}
    if http.get("host") != "0.0.0.0" or http.get("port", 8000) != 8000:
        yield Finding(where, "http_options: host 0.0.0.0 and port 8000")
    for app in config.get("applications") or ():
        if app.get("runtime_env"):
            yield Finding(
                f"{where} {app.get('name')}", "runtime_env: the image has it all"
            )


def _applications(
    service: Object, config: Mapping[str, Any], manifests: Sequence[Object]
) -> Iterator[Finding]:
    where = f"{named(service)} serveConfigV2"
    ours = [
        app
        for app in config.get("applications") or ()
        if app.get("import_path") == IMPORT_PATH
    ]
    if len(ours) != 1:
        yield Finding(where, f"one application has the import_path {IMPORT_PATH}")
        return
    try:
        checked = app_config(config, Path(where))
    except BadInput as error:
        yield Finding(where, str(error).removeprefix(f"{Path(where)}: "))
        return
    built: dict[str, bool] = {}
    try:
        built = deployed(AppConfig.model_validate(ours[0].get("args") or {}))
    except ValueError as error:
        yield Finding(where, f"the application cannot be built: {error}")
    else:
        yield from _deployments(where, ours[0], checked, built)
    groups = [group for group in groups_of(service) if not group.is_head]
    yield from check_placement(service, ours[0], checked)
    yield from _kept(where, checked, groups)
    if service["metadata"]["name"] == "avengers":
        yield from _watched(ours[0], manifests)
    yield from check_times(service, checked, built, manifests)


def _deployments(
    where: str, app: Mapping[str, Any], config: AppConfig, built: Mapping[str, bool]
) -> Iterator[Finding]:
    """Against the application as it is really built from its `args`."""
    stated = [str(one.get("name")) for one in app.get("deployments") or ()]
    for name in sorted({name for name in stated if stated.count(name) > 1}):
        yield Finding(f"{where} {name}", "the deployment is listed twice")
    for one in app.get("deployments") or ():
        name = str(one.get("name"))
        if name not in built:
            known = ", ".join(sorted(built))
            yield Finding(f"{where} {name}", f"no such deployment; there are {known}")
        elif one.get("user_config") is not None and not built[name]:
            yield Finding(f"{where} {name}", "it takes no user_config")
    yield from _same_live(where, app)
    names = {config.backend_of(spec) for spec in config.catalog.models}
    for name in sorted(names - AppConfig.model_validate(app["args"]).backend_names):
        what = (
            f"the catalog's backend {name!r} is not deployed; see args.backends.deploy"
        )
        yield Finding(where, what)


def _same_live(where: str, app: Mapping[str, Any]) -> Iterator[Finding]:
    configs = {
        str(one.get("name")): one.get("user_config") or {}
        for one in app.get("deployments") or ()
    }
    args = app.get("args") or {}
    for setting in ("cost_tiers", "artifacts"):
        stated = configs.get("Gateway", {}).get(setting)
        of_ledger = configs.get("Ledger", {}).get(setting, args.get(setting))
        if stated and args.get("database") and of_ledger != stated:
            what = f"user_config.{setting} must be the Gateway's"
            yield Finding(f"{where} Ledger", what)


def _kept(where: str, config: AppConfig, groups: Sequence[Group]) -> Iterator[Finding]:
    """Where records and tenants lie: a volume, a server; not a container's own disk."""
    url = (config.database.url if config.database else None) or ""
    if url.startswith("sqlite"):
        yield Finding(where, "database: SQLite's file would be lost with its pod")
    for group in groups if config.usage.journal else ():
        variables = {name: value or "" for name, value in group.env.items()}
        journal = Template(config.usage.journal or "").safe_substitute(variables)
        mounts = [m for one in group.containers for m in one.get("volumeMounts") or ()]
        places = [one["mountPath"] for one in mounts if not one.get("readOnly")]
        if not any(PurePosixPath(journal).is_relative_to(place) for place in places):
            yield Finding(group.where, f"the journal {journal} is on no volume")


def _watched(app: Mapping[str, Any], manifests: Sequence[Object]) -> Iterator[Finding]:
    """Drift is looked for against the artifact that decides."""
    decides = app["args"].get("artifact", "default")
    for one in app.get("deployments") or ():
        if one.get("name") == "Router":
            decides = (one.get("user_config") or {}).get("artifact", decides)
    for manifest in manifests:
        if manifest.get("kind") == "CronJob":
            pod = manifest["spec"]["jobTemplate"]["spec"]["template"]["spec"]
            for container in pod["containers"]:
                for said in _artifacts_of(container):
                    if said != decides:
                        what = f"--artifact={said}: the artifact that decides is"
                        yield Finding(named(manifest), f"{what} {decides}")


def _artifacts_of(container: Mapping[str, Any]) -> Iterator[str]:
    """Values of `--artifact`, both ways to write it."""
    words = [*(container.get("command") or ()), *(container.get("args") or ())]
    for word, following in zip_longest(words, words[1:], fillvalue=""):
        if word == "--artifact":
            yield following
        elif word.startswith("--artifact="):
            yield word.removeprefix("--artifact=")
