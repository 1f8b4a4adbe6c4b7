"""Whether the arrays of an artifact are what its manifest says, and mean something."""

import numpy as np
from numpy.typing import NDArray

from artifacts.manifest import Manifest
from artifacts.profiles import TABLES, ClusterProfiles

_UNIT_TOLERANCE = 1e-3
_ROUNDING = 1e-9  # by which a mean of scores may exceed 1

_SHARES = ("accuracy", "prior_accuracy")
# Of a smoother: negative, they make negative costs, or deviations that are no numbers.
_NOT_NEGATIVE = ("variance_mean", "variance_weight", "cost_scale_usd", "sharpness")


def verify(
    manifest: Manifest, centroids: NDArray[np.generic], profiles: ClusterProfiles
) -> None:
    """ValueError says which array is wrong, and how."""
    _check_shapes(manifest, centroids, profiles)
    names = [entry.model for entry in manifest.models]
    if names != sorted(set(names)):
        raise ValueError("models of the manifest are not sorted and unique")
    for name in TABLES:
        _check_table(name, getattr(profiles, name))
    for name in ("filled_accuracy", "filled_cost_usd"):
        if not np.all(np.isfinite(getattr(profiles, name)())):
            raise ValueError(f"{name.removeprefix('filled_')}: not finite everywhere")
    _check_smoother(manifest, profiles)


def _check_shapes(
    manifest: Manifest, centroids: NDArray[np.generic], profiles: ClusterProfiles
) -> None:
    expected = (manifest.n_clusters, manifest.encoder.dimension)
    if centroids.shape != expected or centroids.dtype != np.float32:
        raise ValueError(f"centroids: float32 {expected} expected")
    if profiles.shape != (manifest.n_clusters, len(manifest.models)):
        raise ValueError("profiles: not n_clusters × models of the manifest")
    norms = np.linalg.norm(np.asarray(centroids, dtype=np.float64), axis=1)
    if not np.allclose(norms, 1.0, atol=_UNIT_TOLERANCE):
        raise ValueError("centroids: rows are not of unit length")


def _check_table(name: str, table: NDArray[np.generic]) -> None:
    """Counts are whole; the rest may be nan (not measured), but for the priors."""
    kind = np.integer if name == "count" else np.floating
    if not np.issubdtype(table.dtype, kind):
        raise ValueError(f"{name}: {table.dtype} is not its type")
    values = table.astype(np.float64)
    if name.startswith("prior_") and not np.all(np.isfinite(values)):
        raise ValueError(f"{name}: not finite everywhere")
    if np.any(np.isinf(values)):
        raise ValueError(f"{name}: not finite everywhere")
    if np.any(values < 0):
        raise ValueError(f"{name}: negative")
    if name in _SHARES and np.any(values > 1 + _ROUNDING):
        raise ValueError(f"{name}: greater than 1")


def _check_smoother(manifest: Manifest, profiles: ClusterProfiles) -> None:
    smoother = profiles.smoother  # finite: it has seen to that itself
    if smoother is None:
        if manifest.policy.kind == "calibrated":
            raise ValueError("the arrays of the calibrated policy are missing")
        return
    if smoother.landmarks.shape[1] != manifest.encoder.dimension:
        raise ValueError("smoother_landmarks: not of the encoder's dimension")
    for name in _NOT_NEGATIVE:
        if np.any(np.less(getattr(smoother, name), 0)):
            raise ValueError(f"smoother_{name}: negative")
