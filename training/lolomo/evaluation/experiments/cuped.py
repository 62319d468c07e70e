"""CUPED: less noise by what was known of each unit before (Deng et al., WSDM 2013).

A member who watched much last month watches much this month, in either arm. What the months before
explain is taken out of the metric; the difference of arms stays what it was on average, since the
arms are equal before, and its variance falls by the squared correlation.
"""

import numpy as np
from numpy.typing import NDArray

from lolomo.core.errors import DataError

Floats = NDArray[np.float64]


def cuped(values: Floats, before: Floats) -> Floats:
    """Return the metric of each unit without what its past explains.

    Args:
        values: The metric during the experiment, of the units of all arms. Shape: [units].
        before: Of the same units, from before they were assigned; what came later would take part
            of the effect away. Shape: [units].

    Raises:
        DataError: If shapes differ, or a past is missing: give new units the mean of the others.
    """
    if values.shape != before.shape or not np.all(np.isfinite(before)):
        raise DataError(
            f"CUPED needs a past for each unit; received {values.shape} values and {before.shape} "
            f"pasts, {int(np.sum(~np.isfinite(before)))} of them missing"
        )
    spread = before - before.mean() if len(before) else before
    squares = float(spread @ spread)
    slope = float(spread @ values) / squares if squares else 0.0
    return values - slope * spread


def variance_kept(values: Floats, before: Floats) -> float:
    """Return the share of variance that CUPED leaves: 1 minus the squared correlation."""
    variance = float(values.var())
    return float(cuped(values, before).var()) / variance if variance else 1.0
