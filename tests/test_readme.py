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

    for name in ("calibrated", "paper", "authors-code", "oracle"):
        best = methods[name]["max_accuracy"]
        shown = f"{best['mean'] * 100:.2f} ± {best['sd'] * 100:.2f}"
        aiq = methods[name]["aiq_log"]
        row = next(
            line for line in README.splitlines() if line.lstrip("| *").startswith(name)
        )
        assert shown in row
        match = methods[name]["cost_to_match_best"]
        n = sum(value is not None for value in match["values"])
        mean, sd = match["mean"] * 100, match["sd"] * 100
        assert f"{mean:.0f} ± {sd:.0f} % ({n})" in row
        assert f"{aiq['mean']:.2f} ± {aiq['sd']:.2f}" in row


def test_the_first_lines_and_the_price_of_nine_tenths_are_the_report_s():
    folder = ROOT / "artifacts/default/report"
    report = (folder / "report.md").read_text(encoding="utf-8")
    metrics = (folder / "metrics.json").read_text(encoding="utf-8")
    methods = json.loads(metrics)["methods"]

    for alpha in ("0.9", "0.5"):
        row = rf"^\| {re.escape(alpha)} \| ([\d.]+) \| [\d.]+ \| [\d.]+ \| (\d+) \|"
        accuracy, share = re.search(row, report, re.M).groups()
        assert f"α = {alpha} scores {float(accuracy):.1f} % at {share} %" in README
    best = methods["best-single"]["max_accuracy"]["mean"]
    assert f"the best single model, which scores {best * 100:.1f} %" in README
    ours, mix, papers = (
        f"{methods[name]['cost_for_90']['mean'] * 100:.0f} %"
        for name in ("calibrated", "mix-of-two", "paper")
    )
    assert mix == papers
    assert f"costs {ours} of its price with the default policy, {mix} with" in README


def test_every_module_of_the_first_level_stands_in_the_tree():
    tree = README.partition("## The tree")[2]
    for package in ("artifacts", "deployments", "serve_app"):
        modules = {path.stem for path in (ROOT / package).glob("*.py")} - {"__init__"}
        folders = {path.parent.name for path in (ROOT / package).glob("*/__init__.py")}
        for name in modules | folders:
            assert re.search(rf"\b{name}\b", tree), name
