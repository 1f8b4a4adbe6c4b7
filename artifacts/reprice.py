"""New prices without new evaluation: the artifact knows how many tokens models use.

A cell's cost becomes its mean tokens in and out × the new prices. Where tokens are not
known, a model can still be repriced if its old price is known and the new one is the
same multiple of it for tokens in and out.

Accuracy and who is near whom do not depend on prices. The smoother of the `calibrated`
policy predicts a relative cost; only its scale in USD changes, such that the expected
cost is right on average. If the ratio of the prices in and out changes, what differs
from query to query is thus known by cluster only.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import numpy as np

from artifacts.artifact import RoutingArtifact
from artifacts.columns import changed_columns
from artifacts.errors import BadInput
from artifacts.extend import extended
from artifacts.manifest import Extension, ModelEntry
from artifacts.prior_extend import cost_effects, cost_prior
from artifacts.profiles import ClusterProfiles
from artifacts.respend import respend
from artifacts.smoother import Smoother, Values
from artifacts.token_price import TokenPrice

_SAME_RATIO = 1e-9


@dataclass(frozen=True, slots=True, eq=False)
class _Costs:
    """One model's cells (k,), the prior of them, and the factor to the old mean."""

    cost_usd: Values
    prior_cost_usd: Values
    mean_usd: float
    factor: float | None  # None: it was free


def reprice(
    artifact: RoutingArtifact, prices: Mapping[str, TokenPrice]
) -> RoutingArtifact:
    """The artifact at other prices; models without one keep their costs.

    Prices of models that are not in the artifact are left out of account. BadInput
    names a model whose new cost cannot be known, or says that no price applies.
    """
    models = [model for model in artifact.models if model in prices]
    if not models:
        raise BadInput("no price of any model of the artifact")
    old, entries = artifact.profiles, list(artifact.manifest.models)
    costs = {}
    for model in models:
        column = artifact.column_of[model]
        costs[column] = _costs(old, column, entries[column], prices[model])
        n_records = entries[column].n_records
        entries[column] = ModelEntry.of(model, n_records, prices[model])
    profiles = replace(
        old,
        cost_usd=changed_columns(
            old.cost_usd, {i: new.cost_usd for i, new in costs.items()}
        ),
        prior_cost_usd=changed_columns(
            old.prior_cost_usd, {i: new.prior_cost_usd for i, new in costs.items()}
        ),
    )
    if old.smoother is not None:
        profiles = replace(profiles, smoother=_scaled(artifact, old.smoother, costs))
        profiles = replace(profiles, smoother=respend(artifact, profiles))
    extension = Extension(
        kind="reprice",
        created=datetime.now(UTC).replace(microsecond=0),
        models=tuple(models),
    )
    return extended(artifact, profiles, tuple(entries), extension)


def _costs(
    old: ClusterProfiles, column: int, entry: ModelEntry, price: TokenPrice
) -> _Costs:
    count, before = old.count[:, column], old.filled_cost_usd()[:, column]
    prompt, completion = (
        old.prompt_tokens[:, column],
        old.completion_tokens[:, column],
    )
    cost_usd = prompt * price.input_usd + completion * price.output_usd
    cost_usd = np.where(count > 0, cost_usd, np.nan)
    unknown = int(np.isnan(cost_usd[count > 0]).sum())
    if unknown:
        ratio = _ratio(entry, price)
        if ratio is None:
            raise BadInput(
                f"model {entry.model!r}: its tokens are unknown in {unknown} clusters,"
                " and the new price is no known multiple of the old one"
            )
        cost_usd = old.cost_usd[:, column] * ratio
    total = float(count @ np.where(count > 0, cost_usd, 0.0))
    total_before = float(count @ before)
    if total_before > 0:
        factor = total / total_before
        prior = old.prior_cost_usd[:, column] * factor
    else:
        factor = None
        filled = np.where(count > 0, cost_usd, 0.0)
        prior = cost_prior(cost_effects(old), count, filled)
    return _Costs(cost_usd, prior, total / float(count.sum()), factor)


def _ratio(entry: ModelEntry, price: TokenPrice) -> float | None:
    """New over old price, if it is the same for tokens in and out."""
    pairs = [
        (entry.input_usd_per_token, price.input_usd),
        (entry.output_usd_per_token, price.output_usd),
    ]
    ratios = []
    for before, after in pairs:
        if before is None or (before == 0 and after > 0):
            return None
        if before > 0:
            ratios.append(after / before)
    if not ratios:
        return 1.0  # free before and after
    return ratios[0] if np.ptp(ratios) <= _SAME_RATIO * max(ratios) else None


def _scaled(
    artifact: RoutingArtifact, smoother: Smoother, costs: Mapping[int, _Costs]
) -> Smoother:
    """Expected costs whose mean over the training queries is the new mean cost."""
    scale = smoother.cost_scale_usd.copy()
    for column, new in costs.items():
        if new.factor is not None:
            scale[column] *= new.factor
            continue
        # It was free: the centroids stand for the training queries.
        unscaled = replace(smoother, cost_scale_usd=np.ones_like(scale))
        relative = unscaled.expect(artifact.centroids).cost_usd[:, column]
        scale[column] = new.mean_usd / float(artifact.profiles.query_share @ relative)
    return replace(smoother, cost_scale_usd=scale)
