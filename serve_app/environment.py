"""Environment variables that a configuration names and that nothing starts without."""

from collections.abc import Iterator, Mapping
from contextlib import suppress

from serve_app.config import AppConfig, DatabaseConfig

Steps = tuple[str | int, ...]


def unset_variables(
    config: AppConfig, environment: Mapping[str, str]
) -> Iterator[tuple[Steps, str]]:
    """The field that names it, and what is to be said, of each that is not set or is
    empty. A tenant's key is none of them: without it others are served."""
    for steps, variable in _needed(config, environment):
        if not environment.get(variable, "").strip():
            yield steps, f"{variable} is not set{_way_out(steps)}"


def _needed(
    config: AppConfig, environment: Mapping[str, str]
) -> Iterator[tuple[Steps, str]]:
    if config.database is not None:
        yield from _of_database(config.database, environment)
    for name in sorted(config.backend_names):
        upstream = config.upstream(name)
        if upstream is not None and upstream.api_key_env is not None:
            of = (name,) if name == "openrouter" else ("upstreams", name)
            yield ("backends", *of, "api_key_env"), upstream.api_key_env
    if config.telemetry.endpoint is not None:
        for header, variable in config.telemetry.headers_env.items():
            yield ("telemetry", "headers_env", header), variable


def _of_database(
    database: DatabaseConfig, environment: Mapping[str, str]
) -> Iterator[tuple[Steps, str]]:
    if database.url_env is not None:
        yield ("database", "url_env"), database.url_env
    url = database.url or environment.get(database.url_env or "", "")
    if url and database.password_env is not None:
        # Late: SQLAlchemy takes a while to import.
        from deployments.store.errors import StoreError
        from deployments.store.location import needs_password

        with suppress(StoreError):  # which the Ledger tells
            if needs_password(url):
                yield ("database", "password_env"), database.password_env


def _way_out(steps: Steps) -> str:
    if steps[:2] != ("backends", "openrouter"):
        return ""
    return " (with backends.without_key: simulate, a simulator answers)"
