"""`scripts/check-k8s`: see there."""

import argparse
import difflib
import subprocess
import sys
from pathlib import Path

from rich.console import Console

from scripts.k8s.checks import findings
from scripts.k8s.render import (
    ROOT,
    RenderError,
    golden,
    has_kustomize,
    overlays,
    render,
)
from scripts.k8s.structure import schema_directory
from scripts.option_types import text_file

_GOLDEN = ("prod", "prod-gpu")
_PLACEHOLDER = "sha256:" + 64 * "0"

console = Console(highlight=False, soft_wrap=True)


def main() -> int:
    """0 if nothing is wrong."""
    arguments = _arguments()
    wrong = _lint()
    if not schema_directory().is_dir():
        what = f"skipped: schema of RayService (no {schema_directory()};"
        console.print(f"{what} AVENGERS_K8S_SCHEMAS names it)")
    if not has_kustomize():
        console.print(
            "no kubectl on the PATH: the committed renders are checked instead"
        )
    for overlay in arguments.overlay or overlays():
        wrong += _overlay(overlay, update=arguments.update_golden)
    for file in arguments.file:
        wrong += _report(str(file), file.read_text(encoding="utf-8"))
    return 1 if wrong else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/check-k8s")
    parser.add_argument("--update-golden", action="store_true")
    parser.add_argument("--overlay", action="append", help="only this one")
    parser.add_argument("file", nargs="*", type=text_file, help="rendered manifests")
    return parser.parse_args()


def _lint() -> int:
    command = ["-m", "yamllint", "--strict", "-c", "k8s/.yamllint.yaml", "k8s"]
    done = subprocess.run([sys.executable, *command], cwd=ROOT, check=False)
    console.print(f"yamllint: {'ok' if done.returncode == 0 else 'refused'}")
    return done.returncode


def _overlay(overlay: str, *, update: bool) -> int:
    path = golden(overlay)
    if not has_kustomize():
        if overlay not in _GOLDEN:
            console.print(f"{overlay}: skipped, it has no committed render")
            return 0
        return _report(f"{overlay} (committed)", path.read_text(encoding="utf-8"))
    try:
        text = render(ROOT / "k8s/overlays" / overlay)
    except RenderError as error:
        console.print(f"{overlay}: {error}", markup=False)
        return 1
    if overlay in _GOLDEN and update:
        path.write_text(text, encoding="utf-8")
    return _report(overlay, text) + (overlay in _GOLDEN and _differs(path, text))


def _report(name: str, text: str) -> int:
    found = findings(text)
    for finding in found:
        console.print(f"{name}: {finding}", markup=False)
    note = " (with placeholder image digests)" if _PLACEHOLDER in text else ""
    console.print(f"{name}: {len(found)} findings{note}")
    return len(found)


def _differs(path: Path, text: str) -> int:
    committed = path.read_text(encoding="utf-8") if path.is_file() else ""
    if committed == text:
        return 0
    shown = str(path.relative_to(ROOT))
    lines = difflib.unified_diff(
        committed.splitlines(), text.splitlines(), shown, "rendered", lineterm="", n=1
    )
    for line in list(lines)[:60]:
        console.print(line, markup=False)
    console.print(f"{shown}: is not what is rendered; see --update-golden")
    return 1


if __name__ == "__main__":
    sys.exit(main())
