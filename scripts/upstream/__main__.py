"""`python -m scripts.upstream`: see its --help, and the docstring of `faults`."""

import argparse
import asyncio
import signal
from pathlib import Path

import uvloop

from scripts.upstream.api import Upstream
from scripts.upstream.faults import KINDS
from scripts.upstream.listener import Listener
from scripts.upstream.settings import ModelSettings, Settings


def _settings(options: argparse.Namespace) -> Settings:
    if options.config:
        return Settings.model_validate_json(options.config.read_bytes())
    default = ModelSettings(
        first_token_s=options.first_token_s,
        tokens_per_s=options.tokens_per_s,
        completion_tokens=options.completion_tokens,
        fault_rates={
            name: float(rate)
            for name, _, rate in (text.rpartition("=") for text in options.fault)
        },
    )
    return Settings(default=default, seed=options.seed)


def _options() -> argparse.Namespace:
    faults = "\n".join(
        f"  {name:18} {'/'.join(phase.value for phase in kind.phases):13} {kind.what}"
        for name, kind in KINDS.items()
    )
    parser = argparse.ArgumentParser(
        prog="python -m scripts.upstream",
        description="OpenRouter's dialect on 127.0.0.1, with faults on request.",
        epilog=f"faults (before/after the first byte):\n{faults}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--port", type=int, default=0, help="0 = any that is free")
    parser.add_argument("--config", type=Path, help="settings as JSON; else:")
    parser.add_argument("--first-token-s", type=float, default=0.15)
    parser.add_argument("--tokens-per-s", type=float, default=100.0)
    parser.add_argument("--completion-tokens", type=int, default=60)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--fault",
        action="append",
        default=[],
        metavar="FAULT=RATE",
        help="a share of all requests, e.g. 429=0.05 or cut-rst,after=0.01",
    )
    parser.add_argument("--certificate", type=Path, help="PEM with key: TLS, HTTP/2")
    return parser.parse_args()


async def _serve(options: argparse.Namespace, settings: Settings) -> None:
    tls = None
    if options.certificate:
        # Not needed otherwise, and `cryptography` takes its time to load.
        from scripts.upstream.tls import server_context

        tls = server_context(options.certificate)
    listener = await Listener.open(Upstream(settings), port=options.port, tls=tls)
    print(f"upstream: {listener.url}/api/v1/", flush=True)
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await stop.wait()
    await listener.close()


def main() -> None:
    options = _options()
    try:
        settings = _settings(options)
    except (ValueError, OSError) as error:
        raise SystemExit(f"error: {error}") from None
    uvloop.run(_serve(options, settings))


if __name__ == "__main__":
    main()
