"""What a usage record says of a second artifact's decision. Here it is known whether
both artifacts agree."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from artifacts.policy import RoutingDecision, Shadow
from deployments.catalog import ModelSpec, Price
from deployments.protocol.backend import Settlement


@dataclass(frozen=True, slots=True)
class Shadowed:
    """A shadow, the model that was decided for, and the price of the shadow's."""

    shadow: Shadow
    decided: str
    price: Price

    @classmethod
    def of(
        cls, decision: RoutingDecision | None, specs: Mapping[str, ModelSpec]
    ) -> "Shadowed | None":
        """None where no second artifact has decided."""
        if decision is None or decision.shadow is None:
            return None
        spec = specs.get(decision.shadow.model)
        return cls(decision.shadow, decision.model, spec.price if spec else Price())

    @property
    def fields(self) -> dict[str, Any]:
        """Of the record, as far as they are known before the answer."""
        return {
            "shadow_artifact_id": self.shadow.artifact_id,
            "shadow_model": self.shadow.model,
            "shadow_agrees": self.shadow.agrees,
        }

    def cost_usd(self, answered_by: str | None, settlement: Settlement) -> float | None:
        """What the shadow's model would have cost for the tokens of a whole answer.

        An estimate: it would have answered with other tokens. Unknown where another
        model answered than the one decided for, or a price or tokens are unknown.
        """
        if answered_by != self.decided:
            return None
        if self.shadow.agrees:
            return settlement.cost_usd
        usage = settlement.usage
        if usage is None:
            return None
        return self.price.cost_usd(usage.prompt_tokens, usage.completion_tokens)
