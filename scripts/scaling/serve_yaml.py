"""Autoscaling settings in the text of a Serve configuration; the rest stays as it is.

YAML libraries write comments and layout anew, so this works on lines: the deployments
are block style, as in serve_app/local.yaml.
"""

import re
import textwrap
from collections.abc import Mapping, Sequence, Set

import yaml

from scripts.scaling.settings import Policy, Settings

MARK = "# derived: "
_WIDTH = 88
_BLOCK, _MOST = "autoscaling_config", "max_ongoing_requests"
_KEYS = (
    "min_replicas",
    "max_replicas",
    "target_ongoing_requests",
    "upscale_delay_s",
    "downscale_delay_s",
    "look_back_period_s",
)
_POLICY = "policy"
_POLICY_EDIT = "docs/simulation.md; an edit of it restarts all replicas, as args do"
_DEPLOYMENT = re.compile(r"^( *)- name: *([A-Za-z]\S*) *(#.*)?$")


def with_settings(text: str, settings: Mapping[str, Settings], head: str) -> str:
    """`text` with the settings of those deployments that have an `autoscaling_config`.

    `head` is a line above each block that says where they come from.
    """
    lines = text.splitlines()
    written: list[str] = []
    at = 0
    while at < len(lines):
        match = _DEPLOYMENT.match(lines[at])
        written.append(lines[at])
        at += 1
        if match and match[2] in settings:
            indent = len(match[1]) + 2
            end = _end(lines, at, indent)
            written += _rewritten(lines[at:end], indent, settings[match[2]], head)
            at = end
    return "\n".join(written) + ("\n" if text.endswith("\n") else "")


def scaled_in(text: str) -> set[str]:
    """Names of the deployments that have an `autoscaling_config`."""
    found, name = set(), None
    for line in text.splitlines():
        if match := _DEPLOYMENT.match(line):
            name = match[2]
        elif name and line.strip().startswith(f"{_BLOCK}:"):
            found.add(name)
    return found


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip(" "))


def _end(lines: Sequence[str], start: int, indent: int) -> int:
    """The first line after `start` that is not within, nor is blank before that."""
    at = last = start
    while at < len(lines) and (not lines[at].strip() or _indent(lines[at]) >= indent):
        at += 1
        if lines[at - 1].strip():
            last = at
    return last


def _rewritten(
    body: list[str], indent: int, settings: Settings, head: str
) -> list[str]:
    body = [line for line in body if not line.strip().startswith(MARK)]
    start = _find(body, indent, _BLOCK)
    if start is None:
        return body
    end = _end(body, start + 1, indent + 2)
    keys = {*_KEYS, _POLICY} if settings.policy else {*_KEYS}
    opening, kept = body[start], _others(body[start + 1 : end], indent + 2, keys)
    if not re.fullmatch(rf" *{_BLOCK}: *(#.*)?", opening):
        opening = f"{' ' * indent}{_BLOCK}:"
        kept = _unfolded(body[start:end], indent, keys)
    new = [*_comment(head, indent), opening, *_children(settings, indent + 2), *kept]
    most = [
        *_comment(settings.why[_MOST], indent),
        f"{' ' * indent}{_MOST}: {settings.max_ongoing_requests}",
    ]
    body[start:end] = new
    old = _find(body, indent, _MOST)
    if old is not None:
        body[old : old + 1] = most
    else:
        after = start + len(new)
        body[after:after] = most
    return body


def _find(body: Sequence[str], indent: int, key: str) -> int | None:
    wanted = f"{' ' * indent}{key}:"
    return next((at for at, line in enumerate(body) if line.startswith(wanted)), None)


def _others(block: Sequence[str], indent: int, keys: Set[str]) -> list[str]:
    """Lines of the block that belong to keys we know nothing of, and comments."""
    kept: list[str] = []
    ours = False
    for line in block:
        comment = line.lstrip().startswith("#")
        if _indent(line) == indent and line.strip() and not comment:
            ours = line.strip().partition(":")[0] in keys
        if comment or not ours:
            kept.append(line)
    return kept


def _unfolded(flow: Sequence[str], indent: int, keys: Set[str]) -> list[str]:
    """The same of `autoscaling_config: {…}`, a line for each key."""
    found = yaml.safe_load(textwrap.dedent("\n".join(flow)))[_BLOCK] or {}
    others = {key: value for key, value in found.items() if key not in keys}
    text = yaml.safe_dump(others, sort_keys=False) if others else ""
    return textwrap.indent(text, " " * (indent + 2)).splitlines()


def _children(settings: Settings, indent: int) -> list[str]:
    lines = []
    for key in _KEYS:
        lines += _comment(settings.why[key], indent)
        lines.append(f"{' ' * indent}{key}: {getattr(settings, key):g}")
    return lines + (_policy(settings.policy, indent) if settings.policy else [])


def _policy(policy: Policy, indent: int) -> list[str]:
    start = " " * indent
    lines = [
        *_comment(_POLICY_EDIT, indent),
        f"{start}{_POLICY}:",
        f"{start}  policy_function: {policy.path}",
        f"{start}  policy_kwargs:",
    ]
    for key, value in policy.kwargs.items():
        lines += _comment(policy.why[key], indent + 4)
        lines.append(f"{start}    {key}: {value:.10g}")
    return lines


def _comment(text: str, indent: int) -> list[str]:
    start = " " * indent + MARK
    return textwrap.wrap(text, _WIDTH, initial_indent=start, subsequent_indent=start)
