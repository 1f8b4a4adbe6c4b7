"""Which requests the fault upstream fails: by model, in turn, by chance, as set."""

from collections import Counter

from scripts.upstream.settings import ModelSettings
from tests.scripts.conftest import SETTINGS
from tests.scripts.upstream_asking import CHAT, body


async def test_only_the_named_model_fails(client):
    wanted = body("500,model=bad", model="good")
    good = await client.post(CHAT, json=wanted)
    bad = await client.post(CHAT, json={**wanted, "model": "bad"})

    assert (good.status_code, bad.status_code) == (200, 500)


async def test_a_fault_that_passes(client):
    statuses = [
        (await client.post(CHAT, json=body("503,times=2"))).status_code
        for _ in range(3)
    ]

    assert statuses == [503, 503, 200]


async def test_a_schedule_is_followed_in_turn(client, upstream):
    model = ModelSettings(schedule=("500", "ok", "429"))
    upstream.use(SETTINGS.model_copy(update={"models": {"m": model}}))
    plain = {"model": "m", "messages": []}
    statuses = [(await client.post(CHAT, json=plain)).status_code for _ in range(4)]

    assert statuses == [500, 200, 429, 500]


async def test_chance_is_seeded(client, upstream):
    model = ModelSettings(fault_rates={"500": 0.3, "429": 0.2})
    chance = SETTINGS.model_copy(update={"models": {"m": model}, "seed": 5})
    plain = {"model": "m", "messages": []}
    runs = []
    for _ in range(2):
        upstream.use(chance)
        answers = [await client.post(CHAT, json=plain) for _ in range(60)]
        runs.append([answer.status_code for answer in answers])

    assert runs[0] == runs[1]
    assert Counter(runs[0]).keys() == {200, 500, 429}


async def test_a_fault_by_header_and_one_that_nobody_knows(client):
    plain = {"model": "m", "messages": []}
    failing = await client.post(CHAT, json=plain, headers={"x-fault": "503"})
    unknown = await client.post(CHAT, json=plain, headers={"x-fault": "flood"})

    assert failing.status_code == 503
    assert (unknown.status_code, "flood" in unknown.text) == (400, True)


async def test_settings_can_be_changed_while_it_runs(client):
    new = {"default": {"schedule": ["402"]}}
    await client.put("/settings", json=new)
    refused = await client.put("/settings", json={"default": {"schedule": ["x"]}})

    plain = {"model": "m", "messages": []}
    assert (await client.post(CHAT, json=plain)).status_code == 402
    assert refused.status_code == 400
