"""What a loop came to, as a table, a picture and JSON; every figure is labelled simulated."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lolomo.evaluation.bootstrap import Interval
from lolomo.evaluation.exposure import exposure, loop_strength
from lolomo.operations.loop.arm import Arm
from lolomo.operations.loop.run import LEARNING, STATIC, LoopReport

NOTE = "simulated: members, tastes and satisfaction are made up; see `lolomo world`"


def print_loop(report: LoopReport) -> None:
    """Print what changed, how the arms compare, and what the monitors say."""
    from rich.console import Console
    from rich.table import Table

    console = Console()
    changes = Table("day", "task", "model", "verdict", "why", title="what changed")
    for change in report.changes:
        day = "before" if change.day < 0 else str(change.day + 1)
        changes.add_row(day, change.task, change.model, change.verdict, change.reason)
    console.print(changes)
    table = Table("arm", "visits", "plays a visit", "satisfaction a visit", title="both arms")
    for column in ("Gini of exposure", "titles shown", "loop strength"):
        table.add_column(column)
    for name, arm in report.arms.items():
        table.add_row(name, *_texts(arm))
    console.print(table)
    console.print(f"learning minus static, satisfaction a visit: {_sentence(report)}")
    console.print(f"[dim]{NOTE}[/]")


def pooled(intervals: Sequence[Interval]) -> Interval:
    """Return the mean of differences in worlds of their own, with its 95 % interval.

    The error is that of these seeds' members; how seeds differ shows beside it.

    >>> pooled([Interval(0.0, -0.2, 0.2), Interval(0.2, 0.0, 0.4)]).mean
    0.1
    """
    number = len(intervals)
    mean = sum(each.mean for each in intervals) / number
    half = sum(((each.high - each.low) / 2) ** 2 for each in intervals) ** 0.5 / number
    return Interval(mean, mean - half, mean + half)


def print_pooled(reports: Sequence[LoopReport]) -> None:
    """Print what learning gave over several worlds."""
    found = [report.difference() for report in reports]
    for report, each in zip(reports, found, strict=True):
        print(f"seed {report.plan.seed}: {_signed(each)}")  # noqa: T201
    over = f"over {len(reports)} seeds"
    print(f"learning minus static, satisfaction a visit, {over}: {_signed(pooled(found))}")  # noqa: T201


def as_json(report: LoopReport) -> str:
    """Return everything for machines."""
    answer = {
        "simulated": True,
        "plan": asdict(report.plan),
        "changes": [asdict(change) for change in report.changes],
        "arms": {name: monitors(arm) for name, arm in report.arms.items()},
        "difference": asdict(report.difference()),
        "difference_after_first_retraining": asdict(report.difference(report.plan.retrain_days)),
    }
    return json.dumps(answer, indent=2)


def monitors(arm: Arm) -> dict[str, Any]:
    """Return what is watched of an arm: use, satisfaction, and how unequally titles are shown."""
    outcomes = arm.outcomes
    visits = max(1.0, outcomes.visits.sum())
    shown = exposure(np.sum(outcomes.shown, axis=0))
    return {
        "visits": int(outcomes.visits.sum()),
        "plays_a_visit": float(outcomes.plays.sum() / visits),
        "satisfaction_a_visit": float(outcomes.delight.sum() / visits),
        "exposure": asdict(shown),
        "loop_strength": loop_strength(outcomes.shown, arm.organic_plays()),
    }


def draw_loop(report: LoopReport, folder: Path) -> Path:
    """Draw the satisfaction of both arms by day; return where."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4), layout="constrained")
    for name, colour in ((STATIC, "tab:gray"), (LEARNING, "tab:blue")):
        outcomes = report.arms[name].outcomes
        days = np.arange(1, len(outcomes.visits) + 1)
        left.plot(days, _a_visit(outcomes.delight, outcomes.visits), color=colour, label=name)
        concentration = [exposure(shown).gini for shown in outcomes.shown]
        right.plot(days, concentration, color=colour, label=name)
    for change in report.changes:
        if change.verdict == "promoted" and change.day >= 0:
            left.axvline(change.day + 1.5, color="tab:green", alpha=0.4, linewidth=1)
    left.set(title="satisfaction a visit (green: a new champion)", xlabel="day")
    right.set(title="Gini of exposure", xlabel="day")
    left.legend(frameon=False)
    figure.suptitle(f"{report.plan.world}, seed {report.plan.seed} — simulated")
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"loop-{report.plan.world}-{report.plan.seed}.png"
    figure.savefig(path, dpi=120)
    plt.close(figure)
    return path


def _texts(arm: Arm) -> list[str]:
    found = monitors(arm)
    return [
        f"{found['visits']:,}",
        f"{found['plays_a_visit']:.3f}",
        f"{found['satisfaction_a_visit']:+.3f}",
        f"{found['exposure']['gini']:.3f}",
        f"{found['exposure']['coverage']:.1%}",
        f"{found['loop_strength']:.2f}",
    ]


def _sentence(report: LoopReport) -> str:
    first = report.plan.retrain_days
    later = _signed(report.difference(first))
    return f"{_signed(report.difference())}; from day {first + 1} on {later}"


def _signed(interval: Interval) -> str:
    return f"{interval.mean:+.4f} [{interval.low:+.4f}, {interval.high:+.4f}]"


def _a_visit(amount: NDArray[np.float64], visits: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(amount.sum(axis=1) / np.maximum(1, visits.sum(axis=1)))
