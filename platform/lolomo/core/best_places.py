"""The best of many, without sorting all."""

import numpy as np
from numpy.typing import NDArray

from lolomo.core.recommender import Scores


def best_places(scores: Scores, most: int) -> NDArray[np.int64]:
    """Return the places of the best scores, best first, the first of equals first.

    Args:
        scores: Shape: [items].
        most: How many; fewer if there are fewer.

    >>> best_places(np.array([1, 3, 2, 3], np.float32), 3).tolist()
    [1, 3, 2]
    """
    if len(scores) <= most:
        return np.argsort(-scores, kind="stable")
    least = np.partition(scores, len(scores) - most)[len(scores) - most]
    among = np.flatnonzero(~(scores < least))
    best: NDArray[np.int64] = among[np.argsort(-scores[among], kind="stable")][:most]
    return best
