"""How often to train, as one operation: accuracy by cadence, and what going on forgets.

A model is fitted before the stacking window, and then again every so many days through the stacking
and validation windows, each time anew or going on from the fit before. In between it serves: every
query is asked of the latest fit before it. The test window is not looked at. All arms answer the
same queries over the same candidates, so they can be held against each other; one that does not
know a title yet ranks it as an unknown one.

Forgetting is told by *old tastes*: queries of users and for titles that the very first fit knew. If
going on forgets, it does worse on them than training anew at the same times does.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import polars as pl

from lolomo.core.columns import Columns
from lolomo.core.errors import SettingsError
from lolomo.core.progress import Progress
from lolomo.evaluation import Fold, Interval, item_counts, query_metrics, summarise
from lolomo.operations.named_models import check_needs
from lolomo.runtimes import load_files
from lolomo.tasks import find_task
from lolomo.training.models import config_from, find_model
from lolomo.training.pipelines.context import StepContext
from lolomo.training.pipelines.judge import judge_window
from lolomo.training.pipelines.prepare import prepare
from lolomo.training.pipelines.steps import part_of_progress, print_progress, progress_to, run_step
from lolomo.training.pipelines.train import (
    FILES,
    SEED,
    FitOptions,
    read_fit,
    training_data,
    write_fit,
)

METRICS = "metrics.parquet"


@dataclass(frozen=True, slots=True, kw_only=True)
class CadencePlan:
    """What to compare."""

    task: str = "next_play"
    model: str = "sasrec"
    config: Mapping[str, Any] = field(default_factory=dict)
    """Fields that differ from the config's defaults."""
    seed: int = SEED
    days: tuple[int, ...] = (7, 28)
    """Cadences; each a multiple of the shortest, which is also how finely accuracy is shown."""

    def __post_init__(self) -> None:
        if not self.days or min(self.days) < 1 or any(day % min(self.days) for day in self.days):
            raise SettingsError(
                f"received cadences of {list(self.days)} days: expected multiples of the shortest"
            )

    @property
    def arms(self) -> "tuple[Arm, ...]":
        """Never again; and each cadence, anew and, if the model can, going on."""
        ways = (False, True) if find_model(self.model).continues else (False,)
        again = (Arm(days, goes_on) for days in sorted(self.days, reverse=True) for goes_on in ways)
        return (Arm(0, False), *again)


@dataclass(frozen=True, slots=True)
class Arm:
    """One way to train."""

    days: int
    """How often; 0 for never again."""
    goes_on: bool
    """Whether from the fit before, or anew."""

    @property
    def label(self) -> str:
        """For tables."""
        way = "going on" if self.goes_on else "anew"
        return f"every {self.days} days, {way}" if self.days else "never again"


@dataclass(frozen=True, slots=True)
class CadenceRow:
    """What one arm came to."""

    label: str
    accuracy: Interval
    """Of all queries, by the metric of the task's gate."""
    old_tastes: Interval
    """Of the queries whose user and title the first fit knew."""
    by_segment: tuple[float, ...]
    """Means of each span of the shortest cadence, in order of time."""
    num_fits: int
    """After the first."""
    fit_seconds: float
    """What those took together."""


def measure_cadences(dataset: str, plan: CadencePlan, progress: Progress) -> list[CadenceRow]:
    """Fit and judge every arm; what was done before is not done again.

    Args:
        dataset: The dataset's name.
        plan: What to compare.
        progress: Told the fraction done.
    """
    context = StepContext.open(plan.task, dataset)
    check_needs(context)
    rows = []
    with progress_to(progress):
        prepared = prepare(plan.task, dataset, ())
        segments = _segments(context, min(plan.days))
        course = _Course(context, plan, prepared, segments, _queries(context, prepared))
        for index, arm in enumerate(plan.arms):
            with part_of_progress(index, len(plan.arms), arm.label):
                rows.append(course.measured(arm))
    path = context.workspace.reports / f"cadence-{plan.task}-{plan.model}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps([asdict(row) for row in rows], indent=2))
    return rows


def _queries(context: StepContext, prepared: str) -> pl.DataFrame:
    """Return the queries of the stacking and validation windows, told apart, in order of time."""
    windows = (context.folds.stacking.name, context.folds.validation.name)
    tables = [pl.read_parquet(context.queries_file(prepared, window)) for window in windows]
    together = pl.concat(tables, how="diagonal")
    return together.with_columns(pl.int_range(pl.len()).alias(Columns.QUERY_ID))


def _segments(context: StepContext, days: int) -> list[Fold]:
    """Cut the two windows into spans of so many days; the last may be shorter."""
    times = context.log.events()[Columns.TIMESTAMP]
    end = context.folds.validation.end_row
    start, starts = times[context.folds.stacking.start_row], [context.folds.stacking.start_row]
    while (row := int(times.search_sorted(start + timedelta(days=days), side="left"))) < end:
        start = start + timedelta(days=days)
        if row > starts[-1]:
            starts.append(row)
    bounds = [*starts, end]
    return [
        Fold(
            name=times[first].strftime("%Y%m%dT%H%M%S"),
            fit_end=times[first],
            start=times[first],
            end=times[last] if last < len(times) else times[-1] + timedelta(microseconds=1),
            start_row=first,
            end_row=last,
        )
        for first, last in pairwise(bounds)
    ]


