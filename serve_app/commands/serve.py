"""`avengers serve`: the whole graph on this machine."""

import os
import re
import time
from collections.abc import Mapping, MutableMapping
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

import serve_app
from deployments.api_key import new_key
from serve_app.backends_config import VLLM
from serve_app.config import AppConfig
from serve_app.config_file import startable_config
from serve_app.environment import idle_keys
from serve_app.launching.local_cluster import LocalCluster
from serve_app.launching.serve_config import MOST_PORT, read_serve_yaml
from serve_app.launching.state_directory import VAR, state_directory
from serve_app.launching.until_signal import serve_until_signal
from serve_app.profiled import local_manifest, unprofiled_models

LOCAL_CONFIG = Path(serve_app.__path__[0]) / "local.yaml"
DEV_KEY = "AVENGERS_DEV_KEY"
ADMIN_KEY = "AVENGERS_ADMIN_KEY"

# For replicas to start: as long as a cluster has for a large model (k8s/components).
_START_S, _LARGE_START_S = 120.0, 3600.0
_IN_VAR = re.compile(rf"\$({VAR}\b|\{{{VAR}\}})")


def serve(
    config: Annotated[
        Path, typer.Option(help="Serve configuration (YAML).")
    ] = LOCAL_CONFIG,
    host: Annotated[
        str | None, typer.Option(help="Address to bind; default: the configuration's.")
    ] = None,
    port: Annotated[
        int | None,
        typer.Option(help="Port; default: the configuration's.", min=1, max=MOST_PORT),
    ] = None,
    dashboard: Annotated[
        bool, typer.Option(help="Start Ray's dashboard too, for `serve deploy`.")
    ] = False,
) -> None:
    """Serve on this machine until Ctrl-C."""
    began = time.monotonic()
    var = Path(os.environ.get(VAR) or "var").expanduser().absolute()
    os.environ[VAR] = str(var)
    # Once: it may be a pipe, as `--config <(…)` makes one.
    document = read_serve_yaml(config)
    checked = startable_config(document, os.environ)
    keys = ensure_keys(checked, os.environ)
    for said in (*idle_keys(checked, os.environ), unprofiled_models(checked)):
        if said is not None:
            typer.echo(f"warning: {said}", err=True)
    typer.echo("starting Ray Serve …", err=True)
    state = var if _keeps_state(checked) else None
    with state_directory(state) if state else nullcontext():
        serve_until_signal(
            document,
            host=host,
            port=port,
            dashboard=dashboard,
            patience_s=patience_s(checked),
            answer_s=checked.limits.request_timeout_s,
            on_ready=partial(_tell, checked, keys, state, began),
        )


def _tell(
    config: AppConfig,
    keys: Mapping[str, str],
    state: Path | None,
    began: float,
    cluster: LocalCluster,
) -> None:
    """What is up, where it is, and last, that it answers."""
    live = ", ".join(sorted(config.backend_names))
    typer.echo(_example(cluster.url, keys.get("key", "…")))
    typer.echo(f"backends: {live}{_simulated_note(config.backend_names)}")
    typer.echo(f"started in {time.monotonic() - began:.1f} s ({_parts(cluster)})")
    typer.echo(f"logs: {cluster.logs}")
    typer.echo(f"metrics: {cluster.metrics_url}")
    if cluster.dashboard_url:
        typer.echo(f"dashboard: {cluster.dashboard_url}")
    if state:
        typer.echo(f"state: {state}")
    for name, key in keys.items():
        typer.echo(f"{name}: {key}")
    typer.echo(f"ready: {cluster.url}")


def ensure_keys(
    config: AppConfig, environment: MutableMapping[str, str]
) -> dict[str, str]:
    """What to say of the development key and of the admin key, as far as the
    configuration has a use for them: else what is printed would open nothing.

    Those that are not set, or empty, are made. Of one that is set the variable is said:
    its owner has it, and what is printed may end in a log. Ray's processes inherit the
    environment; keys are written nowhere else.
    """
    named = {key.env for tenant in config.tenants for key in tenant.keys}
    administers = config.database is not None and config.auth.admin_key_env == ADMIN_KEY
    used = {
        "key": DEV_KEY if DEV_KEY in named else None,
        "admin-key": ADMIN_KEY if administers else None,
    }
    said: dict[str, str] = {}
    for name, variable in used.items():
        if variable is not None and environment.get(variable, "").strip():
            said[name] = f"${variable}"
        elif variable is not None:
            said[name] = environment[variable] = new_key()
    return said


def patience_s(config: AppConfig) -> float:
    """How long replicas may take to start: a local model, or an encoder that is not the
    artifact's own small one, is fetched and loaded first; so is an artifact."""
    manifest = local_manifest(config)
    small = manifest is not None and manifest.encoder.kind == "onnx"
    models = any(name.startswith(VLLM) for name in config.backend_names)
    return _LARGE_START_S if models or not small else _START_S


def _keeps_state(config: AppConfig) -> bool:
    """Whether anything of it lies in the state directory."""
    database = config.database.url if config.database else None
    paths = (database or "", config.usage.journal or "")
    return any(_IN_VAR.search(path) for path in paths)


def _parts(cluster: LocalCluster) -> str:
    start_up = cluster.start_up
    parts = {
        "imports": start_up.import_s,
        "Ray": start_up.ray_s,
        "Serve": start_up.serve_s,
        "replicas": start_up.ready_s,
    }
    return ", ".join(f"{name} {seconds:.1f}" for name, seconds in parts.items())


def _simulated_note(backends: frozenset[str]) -> str:
    if "simulator" not in backends:
        return ""
    return " (answers are simulated; set OPENROUTER_API_KEY for real ones)"


def _example(url: str, key: str) -> str:
    return f"""
curl -i {url}/v1/chat/completions \\
  -H "Authorization: Bearer {key}" \\
  -H 'Content-Type: application/json' \\
  -d '{{"model": "auto",
       "messages": [{{"role": "user", "content": "What is 6 × 7?"}}]}}'
"""
