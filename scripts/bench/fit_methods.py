"""What `scripts/bench/fit` runs in processes of their own, and the rows it runs on."""

import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

# What a method needs is imported where it runs: it counts to its peak memory alone.
if TYPE_CHECKING:
    from artifacts.dataset import RoutingDataset

METHODS = ("ours", "sklearn", "minibatch", "artifact")
_BLOCK = 2**15  # rows that are made, or judged, at a time


@dataclass(frozen=True, slots=True)
class Task:
    """One method on one number of clusters."""

    method: str
    clusters: int
    n_init: int
    iterations: int
    models: int


@dataclass(frozen=True, slots=True)
class Outcome:
    """`cpu_seconds` of all threads: on a busy machine they tell more than `seconds`.

    `inertia`: squared distances to the nearest mean, summed; none for an artifact.

    `peak_gib` is the process's greatest resident memory until the fit was done.
    """

    method: str
    clusters: int
    seconds: float
    inertia: float | None
    peak_gib: float
    cpu_seconds: float


def make_rows(path: Path, shape: tuple[int, int], topics: int, seed: int) -> None:
    """Write (n, d) float32 unit rows to `path`, block by block."""
    rng = np.random.default_rng(seed)
    n, dimension = shape
    centres = rng.standard_normal((topics, dimension), dtype=np.float32)
    rows = np.lib.format.open_memmap(path, "w+", np.float32, shape)
    for start in range(0, n, _BLOCK):
        size = min(_BLOCK, n - start)
        block = 0.6 * centres[rng.integers(0, topics, size)]
        block += rng.standard_normal((size, dimension), dtype=np.float32)
        rows[start : start + size] = block / np.linalg.norm(block, axis=1)[:, None]


def run(task: Task, path: Path) -> Outcome:
    """Load the rows and run one method; called in a fresh process."""
    rows = np.load(path)
    start, started = time.perf_counter(), time.process_time()
    if task.method == "artifact":
        _fit_artifact(rows, task)
        means = None
    else:
        means = _means(rows, task)
    seconds = time.perf_counter() - start
    cpu = time.process_time() - started
    peak = peak_memory_gib()
    inertia = None if means is None else inertia_of(rows, means)
    return Outcome(task.method, task.clusters, seconds, inertia, peak, cpu)


def _means(rows: np.ndarray, task: Task) -> np.ndarray:
    if task.method == "ours":
        from artifacts.clustering import KMeans

        return KMeans(task.clusters, task.n_init, task.iterations).fit(rows).means
    import sklearn.cluster

    kind = {"sklearn": "KMeans", "minibatch": "MiniBatchKMeans"}[task.method]
    made = getattr(sklearn.cluster, kind)(
        task.clusters, n_init=task.n_init, max_iter=task.iterations, random_state=0
    )
    return np.asarray(made.fit(rows).cluster_centers_)


def _fit_artifact(rows: np.ndarray, task: Task) -> None:
    from artifacts.clustering import KMeans
    from artifacts.fit import FitConfig, fit_artifact
    from scripts.bench.random_artifact import random_spec

    config = FitConfig(KMeans(task.clusters, task.n_init, task.iterations))
    records = _records(len(rows), task.models)
    fit_artifact(records, rows, random_spec(rows.shape[1]), config)


def _records(n: int, models: int) -> "RoutingDataset":
    from artifacts.dataset import RoutingDataset

    rng = np.random.default_rng(1)
    shape = n, models
    tokens = np.full(shape, 100.0)
    return RoutingDataset(
        queries=tuple(map(str, range(n))),
        datasets=("made-up",) * n,
        models=tuple(f"model-{i:04d}" for i in range(models)),
        score=rng.integers(0, 2, shape).astype(float),
        cost_usd=rng.uniform(1e-5, 1e-2, shape),
        prompt_tokens=tokens,
        completion_tokens=tokens,
    )


def inertia_of(rows: np.ndarray, means: np.ndarray) -> float:
    """Sum over rows of the squared distance to the nearest of `means`."""
    means = means.astype(np.float32)
    size = (means.astype(np.float64) ** 2).sum(axis=1)
    total = 0.0
    for start in range(0, len(rows), _BLOCK):
        block = rows[start : start + _BLOCK]
        length = (block.astype(np.float64) ** 2).sum(axis=1)
        total += float((length + (size - 2.0 * (block @ means.T)).min(axis=1)).sum())
    return total


def peak_memory_gib() -> float:
    """Greatest resident memory of this process so far."""
    status = Path("/proc/self/status")
    if status.exists():  # getrusage would tell of the parent's at the fork as well
        [line] = [x for x in status.read_text().splitlines() if x.startswith("VmHWM")]
        return int(line.split()[1]) / 2**20
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**30
