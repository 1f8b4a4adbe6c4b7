"""Reads YAML as an API server would: a key that stands twice is an error."""

from collections.abc import Hashable
from typing import Any

import yaml

_MERGE = "tag:yaml.org,2002:merge"


class DuplicateKey(yaml.MarkedYAMLError):
    """A mapping names a key twice; YAML parsers silently take the last."""


class _Loader(yaml.SafeLoader):
    """The safe loader, without its silence."""

    def construct_mapping(
        self, node: yaml.MappingNode, deep: bool = False
    ) -> dict[Hashable, Any]:
        seen = set()
        for key_node, _ in node.value:
            if key_node.tag == _MERGE:  # what it brings may be overridden
                continue
            key = self.construct_object(key_node, deep=True)  # type: ignore[no-untyped-call]
            if key in seen:
                raise DuplicateKey(
                    problem=f"the key {key!r} stands twice",
                    problem_mark=key_node.start_mark,
                )
            seen.add(key)
        return super().construct_mapping(node, deep=deep)


def load_all(text: str) -> list[Any]:
    """The documents that are not empty; yaml.YAMLError."""
    return [document for document in yaml.load_all(text, _Loader) if document]


def load(text: str) -> Any:
    """The one document; yaml.YAMLError."""
    return yaml.load(text, _Loader)
