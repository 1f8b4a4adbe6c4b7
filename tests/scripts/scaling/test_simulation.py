"""Small runs of the whole simulation."""

import json
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from scripts.scaling import simulate
from scripts.scaling.autoscaler import Clock
from scripts.scaling.course import Part
from scripts.scaling.events import Events
from scripts.scaling.fleet import Fleet, Nodes
from scripts.scaling.fluid import Fluid
from scripts.scaling.installation import Scenario, run_events, run_fluid
from scripts.scaling.leases import Metered, Window, refused_share
from scripts.scaling.outcome import outcome, weighted_quantiles
from scripts.scaling.plan import SCALED, Running, route_capacity
from scripts.scaling.traffic import Bursts, Lengths, Traffic, day
from tests.scripts.scaling.made import made_workload

LOAD = made_workload()
CALM = Bursts(a_day=0)
BURSTS = Bursts(a_day=144)


def scenario(rate: float = 60.0, **changes: object) -> Scenario:
    return replace(Scenario(LOAD, rate, BURSTS, seconds=900, seed=3), **changes)


def test_the_same_seed_is_the_same_day():
    first, second = (run_fluid(scenario()) for _ in range(2))

    assert (first.waits_s == second.waits_s).all()
    assert all((first.replicas[n] == second.replicas[n]).all() for n in SCALED)
    assert (run_fluid(scenario(seed=4)).offered != first.offered).any()


def test_flows_and_single_requests_agree():
    flows = run_fluid(scenario())
    counted, events = run_events(scenario())

    assert flows.offered.sum() == pytest.approx(len(events.waits_s), rel=0.05)
    for name in SCALED:
        mean = counted.replicas[name].mean()
        assert abs(flows.replicas[name].mean() - mean) < max(0.75, 0.25 * mean)


def test_of_too_much_for_the_embedders_nearly_all_is_late_in_both():
    replicas = {"Gateway": 20, "Router": 4, "Embedder": 2, "OpenRouterBackend": 20}
    some = Running(*(replicas[name] for name in SCALED[:3]))
    most = route_capacity(LOAD, some, LOAD.lengths.mean)
    traffic = Traffic(np.full(60, 2 * most), np.full(60, LOAD.lengths.mean))

    def parts() -> dict[str, Part]:
        found = {}
        for name, number in replicas.items():
            (fleet := Fleet(nodes, each=1.0, start_s=1.0)).begin(number)
            found[name] = Part(fleet, None, 10**6)
        return found

    nodes = Nodes(node_size=64.0, start_s=1.0)
    flows = Fluid(LOAD, parts(), nodes, None, lambda _: 0.0)
    events = Events(LOAD, parts(), nodes, seed=0)
    course = flows.run(traffic, np.random.default_rng(1), Clock())
    events.run(traffic, Clock())

    assert course.fallbacks / course.offered.sum() > 0.9
    assert events.fallbacks / len(events.waits_s) > 0.9


def test_ten_times_the_traffic_has_as_many_times_the_replicas():
    small, large = (run_fluid(scenario(rate, bursts=CALM)) for rate in (1e4, 1e5))

    for name in ("Gateway", "Embedder", "OpenRouterBackend"):
        ratio = large.replicas[name].mean() / small.replicas[name].mean()
        assert ratio == pytest.approx(10.0, rel=0.1)


def test_a_burst_brings_replicas_and_late_decisions():
    calm, bursty = (run_fluid(scenario(300.0, bursts=b)) for b in (CALM, BURSTS))

    assert bursty.replicas["Embedder"].max() > calm.replicas["Embedder"].max()
    assert bursty.fallbacks > calm.fallbacks


def test_figures_add_up():
    load = scenario(metered=Metered(limit_factor=0.5))
    course = run_fluid(load)
    found = outcome(
        course, mean_rate=60.0, ledger_cpu_s=0.001, assumptions=LOAD.assumptions
    )

    assert found.requests == course.offered.sum()
    assert found.over_limit_share > 0.0
    assert found.core_hours == pytest.approx(course.cores.sum() / 3600)
    assert found.usd == pytest.approx(0.04 * found.core_hours)
    assert found.gpu_hours == 0.0


def test_embedders_on_gpus_are_counted_as_such():
    gpu = made_workload(gpu=True)
    course = run_fluid(Scenario(gpu, 60.0, CALM, seconds=600))

    found = outcome(
        course, mean_rate=60.0, ledger_cpu_s=0.001, assumptions=gpu.assumptions
    )
    assert course.gpus.min() >= 2
    assert found.gpu_hours == pytest.approx(course.gpus.sum() / 3600)
    usd = 0.04 * found.core_hours + 4.0 * found.gpu_hours
    assert found.usd == pytest.approx(usd)
    assert found.usd_per_million == pytest.approx(1e6 * usd / found.requests)


