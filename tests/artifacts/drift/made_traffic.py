"""An artifact with known shares, costs and similarities, and requests drawn from it."""

from dataclasses import replace

import numpy as np

from artifacts.artifact import RoutingArtifact
from artifacts.drift.traffic import Traffic
from artifacts.familiarity import Familiarity
from artifacts.store import load
from tests.artifacts.hand_made import bundled

SHARES = np.array([0.4, 0.3, 0.2, 0.1])
N_TRAIN = 2000
_LEVELS = np.linspace(0, 1, 101)


def artifact() -> RoutingArtifact:
    """Four clusters of the bundled one; cosines spread evenly from 0.4 to 0.8."""
    whole = load(bundled())
    profiles = whole.profiles
    tables = {
        name: getattr(profiles, name)[:4]
        for name in (
            *("accuracy", "cost_usd", "count", "prior_accuracy", "prior_cost_usd"),
            *("prompt_tokens", "completion_tokens"),
        )
    }
    quantiles = np.stack([_LEVELS, 0.4 + 0.4 * _LEVELS])
    size = (SHARES * N_TRAIN).astype(np.int64)
    known = Familiarity(quantiles, size)
    tables["count"] = np.repeat(size[:, None], profiles.shape[1], axis=1)
    made = replace(profiles, smoother=None, familiarity=known, **tables)
    manifest = whole.manifest.model_copy(
        update={"n_clusters": 4, "out_of_distribution_quantile": 0.01}
    )
    return RoutingArtifact(manifest, whole.centroids[:4], made)


def requests(
    of: RoutingArtifact,
    n: int,
    seed: int = 0,
    *,
    shares: np.ndarray = SHARES,
    dearer: dict[int, float] | None = None,
) -> Traffic:
    """As the training queries were, but for the shares of the clusters, and for models
    that cost so many times as much."""
    rng = np.random.default_rng(seed)
    cluster = rng.choice(4, n, p=shares)
    similarity = rng.uniform(0.4, 0.8, n)
    model = rng.integers(0, 3, n)
    times = np.array([(dearer or {}).get(m, 1.0) for m in range(3)])[model]
    scatter = rng.gamma(2, 0.5, n)  # mean 1
    cells = cluster, model
    profiles = of.profiles
    return Traffic(
        cluster=cluster,
        similarity=similarity,
        strange=similarity < 0.404,
        model=model,
        cost_usd=profiles.filled_cost_usd()[cells] * scatter * times,
        completion_tokens=profiles.completion_tokens[cells] * scatter,
    )
