"""Forward decay: counts that fade, exact at any time after they were written.

A count with half-life h at time t is `sum 2^((t_i - t) / h)`. Forward decay (Cormode, Shkapenyuk,
Srivastava, Xu, "Forward decay: a practical time decay model for streaming systems", ICDE 2009)
stores `log2 sum 2^(t_i / h)`, which changes only when an event arrives, and subtracts `t / h` on
reading. The sum itself would overflow; its logarithm does not.
"""

from datetime import timedelta

import numpy as np
from numpy.typing import NDArray

MICROSECOND = timedelta(microseconds=1)


def half_lives(microseconds: NDArray[np.float64], half_life: timedelta) -> NDArray[np.float64]:
    """Return times since 1970 in half-lives."""
    return microseconds / (half_life / MICROSECOND)


def running_log2_sum(
    exponents: NDArray[np.float64], entities: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Return `log2` of the running sum of `2^exponents` within each entity.

    A doubling scan: log2 of the longest run many vectorised steps, none of which overflows.

    Args:
        exponents: -inf adds nothing. Shape: [rows].
        entities: Equal and adjacent for the rows of one entity. Shape: [rows].

    >>> running_log2_sum(np.array([3.0, 3.0, 5.0]), np.array([0, 0, 1])).tolist()
    [3.0, 4.0, 5.0]
    """
    total = exponents.copy()
    if not len(total):
        return total
    starts = np.flatnonzero(np.r_[True, entities[1:] != entities[:-1]])
    lengths = np.diff(np.r_[starts, len(total)])
    position = np.arange(len(total)) - np.repeat(starts, lengths)
    step = 1
    rows = np.flatnonzero(position >= step)
    while len(rows):
        total[rows] = np.logaddexp2(total[rows], total[rows - step])
        step *= 2
        rows = rows[position[rows] >= step]
    return total


def decayed_count(
    log2_sum: NDArray[np.float64], timestamp: NDArray[np.int64], half_life: timedelta
) -> NDArray[np.float64]:
    """Return the decayed count at a query time, NaN where there is no sum."""
    exponent = log2_sum - half_lives(timestamp.astype(np.float64), half_life)
    return np.asarray(np.exp2(exponent))
