"""What a steady rate takes: replicas, cores, GPUs, dollars."""

import math
from dataclasses import dataclass, replace

from artifacts.torch_encoder import QWEN3_EMBEDDING_8B
from scripts.scaling.constants import WAYS, Assumptions, Constants, Way
from scripts.scaling.demand import bundled_demand
from scripts.scaling.plan import SCALED, Workload
from scripts.scaling.traffic import Lengths

GPU_WINDOW = QWEN3_EMBEDDING_8B.max_tokens
_HOURS = 730.0
_AVAILABLE = 2  # of each, that one may die


@dataclass(frozen=True, slots=True)
class Capacity:
    """What a steady rate takes, every replica at the load of the knee."""

    rate: float
    replicas: dict[str, int]
    clusters: int
    cores: int
    gpus: int
    usd_per_month: float


def capacity(load: Workload, rate: float) -> Capacity:
    """Replicas of a core each (an Embedder on a GPU takes that instead), and as many
    clusters as there must be Ledgers: two in one would hand out the same money."""
    replicas = dict.fromkeys(SCALED, 0)
    for name in load.way.parts(SCALED):
        replicas[name] = max(_AVAILABLE, math.ceil(rate / load.rate(name)))
    clusters = max(1, math.ceil(rate / load.rate("Ledger")))
    gpus = replicas["Embedder"] if load.gpu else 0
    node_cores = rate * load.cpu_s("Node") / load.knee
    in_each = 1 + load.constants["Node.idle_cores"]  # its Ledger, and what Ray takes
    cores = math.ceil(sum(replicas.values()) - gpus + node_cores + clusters * in_each)
    assumed = load.assumptions
    usd = cores * assumed.usd_per_core_hour + gpus * assumed.usd_per_gpu_hour
    return Capacity(rate, replicas, clusters, cores, gpus, _HOURS * usd)


def loads(
    constants: Constants, assumptions: Assumptions, way: Way = WAYS[0]
) -> tuple[Workload, Workload]:
    """With MiniLM on cores, and with Qwen3-Embedding-8B on GPUs."""
    demand = bundled_demand(assumptions)
    long = Lengths(window=GPU_WINDOW)
    return (
        Workload(constants, assumptions, demand, way=way),
        Workload(constants, assumptions, demand, long, gpu=True, way=way),
    )


def in_each_way(load: Workload) -> list[Workload]:
    """The same traffic in all of WAYS."""
    return [replace(load, way=way) for way in WAYS]
