"""Drift: how far what is seen now lies from what was seen before.

The population stability index compares shares by bins that hold equal parts of the past; by custom
below 0.1 is calm, above 0.25 is not. The Kolmogorov-Smirnov distance is the largest gap between
both distribution functions; it needs no bins, and its level depends on the numbers of values, so
the threshold at 5 % is returned beside it.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

NUM_BINS = 10
CALM, ALARM = 0.1, 0.25
"""By custom, of the population stability index."""
_SMALLEST_SHARE = 1e-4
_KS_5_PERCENT = 1.358


@dataclass(frozen=True, slots=True)
class Drift:
    """How two samples of one number differ."""

    stability_index: float
    """Population stability index; NaN without a value on either side."""
    ks_distance: float
    """Kolmogorov-Smirnov distance, 0 to 1."""
    ks_threshold: float
    """Above which the distance is significant at 5 %."""
    missing_before: float
    """Share of missing values."""
    missing_now: float

    @property
    def alarms(self) -> bool:
        """Whether somebody should look."""
        moved = self.stability_index > ALARM and self.ks_distance > self.ks_threshold
        return moved or abs(self.missing_now - self.missing_before) > ALARM


def drift(before: NDArray[np.floating], now: NDArray[np.floating]) -> Drift:
    """Compare two samples of a feature or score; NaN is a missing value.

    >>> same = np.linspace(0, 1, 500)
    >>> drift(same, same).alarms, drift(same, same + 0.5).alarms
    (False, True)
    """
    known_before, known_now = before[~np.isnan(before)], now[~np.isnan(now)]
    missing = [1 - len(k) / max(1, len(a)) for k, a in ((known_before, before), (known_now, now))]
    if not len(known_before) or not len(known_now):
        return Drift(np.nan, np.nan, np.nan, *missing)
    edges = np.unique(np.quantile(known_before, np.linspace(0, 1, NUM_BINS + 1)[1:-1]))
    shares = [
        np.bincount(np.searchsorted(edges, values, "right"), minlength=len(edges) + 1) / len(values)
        for values in (known_before, known_now)
    ]
    old, new = (np.maximum(share, _SMALLEST_SHARE) for share in shares)
    index = float(((new - old) * np.log(new / old)).sum())
    every = np.sort(np.concatenate([known_before, known_now]))
    cdfs = [
        np.searchsorted(np.sort(values), every, "right") / len(values)
        for values in (known_before, known_now)
    ]
    distance = float(np.abs(cdfs[0] - cdfs[1]).max())
    threshold = _KS_5_PERCENT * np.sqrt(1 / len(known_before) + 1 / len(known_now))
    return Drift(index, distance, float(threshold), *missing)
