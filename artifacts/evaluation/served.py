"""What a service makes of a policy: it asks the clusters only where one is near."""

import numpy as np

from artifacts.clustering import Vectors, nearest
from artifacts.evaluation.curves import Values
from artifacts.evaluation.routers import Choices, ClusterRouter
from artifacts.global_profile import GlobalProfile
from artifacts.policy import rank

# The method's name in a report.
AS_SERVED = "as-served"


def as_served(
    router: ClusterRouter,
    vectors: Vectors,
    alphas: Values,
    choices: Choices,
    quantile: float,
) -> Choices:
    """`choices` (a, b) of the router, as an artifact of the same profiles makes them.

    A query less like the training queries than the share `quantile` of them were is out
    of distribution: the profile of all of them decides. 0: none is.
    """
    familiarity = router.profiles.familiarity
    if familiarity is None or quantile == 0:
        return choices
    _, similarity = nearest(vectors, router.centroids, 1)
    strange = similarity[:, 0] < familiarity.similarity(quantile)
    whole = GlobalProfile.of(router.profiles)
    columns = np.arange(router.profiles.shape[1], dtype=np.intp)
    best = [
        rank(whole.score(router.policy, router.profiles, alpha, columns))[0, 0]
        for alpha in alphas.tolist()
    ]
    return np.where(strange, np.array(best)[:, None], choices)
