"""Intervals of an estimate: how much would it change with other users?

Three ways, for what is known of the rows:

- `asymptotic`: the central limit theorem, with a variance that allows for norms (the delta method)
  and for clusters; the default, at a cost of one pass;
- `bootstrapped`: percentiles over resampled rows or clusters (Efron and Tibshirani 1993), which
  follow a skewed estimate;
- `empirical_bernstein`: never wrong more often than promised at any number of rows (Maurer and
  Pontil, COLT 2009), and wide; it needs bounds that no row can leave.
"""

import math

import numpy as np
from scipy import special

from lolomo.core.errors import DataError
from lolomo.evaluation.bootstrap import Bootstrap, Interval
from lolomo.evaluation.off_policy.terms import Terms

MAX_BLOCKS = 10_000
"""More rows than this are summed into so many random blocks before they are resampled."""


def asymptotic(terms: Terms, confidence: float = 0.95) -> Interval:
    """Return the estimate with its normal interval, Student's for few blocks."""
    values, norms = terms.blocks()
    num = len(values)
    estimate = terms.estimate
    if num < 2:
        return Interval(estimate, -math.inf, math.inf)
    residuals = (values - estimate * norms) / norms.mean()
    error = math.sqrt(float(np.square(residuals).sum()) / (num - 1) / num)
    reach = float(special.stdtrit(num - 1, (1.0 + confidence) / 2.0)) * error
    return Interval(estimate, estimate - reach, estimate + reach)


def bootstrapped(terms: Terms, bootstrap: Bootstrap | None = None) -> Interval:
    """Return the estimate with percentiles of its resamples."""
    bootstrap = bootstrap or Bootstrap()
    values, norms = terms.blocks()
    if len(values) > MAX_BLOCKS:
        rng = np.random.default_rng(bootstrap.seed)
        codes = rng.permutation(np.arange(len(values)) % MAX_BLOCKS)
        values, norms = (np.bincount(codes, sums).astype(float) for sums in (values, norms))
    resampled = np.concatenate(
        [(draws @ values) / (draws @ norms) for draws in bootstrap.draws(len(values))]
    )
    return bootstrap.interval(terms.estimate, resampled)


def empirical_bernstein(
    terms: Terms, bounds: tuple[float, float], confidence: float = 0.95
) -> Interval:
    """Return the mean with an interval that holds at any number of rows.

    Args:
        terms: Of an estimator that is a mean, and whose blocks are independent.
        bounds: Between what every block's mean must lie, whatever happens: for IPS 0 and the
            largest reward over the smallest propensity that the logging policy may have.
        confidence: How sure it is, at least.

    Raises:
        DataError: If a block lies outside the bounds, or the estimator is self-normalised.
    """
    values, norms = terms.blocks()
    means = values / norms
    low, high = bounds
    if np.ptp(norms) > 1e-9 or not (low <= means.min() and means.max() <= high):
        raise DataError(
            f"empirical Bernstein needs a plain mean of blocks within {bounds}; received means "
            f"from {means.min():.4g} to {means.max():.4g} and norms from {norms.min():.4g} to "
            f"{norms.max():.4g}: widen the bounds, or use another interval"
        )
    num = len(means)
    if num < 2:
        return Interval(float(means.mean()), low, high)
    risk = math.log(4.0 / (1.0 - confidence))
    reach = math.sqrt(2.0 * float(means.var(ddof=1)) * risk / num)
    reach += 7.0 * (high - low) * risk / (3.0 * (num - 1))
    mean = float(means.mean())
    return Interval(mean, max(low, mean - reach), min(high, mean + reach))
