"""Environment variables that a configuration names and that are not set."""

from collections.abc import Iterator, Mapping
from contextlib import suppress

from deployments.local_path import unset_in
from deployments.store.config import DatabaseConfig
from serve_app.config import AppConfig

Steps = tuple[str | int, ...]


def unset_variables(
    config: AppConfig, environment: Mapping[str, str]
) -> Iterator[tuple[Steps, str]]:
    """Of each without which nothing starts: the field, and what is to be said."""
    for steps, variable in _needed(config, environment):
        if not _is_set(variable, environment):
            yield steps, f"{variable} is not set{_way_out(steps)}"
    if config.database is not None and not _is_path(url := config.database.url or ""):
        host = url.partition("://")[2].partition("/")[0].rpartition("@")[2]
        for variable in unset_in(host, {}):
            what = "url_env names a variable that holds the whole address"
            yield ("database", "url"), f"{variable} is not filled in here; {what}"


def idle_keys(config: AppConfig, environment: Mapping[str, str]) -> Iterator[str]:
    """What is to be said of each without which all others are served."""
    for tenant in config.tenants:
        for key in tenant.keys:
            if key.env and not _is_set(key.env, environment):
                where = f"tenants.{tenant.id}.keys"
                yield f"{where}: {key.env} is not set: it opens nothing"
        for backend, variable in sorted(tenant.byok.items()):
            if not _is_set(variable, environment):
                where = f"tenants.{tenant.id}.byok.{backend}"
                yield f"{where}: {variable} is not set: its requests there will fail"
    admin = config.auth.admin_key_env
    if admin and config.database is None:
        yield "auth.admin_key_env: without a database there is no /admin/v1"
    elif admin and not _is_set(admin, environment):
        yield f"auth.admin_key_env: {admin} is not set: there is no /admin/v1"


def _is_set(variable: str, environment: Mapping[str, str]) -> bool:
    """To something: an empty one is none."""
    return bool(environment.get(variable, "").strip())


def _needed(
    config: AppConfig, environment: Mapping[str, str]
) -> Iterator[tuple[Steps, str]]:
    if config.database is not None:
        yield from _of_database(config.database, environment)
    for variable in unset_in(config.usage.journal or "", environment):
        yield ("usage", "journal"), variable
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
    # Only a path has variables; in another address a $ may be of its password.
    for variable in unset_in(url, environment) if _is_path(url) else ():
        yield ("database", "url" if database.url else "url_env"), variable
    if url and database.password_env is not None:
        # Late: SQLAlchemy takes a while to import.
        from deployments.store.errors import StoreError
        from deployments.store.location import needs_password

        with suppress(StoreError):  # which the Ledger tells
            if needs_password(url):
                yield ("database", "password_env"), database.password_env


def _is_path(url: str) -> bool:
    return url.strip().startswith("sqlite")


def _way_out(steps: Steps) -> str:
    if steps[:2] != ("backends", "openrouter"):
        return ""
    return " (with backends.without_key: simulate, a simulator answers)"
