"""The leaderboard: every model of every task beside its baselines, with intervals and verdicts."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

from lolomo.evaluation.bootstrap import Interval
from lolomo.evaluation.decisions import MIN_USERS, doubt_of

if TYPE_CHECKING:
    from rich.table import Table


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What one model reached in one window of one task."""

    task: str
    model: str
    role: str
    """`baseline`, `challenger`, `alternative` or `champion`."""
    window: str
    """`validation` or `test`, with the protocol unless it is as of each query."""
    freshness: str
    """What `Freshness.label` says of the counts that it read; `frozen` if it reads none."""
    metrics: Mapping[str, Interval]
    num_users: int
    """What `queries.num_evaluable_users` returned."""
    verdict: str = ""
    """What the gate said."""
    note: str = ""
    """Anything a reader must know."""
    label: str = ""
    """What tables call the model, for one with a configuration of its own; its name if empty."""
    seed: int = 0
    """What its fit drew from; 0 if it draws nothing."""

    @property
    def is_conclusive(self) -> bool:
        """Whether enough users were evaluated to conclude anything."""
        return self.num_users >= MIN_USERS

    @property
    def outcome(self) -> str:
        """The verdict, with *inconclusive* and the reason where too few users were evaluated."""
        return "; ".join(part for part in (self.verdict, doubt_of(self.num_users)) if part)


def ordered(results: Sequence[Result], metric: str = "ndcg@10") -> list[Result]:
    """Return results by task and window in order of appearance, the best model first."""
    groups = {key: place for place, key in enumerate(dict.fromkeys(map(_group, results)))}

    def place(result: Result) -> tuple[int, float]:
        interval = result.metrics.get(metric)
        mean = interval.mean if interval and not math.isnan(interval.mean) else -math.inf
        return groups[_group(result)], -mean

    return sorted(results, key=place)


def to_table(
    results: Sequence[Result], title: str = "Leaderboard", num_metrics: int = 3
) -> "Table":
    """Return a Rich table for a terminal: the first metric with its interval, the next without.

    What gates said, and who was evaluated on too few users, stands below the table.
    """
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    metrics = _metric_names(results)[:num_metrics]
    several = len({_group(result) for result in results}) > 1
    outcomes = dict.fromkeys(f"{row.task}: {row.outcome}" for row in results if row.outcome)
    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD, caption="\n".join(outcomes))
    table.caption_justify = "left"
    if several:
        table.add_column("task")
    table.add_column("model", no_wrap=True)
    table.add_column("role")
    table.add_column("counts")
    for name in metrics:
        table.add_column(name, justify="right", no_wrap=True)
    previous: tuple[str, str] | None = None
    for result in ordered(results):
        is_first = previous != _group(result)
        if is_first and previous is not None:
            table.add_section()
        previous = _group(result)
        task = [f"{result.task}, {result.window}" if is_first else ""] if several else []
        start = (*task, _model(result), result.role, result.freshness)
        table.add_row(*start, *_figures(result, metrics, num_intervals=1))
    return table


def to_markdown(results: Sequence[Result]) -> str:
    """Return a Markdown table, every figure with its interval."""
    metrics = _metric_names(results)
    header = ("task", "model", "role", "window", "counts", *metrics, "verdict")
    alignment = ["---"] * 5 + ["---:"] * len(metrics) + ["---"]
    rows = [_cells(result, metrics) for result in ordered(results)]
    return "\n".join("| " + " | ".join(row) + " |" for row in (header, alignment, *rows)) + "\n"


def to_json(results: Sequence[Result]) -> str:
    """Return a JSON list; a figure without a query is null."""
    return json.dumps([_as_json(result) for result in results], indent=2)


def from_json(text: str) -> list[Result]:
    """Return the results that `to_json` wrote."""
    results = []
    for row in json.loads(text):
        values = {name: row[name] for name in row if name not in ("is_conclusive", "metrics")}
        metrics = {
            name: Interval(*(_number(ends[end]) for end in ("mean", "low", "high")))
            for name, ends in row["metrics"].items()
        }
        results.append(Result(**values, metrics=metrics))
    return results


def _group(result: Result) -> tuple[str, str]:
    return result.task, result.window


def _metric_names(results: Sequence[Result]) -> list[str]:
    return list(dict.fromkeys(name for result in results for name in result.metrics))


def _cells(result: Result, metrics: Sequence[str]) -> list[str]:
    start = [result.task, _model(result), result.role, result.window, result.freshness]
    return [*start, *_figures(result, metrics, num_intervals=len(metrics)), result.outcome]


def _model(result: Result) -> str:
    name = result.label or result.model
    return f"{name} ({result.note})" if result.note else name


def _figures(result: Result, metrics: Sequence[str], num_intervals: int) -> list[str]:
    intervals = [result.metrics.get(name) for name in metrics]
    return [
        "" if interval is None else str(interval) if place < num_intervals else _short(interval)
        for place, interval in enumerate(intervals)
    ]


def _short(interval: Interval) -> str:
    return "-" if math.isnan(interval.mean) else f"{interval.mean:.4f}"


def _as_json(result: Result) -> dict[str, Any]:
    metrics = {
        name: {end: _finite(getattr(interval, end)) for end in ("mean", "low", "high")}
        for name, interval in result.metrics.items()
    }
    names = (field.name for field in fields(result) if field.name != "metrics")
    values = {name: getattr(result, name) for name in names}
    return {**values, "metrics": metrics, "is_conclusive": result.is_conclusive}


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _number(value: float | None) -> float:
    return math.nan if value is None else value
