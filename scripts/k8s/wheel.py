"""Whether a wheel holds what git knows of the three packages, and nothing else."""

import stat
import subprocess
import sys
import zipfile
from pathlib import Path

from scripts.k8s.render import ROOT

_PACKAGES = ("artifacts", "deployments", "serve_app")
# Named one by one: their absence would be noticed only in a cluster.
_NEEDED = (
    "serve_app/launching/haproxy-wrapper",
    "serve_app/local.yaml",
    "deployments/store/migrations/env.py",
    "deployments/store/migrations/script.py.mako",
    "artifacts/default/manifest.json",
    "artifacts/default/arrays.npz",
    "artifacts/default/encoder/model.onnx",
    "artifacts/default/encoder/tokenizer.json",
)


def differences(wheel: Path, tracked: set[str]) -> list[str]:
    """What is wrong with it, one line each."""
    with zipfile.ZipFile(wheel) as archive:
        modes = {item.filename: item.external_attr >> 16 for item in archive.infolist()}
    held = {name for name in modes if name.partition("/")[0] in _PACKAGES}
    wrong = [f"not in the wheel: {name}" for name in sorted(tracked - held)]
    wrong += [f"not known to git: {name}" for name in sorted(held - tracked)]
    wrong += [f"needed: {name}" for name in _NEEDED if name not in held]
    wrapper = modes.get(_NEEDED[0], 0)
    if not wrapper & stat.S_IXUSR:
        wrong.append(f"not executable: {_NEEDED[0]}")
    return wrong


def tracked_files() -> set[str]:
    """Files of the packages that git knows, and new ones that it does not ignore."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(
        [*command, *_PACKAGES], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return {name for name in listed.stdout.splitlines() if (ROOT / name).is_file()}


def main() -> int:
    """0 if nothing differs."""
    tracked = tracked_files()
    wrong = differences(Path(sys.argv[1]), tracked)
    print("\n".join(wrong) or f"the wheel holds all {len(tracked)} files")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
