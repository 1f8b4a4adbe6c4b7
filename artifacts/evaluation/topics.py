"""Which words set a cluster's queries apart from the rest."""

import math
import re
from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

# Latin, Greek and Cyrillic: what the font of the figures has.
_LETTERS = "a-z\u00df-\u00f6\u00f8-\u024f\u0370-\u03ff\u0400-\u04ff"
_WORD = re.compile(f"[{_LETTERS}][{_LETTERS}_]{{2,}}")


def top_words(
    queries: Sequence[str], labels: NDArray[np.intp], n_clusters: int, n_words: int = 3
) -> list[tuple[str, ...]]:
    """Up to `n_words` words for each cluster, the most telling first.

    Merit of a word: s · log(s / S), where s and S are the shares of the cluster's and
    of all queries that hold it (tf · idf, with the cluster as the document). Words
    held by one query of the cluster, or no more often in it than elsewhere, do not
    count; ties go by alphabet.
    """
    bags = [set(_WORD.findall(query.lower())) for query in queries]
    everywhere = Counter(word for bag in bags for word in bag)
    counts = [Counter[str]() for _ in range(n_clusters)]
    for bag, label in zip(bags, labels.tolist(), strict=True):
        counts[label].update(bag)
    size = np.bincount(labels, minlength=n_clusters).tolist()
    overall = {word: count / len(bags) for word, count in everywhere.items()}
    return [
        _best({word: n / total for word, n in count.items() if n > 1}, overall)[
            :n_words
        ]
        for count, total in zip(counts, size, strict=True)
    ]


def _best(share: dict[str, float], overall: dict[str, float]) -> tuple[str, ...]:
    def order(word: str) -> tuple[float, str]:
        return -share[word] * math.log(share[word] / overall[word]), word

    telling = [word for word in share if share[word] > overall[word]]
    return tuple(sorted(telling, key=order))
