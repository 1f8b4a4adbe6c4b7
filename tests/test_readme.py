"""README tells the truth where a machine can tell."""

import json
import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_every_file_that_is_named_exists():
    links = re.findall(r"\]\((?!http)([^)#]+)\)", README)
    scripts = re.findall(r"\bscripts/[a-z0-9/-]+[a-z0-9]", README)

    for path in {*links, *scripts}:
        assert (ROOT / path).exists(), path


def test_the_table_of_methods_is_the_report_s():
    report = ROOT / "artifacts/default/report/metrics.json"
    methods = json.loads(report.read_text(encoding="utf-8"))["methods"]

    for name in ("calibrated", "paper", "oracle"):
        best = methods[name]["max_accuracy"]
        shown = f"{best['mean'] * 100:.2f} ± {best['sd'] * 100:.2f}"
        aiq = methods[name]["aiq_log"]
        row = next(
            line for line in README.splitlines() if line.lstrip("| *").startswith(name)
        )
        assert shown in row
        assert f"{aiq['mean']:.2f} ± {aiq['sd']:.2f}" in row


def test_every_module_of_the_first_level_stands_in_the_tree():
    tree = README.partition("## The tree")[2]
    for package in ("artifacts", "deployments", "serve_app"):
        modules = {path.stem for path in (ROOT / package).glob("*.py")} - {"__init__"}
        folders = {path.parent.name for path in (ROOT / package).glob("*/__init__.py")}
        for name in modules | folders:
            assert re.search(rf"\b{name}\b", tree), name
