"""The commands, options and variables that the pages name are there."""

import re
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import typer

from serve_app.cli import build_cli
from serve_app.config_file import read_app_config
from tests.pages import PAGES, ROOT, blocks, commands, spans, text_of

CLI = typer.main.get_command(build_cli())
VARIABLE = re.compile(r"\bAVENGERS_[A-Z0-9_]*[A-Z0-9]\b")
# Inspect's own: options of `inspect eval`, and how it names the address of an API.
OF_INSPECT = {"--cache", "--epochs", "--limit", "--log-dir", "--model-cost-config",
              "--model-role", "AVENGERS_BASE_URL"}  # fmt: skip
# What one of our processes sets for another, a script for itself, or code is called.
INTERNAL = {"AVENGERS_CLUSTER", "AVENGERS_HAPROXY", "AVENGERS_LOADTEST",
            "AVENGERS_OTHER_KEY", "AVENGERS_PRO"}  # fmt: skip


def options_of(command: Any) -> set[str]:
    """Those of a command, not of the commands below it."""
    own = ((*each.opts, *each.secondary_opts) for each in command.params)
    return {name for names in own for name in names}


def all_options(command: Any) -> set[str]:
    below = getattr(command, "commands", {}).values()
    return options_of(command).union(*map(all_options, below))


@cache
def sources(script: Path) -> str:
    """A script, and the modules beside the one that it runs, or the command."""
    text = text_of(script)
    if '/avengers" serve' in text:
        text += " ".join(options_of(CLI.commands["serve"]))
    for module in re.findall(r"(?:run_module|-m) (scripts[\w.]*)", text):
        path = ROOT / module.replace(".", "/")
        folder = path if path.is_dir() else path.parent
        text += "".join(map(text_of, sorted(folder.glob("*.py"))))
    return text


def is_option(option: str, source: str) -> bool:
    """Whether it is written there, or made of a field's name."""
    field = option.removeprefix("--").replace("-", "_")
    return option in source or f"    {field}: " in source


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_command_has_the_options_that_a_page_gives_it(page):
    for line in commands(text_of(page)):
        told = re.match(r"(?:\S*/)?avengers (.*)", line)
        if told is None:
            continue
        command, words = CLI, told[1].split()
        while words and words[0] in getattr(command, "commands", {}):
            command, words = command.commands[words[0]], words[1:]
        if hasattr(command, "commands") and words:
            assert words[0].startswith("-"), line
        options = (each for each in words if re.match("--?[a-z]", each))
        stated = {each.partition("=")[0] for each in options}
        assert stated <= options_of(command) | {"--help"}, line


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_script_has_the_options_that_a_page_gives_it(page):
    # Comments too: they say which part of a page a script writes.
    text = text_of(page).replace("\\\n", " ")
    for path, words in re.findall(r"(scripts/[\w/-]*\w)((?: [^`\n]*)?)", text):
        assert (ROOT / path).exists(), path
        if (ROOT / path).is_dir():
            continue  # a folder, which Inspect is given
        own = re.split(r" #| -- ", words)[0]  # what follows is Locust's
        for option in re.findall(r"(?<= )--[a-z][a-z0-9-]*", own):
            assert is_option(option, sources(ROOT / path)), f"{path} {option}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_option_that_is_told_by_itself_is_some_command_s(page):
    scripts = [path for path in (ROOT / "scripts").rglob("*") if is_source(path)]
    source = "".join(map(text_of, scripts))
    known = all_options(CLI) | OF_INSPECT
    for span in spans(text_of(page)):
        if told := re.match(r"--[a-z][a-z0-9-]*", span):
            assert told[0] in known or is_option(told[0], source), span


def is_source(path: Path) -> bool:
    return path.is_file() and path.suffix in {"", ".py", ".sh", ".yaml"}


def variables(*folders: str) -> set[str]:
    """Those that the sources in these folders name."""
    paths = (path for folder in folders for path in (ROOT / folder).rglob("*"))
    bundled = ROOT / "artifacts/default"
    read = (text_of(p) for p in paths if is_source(p) and bundled not in p.parents)
    return {name for text in read for name in VARIABLE.findall(text)}


def test_every_environment_variable_is_told_and_is_read():
    told = {name for page in PAGES for name in VARIABLE.findall(text_of(page))}
    read = variables("artifacts", "deployments", "serve_app", "scripts", ".ci")

    assert read - told == INTERNAL
    assert told - read - variables("k8s") - OF_INSPECT == set()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_model_of_an_inspect_run_is_given_the_catalog_s_name(page):
    """Else its cost is not known, and the import ends in an error."""
    for block in blocks(text_of(page), "sh"):
        if "avengers import inspect" in block:
            renamed = dict(re.findall(r"--model-name (\S+)=(\S+)", block))
            run = set(re.findall(r"\bopenrouter/[\w.-]+/[\w.-]+", block))
            assert run == renamed.keys()
            for path in re.findall(r"--catalog (serve_app/\S+)", block):
                known = read_app_config(ROOT / path).catalog.ids
                assert set(renamed.values()) <= set(known), path
