"""Putting models' columns into an artifact's arrays, and taking them out.

No value is computed here: what stays is bit for bit what it was.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from artifacts.dataset import Matrix
from artifacts.profiles import TABLES, ClusterProfiles

# The arrays of a smoother whose last axis is the models.
_OF_SMOOTHER = (
    "accuracy_mean",
    "accuracy_weight",
    "variance_mean",
    "variance_weight",
    "cost_root_mean",
    "cost_root_weight",
    "cost_scale_usd",
    "cell_accuracy",
)


def take_columns(
    profiles: ClusterProfiles, columns: NDArray[np.intp]
) -> ClusterProfiles:
    """Only the models in these columns, in this order."""
    return _changed(profiles, lambda part, name: getattr(part, name)[..., columns])


def join_columns(
    old: ClusterProfiles, new: ClusterProfiles, order: NDArray[np.intp]
) -> ClusterProfiles:
    """The columns of both, `order` being places in old followed by new.

    Both are of the same clusters; of a smoother, `new` holds what old holds, but for
    its columns. What is not by model is that of `old`.
    """

    def joined(part: Any, name: str) -> NDArray[Any]:
        other = new if part is old else new.smoother
        both = [getattr(part, name), getattr(other, name)]
        return np.concatenate(both, axis=-1)[..., order]

    return _changed(old, joined)


def changed_columns(
    table: Matrix, columns: Mapping[int, NDArray[np.float64]]
) -> Matrix:
    """A copy of `table` (k, m) with other values (k,) in some columns."""
    copy = table.copy()
    for column, values in columns.items():
        copy[:, column] = values
    return copy


def _changed(
    profiles: ClusterProfiles, change: Callable[[Any, str], NDArray[Any]]
) -> ClusterProfiles:
    tables = {name: _packed(change(profiles, name)) for name in TABLES}
    smoother = profiles.smoother
    if smoother is not None:
        parts: dict[str, Any] = {
            name: _packed(change(smoother, name)) for name in _OF_SMOOTHER
        }
        smoother = replace(smoother, **parts)
    return replace(profiles, **tables, smoother=smoother)  # type: ignore[arg-type]


def _packed(array: NDArray[Any]) -> NDArray[Any]:
    """Row by row in memory, as fitting leaves it: decisions read rows."""
    return np.ascontiguousarray(array)
