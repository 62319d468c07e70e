"""How long ago something was: elementwise functions of a query's time."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

SECOND = 1_000_000
DAY = 86_400 * SECOND


def log_seconds_since(
    instant: NDArray[np.float64], timestamp: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Return log(1 + seconds) from an instant to the query, NaN where there is no instant."""
    return np.asarray(np.log1p(np.maximum(timestamp - instant, 0) / SECOND))


def log_days_since(
    instant: NDArray[np.float64], timestamp: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Return log(1 + days) from an instant to the query, NaN where there is no instant."""
    return np.asarray(np.log1p(np.maximum(timestamp - instant, 0) / DAY))


def days_since_1970(timestamp: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the clock as raw continuous time, in days."""
    return timestamp / DAY


def hour_of_day(timestamp: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the UTC hour, 0 to 23."""
    return np.floor((timestamp % DAY) / (3600 * SECOND))


def day_of_week(timestamp: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the UTC weekday, 0 for Monday to 6 for Sunday.

    >>> day_of_week(np.array([0])).tolist()  # 1970-01-01 was a Thursday
    [3.0]
    """
    days: NDArray[Any] = timestamp // DAY
    return ((days + 3) % 7).astype(np.float64)
