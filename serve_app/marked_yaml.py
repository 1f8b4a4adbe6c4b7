"""A YAML document that still knows on which line each of its fields stands."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from artifacts.errors import BadInput, RecordError

# What a tag promises: what its scalar has to be.
_KINDS = {
    "bool": "true or false",
    "float": "a number",
    "int": "a whole number",
    "timestamp": "a date or a time that exists",
}
# PyYAML lets all of these escape from a scalar that is not what its tag says.
_NO_SUCH_VALUE = (ValueError, OverflowError, AttributeError, LookupError)


class ScalarError(yaml.constructor.ConstructorError):
    """A scalar that is not what it is said, or seems, to be, as 2026-02-30."""

    def __init__(self, node: yaml.Node) -> None:
        kind = _KINDS.get(node.tag.rpartition(":")[2], f"what its tag {node.tag} says")
        super().__init__(None, None, f"it must be {kind}", node.start_mark)
        self.node = node


class CheckedLoader(yaml.SafeLoader):
    """PyYAML's, whose only errors are YAMLError and RecursionError."""

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        """What a node says; ScalarError where it says nothing."""
        try:
            return super().construct_object(node, deep=deep)
        except _NO_SUCH_VALUE:
            raise ScalarError(node) from None


@dataclass(frozen=True, slots=True)
class MarkedYaml:
    """What a file says (`data`), and the nodes that it was read from."""

    path: Path
    data: Any
    root: yaml.Node

    def line(self, steps: Sequence[str | int]) -> int:
        """The line (1-based) of a field; where it is absent, of what should hold it.

        A list's item goes by its number, or by its `id` or `name`.
        """
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
        loader = CheckedLoader(text)
        root = loader.get_single_node()
        if root is None:
            raise RecordError(path, 1, "it is empty")
        _refuse_repeated(path, root)
        return MarkedYaml(path, _data(path, loader, root), root)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise RecordError(path, line, str(error.problem or error.context)) from None
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, int(error.position)) + 1
        raise RecordError(path, line, "a character that YAML forbids") from None
    except RecursionError:
        raise BadInput(f"{path}: nested too deeply") from None


def _data(path: Path, loader: CheckedLoader, root: yaml.Node) -> Any:
    try:
        return loader.construct_document(root)
    except ScalarError as error:
        what = str(error.problem)
        raise MarkedYaml(path, None, root).error(
            _steps(root, error.node), what
        ) from None


def _steps(root: yaml.Node, wanted: yaml.Node) -> tuple[str | int, ...]:
    """What leads from `root` to a node; to the mapping, where it is a key."""
    seen: set[int] = set()
    waiting: list[tuple[tuple[str | int, ...], yaml.Node]] = [((), root)]
    while waiting:
        steps, node = waiting.pop()
        if node is wanted:
            return steps
        if id(node) in seen:  # an alias
            continue
        seen.add(id(node))
        if isinstance(node, yaml.SequenceNode):
            waiting += [((*steps, i), item) for i, item in enumerate(node.value)]
        elif isinstance(node, yaml.MappingNode):
            for key, value in node.value:
                waiting += [(steps, key), ((*steps, str(key.value)), value)]
    return ()


def _child(node: yaml.Node, step: str | int) -> tuple[yaml.Node, int] | None:
    """What `step` leads to, and the line on which that begins."""
    if isinstance(node, yaml.SequenceNode) and isinstance(step, str):
        return next(
            ((item, _line(item)) for item in node.value if _goes_by(item, step)), None
        )
    if isinstance(node, yaml.SequenceNode) and isinstance(step, int):
        items: list[yaml.Node] = node.value
        return (items[step], _line(items[step])) if step < len(items) else None
    if isinstance(node, yaml.MappingNode):
        for key, value in reversed(node.value):
            if key.value == str(step):
                return value, _line(key)
    return None


def _goes_by(item: yaml.Node, name: str) -> bool:
    """Whether an item of a list has this `id`, or `name`."""
    found = (_child(item, field) for field in ("id", "name"))
    return any(each is not None and each[0].value == name for each in found)


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
