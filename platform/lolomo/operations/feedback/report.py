"""The study as a table with intervals over seeds, and a figure of loop strength by retraining."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

import numpy as np
from typing_extensions import override

from lolomo.operations.feedback.study import Outcome

MEASURES: Final = ("loop_strength", "gini", "plays", "satisfaction")


@dataclass(frozen=True, slots=True)
class Mean:
    """A mean over seeds with its 95 % Student interval."""

    mean: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> "Mean":
        """Return the mean of some seeds; of a single one the interval is unknown, NaN."""
        from scipy import stats

        mean = float(np.mean(values))
        if len(values) < 2:
            return cls(mean, float("nan"), float("nan"))
        error = float(np.std(values, ddof=1)) / len(values) ** 0.5
        reach = float(stats.t.ppf(0.975, len(values) - 1)) * error
        return cls(mean, mean - reach, mean + reach)

    @override
    def __str__(self) -> str:
        return f"{self.mean:.3f} [{self.low:.3f}, {self.high:.3f}]"


def summary(outcomes: Sequence[Outcome]) -> dict[str, dict[str, Mean]]:
    """Return each arm's figures over seeds, and how they differ from the first arm's.

    Differences are paired, since all arms live through the same seeds: `loop_strength.difference`.
    """
    arms = list(dict.fromkeys(outcome.arm for outcome in outcomes))
    values = {
        arm: {
            name: [getattr(each, name) for each in outcomes if each.arm == arm] for name in MEASURES
        }
        for arm in arms
    }
    found = {}
    for arm in arms:
        found[arm] = {name: Mean.of(values[arm][name]) for name in MEASURES}
        if arm != arms[0]:
            pairs = {name: (values[arm][name], values[arms[0]][name]) for name in MEASURES}
            found[arm] |= {
                f"{name}.difference": Mean.of([a - b for a, b in zip(*pair, strict=True)])
                for name, pair in pairs.items()
            }
    return found


def to_json(outcomes: Sequence[Outcome]) -> str:
    """Return every life and the summary as JSON, labelled."""
    arms = {
        arm: {name: asdict(mean) for name, mean in figures.items()}
        for arm, figures in summary(outcomes).items()
    }
    lives = [asdict(outcome) for outcome in outcomes]
    return json.dumps({"label": "simulated", "arms": arms, "lives": lives}, indent=2)


def print_study(outcomes: Sequence[Outcome]) -> None:
    """Print the table."""
    from rich.console import Console
    from rich.table import Table

    seeds = len({outcome.seed for outcome in outcomes})
    table = Table(title=f"simulated: retrained on its own pages, {seeds} seeds, 95 % intervals")
    table.add_column("learned from")
    for name in (
        "loop strength",
        "its change",
        "Gini of shown",
        "plays a visit",
        "change in plays",
    ):
        table.add_column(name, justify="right")
    for arm, figures in summary(outcomes).items():
        names = ("loop_strength", "loop_strength.difference", "gini", "plays", "plays.difference")
        table.add_row(arm, *(str(figures[name]) if name in figures else "" for name in names))
    Console().print(table)


def feedback_figure(outcomes: Sequence[Outcome], path: Path) -> Path:
    """Draw loop strength after each retraining, by arm, the mean of all seeds."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 4.5), layout="constrained")
    axes = figure.subplots()
    for arm in dict.fromkeys(outcome.arm for outcome in outcomes):
        lives = np.array([each.by_period for each in outcomes if each.arm == arm])
        rounds = np.arange(2, lives.shape[1] + 2)
        line = axes.plot(rounds, lives.mean(axis=0), label=arm)[0]
        if len(lives) > 1:
            low, high = lives.min(axis=0), lives.max(axis=0)
            axes.fill_between(rounds, low, high, color=line.get_color(), alpha=0.12, linewidth=0)
    axes.set(xlabel="retraining", ylabel="loop strength", title="Feedback loop (simulated)")
    axes.set_xticks(range(2, max(len(each.by_period) for each in outcomes) + 2, 2))
    axes.legend(fontsize="small")
    figure.savefig(path, dpi=120)
    return path
