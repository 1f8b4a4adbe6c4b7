"""Overlays as kustomize renders them."""

import shutil
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[2]
OVERLAYS = ROOT / "k8s/overlays"
GOLDEN = ROOT / "k8s/rendered"


class RenderError(Exception):
    """kustomize refused the overlay; one line says why."""


def has_kustomize() -> bool:
    """Whether kubectl is on the PATH."""
    return shutil.which("kubectl") is not None


def render(directory: Path) -> str:
    """`kubectl kustomize DIRECTORY`; RenderError."""
    done = subprocess.run(
        ["kubectl", "kustomize", str(directory)],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        reason = done.stderr.strip().splitlines()
        raise RenderError(reason[-1] if reason else "kubectl kustomize failed")
    return done.stdout


def golden(overlay: str) -> Path:
    """Where the committed render of an overlay lies."""
    return GOLDEN / f"{overlay}.yaml"


def overlays() -> list[str]:
    """The names of all overlays."""
    return sorted(path.parent.name for path in OVERLAYS.glob("*/kustomization.yaml"))
