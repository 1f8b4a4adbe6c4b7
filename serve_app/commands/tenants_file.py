"""Reads a file of tenants and cost tiers: what `avengers tenants apply` makes true."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from artifacts.errors import BadInput, RecordError
from deployments.store.errors import Refused
from deployments.store.state import undefined_tier
from deployments.tenancy import CostTier, TenantConfig
from serve_app.marked_yaml import MarkedYaml, read_marked_yaml

Steps = tuple[str | int, ...]


class Stated(BaseModel):
    """The file's fields. Cost tiers that are not stated stay as they are stored."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    cost_tiers: dict[str, CostTier] | None = None
    tenants: tuple[TenantConfig, ...] | None = None


@dataclass(frozen=True, slots=True)
class TenantsFile:
    """A checked file."""

    stated: Stated
    document: MarkedYaml

    @property
    def tenants(self) -> tuple[TenantConfig, ...]:
        """Those that it lists."""
        return self.stated.tenants or ()

    def check_tiers(self, known: Collection[str]) -> None:
        """BadInput if it names a cost tier that is neither `known` nor its own."""
        defined = {*known, *(self.stated.cost_tiers or {})}
        for i, tenant in enumerate(self.tenants):
            for steps, name in _named_tiers(tenant):
                if name not in defined:
                    what = undefined_tier(name, configuration_known=False)
                    raise self.document.error(("tenants", i, *steps), what)

    def refused(self, error: Refused) -> BadInput:
        """What the store refused, at the line of the tenant that it names."""
        path, what = self.document.path, str(error)
        place = what.partition(": ")[0]
        for i, tenant in enumerate(self.tenants):
            of = f"tenants.{tenant.id}"
            if place in {of, f"{of}.keys", f"{of}.artifact"}:
                field = place.removeprefix(of).removeprefix(".")
                steps = ("tenants", i, field) if field else ("tenants", i)
                return RecordError(path, self.document.line(steps), what)
        return BadInput(f"{path}: {what}")


def read_tenants_file(path: Path) -> TenantsFile:
    """BadInput names file, line and field of the first thing that is wrong."""
    document = read_marked_yaml(path)
    try:
        stated = Stated.model_validate(document.data)
    except ValidationError as error:
        raise _invalid(document, error) from None
    _refuse_repeated(document, stated)
    return TenantsFile(stated, document)


def _invalid(document: MarkedYaml, error: ValidationError) -> BadInput:
    first = error.errors(include_url=False, include_input=False)[0]
    message = first["msg"].removeprefix("Value error, ")
    if not first["loc"] and not isinstance(document.data, dict):
        message = "a mapping with cost_tiers and tenants was expected"
    return document.error(first["loc"], message)


def _refuse_repeated(document: MarkedYaml, stated: Stated) -> None:
    seen: set[str] = set()
    for i, tenant in enumerate(stated.tenants or ()):
        if tenant.id in seen:
            what = f"the tenant {tenant.id!r} is listed twice"
            raise document.error(("tenants", i, "id"), what)
        seen.add(tenant.id)


def _named_tiers(tenant: TenantConfig) -> Iterator[tuple[Steps, str]]:
    if tenant.cost_tier is not None:
        yield ("cost_tier",), tenant.cost_tier
    for name in sorted(tenant.allowed_cost_tiers or ()):
        yield ("allowed_cost_tiers",), name
    for i, key in enumerate(tenant.keys):
        if key.cost_tier is not None:
            yield ("keys", i, "cost_tier"), key.cost_tier
