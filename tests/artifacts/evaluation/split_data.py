"""Small made-up data for tests of evaluation: two topics, a model good at each."""

import numpy as np
from numpy.typing import NDArray

from artifacts.clustering import KMeans
from artifacts.dataset import RoutingDataset
from artifacts.evaluation.judging import EvaluationConfig
from artifacts.evaluation.routers import Method, PolicyMethod
from artifacts.policy import PaperPolicy

N = 40
MODELS = ("coder", "mathematician", "small")


def two_topics() -> tuple[RoutingDataset, NDArray[np.float32]]:
    """Rows 0–19 are code, 20–39 maths; `coder` is right on the former only and so on.

    `small` is right on every fourth row and ten times cheaper.
    """
    code = np.arange(N) < N // 2
    score = np.column_stack([code, ~code, np.arange(N) % 4 == 0]).astype(float)
    angle = np.where(code, 0.0, 1.2) + np.linspace(0, 0.2, N)
    unknown = np.full((N, 3), np.nan)
    dataset = RoutingDataset(
        queries=tuple(
            f"{'loop' if row else 'angle'} {i}" for i, row in enumerate(code)
        ),
        datasets=tuple("code" if row else "maths" for row in code),
        models=MODELS,
        score=score,
        cost_usd=np.tile([0.01, 0.01, 0.001], (N, 1)),
        prompt_tokens=unknown,
        completion_tokens=unknown,
    )
    vectors = np.column_stack([np.cos(angle), np.sin(angle)]).astype(np.float32)
    return dataset, vectors


def small_config(
    seeds: tuple[int, ...] = (0, 1),
    methods: dict[str, Method] | None = None,
    served: str = "none of them",
) -> EvaluationConfig:
    """Two clusters, each vector judged by its own."""
    own_cluster = {"paper": PolicyMethod(PaperPolicy(n_nearest_clusters=1))}
    return EvaluationConfig(
        seeds=seeds,
        alphas=(0.0, 0.5, 1.0),
        kmeans=KMeans(n_clusters=2, n_init=2, n_iter=20),
        methods=own_cluster if methods is None else methods,
        served=served,
    )
