"""Constants that were made up for tests, near to what such machines measure."""

from scripts.scaling.constants import Assumptions, Constant, Constants
from scripts.scaling.demand import Demand
from scripts.scaling.plan import Workload

_VALUES = {
    "Gateway.cpu_ms_plain": 1.2,
    "Gateway.cpu_ms_stream_second": 1.0,
    "Gateway.own_ms": 7.0,
    "Router.cpu_ms_plain": 0.4,
    "Router.call_ms": 4.0,
    "Embedder.cpu_ms_plain": 0.3,
    "Embedder.call_ms": 2.0,
    "Embedder.cpu_ms_text": 0.5,
    "Embedder.cpu_ms_token": 0.1,
    "OpenRouterBackend.cpu_ms_plain": 0.8,
    "OpenRouterBackend.cpu_ms_stream_second": 1.0,
    "Ledger.cpu_ms_plain": 0.3,
    "Node.cpu_ms_plain": 0.3,
    "Node.cpu_ms_stream_second": 0.2,
    "Node.idle_cores": 0.1,
    "Gateway.cpu_ms_stream_second_50": 0.7,
    "Gateway.cpu_ms_stream_second_100": 0.5,
    "OpenRouterBackend.cpu_ms_stream_second_50": 0.7,
    "OpenRouterBackend.cpu_ms_stream_second_100": 0.5,
    "Node.cpu_ms_stream_second_50": 0.1,
    "Node.cpu_ms_stream_second_100": 0.1,
    "placed.Gateway.cpu_ms_plain": 1.2,
    "placed.Gateway.cpu_ms_stream_second": 1.2,
    "placed.Gateway.cpu_ms_stream_second_50": 0.9,
    "placed.Gateway.cpu_ms_stream_second_100": 0.6,
    "placed.Embedder.cpu_ms_plain": 0.3,
    "placed.Ledger.cpu_ms_plain": 0.3,
    "placed.Node.cpu_ms_plain": 0.3,
    "placed.Node.cpu_ms_stream_second": 0.2,
    "placed.Node.cpu_ms_stream_second_50": 0.1,
    "placed.Node.cpu_ms_stream_second_100": 0.1,
    "knee.utilisation": 0.7,
    "replica.start_s": 6.0,
}


def made_constants() -> Constants:
    constants = {
        name: Constant(value=value, unit="", command="made up", what="")
        for name, value in _VALUES.items()
    }
    return Constants(
        machine="made up",
        measured_at="2026-01-01",
        load_before=0.0,
        constants=constants,
    )


def made_workload(*, gpu: bool = False) -> Workload:
    demand = Demand(3.0, 3.5, "made up")
    return Workload(made_constants(), Assumptions(), demand, gpu=gpu)
