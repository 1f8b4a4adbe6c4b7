"""Changes to a Serve configuration, stated as the part that differs."""

import argparse
from pathlib import Path
from typing import Any

import yaml


def change_file(text: str) -> dict[str, Any]:
    """What a file changes: the type of an option."""
    try:
        change = yaml.safe_load(Path(text).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        reason = getattr(error, "strerror", None) or str(error).splitlines()[0]
        raise argparse.ArgumentTypeError(f"{text}: {reason}") from None
    if not isinstance(change, dict):
        raise argparse.ArgumentTypeError(f"{text}: not a part of a configuration")
    return change


def merged(base: Any, change: Any) -> Any:
    """`change` over `base`, key by key; null takes a key away.

    A list whose items have a `name` is changed like a mapping of its names, so
    `deployments: {Gateway: {num_replicas: 2}, Router: null}` says what it looks like.
    """
    if not isinstance(change, dict):
        return change
    if _is_named(base):
        return _merged_list(base, change)
    result = dict(base) if isinstance(base, dict) else {}
    for key, value in change.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = merged(result.get(key), value)
    return result


def _merged_list(base: list[dict[str, Any]], change: dict[str, Any]) -> list[Any]:
    names = {item["name"] for item in base}
    kept = [
        merged(item, change.get(item["name"], {}))
        for item in base
        if change.get(item["name"], {}) is not None
    ]
    added = {name: value for name, value in change.items() if name not in names}
    return kept + [
        {"name": name, **value} for name, value in added.items() if value is not None
    ]


def _is_named(items: Any) -> bool:
    return isinstance(items, list) and all(
        isinstance(item, dict) and "name" in item for item in items
    )
