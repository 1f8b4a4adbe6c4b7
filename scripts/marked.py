"""Parts of Markdown files that a command writes, between two marks."""

from pathlib import Path


def with_part(text: str, name: str, body: str) -> str:
    """`text` with the part anew; SystemExit if its marks are not there."""
    first, last = f"<!-- {name} -->", f"<!-- end of {name} -->"
    before, found, rest = text.partition(first)
    _, ended, after = rest.partition(last)
    if not (found and ended):
        raise SystemExit(f"no part is marked by {first} and {last}")
    return f"{before}{first}\n\n{body}\n\n{last}{after}"


def write_part(path: Path, name: str, body: str) -> None:
    """Replace it in a file."""
    text = with_part(path.read_text(encoding="utf-8"), name, body)
    path.write_text(text, encoding="utf-8")
