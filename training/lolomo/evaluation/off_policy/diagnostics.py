"""May an estimate be given at all? What the weights say, and the guard that refuses.

An off-policy estimate is only as good as the overlap of two policies. Where the target goes where
the logging policy never went, every estimator still returns a number, and a wrong one; so the
number is withheld, with the reason, when the weights show that support fails:

- the *effective sample size*, (Σw)² / Σw² (Kong 1992), is how many rows of equal weight would be as
  good: below 200 intervals do not hold what they promise;
- one row must not decide: no more than a tenth of all weight may lie on it;
- weights have a mean of 1 if propensities are right and support holds: a mean far from it says that
  they are not, or that probability of the target lies where nothing was logged;
- where both policies are known for all actions, that probability is known exactly;
- propensities that were only estimated must be known well enough: weights are corrected for the
  square of their relative error, and for no more.
"""

import math
from dataclasses import dataclass

import numpy as np

from lolomo.evaluation.off_policy.terms import Terms


@dataclass(frozen=True, slots=True)
class Diagnostics:
    """What the weights of an estimate are like."""

    num_rows: int
    effective_sample_size: float
    mean_weight: float
    """Near 1 if propensities are right and support holds."""
    mean_weight_error: float
    """Standard error of it."""
    max_weight: float
    max_share: float
    """Share of all weight that lies on the heaviest row."""
    unsupported: float
    """Probability that the target does what was never logged, where known."""
    propensity_error: float = 0.0
    """Relative error of the logged propensities, root mean square; 0 where they are exact."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Guard:
    """When an answer is refused."""

    min_effective_sample_size: float = 200.0
    max_share: float = 0.1
    """Of all weight on one row."""
    max_unsupported: float = 0.0
    """Probability of the target that may lie where nothing was logged."""
    mean_weight_errors: float = 4.0
    """How many standard errors the mean weight may lie from 1 ..."""
    mean_weight_tolerance: float = 0.01
    """... if it lies further from 1 than this."""
    max_propensity_error: float = 0.5
    """Relative, root mean square."""

    def reasons(self, found: Diagnostics) -> tuple[str, ...]:
        """Return why no answer is given, in words; empty if one may be."""
        off = abs(found.mean_weight - 1.0)
        doubt = max(self.mean_weight_errors * found.mean_weight_error, self.mean_weight_tolerance)
        said = {
            f"{found.unsupported:.3g} of the target's probability lies on what was never logged": (
                found.unsupported > self.max_unsupported + 1e-9
            ),
            f"the effective sample size is {found.effective_sample_size:.1f} of "
            f"{found.num_rows:,} rows, and {self.min_effective_sample_size:.0f} are needed": (
                found.effective_sample_size < self.min_effective_sample_size
            ),
            f"one row has {found.max_share:.0%} of all weight": found.max_share > self.max_share,
            f"weights have a mean of {found.mean_weight:.3f} ± {found.mean_weight_error:.3f}, not "
            "1: propensities are wrong, or the target does what was never logged": off > doubt,
            f"logged propensities are known to ± {found.propensity_error:.0%} only: log with more "
            "samples": found.propensity_error > self.max_propensity_error,
        }
        return tuple(reason for reason, holds in said.items() if holds)


def effective_sample_size(weights: np.ndarray) -> float:
    """Return (Σw)² / Σw²: how many rows of equal weight would be as good.

    >>> effective_sample_size(np.array([1.0, 1.0, 0.0, 0.0]))
    2.0
    """
    squares = float(np.square(weights).sum())
    return float(weights.sum()) ** 2 / squares if squares else 0.0


def diagnose(terms: Terms) -> Diagnostics:
    """Return what the weights of an estimate are like.

    Rows of one cluster are no independent witnesses of the mean weight: its error is taken over
    clusters.
    """
    weights = terms.weights
    num = len(weights)
    mean = float(weights.mean())
    parts = weights - mean
    if terms.clusters is not None:
        parts = np.bincount(terms.clusters, parts).astype(float)
    total = float(np.abs(weights).sum())
    return Diagnostics(
        num_rows=num,
        effective_sample_size=effective_sample_size(weights),
        mean_weight=mean,
        mean_weight_error=math.sqrt(float(np.square(parts).sum())) / num,
        max_weight=float(weights.max()),
        max_share=float(np.abs(weights).max()) / total if total else 1.0,
        unsupported=terms.unsupported,
        propensity_error=terms.propensity_error,
    )
