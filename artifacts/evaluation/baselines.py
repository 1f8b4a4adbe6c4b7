"""What a router must beat: methods that do not look at the query, and the oracle."""

from dataclasses import dataclass

import numpy as np

from artifacts.dataset import RoutingDataset
from artifacts.evaluation.curves import (
    Curve,
    HeldOut,
    Values,
    blended,
    routed,
    upper_hull,
)
from artifacts.evaluation.measures import ROUNDING
from artifacts.global_profile import GlobalProfile
from artifacts.profiles import ClusterProfiles

# It has seen the scores: no rival of a method, but a bound.
ORACLE = "oracle"
# Baselines do not ask what is in the query.
BASELINES = ("mix-of-two", "best-single", "cheapest", "random", ORACLE)

# Points on each segment of the mix of two models.
_STEPS = 20


@dataclass(frozen=True, slots=True, eq=False)
class ModelMeans:
    """Accuracy and cost of one query for each model on the training rows; (m,)."""

    accuracy: Values
    cost_usd: Values

    @property
    def best(self) -> int:
        """Column of the most accurate model; ties, but for rounding → the cheaper."""
        tied = np.flatnonzero(self.accuracy >= self.accuracy.max() - ROUNDING)
        return int(tied[self.cost_usd[tied].argmin()])

    @property
    def cheapest(self) -> int:
        """Column of the cheapest model; ties, but for rounding → the more accurate."""
        least = self.cost_usd.min()
        tied = np.flatnonzero(self.cost_usd <= least * (1 + ROUNDING))
        return int(tied[self.accuracy[tied].argmax()])


def means_of_training(train: RoutingDataset, profiles: ClusterProfiles) -> ModelMeans:
    """Means over the training rows, of which `profiles` are.

    Where models were measured on different rows, these are no yardstick for each
    other: then as `means_of_profiles`.
    """
    if len(train.complete_rows) < len(train):
        return means_of_profiles(profiles)
    return ModelMeans(train.score.mean(axis=0), train.cost_usd.mean(axis=0))


def means_of_profiles(profiles: ClusterProfiles) -> ModelMeans:
    """Means over all training queries, each model's prior standing for the clusters
    that it was not measured in: one that was measured on easy queries only is not the
    best for that."""
    whole = GlobalProfile.of(profiles)
    return ModelMeans(whole.accuracy, whole.cost_usd)


def baseline_curves(test: HeldOut, means: ModelMeans) -> dict[str, Curve]:
    """The baselines by name; whatever they choose is chosen by the training `means`."""
    m = len(test.models)
    models = np.eye(m)
    point = np.zeros(1)
    return {
        "mix-of-two": mix_of_two(test, means),
        "best-single": blended(test, point, models[[means.best]]),
        "cheapest": blended(test, point, models[[means.cheapest]]),
        "random": blended(test, point, np.full((1, m), 1 / m)),
        ORACLE: oracle(test),
    }


def single_curves(test: HeldOut) -> dict[str, Curve]:
    """Each model answering everything, by its name: one point each."""
    point = np.zeros(1)
    models = np.eye(len(test.models))
    return {
        model: blended(test, point, models[[column]])
        for column, model in enumerate(test.models)
    }


def mix_of_two(test: HeldOut, means: ModelMeans) -> Curve:
    """A coin between neighbours on the hull of the single models, blind to the query.

    The hull is that of the training means; each segment is walked in equal steps.
    """
    hull = upper_hull(means.cost_usd, means.accuracy)
    vertices = np.eye(len(test.models))[hull]
    position = np.linspace(0, len(hull) - 1, (len(hull) - 1) * _STEPS + 1)
    left = np.minimum(position.astype(int), max(len(hull) - 2, 0))
    right = np.minimum(left + 1, len(hull) - 1)
    chance = (position - left)[:, None]
    share = (1 - chance) * vertices[left] + chance * vertices[right]
    return blended(test, position / max(len(hull) - 1, 1), share)


def oracle(test: HeldOut) -> Curve:
    """The cheapest of the models that answer the query best (none right: the cheapest).

    It sees the scores: a bound, not a method.
    """
    best = test.score == test.score.max(axis=1, keepdims=True)
    choices = np.where(best, test.cost_usd, np.inf).argmin(axis=1)
    return routed(test, np.zeros(1), choices[None, :])
