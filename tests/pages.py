"""README and the pages of docs/, as tests read them."""

import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
PAGES = (README, *sorted(ROOT.glob("docs/*.md")), ROOT / "k8s/README.md")

_BLOCK = re.compile(r"^ *```(\w*)\n(.*?)^ *```", re.M | re.S)


def text_of(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def blocks(text: str, language: str) -> list[str]:
    """Its code in one language."""
    return [code for of, code in _BLOCK.findall(text) if of == language]


def spans(text: str) -> list[str]:
    """Its `code` within sentences and tables."""
    return re.findall(r"`([^`\n]+)`", _BLOCK.sub("", text))


def commands(text: str) -> Iterator[str]:
    """What stands in blocks of sh, a line each without its comment, and in spans."""
    for block in blocks(text, "sh"):
        for line in block.replace("\\\n", " ").splitlines():
            yield re.split(r"(?:^| )#", line)[0].strip()
    yield from spans(text)
