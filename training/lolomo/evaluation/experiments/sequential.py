"""Always-valid comparison of two arms: look as often as you like, stop when you like.

A fixed-sample test that is looked at every day finds a difference between equals far more often
than it says. A *confidence sequence* is an interval that holds at all sample sizes at once, so
whenever it leaves 0 the arms differ, at the stated risk over the whole experiment. This is the
normal mixture of Robbins (1970), known as mSPRT (Johari et al., "Peeking at A/B tests", KDD 2017),
with an estimated variance (asymptotic confidence sequences: Waudby-Smith et al., Annals of
Statistics 2024). Its price is width: about half as wide again as a fixed-sample interval at the
horizon that it is tuned for, and so nearly twice the units for the same power.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special

from lolomo.evaluation.bootstrap import Interval

BURN_IN = 100
"""Fewest units an arm: with fewer its variance, and the normal limit, are not to be relied on."""

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Summary:
    """What is known of a metric in one arm."""

    num_units: int
    mean: float
    variance: float
    """Between units."""

    @classmethod
    def of(cls, values: Floats) -> "Summary":
        """Summarise one value a unit; NaN throughout for none."""
        num = len(values)
        if not num:
            return cls(0, math.nan, math.nan)
        return cls(num, float(values.mean()), float(values.var(ddof=1)) if num > 1 else math.nan)


@dataclass(frozen=True, slots=True, kw_only=True)
class SequentialTest:
    """How two arms are compared at any time."""

    risk: float = 0.05
    """Probability that equal arms are ever called different, over all looks."""
    horizon: int = 20_000
    """Units of both arms at which the interval is tightest; it holds at any number."""

    def interval(self, treatment: Summary, control: Summary) -> Interval:
        """Return treatment minus control, with the interval that holds at all times at once.

        It is unbounded before each arm has `BURN_IN` units, or if nothing varies.
        """
        difference = treatment.mean - control.mean
        error = _error(treatment, control)
        if error is None:
            return Interval(difference, -math.inf, math.inf)
        total = self._spread(treatment, control) + 1.0
        reach = math.sqrt(total / (total - 1.0) * 2.0 * math.log(math.sqrt(total) / self.risk))
        return Interval(difference, difference - reach * error, difference + reach * error)

    def p_value(self, treatment: Summary, control: Summary) -> float:
        """Return the always-valid p-value: at most `risk` just when the interval leaves 0."""
        error = _error(treatment, control)
        if error is None:
            return 1.0
        total = self._spread(treatment, control) + 1.0
        standardised = (treatment.mean - control.mean) / error
        evidence = 0.5 * standardised**2 * (total - 1.0) / total - 0.5 * math.log(total)
        return math.exp(-max(0.0, evidence))

    def _spread(self, treatment: Summary, control: Summary) -> float:
        """Return n ρ²: the mixture's variance over that of the mean, 1 part at the horizon."""
        best = -2.0 * math.log(self.risk)
        best += math.log(best + 1.0)
        return best * (treatment.num_units + control.num_units) / self.horizon


def units_needed(
    lift: float, deviation: float, power: float = 0.8, test: SequentialTest | None = None
) -> int:
    """Return how many units an arm show a lift with this power, by the end of the experiment.

    Args:
        lift: The difference of means to be found, in the metric's unit.
        deviation: Standard deviation of the metric between units, after CUPED if it is used.
        power: Probability of finding it.
        test: How arms are compared; its horizon is put where the answer lies.
    """
    risk = (test or SequentialTest()).risk
    best = -2.0 * math.log(risk)
    best += math.log(best + 1.0)
    total = best + 1.0
    reach = math.sqrt(total / best * 2.0 * math.log(math.sqrt(total) / risk))
    reach += float(special.ndtri(power))
    return math.ceil(2.0 * (reach * deviation / lift) ** 2)


def _error(treatment: Summary, control: Summary) -> float | None:
    """Return the standard error of the difference, or None where it is not to be relied on."""
    if min(treatment.num_units, control.num_units) < BURN_IN:
        return None
    squared = treatment.variance / treatment.num_units + control.variance / control.num_units
    return math.sqrt(squared) if squared > 0 else None
