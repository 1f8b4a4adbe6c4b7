"""`avengers serve`: the whole graph on this machine."""

import os
import time
from pathlib import Path
from typing import Annotated

import typer

import serve_app
from serve_app.access.tenants import new_key
from serve_app.config_file import app_config
from serve_app.launching.launch import serve_until_signal
from serve_app.launching.local_cluster import LocalCluster
from serve_app.launching.serve_config import read_config

LOCAL_CONFIG = Path(serve_app.__path__[0]) / "local.yaml"
DEV_KEY = "AVENGERS_DEV_KEY"


def serve(
    config: Annotated[
        Path, typer.Option(help="Serve configuration (YAML).")
    ] = LOCAL_CONFIG,
    host: Annotated[
        str | None, typer.Option(help="Address to bind; default: the configuration's.")
    ] = None,
    port: Annotated[
        int | None, typer.Option(help="Port; default: the configuration's.")
    ] = None,
    dashboard: Annotated[
        bool, typer.Option(help="Start Ray's dashboard too, for `serve deploy`.")
    ] = False,
) -> None:
    """Serve on this machine until Ctrl-C."""
    began = time.monotonic()
    checked = app_config(read_config(config), config)
    # Ray's processes inherit the environment; the key is written nowhere else.
    key = os.environ.setdefault(DEV_KEY, new_key())
    typer.echo("starting Ray Serve …", err=True)

    def ready(cluster: LocalCluster) -> None:
        live = ", ".join(sorted(checked.backend_names))
        typer.echo(_example(cluster.url, key))
        typer.echo(f"backends: {live}{_simulated_note(checked.backend_names)}")
        typer.echo(f"started in {time.monotonic() - began:.1f} s ({_parts(cluster)})")
        typer.echo(f"logs: {cluster.logs}")
        if cluster.dashboard_url:
            typer.echo(f"dashboard: {cluster.dashboard_url}")
        typer.echo(f"key: {key}")
        typer.echo(f"ready: {cluster.url}")

    serve_until_signal(
        config, host=host, port=port, dashboard=dashboard, on_ready=ready
    )


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
  -H 'Authorization: Bearer {key}' \\
  -H 'Content-Type: application/json' \\
  -d '{{"model": "auto",
       "messages": [{{"role": "user", "content": "What is 6 × 7?"}}]}}'
"""
