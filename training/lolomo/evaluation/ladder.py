"""The ladder: what do a model's inputs add, rung by rung?

The case study (Steck et al. 2021) says that deep models win once heterogeneous features go in, and
time above all. To ask that of other data, one architecture is fitted several times, each time with
more inputs: a *rung*. What a rung adds is its figure less that of the rung before it, on the same
queries and at the same *freshness*; a model whose counts are fresh also knows what time it is, so a
fresh rung is never held against a frozen one.

A `Row` is one measured model: where it stands, its figures, and what it scored on each query. A
`Study` is all rows of one data set, and answers comparisons. Several seeds of one model are one
row: each query's metrics are averaged over them, and their spread is kept beside. Rungs of one
architecture differ less than its seeds do, so they are compared on the seeds that both have.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

import polars as pl

from lolomo.core.columns import Columns
from lolomo.core.errors import DataError
from lolomo.evaluation.bootstrap import Comparison, Interval, paired_bootstrap, summarise
from lolomo.evaluation.decisions import MIN_USERS

FRESHNESSES = ("frozen", "fresh")
"""Counts as they were at the cut, or up to the query: in the order that tables show them."""
NO_PRIOR = "no prior"
"""The variant of an architecture whose network answers alone: usually counts and co-visits, which
are what simple models are made of, are added to what it says."""
DAY = "day"
"""Column of the first whole day since the cut of a group of queries."""


class Rung(StrEnum):
    """What a model may read; each rung includes `previous`."""

    IDS = "ids"
    """Which items were watched, in which order."""
    CONTENT = "content"
    """And what they are: genres, year, title."""
    CONTEXT = "context"
    """And who asks, on what, from where."""
    DISCRETISED_TIME = "discretised_time"
    """And time in buckets: hour, weekday, gaps by size."""
    CONTINUOUS_TIME = "continuous_time"
    """Time as a number at many scales instead of buckets."""
    ABSOLUTE_TIME = "absolute_time"
    """The raw timestamp instead of buckets: after the cut it is larger than any seen in fitting."""

    @property
    def label(self) -> str:
        """The rung as figures and tables call it."""
        return _LABELS[self]

    @property
    def previous(self) -> "Rung | None":
        """The rung that this one is compared with; None for the first."""
        return _PREVIOUS.get(self)


_LABELS = {
    Rung.IDS: "ids",
    Rung.CONTENT: "+ content",
    Rung.CONTEXT: "+ context",
    Rung.DISCRETISED_TIME: "+ discretised time",
    Rung.CONTINUOUS_TIME: "+ continuous time",
    Rung.ABSOLUTE_TIME: "raw absolute time",
}
_PREVIOUS = {
    Rung.CONTENT: Rung.IDS,
    Rung.CONTEXT: Rung.CONTENT,
    Rung.DISCRETISED_TIME: Rung.CONTEXT,
    Rung.CONTINUOUS_TIME: Rung.DISCRETISED_TIME,
    Rung.ABSOLUTE_TIME: Rung.CONTEXT,
}


class Family(StrEnum):
    """What kind of model it is, as the claims tell them apart."""

    SIMPLE = "simple"
    """Counts, neighbours, linear and factor models."""
    TREES = "trees"
    DEEP = "deep"
    STACK = "stack"
    """Several of them together: no evidence for either."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One model of one task at one freshness."""

    task: str
    model: str
    family: Family
    freshness: str
    """`fresh` or `frozen`."""
    metric: str = "ndcg@10"
    """The task's own metric, which comparisons are made by."""
    rung: Rung | None = None
    """None for a model that has no ladder."""
    variant: str = ""
    """What sets it apart from the architecture's usual form, such as `NO_PRIOR`."""
    metrics: dict[str, Interval]
    num_users: int
    seed_means: tuple[float, ...]
    """The task's metric by seed."""
    reads_counts: bool = True
    """Whether freshness makes a difference to it."""
    per_query: pl.DataFrame = field(repr=False, compare=False)
    """What `query_metrics` returned, averaged over seeds."""
    by_seed: Mapping[int, pl.DataFrame] = field(default_factory=dict, repr=False, compare=False)
    """The same of each seed."""

    @property
    def architecture(self) -> str:
        """The model with its variant: what a line of the ladder stands for."""
        return f"{self.model}, {self.variant}" if self.variant else self.model

    @property
    def label(self) -> str:
        """The architecture and its rung."""
        return f"{self.architecture} ({self.rung.label})" if self.rung else self.architecture

    @property
    def figure(self) -> Interval:
        """The task's metric."""
        return self.metrics[self.metric]

    @property
    def spread(self) -> float:
        """Highest less lowest seed; NaN of a single one."""
        if len(self.seed_means) < 2:
            return math.nan
        return max(self.seed_means) - min(self.seed_means)


