"""Shows that experiments may be looked at all the time, and still find what there is to find.

    python tests/load/experiment_peeking.py --runs 2000

Members arrive one by one, and the experiment is read 50 times, evenly spaced. A/A: how often are
equal arms called different at any look, by the always-valid test, with CUPED, and by a fixed-sample
t-test that is peeked at. A/B: how often is the lift found that `units_needed` was asked for. The
sample ratio alarm is peeked at as well. Everything is made up of seeded random numbers.
"""

import argparse
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy import stats

ROOT = Path(__file__).parents[2]
if __name__ == "__main__":
    sys.path[:0] = [str(ROOT / part) for part in ("platform", "features", "training")]

from lolomo.evaluation.experiments import (  # noqa: E402
    SequentialTest,
    Summary,
    cuped,
    sample_ratio,
    units_needed,
)

LOOKS = 50
SHARES = {"control": 0.5, "treatment": 0.5}


@dataclass(frozen=True)
class Metric:
    """How a metric is distributed over members, and over their past."""

    name: str
    draw: Callable[[np.random.Generator, int], tuple[np.ndarray, np.ndarray]]
    """Values and pasts of so many members."""
    deviation: float
    lift: float
    """What an experiment is to find."""
    share_kept: float = 1.0
    """Of the variance after CUPED."""


def clicks(rng: np.random.Generator, size: int) -> tuple[np.ndarray, np.ndarray]:
    return (rng.random(size) < 0.1).astype(float), np.zeros(size)


def hours(rng: np.random.Generator, size: int) -> tuple[np.ndarray, np.ndarray]:
    habit = rng.normal(size=size)
    now, before = (np.exp(0.7 * habit + 0.7 * rng.normal(size=size)) for _ in range(2))
    return now, before


METRICS = (
    Metric("clicked, 10 %", clicks, 0.3, lift=0.01),
    Metric("hours, log-normal", hours, float(np.exp(0.49) * np.sqrt(np.exp(0.98) - 1)), lift=0.1),
    Metric(
        "hours, with CUPED",
        hours,
        float(np.exp(0.49) * np.sqrt(np.exp(0.98) - 1)),
        lift=0.1,
        share_kept=1 - ((np.exp(0.49) - 1) / (np.exp(0.98) - 1)) ** 2,
    ),
)


@dataclass(frozen=True)
class Reading:
    """What repeated looks at one experiment came to."""

    found: bool
    units_to_find: int
    naively_found: bool
    alarm: bool
    covered: bool
    """Whether every interval, at every look, held the truth."""


def summaries(values: np.ndarray, treated: np.ndarray, sizes: np.ndarray) -> list[list[Summary]]:
    """Return treatment and control after so many members, by sums that go on growing."""
    sides = []
    for arm in (treated, ~treated):
        counts, sums, squares = (
            np.cumsum(part)[sizes - 1] for part in (arm, values * arm, values**2 * arm)
        )
        variances = (squares - sums**2 / counts) / (counts - 1)
        sides.append(
            [
                Summary(int(count), float(total / count), float(variance))
                for count, total, variance in zip(counts, sums, variances, strict=True)
            ]
        )
    return [list(pair) for pair in zip(*sides, strict=True)]


def run(metric: Metric, units: int, lift: float, rng: np.random.Generator) -> Reading:
    """Let so many members arrive, and look `LOOKS` times."""
    values, before = metric.draw(rng, units)
    treated = rng.random(units) < 0.5
    values = values + lift * treated
    test, sizes = SequentialTest(horizon=units), units * np.arange(1, LOOKS + 1) // LOOKS
    sides = summaries(values, treated, sizes)
    if metric.share_kept < 1:
        seen = [(cuped(values[:size], before[:size]), treated[:size]) for size in sizes]
        sides = [[Summary.of(part[arm]), Summary.of(part[~arm])] for part, arm in seen]
    intervals = [test.interval(*pair) for pair in sides]
    found = [interval.low > 0 or interval.high < 0 for interval in intervals]
    ratios = [
        sample_ratio({"treatment": one.num_units, "control": other.num_units}, SHARES)
        for one, other in sides
    ]
    return Reading(
        found=any(found),
        units_to_find=int(sizes[found.index(True)]) if any(found) else units,
        naively_found=any(_differ(*pair) for pair in sides),
        alarm=any(ratio.is_alarm for ratio in ratios),
        covered=all(interval.low <= lift <= interval.high for interval in intervals),
    )


def _differ(one: Summary, other: Summary) -> bool:
    """Return what a t-test at one look says."""
    error = np.sqrt(one.variance / one.num_units + other.variance / other.num_units)
    return bool(abs(one.mean - other.mean) > 1.96 * error)


def rate(hits: list[bool]) -> str:
    low, high = stats.binomtest(sum(hits), len(hits)).proportion_ci(method="wilson")
    return f"{np.mean(hits):6.1%} [{low:.1%}, {high:.1%}]"


def readings(metric: Metric, lift: float, runs: int, seed: int = 0) -> tuple[int, list[Reading]]:
    """Return the units of both arms that the metric's lift needs, and what the runs came to."""
    deviation = metric.deviation * np.sqrt(metric.share_kept)
    units = 2 * units_needed(metric.lift, float(deviation))
    rng = np.random.default_rng([seed, len(metric.name)])
    return units, [run(metric, units, lift, rng) for _ in range(runs)]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=int, default=500)
    options = parser.parse_args()
    print(f"{'metric':<20} {'units':>7}  A/A, found            A/A, peeked t-test    alarms")
    for metric in METRICS:
        units, equal = readings(metric, 0.0, options.runs)
        print(
            f"{metric.name:<20} {units:>7,}  "
            f"{rate([each.found for each in equal]):<21} "
            f"{rate([each.naively_found for each in equal]):<21} "
            f"{rate([each.alarm for each in equal])}"
        )
    print(
        f"\n{'metric':<20} {'lift':>7} units    A/B, found            median units  always covered"
    )
    for metric in METRICS:
        units, lifted = readings(metric, metric.lift, options.runs, seed=1)
        print(
            f"{metric.name:<20} {metric.lift:>7} {units:>7,}  "
            f"{rate([each.found for each in lifted]):<21} "
            f"{np.median([each.units_to_find for each in lifted]):>12,.0f}  "
            f"{rate([each.covered for each in lifted])}"
        )


if __name__ == "__main__":
    main()
