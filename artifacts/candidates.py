"""Which columns of an artifact's tables the candidates of a decision are."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

# Candidates come from catalogs and tenants, so they are few and come again; a client
# that makes up another selection for each request must not fill the memory.
_MAX_SEEN = 256


class Candidates:
    """Finds the columns of models, and remembers those of selections seen before."""

    def __init__(self, models: Sequence[str]) -> None:
        self.column_of = {model: column for column, model in enumerate(models)}
        self._all = _fixed(range(len(models)))
        self._seen: dict[tuple[str, ...], NDArray[np.intp]] = {}

    def columns(self, candidates: Sequence[str] | None) -> NDArray[np.intp]:
        """Columns of `candidates` (all if None), ascending: the order of their names.

        ValueError if one is unknown or none is given.
        """
        if candidates is None:
            return self._all
        given = tuple(candidates)
        columns = self._seen.get(given)
        if columns is None:
            columns = self._find(given)
            if len(self._seen) == _MAX_SEEN:
                self._seen.clear()
            self._seen[given] = columns
        return columns

    def known(self, given: tuple[str, ...]) -> tuple[str, ...]:
        """Those of `given` that the artifact has."""
        if given in self._seen:
            return given
        return tuple(model for model in given if model in self.column_of)

    def _find(self, candidates: tuple[str, ...]) -> NDArray[np.intp]:
        if not candidates:
            raise ValueError("no candidate model")
        unknown = sorted(set(candidates) - self.column_of.keys())
        if unknown:
            raise ValueError(f"models not in the artifact: {', '.join(unknown)}")
        return _fixed(sorted({self.column_of[model] for model in candidates}))


def _fixed(columns: Sequence[int]) -> NDArray[np.intp]:
    """Read-only: the same array is handed out many times."""
    array = np.array(columns, dtype=np.intp)
    array.flags.writeable = False
    return array
