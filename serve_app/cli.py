"""The command `avengers`.

Exit codes: 0, 1 (it failed), 2 (bad input, said in one line).
"""

import sys
from io import TextIOWrapper
from typing import Annotated

import typer

from artifacts.errors import BadInput
from deployments.store.errors import StoreUnavailable
from serve_app import __version__
from serve_app.commands import (
    artifact,
    artifacts,
    diff,
    drift,
    evaluate,
    extend,
    importing,
    keys,
    serve,
    tenants,
    usage,
)
from serve_app.launching.local_cluster import LaunchError


def _tell_version(asked: bool) -> None:
    if asked:
        typer.echo(f"avengers-serve {__version__}")
        raise typer.Exit


def _options(
    version: Annotated[
        bool,
        typer.Option(
            "--version",
            callback=_tell_version,
            is_eager=True,
            help="Say which version this is.",
        ),
    ] = False,
) -> None:
    """Of the command itself."""


def build_cli() -> typer.Typer:
    """All commands."""
    cli = typer.Typer(
        name="avengers",
        help="Answers each LLM request with the model that is worth its price.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,  # a usage error is a line, not a drawing
    )
    cli.callback()(_options)
    for command in (
        serve.serve,
        artifact.fit,
        evaluate.evaluate,
        artifact.inspect,
        artifact.route,
        extend.add_model,
        extend.remove_model,
        extend.reprice,
        diff.diff,
    ):
        cli.command()(command)
    cli.command("drift")(drift.check_drift)
    cli.command("import")(importing.import_records)
    cli.add_typer(tenants.tenants_commands(), name="tenants")
    cli.add_typer(keys.keys_commands(), name="keys")
    cli.add_typer(usage.usage_commands(), name="usage")
    cli.add_typer(artifacts.artifacts_commands(), name="artifacts")
    return cli


def main() -> None:
    """Entry point: expected errors become one line and an exit code."""
    # As standard error has it: the name of a file need not be UTF-8, nor the terminal.
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        build_cli()()
    except BadInput as error:
        _fail(str(error), code=2)
    except (LaunchError, StoreUnavailable) as error:
        _fail(str(error), code=1)
    except MemoryError as error:
        _fail(": ".join(filter(None, ["out of memory", str(error)])), code=1)
    except KeyboardInterrupt:
        _fail("interrupted", code=130)


def _fail(message: str, *, code: int) -> None:
    sys.stderr.write(f"avengers: {message}\n")
    raise SystemExit(code)
