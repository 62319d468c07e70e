"""Evaluation as one operation: any models, judged by the one protocol, side by side.

Entrants go through `contest.enter`: the pipeline's own steps, so that what it has fitted or judged
is not done again, and a long evaluation that was killed goes on where it was.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from typing import Any

import polars as pl

from lolomo.core.errors import DataError, ModelError
from lolomo.core.progress import Progress, part_of
from lolomo.core.settings import Settings
from lolomo.core.task import LabelKind, Task
from lolomo.evaluation import (
    FRESH,
    Comparison,
    Freshness,
    Interval,
    Protocol,
    over_seeds,
    paired_bootstrap,
    slices,
    to_json,
    to_table,
    traits,
)
from lolomo.events import EventLog
from lolomo.operations.training import split_by_needs
from lolomo.tasks import all_tasks
from lolomo.training.models import find_model, models_for
from lolomo.training.pipelines import with_sources
from lolomo.training.pipelines.contest import Entrant, Judged, enter
from lolomo.training.pipelines.context import StepContext
from lolomo.training.pipelines.train import SEED

MAX_METRICS = 6
"""How many a terminal's table shows where it is wide enough; `--json` has them all."""
WIDTH_OF_FIRST = 80
WIDTH_OF_OTHERS = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Variant:
    """A model with a configuration of its own, beside those that are as the pipeline fits them."""

    label: str
    """How tables call it."""
    model: str
    config: Mapping[str, Any]
    """Fields that differ from the defaults."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """What is to be judged."""

    tasks: tuple[str, ...] = ()
    """Names of tasks; all that the data allow if empty."""
    models: tuple[str, ...] = ()
    """Names of models, each in the tasks that it has a role in; the pipeline's if empty."""
    variants: tuple[Variant, ...] = ()
    """What takes part beside the models, in the tasks that its model has a role in."""
    alternatives: bool = False
    """Whether models that the pipeline leaves out take part as well."""
    window: str = "test"
    protocols: tuple[Protocol, ...] = ("as-of",)
    freshness: tuple[Freshness, ...] = (FRESH,)
    num_seeds: int = 1
    """How many fits of each model, from `SEED` on."""
    against: str = ""
    """Label of a variant, or name of a model that takes part whatever else is selected, to compare
    to; "" for none."""


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What was judged, and what was not."""

    dataset: str
    judged: tuple[Judged, ...]
    skipped: dict[str, str] = field(default_factory=dict)
    """Why not, by what was left out."""
    against: str = ""
    """The model or variant that the others are compared to; "" for none."""


def evaluate_models(
    settings: Settings, dataset: str, selection: Selection, progress: Progress
) -> Evaluation:
    """Fit and judge what is selected, as far as it has not been done.

    Args:
        settings: Where the workspace is.
        dataset: The dataset's name.
        selection: What to judge.
        progress: Told the fraction done.

    Raises:
        DataError: If the data allow no task that is selected.
        ModelError: If a model is unknown, or has no role in any task that is selected.
    """
    columns = EventLog(settings.workspace(dataset).events).manifest.columns
    tasks, skipped = split_by_needs(with_sources(selection.tasks), columns)
    wanted = set(selection.tasks or all_tasks())
    possible = [task for task in tasks if task.name in wanted]
    skipped = {task: reason for task, reason in skipped.items() if task in wanted}
    if not possible:
        raise DataError(f"no task can be evaluated on {dataset}: {skipped}")
    plan, unasked = _plan(possible, selection)
    judged: dict[str, Judged] = {}
    for index, (entrant, protocol) in enumerate(plan):
        subject = f"{entrant.task} {entrant.model}"
        share = part_of(progress, index, len(plan), subject)
        each = enter(dataset, entrant, selection.window, share, protocol)
        judged[each.key] = each
    return Evaluation(dataset, tuple(judged.values()), skipped | unasked, selection.against)


def _plan(
    tasks: Sequence[Task], selection: Selection
) -> tuple[list[tuple[Entrant, Protocol]], dict[str, str]]:
    """Return who is asked by which protocol, and which tasks one cannot be asked by."""
    for name in _named(selection):
        roles = find_model(name).roles
        if not any(task.name in roles for task in tasks):
            raise ModelError(
                f"received model {name!r} for {[task.name for task in tasks]}: expected some of "
                f"the tasks {sorted(roles)}"
            )
    plan: list[tuple[Entrant, Protocol]] = []
    skipped = {}
    for task, protocol in product(tasks, selection.protocols):
        if protocol == "static" and task.label.kind is not LabelKind.NEXT_ITEM:
            skipped[f"{task.name}, static"] = (
                f"it asks {task.label.kind.value!r}, which has no static queries"
            )
            continue
        # At the cut nothing is late: what is known then is all that there is.
        ages = (FRESH,) if protocol == "static" else selection.freshness
        for variant, age, seed in product(
            _variants(task, selection), ages, range(SEED, SEED + selection.num_seeds)
        ):
            entrant = Entrant(
                task=task.name,
                model=variant.model,
                config=variant.config,
                seed=seed,
                freshness=age,
                label=variant.label,
            )
            plan.append((entrant, protocol))
    return plan, skipped


def _named(selection: Selection) -> list[str]:
    """Return the names of all models that are asked for."""
    labels = {variant.label: variant.model for variant in selection.variants}
    named = [*selection.models, *labels.values()]
    return (
        [*named, labels.get(selection.against, selection.against)] if selection.against else named
    )


def _variants(task: Task, selection: Selection) -> list[Variant]:
    """Return what takes part in a task: models as they are, then variants."""
    usual = [Variant(label="", model=name, config={}) for name in _models(task, selection)]
    return usual + [
        each for each in selection.variants if task.name in find_model(each.model).roles
    ]


def _models(task: Task, selection: Selection) -> list[str]:
    usual = [model.name for model in models_for(task.name, alternatives=selection.alternatives)]
    chosen = selection.models or (() if selection.variants else usual)
    wanted = {*chosen, selection.against}
    names = [model.name for model in models_for(task.name, alternatives=True)]
    return [name for name in names if name in wanted]


def compare(evaluation: Evaluation) -> dict[str, Comparison]:
    """Compare each entrant to the model that was named for it, by `judge` step.

    Both answered the same queries, at equal freshness: a model that reads no counts is the same at
    any.
    """
    rivals = [each for each in evaluation.judged if each.name == evaluation.against]
    comparisons = {}
    for each in evaluation.judged:
        rival = next((rival for rival in rivals if _is_fair(each, rival)), None)
        if rival is not None and each not in rivals:
            metric = all_tasks()[each.result.task].gate.metric
            comparisons[each.key] = paired_bootstrap(each.per_query(), rival.per_query(), metric)
    return comparisons


def _is_fair(one: Judged, other: Judged) -> bool:
    a, b = one.result, other.result
    same = (a.task, a.window) == (b.task, b.window)
    return same and (a.freshness == b.freshness or b.freshness == "frozen")


def slice_table(evaluation: Evaluation) -> pl.DataFrame:
    """Return what each entrant reached in each group of queries, as `evaluation.slices` does."""
    tables = []
    for each in evaluation.judged:
        context = StepContext.open(each.result.task, evaluation.dataset)
        fold = getattr(context.folds, each.result.window.split(",")[0])
        groups = traits(each.judgements(), context.log.events(), fold)
        figures = slices(each.per_query(), groups, (context.task.gate.metric,))
        start = {"task": each.result.task, "model": each.name, "window": each.result.window}
        named = {**start, "freshness": each.result.freshness}
        columns = [pl.lit(value).alias(name) for name, value in named.items()]
        tables.append(figures.select(*columns, *figures.columns))
    return pl.concat(tables)


def as_json(evaluation: Evaluation) -> str:
    """Return everything for machines: results, their means over seeds, and comparisons."""
    results = [each.result for each in evaluation.judged]
    compared = compare(evaluation)
    rows = json.loads(to_json(results))
    for row, each in zip(rows, evaluation.judged, strict=True):
        row["key"] = each.key
        if each.key in compared:
            difference = compared[each.key].difference
            row["against"] = {
                "model": evaluation.against,
                "metric": compared[each.key].metric,
                "difference": difference.mean,
                "low": difference.low,
                "high": difference.high,
            }
    answer = {
        "dataset": evaluation.dataset,
        "results": rows,
        "over_seeds": json.loads(to_json(over_seeds(results))),
        "skipped": evaluation.skipped,
    }
    return json.dumps(answer, indent=2)


def print_evaluation(evaluation: Evaluation) -> None:
    """Print a table a task and window, best model first, and how each compares to one of them."""
    from rich.console import Console

    console = Console()
    compared = compare(evaluation)
    num_metrics = 2 + max(0, console.width - WIDTH_OF_FIRST) // WIDTH_OF_OTHERS
    groups: dict[tuple[str, str], list[Judged]] = {}
    for each in evaluation.judged:
        groups.setdefault((each.result.task, each.result.window), []).append(each)
    for (task, window), members in groups.items():
        rows = over_seeds([each.result for each in members])
        title = f"[bold]{task}[/], {window} window, {rows[0].num_users:,} users"
        console.print(to_table(rows, title=title, num_metrics=min(num_metrics, MAX_METRICS)))
        for each in members:
            if each.key in compared:
                sentence = _sentence(each, compared[each.key], evaluation.against)
                console.print(f"  {sentence}", highlight=False)
    for what, reason in evaluation.skipped.items():
        console.print(f"skipped {what}: {reason}", highlight=False)


def print_slices(evaluation: Evaluation) -> None:
    """Print what each entrant reached in each group of queries."""
    from rich.console import Console
    from rich.table import Table

    for (task, window, trait), part in slice_table(evaluation).group_by(
        "task", "window", "trait", maintain_order=True
    ):
        table = Table(title=f"[bold]{task}[/], {window} window, by {trait}", title_justify="left")
        for name in ("model", "counts", "group", "queries", str(part["metric"][0])):
            table.add_column(name)
        for row in part.sort("group", maintain_order=True).iter_rows(named=True):
            figure = str(Interval(row["mean"], row["low"], row["high"]))
            start = (row["model"], row["freshness"], row["group"], f"{row['num_queries']:,}")
            table.add_row(*start, figure)
        Console().print(table)


def _sentence(judged: Judged, comparison: Comparison, against: str) -> str:
    difference = comparison.difference
    verb = "beats" if difference.low > 0 else "does not beat"
    return (
        f"{judged.name} ({judged.result.freshness}, seed {judged.result.seed}) {verb} {against}: "
        f"{comparison.metric} {difference.mean:+.4f} "
        f"[{difference.low:+.4f}, {difference.high:+.4f}]"
    )