@dataclass(frozen=True, slots=True)
class _Course:
    """The stretch of time that every arm goes through."""

    context: StepContext
    plan: CadencePlan
    prepared: str
    """Key of the task's `prepare` step."""
    segments: Sequence[Fold]
    queries: pl.DataFrame
    """All that is asked."""

    def measured(self, arm: Arm) -> CadenceRow:
        """Fit and judge one arm."""
        fits: list[str] = []
        tables = []
        for index, segment in enumerate(self.segments):
            if not fits or (arm.days and index % (arm.days // min(self.plan.days)) == 0):
                fits.append(self._fit(segment, fits[-1] if fits and arm.goes_on else ""))
            tables.append(self._judged(segment, fits[-1]))
        metric = self.context.task.gate.metric
        per_query = pl.concat(tables)
        is_old = pl.col(Columns.QUERY_ID).is_in(_old_tastes(self.context, self.queries))
        fitted = [read_fit(self.context.outcome(key)) for key in fits[1:]]
        return CadenceRow(
            label=arm.label,
            accuracy=summarise(per_query, [metric])[metric],
            old_tastes=summarise(per_query.filter(is_old), [metric])[metric],
            by_segment=tuple(summarise(table, [metric])[metric].mean for table in tables),
            num_fits=len(fitted),
            fit_seconds=sum(seconds for _, seconds in fitted),
        )

    def _fit(self, segment: Fold, former: str) -> str:
        """Fit before a segment, going on from a former fit if there is one; return the key."""
        context, plan = self.context, self.plan
        model = find_model(plan.model)
        config = config_from(model, plan.config)

        def write(folder: Path) -> None:
            data = replace(
                training_data(context, segment, self.prepared, model.reads),
                progress=print_progress,
                continue_from=context.outcome(former) / FILES if former else None,
            )
            write_fit(folder, model(config), data, plan.seed)

        inputs = context.inputs(
            FitOptions.__module__,
            model.__module__,
            model=plan.model,
            config=asdict(config),
            seed=plan.seed,
            former=former,
            prepared=self.prepared,
            start_row=segment.start_row,
        )
        name = f"cadence-fit-{plan.model}-{segment.name}"
        return run_step(context.workspace, name, inputs, write)

    def _judged(self, segment: Fold, fit: str) -> pl.DataFrame:
        """Return the metric of each query of a segment, as a fit answers it."""
        context, metric = self.context, self.context.task.gate.metric
        time = pl.col(Columns.TIMESTAMP)
        asked = self.queries.filter((time >= segment.start) & (time < segment.end))

        def write(folder: Path) -> None:
            export, _ = read_fit(context.outcome(fit))
            files = context.outcome(fit) / FILES
            recommender = load_files(files, export.runtime, export.method, export.inputs)
            table = judge_window(context, segment, asked, recommender)
            counts = item_counts(context.log.events(), segment)
            query_metrics(table, [metric], counts).write_parquet(folder / METRICS)

        inputs = context.inputs(__name__, fit=fit, segment=segment.name, end_row=segment.end_row)
        key = run_step(context.workspace, f"cadence-judge-{segment.name}", inputs, write)
        return pl.read_parquet(context.outcome(key) / METRICS)


def _old_tastes(context: StepContext, queries: pl.DataFrame) -> list[int]:
    """Return the ids of queries whose user and title the first fit knew."""
    early = context.folds.stacking.fit_events(context.log.events())
    known_user = pl.col(Columns.USER_ID).is_in(early[Columns.USER_ID].unique().to_list())
    known_item = (
        pl.col(Columns.TARGETS).list.first().is_in(early[Columns.ITEM_ID].unique().to_list())
    )
    return queries.filter(known_user & known_item)[Columns.QUERY_ID].to_list()


def print_cadences(plan: CadencePlan, rows: Sequence[CadenceRow]) -> None:
    """Print a table of the arms."""
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table

    metric = find_task(plan.task).gate.metric
    table = Table(title=f"{plan.model} on {plan.task}: {metric} by cadence", box=SIMPLE_HEAD)
    for name in ("trained", "all queries", "old tastes", "fits after the first", "seconds"):
        table.add_column(name, justify="left" if name == "trained" else "right", no_wrap=True)
    for row in rows:
        figures = [
            f"{each.mean:.4f} [{each.low:.4f}, {each.high:.4f}]"
            for each in (row.accuracy, row.old_tastes)
        ]
        table.add_row(row.label, *figures, str(row.num_fits), f"{row.fit_seconds:.0f}")
    Console().print(table)
