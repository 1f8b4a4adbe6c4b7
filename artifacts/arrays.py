"""The arrays of an artifact by name, and the digest that is its id."""

import hashlib

import numpy as np
from numpy.typing import NDArray

from artifacts.clustering import Vectors
from artifacts.familiarity import ARRAYS as FAMILIARITY
from artifacts.familiarity import Familiarity
from artifacts.profiles import TABLES, ClusterProfiles
from artifacts.smoother import Smoother

_SMOOTHER = "smoother_"  # prefix of its arrays


def arrays_of(
    centroids: Vectors, profiles: ClusterProfiles
) -> dict[str, NDArray[np.generic]]:
    """The arrays of an artifact by name, as `arrays.npz` holds them."""
    smoother = profiles.smoother.arrays() if profiles.smoother else {}
    familiarity = profiles.familiarity
    return {
        "centroids": centroids,
        **{name: getattr(profiles, name) for name in TABLES},
        **{_SMOOTHER + name: array for name, array in smoother.items()},
        **(familiarity.arrays() if familiarity else {}),
    }


def profiles_of(arrays: dict[str, NDArray[np.generic]]) -> ClusterProfiles:
    """The inverse of `arrays_of`, without the centroids.

    TypeError or ValueError: an array is missing, unknown or of a wrong shape.
    """
    learnt = {name for name in arrays if name.startswith(_SMOOTHER)}
    parts = {name.removeprefix(_SMOOTHER): arrays[name] for name in learnt}
    others = {"centroids", *FAMILIARITY}
    tables = {name: arrays[name] for name in arrays.keys() - learnt - others}
    return ClusterProfiles(
        **tables,  # type: ignore[arg-type]
        smoother=Smoother.from_arrays(parts) if parts else None,
        familiarity=Familiarity.from_arrays(arrays),
    )


def arrays_digest(arrays: dict[str, NDArray[np.generic]]) -> str:
    """sha256 over names, types, shapes and values: the artifact id."""
    sha = hashlib.sha256()
    for name in sorted(arrays):
        array = np.ascontiguousarray(arrays[name])
        sha.update(f"{name}:{array.dtype.str}:{array.shape};".encode())
        sha.update(array.tobytes())
    return sha.hexdigest()
