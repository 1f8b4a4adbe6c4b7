"""What the commands for tenants and keys show. No secret, nor what is stored of one."""

import json
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from rich.table import Table
from rich.text import Text

from deployments.store.snapshot import Change
from deployments.tenancy import KeyConfig, Limits, TenantConfig
from serve_app.commands.terminal import output
from serve_app.http.account_json import public

_LIMITS = {"rpm_limit": "rpm", "tpm_limit": "tpm", "max_parallel_requests": "parallel"}


def print_changes(changes: Sequence[Change], *, dry_run: bool = False) -> None:
    """A row for each field."""
    if not changes:
        return output().print("no changes")
    rows = []
    for change in changes:
        head = [change.kind, change.of.replace("_", " "), change.id]
        # Of what is new or gone entirely, one side is empty.
        for name, (before, after) in change.fields.items() or [("", (None, None))]:
            rows.append([*head, name, _value(before, name), _value(after, name)])
            head = ["", "", ""]
    title = "would change" if dry_run else "changed"
    return _print(title, ("", "of", "id", "field", "before", "after"), rows)


def print_tenants(tenants: Iterable[TenantConfig]) -> None:
    """A row for each tenant."""
    head = ("id", "name", "tier or alpha", "budget", "limits", "keys")
    rows = [
        [
            tenant.id,
            tenant.name or "",
            tenant.cost_tier or f"{tenant.alpha:g}",
            _budget(tenant),
            _limits(tenant),
            str(len(tenant.keys)),
        ]
        for tenant in tenants
    ]
    _print("tenants", head, rows)


def print_keys(tenant: TenantConfig, now: datetime) -> None:
    """A row for each key of a tenant."""
    head = ("id", "name", "state", "expires", "tier or alpha", "models", "limits")
    rows = [
        [
            key.key_id,
            key.name or "",
            key.ended(now) or "active",
            key.expires_at.isoformat(" ", "minutes") if key.expires_at else "never",
            _trade_off(key),
            ", ".join(sorted(key.models)) if key.models is not None else "all",
            _limits(key),
        ]
        for key in tenant.keys
    ]
    _print(f"keys of {tenant.id}", head, rows)


def print_tenant(tenant: TenantConfig) -> None:
    """Every field that is stated."""
    fields = tenant.model_dump(mode="json", exclude_defaults=True, exclude={"keys"})
    rows = [[name, _value(value)] for name, value in fields.items()]
    _print(f"tenant {tenant.id}", ("field", "value"), rows)


def _budget(tenant: TenantConfig) -> str:
    if tenant.max_budget is None:
        return ""
    return f"{tenant.max_budget:g} USD / {tenant.budget_duration}"


def _trade_off(key: KeyConfig) -> str:
    if key.cost_tier is not None:
        return key.cost_tier
    return "the tenant's" if key.alpha is None else f"{key.alpha:g}"


def _limits(limits: Limits) -> str:
    values = {text: getattr(limits, name) for name, text in _LIMITS.items()}
    return ", ".join(f"{value} {text}" for text, value in values.items() if value)


def _value(value: Any, name: str = "") -> str:
    # As JSON, so that no text of a file can be taken for the terminal's commands.
    return "" if value is None else json.dumps(public(value, name), ensure_ascii=True)


def _print(title: str, head: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    table = Table(title=title, title_justify="left")
    for name in head:
        table.add_column(name, overflow="fold")
    for row in rows:
        table.add_row(*(Text(_printable(cell)) for cell in row))
    output().print(table)


def _printable(text: str) -> str:
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)
