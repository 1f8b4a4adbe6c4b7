import json
from dataclasses import replace
from pathlib import Path

import pytest

from artifacts.store import load
from scripts.bench.chips import peak_flops
from scripts.scaling import capacity as command
from scripts.scaling.capacity_tables import (
    clusters_note,
    gpu_note,
    table,
    ways_table,
)
from scripts.scaling.constants import FILE, WAYS, Assumptions, Constants, Way
from scripts.scaling.demand import ARTIFACT, TIERS, demand, query_vectors, usual
from scripts.scaling.steady import capacity
from scripts.tiny_embedder import QWEN3_8B, parameters
from tests.scripts.scaling.made import made_constants, made_workload

LOAD = made_workload()


def part_of(path: Path, name: str) -> str:
    text = path.read_text(encoding="utf-8")
    return text.partition(f"<!-- {name} -->")[2].partition("<!-- end of")[0].strip()


def test_the_tables_in_the_documents_are_what_the_command_prints():
    constants, assumptions = Constants.read(), Assumptions()

    assert part_of(command.PAGE, command.PART) == command.page_part(
        constants, assumptions
    )
    assert part_of(command.README, command.PART) == command.readme_part(
        constants, assumptions
    )
    assert part_of(command.PAGE, command.CONSTANTS_PART) == command.constants_table(
        constants
    )


def test_replicas_have_at_most_the_load_of_the_knee():
    found = capacity(LOAD, 1000.0)

    for name, count in found.replicas.items():
        assert count * LOAD.rate(name) >= 1000.0
    assert found.cores > sum(found.replicas.values())
    assert found.usd_per_month == pytest.approx(found.cores * 0.04 * 730)


def test_what_one_ledger_cannot_take_is_several_clusters():
    most = LOAD.rate("Ledger")
    one, two = capacity(LOAD, 0.99 * most), capacity(LOAD, 1.01 * most)

    assert (one.clusters, two.clusters) == (1, 2)
    assert f"| {two.replicas['OpenRouterBackend']:,} | 2 |" in table(LOAD, [two.rate])
    assert f"takes {most:,.0f} requests/s" in clusters_note(LOAD)


def test_a_small_rate_is_not_rounded_away():
    assert "\n| 0.5 (30) |" in table(LOAD, [0.5])


def test_what_a_reader_states_is_not_called_arithmetic():
    stated = replace(LOAD.assumptions, gpu_tokens_per_s=50_000.0)

    assert "50% of an H200's dense bfloat16 peak (989.5 TFLOP/s)" in gpu_note(LOAD)
    assert "over 13.9 GFLOP a token" in gpu_note(LOAD)
    assert "50,000 tokens/s a GPU, as you state" in gpu_note(
        replace(LOAD, assumptions=stated)
    )


def test_what_a_gpu_embeds_is_reckoned_as_its_benchmark_does():
    per_s = Assumptions().gpu_tokens_per_s

    peak = peak_flops("NVIDIA H200")
    assert 2 * parameters(QWEN3_8B) * per_s == pytest.approx(0.5 * peak)


def test_longer_frames_and_calls_saved_take_fewer_cores():
    ways = {way: capacity(replace(LOAD, way=way), 1000.0) for way in WAYS}
    cores = [found.cores for found in ways.values()]

    assert cores == sorted(cores, reverse=True)
    placed = ways[Way(in_gateway=True)]
    assert placed.replicas["Router"] == placed.replicas["OpenRouterBackend"] == 0
    assert placed.replicas["Embedder"] == ways[Way()].replicas["Embedder"]
    rows = ways_table([replace(LOAD, way=way) for way in WAYS]).splitlines()[2:]
    assert [row.split(" | ")[:2] for row in rows] == [
        [f"| {placement}", str(gather_ms)]
        for placement in ("deployment", "gateway")
        for gather_ms in (25, 50, 100)
    ]


def test_gpus_stand_for_cores_of_embedders():
    load = made_workload(gpu=True)
    found = capacity(load, 1000.0)
    on_cores = sum(found.replicas.values()) - found.gpus + found.clusters

    assert found.gpus == found.replicas["Embedder"] > 0
    assert 0 < found.cores - on_cores < 1000.0 * load.cpu_s("Node") / load.knee + 2
    usd_per_hour = found.cores * 0.04 + found.gpus * 4.0
    assert found.usd_per_month == pytest.approx(usd_per_hour * 730)


def test_a_small_rate_still_has_two_of_each():
    assert set(capacity(LOAD, 0.1).replicas.values()) == {2}


def test_a_constant_that_was_not_measured_is_named():
    with pytest.raises(SystemExit, match=r"x\.y was not measured: run scripts/bench"):
        _ = made_constants()["x.y"]


def test_a_file_of_constants_that_is_no_such_is_refused(tmp_path):
    path = tmp_path / "constants.json"
    path.write_text('{"machine": 1}', encoding="utf-8")

    with pytest.raises(SystemExit, match=r"constants\.json: \d+ validation errors"):
        Constants.read(path)


def test_the_committed_constants_name_their_commands():
    data = json.loads(FILE.read_text(encoding="utf-8"))

    assert Constants.read().written() == FILE.read_text(encoding="utf-8")
    for constant in data["constants"].values():
        assert (FILE.parents[2] / constant["command"].split()[0]).is_file()


def test_decisions_are_the_artifact_s():
    artifact = load(ARTIFACT)
    vectors, source = query_vectors(artifact, None, seed=0)

    found = demand(artifact, vectors, Assumptions(), source)
    tokens = dict(
        zip(artifact.models, usual(artifact.profiles.completion_tokens), strict=True)
    )
    answers = sum(
        share * tokens[artifact.choose(vector, alpha).model] / len(vectors)
        for alpha, share in TIERS.values()
        for vector in vectors
    )
    assert found.stream_s == pytest.approx(answers / 60.0)
    assert found.upstream_s == pytest.approx(found.stream_s + 0.6)


@pytest.mark.parametrize("rate", ["-1", "0", "inf", "nan", "many"])
def test_no_rate_is_no_capacity(rate, capsys, monkeypatch):
    monkeypatch.setattr("sys.argv", ["capacity", "--rates", rate])

    with pytest.raises(SystemExit) as ended:
        command.main()

    assert ended.value.code == 2
    assert "--rates: a number from 0.1 to" in capsys.readouterr().err