@dataclass(frozen=True, slots=True)
class Step:
    """What one rung adds to the one before it."""

    row: Row
    previous: Row
    comparison: Comparison

    @property
    def is_empty(self) -> bool:
        """Whether the data hold nothing more that the rung may read: no answer has changed."""
        ends = self.comparison.difference
        return ends.mean == ends.low == ends.high == 0.0


@dataclass(frozen=True, slots=True)
class Study:
    """All rows of one data set, judged in one window."""

    dataset: str
    cut: datetime
    """Where the window begins and fitting ended."""
    rows: tuple[Row, ...]

    @property
    def tasks(self) -> tuple[str, ...]:
        """Tasks with a row, in order of appearance."""
        return tuple(dict.fromkeys(row.task for row in self.rows))

    @property
    def ladder_tasks(self) -> tuple[str, ...]:
        """Tasks with at least two rungs of one architecture."""
        return tuple(
            task
            for task in self.tasks
            if any(self.steps(task, freshness, compare=False) for freshness in FRESHNESSES)
        )

    def num_users(self, task: str) -> int:
        """How many users the task was judged on; 0 if it was not."""
        return max((row.num_users for row in self.rows if row.task == task), default=0)

    def is_conclusive(self, task: str) -> bool:
        """Whether the task was judged on enough users to conclude anything."""
        return self.num_users(task) >= MIN_USERS

    def select(
        self,
        task: str,
        freshness: str,
        *,
        rung: Rung | None = None,
        families: Iterable[Family] = tuple(Family),
    ) -> list[Row]:
        """Return the rows of a task at a freshness, of one rung if it is given."""
        wanted = set(families)
        return [
            row
            for row in self.rows
            if (row.task, row.freshness) == (task, freshness)
            and row.family in wanted
            and rung in (None, row.rung)
        ]

    def at(self, row: Row, rung: Rung) -> Row | None:
        """Return the same architecture, task and freshness on another rung, if it was measured."""
        return next(
            (
                other
                for other in self.select(row.task, row.freshness, rung=rung)
                if other.architecture == row.architecture
            ),
            None,
        )

    def steps(self, task: str, freshness: str, *, compare: bool = True) -> list[Step]:
        """Return what each rung of each architecture adds, at equal freshness.

        Args:
            task: The task's name.
            freshness: `fresh` or `frozen`.
            compare: Whether differences are wanted; they are NaN if not.
        """
        found = []
        for row in self.select(task, freshness):
            previous = self.at(row, row.rung.previous) if row.rung and row.rung.previous else None
            if previous is not None:
                comparison = difference(row, previous) if compare else _NOT_COMPARED
                found.append(Step(row, previous, comparison))
        return found

    def gain(
        self, task: str, freshness: str, rungs: tuple[Rung, Rung], families: Iterable[Family]
    ) -> Comparison | None:
        """Return what the first rung adds to the second, on average over architectures.

        Args:
            task: The task's name.
            freshness: `fresh` or `frozen`.
            rungs: The higher rung, and the lower one that is taken from it.
            families: Whose architectures count.

        Returns:
            None if no architecture has both rungs.
        """
        pairs = [
            (row, lower)
            for row in self.select(task, freshness, rung=rungs[0], families=families)
            if (lower := self.at(row, rungs[1])) is not None
        ]
        if not pairs:
            return None
        return paired_bootstrap(*averages(pairs), pairs[0][0].metric)


