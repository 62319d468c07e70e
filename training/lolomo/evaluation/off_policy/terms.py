"""The one form that every estimator here has: a ratio of two sums over logged rows.

    estimate = sum of values / sum of norms

A mean has norms of 1; a self-normalised estimate has importance weights. Since all estimators have
this form, intervals, clusters and diagnostics are written once for all of them.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lolomo.core.errors import DataError

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Terms:
    """What each logged row adds to an estimate.

    >>> Terms(np.array([0.0, 3.0]), np.ones(2), np.ones(2)).estimate
    1.5
    """

    values: Floats
    """Shape: [rows]."""
    norms: Floats
    """Shape: [rows]."""
    weights: Floats
    """Importance weights before any clipping, which the overlap checks judge. Shape: [rows]."""
    clusters: NDArray[np.int64] | None = None
    """Codes from 0 of rows that depend on each other; None if none do. Shape: [rows]."""
    unsupported: float = 0.0
    """Probability that the target does what was never logged, where known."""
    propensity_error: float = 0.0
    """Relative error of the logged propensities, where they were estimated."""

    @property
    def estimate(self) -> float:
        """The estimate: the mean reward a row under the target policy.

        Raises:
            DataError: If there is no row.
        """
        if not len(self.values):
            raise DataError("nothing was logged, so nothing can be estimated")
        total = float(self.norms.sum())
        return float(self.values.sum()) / total if total else float("nan")

    def blocks(self) -> tuple[Floats, Floats]:
        """Return the sums of values and of norms by cluster; by row without clusters."""
        if self.clusters is None:
            return self.values, self.norms
        there = np.bincount(self.clusters) > 0
        values = np.bincount(self.clusters, self.values)[there]
        norms = np.bincount(self.clusters, self.norms)[there]
        return values.astype(float), norms.astype(float)
