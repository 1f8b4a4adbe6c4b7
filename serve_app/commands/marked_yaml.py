"""A YAML document that still knows on which line each of its fields stands."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from artifacts.errors import BadInput, RecordError


@dataclass(frozen=True, slots=True)
class MarkedYaml:
    """What a file says (`data`), and the nodes that it was read from."""

    path: Path
    data: Any
    root: yaml.Node

    def line(self, steps: Sequence[str | int]) -> int:
        """The line (1-based) of a field; where it is absent, of what should hold it."""
        node, line = self.root, _line(self.root)
        for step in steps:
            found = _child(node, step)
            if found is None:
                break
            node, line = found
        return line

    def error(self, steps: Sequence[str | int], what: str) -> BadInput:
        """One that names file, line and field."""
        field = ".".join(map(str, steps))
        return RecordError(
            self.path, self.line(steps), f"{field}: {what}" if field else what
        )


def read_marked_yaml(path: Path) -> MarkedYaml:
    """Read one document; BadInput if it is none, or says a field twice."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise BadInput(f"{path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise BadInput(f"{path}: not UTF-8") from None
    try:
        loader = yaml.SafeLoader(text)
        root = loader.get_single_node()
        if root is None:
            raise RecordError(path, 1, "it is empty")
        _refuse_repeated(path, root)
        return MarkedYaml(path, loader.construct_document(root), root)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise RecordError(path, line, str(error.problem or error.context)) from None
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, int(error.position)) + 1
        raise RecordError(path, line, "a character that YAML forbids") from None
    except RecursionError:
        raise BadInput(f"{path}: nested too deeply") from None
    except ValueError as error:  # a date that no calendar has
        raise BadInput(f"{path}: {error}") from None


def _child(node: yaml.Node, step: str | int) -> tuple[yaml.Node, int] | None:
    """What `step` leads to, and the line on which that begins."""
    if isinstance(node, yaml.SequenceNode) and isinstance(step, int):
        items: list[yaml.Node] = node.value
        return (items[step], _line(items[step])) if step < len(items) else None
    if isinstance(node, yaml.MappingNode):
        for key, value in reversed(node.value):
            if key.value == str(step):
                return value, _line(key)
    return None


def _line(node: yaml.Node) -> int:
    return int(node.start_mark.line) + 1


def _refuse_repeated(path: Path, root: yaml.Node) -> None:
    for mapping in _mappings(root):
        seen: set[str] = set()
        for key, _ in mapping.value:
            if isinstance(key, yaml.ScalarNode) and key.tag != _MERGE:
                if key.value in seen:
                    raise RecordError(path, _line(key), f"{key.value}: said twice")
                seen.add(key.value)


def _mappings(root: yaml.Node) -> Iterator[yaml.MappingNode]:
    """Each once, however often aliases name it."""
    seen: set[int] = set()
    waiting = [root]
    while waiting:
        node = waiting.pop()
        if id(node) in seen:
            continue
        seen.add(id(node))
        if isinstance(node, yaml.MappingNode):
            yield node
            waiting += [part for pair in node.value for part in pair]
        elif isinstance(node, yaml.SequenceNode):
            waiting += node.value


_MERGE = "tag:yaml.org,2002:merge"
