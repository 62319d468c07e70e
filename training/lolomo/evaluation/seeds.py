"""Seeds: what of a figure is the model's, and what is luck?

Intervals over users leave out that another seed would have given another model. A figure over
several seeds is their mean; `spread` is the standard deviation between them.
"""

import math
from collections.abc import Sequence
from dataclasses import replace
from statistics import fmean, stdev

from lolomo.evaluation.bootstrap import Interval
from lolomo.evaluation.leaderboard import Result


def over_seeds(results: Sequence[Result], metric: str = "ndcg@10") -> list[Result]:
    """Return one result for all fits that differ by their seed alone.

    Means and ends of intervals are averaged. The note says over how many seeds, and with which
    spread; a result of one seed stays as it is.

    Args:
        results: In any order; that of first appearance is kept.
        metric: Whose spread is noted.
    """
    groups: dict[tuple[str, ...], list[Result]] = {}
    for result in results:
        name = result.label or result.model
        group = (result.task, name, result.window, result.freshness)
        groups.setdefault(group, []).append(result)
    return [_averaged(group, metric) if len(group) > 1 else group[0] for group in groups.values()]


def spread(results: Sequence[Result], metric: str) -> float:
    """Return the standard deviation of a figure between seeds; NaN for fewer than two."""
    values = [result.metrics[metric].mean for result in results]
    return stdev(values) if len(values) > 1 else math.nan


def _averaged(results: Sequence[Result], metric: str) -> Result:
    metrics = {
        name: _mean_of([result.metrics[name] for result in results]) for name in results[0].metrics
    }
    note = f"{len(results)} seeds"
    if metric in metrics:
        note += f", {metric} ± {spread(results, metric):.4f}"
    return replace(results[0], metrics=metrics, note=note, seed=0)


def _mean_of(intervals: Sequence[Interval]) -> Interval:
    return Interval(
        fmean(interval.mean for interval in intervals),
        fmean(interval.low for interval in intervals),
        fmean(interval.high for interval in intervals),
    )
