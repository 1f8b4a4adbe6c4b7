"""Which artifact is asked to decide."""

from collections.abc import Callable

import pytest

from deployments.protocol.routing import ArtifactChoice, ArtifactRef
from deployments.rollout import (
    Portion,
    Previous,
    Rollout,
    StoredArtifact,
    StoredRollout,
)
from deployments.store.snapshot import Snapshot
from deployments.tenancy import TenantConfig
from serve_app.access.rollouts import Rollouts

OWN = ArtifactRef("default")
REFS = {name: ArtifactRef(name, f"/{name}", name * 64) for name in "abc"}
A, B, C = REFS.values()
CONVERSATIONS = [str(number) for number in range(2000)]


def rollouts(**scopes: StoredRollout) -> Rollouts:
    """`gateway` stands for the gateway's; three artifacts are registered."""
    stored = {
        ref.name: StoredArtifact(
            name=ref.name, location=ref.location, artifact_id=ref.artifact_id
        )
        for ref in REFS.values()
    }
    found = {"*" if scope == "gateway" else scope: r for scope, r in scopes.items()}
    return Rollouts({}, Rollout(), Snapshot(1, (), {}, stored, found))


def portion(artifact: str, percent: float = 100) -> Portion:
    return Portion(artifact=artifact, percent=percent)


def tenant(artifact: str | None = None) -> TenantConfig:
    return TenantConfig(id="t", alpha=0.5, artifact=artifact)


def said(text: str) -> Callable[[], str]:
    return lambda: text


def choice(of: Rollouts, artifact: str | None = None) -> ArtifactChoice | None:
    return of.choice(tenant(artifact), said("x"))


def chosen(of: Rollouts) -> set[str]:
    """The conversations that an artifact other than `default` decides for."""
    choices = {text: of.choice(tenant(), said(text)) for text in CONVERSATIONS}
    return {text for text, found in choices.items() if found is not None}


def test_where_nothing_is_said_the_router_s_own_decides():
    assert choice(rollouts()) is None
    assert choice(rollouts(gateway=StoredRollout(previous=Previous()))) is None


@pytest.mark.parametrize(
    ("scopes", "pin", "expected"),
    [
        ({"gateway": StoredRollout(active="a")}, None, ArtifactChoice((A, OWN))),
        (
            {"gateway": StoredRollout(active="a", previous=Previous(artifact="b"))},
            None,
            ArtifactChoice((A, B)),
        ),
        ({}, "c", ArtifactChoice((C, OWN))),
        ({"gateway": StoredRollout(active="a")}, "c", ArtifactChoice((C, A))),
        ({"gateway": StoredRollout(active="a")}, "default", None),
        (
            {"gateway": StoredRollout(canary=portion("a"), shadow=portion("b"))},
            None,
            ArtifactChoice((A, OWN), B),
        ),
        # A tenant that is pinned is left out of the gateway's.
        (
            {"gateway": StoredRollout(canary=portion("a"), shadow=portion("b"))},
            "c",
            ArtifactChoice((C, OWN)),
        ),
        (
            {
                "gateway": StoredRollout(active="a"),
                "t": StoredRollout(previous=Previous(artifact="b")),
            },
            "c",
            ArtifactChoice((C, B)),
        ),
        (
            {
                "gateway": StoredRollout(active="a"),
                "t": StoredRollout(previous=Previous()),
            },
            "c",
            ArtifactChoice((C, A)),
        ),
        # Its own count, pinned or not.
        ({"t": StoredRollout(canary=portion("a"))}, "c", ArtifactChoice((A, C))),
        (
            {
                "gateway": StoredRollout(active="a", shadow=portion("b")),
                "t": StoredRollout(shadow=portion("default")),
            },
            None,
            ArtifactChoice((A, OWN), OWN),
        ),
        (
            {
                "gateway": StoredRollout(canary=portion("a")),
                "t": StoredRollout(canary=portion("b")),
            },
            None,
            ArtifactChoice((B, OWN)),
        ),
        ({"u": StoredRollout(canary=portion("a"))}, None, None),
    ],
)
def test_who_decides_and_who_beside(scopes, pin, expected):
    assert choice(rollouts(**scopes), pin) == expected


def test_a_name_that_is_gone_stands_for_the_router_s_own():
    gateway = StoredRollout(active="a")

    assert choice(rollouts(), "gone") is None
    assert choice(rollouts(gateway=gateway), "gone") is None


def test_a_canary_gets_its_share_and_keeps_its_conversations_when_it_grows():
    shares = [
        chosen(rollouts(gateway=StoredRollout(canary=portion("a", percent))))
        for percent in (10, 30)
    ]

    assert [len(share) / 2000 for share in shares] == pytest.approx(
        [0.1, 0.3], abs=0.03
    )
    assert shares[0] < shares[1]


def test_the_next_canary_and_a_shadow_fall_on_other_conversations():
    first, other, shadow = (
        chosen(rollouts(gateway=rollout))
        for rollout in (
            StoredRollout(canary=portion("a", 30)),
            StoredRollout(canary=portion("b", 30)),
            StoredRollout(shadow=portion("a", 30)),
        )
    )

    for share in (other, shadow):
        assert len(first & share) / 2000 == pytest.approx(0.09, abs=0.03)


def test_the_configuration_alone_can_say_it():
    of = Rollouts({"a": "/a"}, Rollout(active="a", shadow=portion("default")))

    assert choice(of) == ArtifactChoice((ArtifactRef("a", "/a"), OWN), OWN)
