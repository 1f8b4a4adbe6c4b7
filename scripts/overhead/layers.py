"""Where the time of a process goes, by the layer that asked for it.

py-spy samples the threads that hold the interpreter. A sample counts for the innermost
frame that belongs to a layer: a dictionary look-up counts for whoever did it.
"""

import re
from collections import Counter
from collections.abc import Iterable

OTHER = "event loop, gRPC's C code"  # no frame of Python but the loop's own
# The first that fits names the layer.
_LAYERS = (
    ("Ray Serve", ("ray/",)),
    ("gRPC's Python", ("grpc/",)),
    ("uvicorn", ("uvicorn/",)),
    ("FastAPI, Starlette", ("fastapi/", "starlette/")),
    ("HTTP client", ("aiohttp/", "httpx/", "yarl/", "multidict/")),
    ("upstream, SSE", ("deployments/backends/",)),
    ("decision", ("artifacts/", "deployments/routing/")),
    (
        "usage, log, metrics",
        ("deployments/usage/", "deployments/telemetry/", "serve_app/observing/"),
    ),
    ("usage, log, metrics", ("serve_app/answering/metering",)),
    ("tenants, limits", ("serve_app/access/", "deployments/limits/")),
    ("our handles, protocol", ("deployments/",)),
    ("Gateway", ("serve_app/",)),
)
_FILE = re.compile(r"\(([^()]*?)(?::\d+)?\)$")


def layers(samples: Iterable[str]) -> dict[str, float]:
    """Shares of the layers, the greatest first, of lines `frame;frame;… count`."""
    counts: Counter[str] = Counter()
    for line in samples:
        stack, _, count = line.strip().rpartition(" ")
        counts[_layer_of(stack.split(";"))] += int(count)
    whole = sum(counts.values())
    return {name: count / whole for name, count in counts.most_common()}


def _layer_of(stack: list[str]) -> str:
    for frame in reversed(stack):
        found = _FILE.search(frame)
        for name, places in _LAYERS:
            if found and found[1].startswith(places):
                return name
    return OTHER