def test_a_limit_lets_through_what_it_says_and_no_more():
    rng = np.random.default_rng(0)
    arrivals = np.full(180, 20.0)

    refused = Window(4, 600, rng).refused(arrivals)  # 10/s of 20/s

    assert 0.5 <= refused < 0.55


def test_a_limit_above_the_traffic_refuses_nothing():
    share = refused_share(
        np.full(2000, 50.0),
        mean_rate=50.0,
        per_gateway=20.0,
        metered=Metered(limit_factor=2.0),
        rng=np.random.default_rng(0),
    )

    assert (share == 0).all()


def test_a_replica_waits_for_its_start_and_for_a_node():
    nodes = Nodes(node_size=2.0, start_s=90.0)
    fleet = Fleet(nodes, each=1.0, start_s=5.0)
    fleet.begin(1)

    fleet.aim(3, now=0.0)
    for now, running in ((4.0, 1), (5.0, 2), (94.0, 2), (95.0, 3)):
        nodes.step(now)
        fleet.step(now)
        assert fleet.running == running


def test_a_node_goes_when_it_was_spare_for_long():
    nodes = Nodes(node_size=2.0, start_s=90.0)
    fleet = Fleet(nodes, each=1.0, start_s=5.0)
    fleet.begin(4)

    fleet.aim(1, now=0.0)
    for now in (0.0, 299.0):
        nodes.step(now)
    assert nodes.size == 4.0
    nodes.step(301.0)
    assert nodes.size == 2.0


def test_a_day_has_its_low_at_night_and_its_mean():
    traffic = day(100.0, rng=np.random.default_rng(0), bursts=CALM, lengths=Lengths())

    assert traffic.rate.mean() == pytest.approx(100.0, rel=0.02)
    assert abs(traffic.rate.reshape(24, -1).mean(axis=1).argmin() - 4) <= 1


def test_quantiles_count_weights():
    values, weights = np.array([3.0, 1.0, 2.0]), np.array([1.0, 8.0, 1.0])

    assert weighted_quantiles(values, weights, (0.5, 0.85, 1.0)) == [1.0, 2.0, 3.0]


@pytest.mark.parametrize(
    ("options", "what"),
    [
        ("--rates 50 0", "--rates: a number from 0.1 to"),
        ("--rates -5", "--rates: a number"),
        ("--rates nan", "--rates: a number"),
        ("--hours 0", "--hours: a number"),
        ("--burst-factor nan", "--burst-factor: a number"),
        ("--seed -1", "--seed: a whole number"),
        ("--queries /nope", "--queries: /nope: no such file"),
        ("--check --json F", "--json: --check has no use for it"),
        ("--policies --hours 3", "--hours: --policies has no use for it"),
        ("--check --policies", "--policies: --check has no use for it"),
    ],
)
def test_an_option_that_cannot_count_is_refused(monkeypatch, capsys, options, what):
    monkeypatch.setattr("sys.argv", ["simulate", *options.split()])

    with pytest.raises(SystemExit) as ended:
        simulate.main()

    assert ended.value.code == 2
    assert what in capsys.readouterr().err.splitlines()[-1]


def test_queries_that_cannot_be_read_are_refused(monkeypatch, capsys, tmp_path):
    (tmp_path / "q.jsonl").write_text("{")
    monkeypatch.setattr(
        "sys.argv", ["simulate", "--queries", str(tmp_path / "q.jsonl")]
    )

    with pytest.raises(SystemExit) as ended:
        simulate.main()

    assert ended.value.code == 2
    assert "q.jsonl:1: not JSON" in capsys.readouterr().err.splitlines()[-1]


def test_a_run_prints_its_days_and_leaves_json_and_two_plots(tmp_path):
    command = [sys.executable, "-m", "scripts.scaling.simulate", "--hours", "0.1"]
    command += ["--rates", "50", "200", "--json", str(tmp_path / "days.json")]
    done = subprocess.run(
        [*command, "--plots", str(tmp_path)], capture_output=True, text=True, check=True
    )

    days = json.loads((tmp_path / "days.json").read_text(encoding="utf-8"))
    assert [day["mean_rate"] for day in days] == [50.0, 200.0]
    assert done.stdout.count("\n| ") >= 2
    assert {path.name for path in tmp_path.glob("*.png")} == {"day.png", "rates.png"}
