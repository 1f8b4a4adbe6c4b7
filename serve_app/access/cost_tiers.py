"""Which models belong to a cost tier, and whether there is one."""

from collections.abc import Iterable, Mapping

from deployments.catalog import ModelSpec
from deployments.errors import Forbidden
from deployments.tenancy import CostTier, KeyConfig, TenantConfig

_SIDES = ("input_usd_per_token", "output_usd_per_token")


def tier_problem(name: str, tier: CostTier, spec: ModelSpec) -> str | None:
    """Why a model is not of a cost tier; None if it is.

    Under a price ceiling a model whose price is unknown is as good as above it.
    """
    if tier.models is not None and spec.id not in tier.models:
        return f"it is not in the cost tier {name!r}"
    for side in _SIDES if tier.max_price else ():
        ceiling, price = getattr(tier.max_price, side), getattr(spec.price, side)
        if ceiling is None:
            continue
        if price is None:
            return f"its price is not known, and the cost tier {name!r} has a max_price"
        if price > ceiling:
            return f"its price is above the max_price of the cost tier {name!r}"
    return None


def models_of(name: str, tier: CostTier, specs: Iterable[ModelSpec]) -> frozenset[str]:
    """The ids of those that belong to it."""
    return frozenset(spec.id for spec in specs if not tier_problem(name, tier, spec))


def refuse_gone(
    config: TenantConfig, key: KeyConfig, tiers: Mapping[str, CostTier]
) -> None:
    """Forbidden if a cost tier that α is to come from has been taken away since."""
    for name in (key.cost_tier, None if key.alpha is not None else config.cost_tier):
        if name is not None and name not in tiers:
            message = f"The cost tier {name!r} of this key is not defined any more."
            raise Forbidden(message, code="cost_tier_not_found")
