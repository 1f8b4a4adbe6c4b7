"""Where a start spends its time: what `avengers serve` says, and what is imported."""

import re
import subprocess
import sys
from statistics import median

from scripts.served import ROOT

# By process: the driver's and the builder's module, and that of each replica's class.
_IMPORTS = {
    "ray.serve": "ray.serve",
    "driver": "serve_app.commands.serve",
    "builder": "serve_app.app",
    "Gateway": "serve_app.gateway_replica",
    "Router_Embedder_backends": "deployments.replicas",
    "Ledger": "deployments.limits.ledger_replica",
}
_RUNS = 3
_SAID = re.compile(r"^started in [\d.]+ s \((.*)\)$", re.MULTILINE)
_IMPORT = (
    "import time; began = time.perf_counter(); import {}; "
    "print(time.perf_counter() - began)"
)


def parts_of(said: str) -> dict[str, float]:
    """Seconds by part, of the line `started in 9.1 s (imports 1.2, Ray 3.0, …)`."""
    found = _SAID.search(said)
    if found is None:
        raise SystemExit("scripts/serve does not say what its start took")
    words = (part.rsplit(" ", 1) for part in found[1].split(", "))
    return {name: float(seconds) for name, seconds in words}


def imports() -> dict[str, float]:
    """Seconds to import what each process needs, in a fresh interpreter."""
    return {
        name: median(_import_s(module) for _ in range(_RUNS))
        for name, module in _IMPORTS.items()
    }


def _import_s(module: str) -> float:
    command = [sys.executable, "-W", "ignore", "-c", _IMPORT.format(module)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, check=True)
    return float(done.stdout)
