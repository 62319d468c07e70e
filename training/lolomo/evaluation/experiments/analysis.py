"""An experiment read as a whole: did units arrive as they should, what changed, what was harmed?

In this order, since each question is void without the one before: the sample ratio, then guardrails
(a crossed one rolls the arm back), then the metrics, sharpened by each unit's own past. All three
are always valid, so the reading may be repeated every hour. Several arms share the risk.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import polars as pl
from numpy.typing import NDArray

from lolomo.core.errors import DataError
from lolomo.core.experiment import Experiment, Guardrail
from lolomo.evaluation.bootstrap import Interval
from lolomo.evaluation.experiments.cuped import cuped, variance_kept
from lolomo.evaluation.experiments.sample_ratio import SampleRatio, sample_ratio
from lolomo.evaluation.experiments.sequential import SequentialTest, Summary

ARM = "arm"
"""Column of the arm that each unit has."""
BEFORE = "_before"
"""Ends the name of a column with a metric's value from before the experiment."""

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Difference:
    """How one arm's metric differs from the control's."""

    metric: str
    arm: str
    treatment: Summary
    control: Summary
    difference: Interval
    """Holds at all times at once; after CUPED where the past is known."""
    p_value: float
    """Always valid."""
    variance_kept: float
    """Share of the variance that CUPED left: 1 without a past."""

    @property
    def is_decided(self) -> bool:
        """Whether the arms are known to differ."""
        return self.difference.low > 0 or self.difference.high < 0


@dataclass(frozen=True, slots=True)
class Crossing:
    """A guardrail that an arm is known to have crossed."""

    guardrail: Guardrail
    difference: Difference

    @property
    def sentence(self) -> str:
        """Say it in words."""
        found = self.difference
        return (
            f"{found.arm} harms {found.metric}: {found.difference} against the control, and a loss "
            f"of {self.guardrail.max_loss:g} was allowed"
        )


@dataclass(frozen=True, slots=True)
class Analysis:
    """What an experiment shows so far."""

    num_units: int
    ratio: SampleRatio
    differences: tuple[Difference, ...]
    crossings: tuple[Crossing, ...]


def analyse(
    experiment: Experiment,
    units: pl.DataFrame,
    metrics: Sequence[str],
    test: SequentialTest | None = None,
) -> Analysis:
    """Read an experiment.

    Args:
        experiment: Arms, shares and guardrails.
        units: One a row: `ARM`, each metric, and where it is known its value before, as
            `<metric>_before`.
        metrics: What to compare; guardrails' metrics are read as well.
        test: How arms are compared; its risk is shared by the arms.

    Raises:
        DataError: If a metric is no column.
    """
    wanted = list(dict.fromkeys([*metrics, *(guard.metric for guard in experiment.guardrails)]))
    missing = sorted({ARM, *wanted} - set(units.columns))
    if missing:
        raise DataError(f"units have no column {missing}; received {units.columns}")
    shares = experiment.shares()
    counts = dict(units.group_by(ARM).len().iter_rows())
    test = test or SequentialTest()
    shared = replace(test, risk=test.risk / (len(shares) - 1))
    differences = tuple(
        _compare(units, metric, arm, experiment.control, shared)
        for metric in wanted
        for arm in shares
        if arm != experiment.control
    )
    crossings = tuple(
        Crossing(guard, found)
        for guard in experiment.guardrails
        for found in differences
        if found.metric == guard.metric and _is_crossed(guard, found.difference)
    )
    return Analysis(units.height, sample_ratio(counts, shares), differences, crossings)


def _compare(
    units: pl.DataFrame, metric: str, arm: str, control: str, test: SequentialTest
) -> Difference:
    both = units.filter(pl.col(ARM).is_in([arm, control]))
    values = both[metric].cast(pl.Float64).to_numpy()
    kept = 1.0
    if metric + BEFORE in units.columns and len(values):
        past = both[metric + BEFORE].cast(pl.Float64).to_numpy()
        known = np.isfinite(past)
        before = np.where(known, past, past[known].mean() if known.any() else 0.0)
        kept = variance_kept(values, before)
        values = cuped(values, before)
    treated = (both[ARM] == arm).to_numpy()
    summaries = Summary.of(values[treated]), Summary.of(values[~treated])
    interval, p_value = test.interval(*summaries), test.p_value(*summaries)
    return Difference(metric, arm, *summaries, interval, p_value, kept)


def _is_crossed(guardrail: Guardrail, difference: Interval) -> bool:
    """Return whether even the best end of the interval is a loss beyond what is allowed."""
    if guardrail.good == "up":
        return difference.high < -guardrail.max_loss
    return difference.low > guardrail.max_loss
