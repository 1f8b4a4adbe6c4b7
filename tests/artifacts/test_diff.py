"""How decisions differ between two artifacts."""

import numpy as np
import pytest

from artifacts.artifact import RoutingArtifact
from artifacts.diff import Side, difference
from artifacts.errors import BadInput
from artifacts.extend import remove_models
from artifacts.policy import PaperPolicy
from artifacts.reprice import reprice
from artifacts.token_price import TokenPrice
from tests.artifacts.test_extend import VECTORS, fitted


@pytest.fixture(scope="module")
def artifact() -> RoutingArtifact:
    return fitted(PaperPolicy(), "a", "b", "c", "d")


def side(artifact: RoutingArtifact) -> Side:
    return Side(artifact, VECTORS)


def test_an_artifact_does_not_differ_from_itself(artifact):
    for found in difference(side(artifact), side(artifact), [0.0, 0.5, 1.0]):
        assert (found.changed, found.switches) == (0, ())
        assert found.share_a == found.share_b
        assert found.expected_a == found.expected_b == found.a_seen_by_b


def test_switches_say_from_where_to_where_and_how_often(artifact):
    dear = reprice(artifact, {"d": TokenPrice(1e-2, 1e-2)})

    (found,) = difference(side(artifact), side(dear), [0.0])

    assert found.share_a == {"d": 1.0}
    assert found.share_b == {"a": 1.0}
    (switch,) = found.switches
    assert (switch.before, switch.after, switch.queries) == ("d", "a", len(VECTORS))
    assert found.changed == 1
    assert found.a_seen_by_b is not None
    assert found.a_seen_by_b.cost_usd > found.expected_b.cost_usd
    assert found.expected_a.cost_usd < found.expected_b.cost_usd


def test_shares_and_switches_add_up(artifact):
    other = reprice(artifact, {"c": TokenPrice(1e-6, 1e-6)})

    for found in difference(side(artifact), side(other), np.linspace(0, 1, 6).tolist()):
        assert sum(found.share_a.values()) == pytest.approx(1)
        assert sum(found.share_b.values()) == pytest.approx(1)
        moved = sum(switch.queries for switch in found.switches)
        assert moved == pytest.approx(found.changed * len(VECTORS))


def test_candidates_are_the_models_of_both_unless_all_are_asked_for(artifact):
    smaller = remove_models(artifact, ["d"])

    (common,) = difference(side(artifact), side(smaller), [0.0])
    (every,) = difference(side(artifact), side(smaller), [0.0], all_models=True)

    assert common.changed == 0
    assert (every.share_a, every.changed) == ({"d": 1.0}, 1)
    assert every.a_seen_by_b is None


def test_artifacts_without_a_common_model_have_nothing_to_compare(artifact):
    one, other = remove_models(artifact, ["b", "c", "d"]), remove_models(artifact, "a")

    with pytest.raises(BadInput, match="no model in common"):
        difference(side(one), side(other), [0.5])