def difference(row: Row, other: Row) -> Comparison:
    """Compare two rows on the same queries, by the metric of their task.

    Raises:
        DataError: If they differ in task or freshness.
    """
    if (row.task, row.freshness) != (other.task, other.freshness):
        raise DataError(
            f"a comparison needs one task at one freshness; received {row.task}, {row.freshness} "
            f"and {other.task}, {other.freshness}: judge both alike"
        )
    return paired_bootstrap(*averages([(row, other)]), row.metric)


def averages(pairs: Iterable[tuple[Row, Row]]) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return metrics of each query, averaged over the first rows of the pairs and over the second.

    Of a pair of one architecture only seeds count that both have, if there are any.
    """
    matched = [_on_equal_seeds(row, other) for row, other in pairs]
    return average([first for first, _ in matched]), average([second for _, second in matched])


def seed_gains(row: Row, other: Row) -> list[float]:
    """Return by how much the first row's mean is above the second's, by seed that both have."""
    means = [
        [float(table.select(pl.col(row.metric).mean()).item()) for table in tables]
        for tables in zip(*_seeds_of_both(row, other), strict=True)
    ]
    return [mean - base for mean, base in means]


def _seeds_of_both(row: Row, other: Row) -> tuple[list[pl.DataFrame], list[pl.DataFrame]]:
    common = sorted(row.by_seed.keys() & other.by_seed.keys())
    return [row.by_seed[seed] for seed in common], [other.by_seed[seed] for seed in common]


def _on_equal_seeds(row: Row, other: Row) -> tuple[pl.DataFrame, pl.DataFrame]:
    rows, others = _seeds_of_both(row, other)
    if row.architecture != other.architecture or not rows:
        return row.per_query, other.per_query
    return average(rows), average(others)


def strongest_row(rows: Sequence[Row]) -> Row | None:
    """Return the row with the highest figure of its task's metric; None of none."""
    return max(rows, key=lambda row: row.figure.mean, default=None)


def average(tables: Sequence[pl.DataFrame]) -> pl.DataFrame:
    """Return metrics of each query, averaged over several judgements of the same queries.

    Columns that are no fractions, such as the lists that coverage is counted from, are those of the
    first.

    Raises:
        DataError: If they do not answer the same queries.
    """
    first, *others = (table.sort(Columns.QUERY_ID) for table in tables)
    if any(not other[Columns.QUERY_ID].equals(first[Columns.QUERY_ID]) for other in others):
        raise DataError(
            f"an average needs the same queries throughout; received {[len(t) for t in tables]} "
            "that differ: judge all on one table of queries"
        )
    fractions = [name for name, dtype in first.schema.items() if dtype.is_float()]
    return first.with_columns(
        pl.mean_horizontal(first[name], *(other[name] for other in others)).alias(name)
        for name in fractions
    )


def by_days_since_cut(
    per_query: pl.DataFrame, metric: str, cut: datetime, days: int = 3
) -> pl.DataFrame:
    """Return the figure by time since the cut: how well does a fit extrapolate?

    Args:
        per_query: What `query_metrics` returned.
        metric: One of its metrics.
        cut: Where fitting ended.
        days: Width of a group of queries; a last group with less than half of it is left out.

    Returns:
        day, num_queries, mean, low and high, a row a group that has queries.
    """
    since = (pl.col(Columns.TIMESTAMP) - cut).dt.total_seconds() / 86400
    grouped = per_query.with_columns((since // days * days).cast(pl.Int64).alias(DAY))
    last = float(per_query.select(since.max()).item() or 0.0)
    rows = []
    for (day,), part in sorted(grouped.group_by(DAY), key=lambda pair: pair[0]):
        if int(day) and last - int(day) < days / 2:
            continue
        interval = summarise(part, [metric])[metric]
        rows.append((int(day), len(part), interval.mean, interval.low, interval.high))
    schema = {DAY: pl.Int64, "num_queries": pl.Int64} | dict.fromkeys(
        ("mean", "low", "high"), pl.Float64
    )
    return pl.DataFrame(rows, schema, orient="row")


def halves(per_query: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return the earlier and the later half of the queries, by time."""
    ordered = per_query.sort(Columns.TIMESTAMP, Columns.QUERY_ID)
    middle = len(ordered) // 2
    return ordered[:middle], ordered[middle:]


_NOT_COMPARED = Comparison("", Interval(math.nan, math.nan, math.nan), math.nan, 0)
