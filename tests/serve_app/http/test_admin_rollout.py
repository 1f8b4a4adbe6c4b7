"""`/admin/v1/rollout` over HTTP: which artifact decides, real Ledger, real Router."""

import pytest

from artifacts.manifest import Manifest
from deployments.errors import RoutingUnavailable
from deployments.store.usage_store import UsageStore
from tests.deployments.store.test_shadows import shadowed
from tests.topic_artifacts import renamed_models, saved, topic_artifact, without_coder


async def test_activated_and_rolled_back(graph):
    before = await graph.decided_by()
    await graph.ok("POST", "/rollout/activate", artifact="b")
    active = await graph.route()
    state = await graph.ok("GET", "/rollout")
    await graph.ok("POST", "/rollout/rollback")

    assert before == await graph.decided_by() == topic_artifact().artifact_id
    assert (active["artifact"], active["model"]) == (
        without_coder().artifact_id,
        "small",
    )
    assert (state["active"], state["previous"], state["can_roll_back"]) == (
        "b",
        None,
        True,
    )


async def test_a_tenant_is_pinned_and_let_go(graph):
    await graph.ok("POST", "/tenants/t/rollout/activate", artifact="b")
    pinned = await graph.decided_by()
    state = await graph.ok("GET", "/tenants/t/rollout")
    users = (await graph.ok("GET", "/artifacts/b"))["used_by"]
    await graph.ok("POST", "/tenants/t/rollout/activate", artifact=None)

    assert pinned == without_coder().artifact_id
    assert (state["active"], state["pinned"]) == ("b", True)
    assert users == ["tenant t"]
    assert await graph.decided_by() == topic_artifact().artifact_id


async def test_a_canary_decides_until_it_is_taken_back(graph):
    await graph.ok("PUT", "/rollout/canary", artifact="b", percent=100)
    canary = await graph.decided_by()
    await graph.ok("DELETE", "/rollout/canary")

    assert (canary, await graph.decided_by()) == (
        without_coder().artifact_id,
        topic_artifact().artifact_id,
    )


@pytest.mark.parametrize("prefix", ["/rollout", "/tenants/t/rollout"])
@pytest.mark.parametrize("kind", ["canary", "shadow"])
async def test_one_that_is_not_there_is_ended_without_a_word_of_a_change(
    graph, prefix, kind
):
    never_there = await graph.ok("DELETE", f"{prefix}/{kind}")
    await graph.ok("PUT", f"{prefix}/{kind}", artifact="b", percent=5)
    [change] = (await graph.ok("DELETE", f"{prefix}/{kind}"))["data"]
    again = await graph.ok("DELETE", f"{prefix}/{kind}")

    assert never_there["data"] == again["data"] == []
    assert (change["kind"], change["fields"][kind]["after"]) == ("changed", None)


async def test_a_shadow_is_shown_beside_the_decision_and_summed_up(graph):
    await graph.ok("PUT", "/tenants/t/rollout/shadow", artifact="b", percent=100)
    report = await graph.route()
    records = [
        shadowed("use-1", shadow_artifact_id=without_coder().artifact_id),
        shadowed("use-2", agrees=False, shadow_artifact_id=without_coder().artifact_id),
    ]
    await UsageStore(graph.database).ingest(records)
    path = "/artifacts/b/shadow?start=2026-05-01&end=2026-07-01"
    [row] = (await graph.ok("GET", path))["data"]

    assert (report["artifact"], report["model"]) == (
        topic_artifact().artifact_id,
        "coder",
    )
    assert report["shadow"]["artifact_id"] == without_coder().artifact_id
    assert (report["shadow"]["model"], report["shadow"]["agrees"]) == ("small", False)
    assert (row["requests"], row["agreement"], row["comparable"]) == (2, 0.5, 2)
    assert (row["cost_usd"], row["shadow_cost_usd"]) == (0.5, 1.0)
    assert (row["difference_usd"], row["estimate"]) == (0.5, True)


async def test_what_cannot_be_loaded_any_more_is_not_activated(graph):
    lost = saved(without_coder(), graph.directory / "lost")
    await graph.ok("PUT", "/artifacts/lost", location=lost)
    saved(topic_artifact(), lost)  # another one in its place
    graph.router.start_anew()
    response = await graph.ask("POST", "/rollout/activate", artifact="lost")
    entry = await graph.ok("GET", "/artifacts/lost")

    error = response.json()["error"]
    assert (response.status_code, error["param"]) == (400, "artifact")
    assert error["code"] == "artifact_unusable"
    assert "it holds" in entry["error"]
    assert await graph.decided_by() == topic_artifact().artifact_id


async def test_a_rollback_to_what_cannot_be_loaded_is_refused(graph):
    """Else the artifact that it was to take back would go on deciding."""
    other = saved(without_coder(), graph.directory / "other")
    await graph.ok("PUT", "/artifacts/other", location=other)
    await graph.ok("POST", "/rollout/activate", artifact="other")
    await graph.ok("POST", "/rollout/activate", artifact="b")
    saved(topic_artifact(), other)
    graph.router.start_anew()
    response = await graph.ask("POST", "/rollout/rollback")
    state = await graph.ok("GET", "/rollout")

    error = response.json()["error"]
    assert (response.status_code, error["code"]) == (400, "artifact_unusable")
    assert "'other' cannot be used" in error["message"]
    assert (state["active"], state["previous"]) == ("b", "other")


async def test_a_rollback_does_not_wait_for_a_router_that_is_away(graph, monkeypatch):
    await graph.ok("POST", "/tenants/t/rollout/activate", artifact="b")
    await graph.ok("POST", "/tenants/t/rollout/activate", artifact="declared")

    async def away(*_: object, **__: object) -> Manifest:
        raise RoutingUnavailable("The router died while it answered.")

    monkeypatch.setattr(graph.router, "describe", away)
    refused = await graph.ask("POST", "/tenants/t/rollout/activate", artifact="b")
    await graph.ok("POST", "/tenants/t/rollout/rollback")

    assert refused.status_code == 503
    assert graph.gateway.directory.tenants["t"].artifact == "b"


@pytest.mark.parametrize(
    ("asked", "body"),
    [
        ("POST /rollout/activate", {}),
        ("PUT /rollout/canary", {"percent": 5}),
        ("PUT /rollout/shadow", {"percent": 5}),
        ("POST /tenants/t/rollout/activate", {}),
    ],
)
async def test_what_knows_no_model_that_could_answer_is_refused(graph, asked, body):
    """Every decision would fall to the default model."""
    whole = topic_artifact()
    renamed = saved(renamed_models(whole, "vendor/"), graph.directory / "renamed")
    await graph.ok("PUT", "/artifacts/renamed", location=renamed)
    method, path = asked.split()
    response = await graph.ask(method, path, artifact="renamed", **body)

    error = response.json()["error"]
    assert (response.status_code, error["param"]) == (400, "artifact")
    assert "none of the models" in error["message"]
    assert await graph.decided_by() == whole.artifact_id


async def test_a_tenant_is_not_given_what_knows_none_of_its_models(graph):
    stated = {"alpha": 1, "keys": [{"env": "TEST_KEY"}], "models": ["coder"]}
    await graph.ok("PUT", "/tenants/t", **stated)
    response = await graph.ask(
        "PUT", "/tenants/t/rollout/canary", artifact="b", percent=1
    )
    await graph.ok("PUT", "/rollout/canary", artifact="b", percent=1)

    assert response.status_code == 400
    assert "none of the models" in response.json()["error"]["message"]
