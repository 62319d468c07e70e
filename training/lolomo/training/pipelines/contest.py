"""Contests: any model, of any configuration, judged like the others, outside the pipeline.

An *entrant* is a model of a task with a configuration, a seed and the freshness of its counts. It
goes through the very steps of the pipeline, prepare, train and judge, of which none is done twice:
a contest that was killed goes on where it was, and one that is asked again answers at once. Nothing
is released by it, and each look at the test window is recorded.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import polars as pl

from lolomo.core.progress import Progress, silent
from lolomo.core.settings import Settings
from lolomo.evaluation import FRESH, Freshness, Protocol, Result
from lolomo.tasks import find_task
from lolomo.training.looks import record_look
from lolomo.training.models import Role, models_for
from lolomo.training.pipelines.context import StepContext
from lolomo.training.pipelines.judge import JUDGEMENTS, METRICS, judge, read_result
from lolomo.training.pipelines.prepare import prepare
from lolomo.training.pipelines.steps import part_of_progress, progress_to
from lolomo.training.pipelines.train import SEED, FitOptions, train
from lolomo.training.pipelines.verdict import VERDICT, read_verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Entrant:
    """Who takes part."""

    task: str
    model: str
    config: Mapping[str, Any] = field(default_factory=dict)
    """Fields of the model's config that differ from its defaults."""
    seed: int = SEED
    freshness: Freshness = FRESH
    label: str = ""
    """How tables call it; the model's name if empty."""
    continue_from: str = ""
    """Digest of a release of the same model to go on from; "" to begin anew."""


@dataclass(frozen=True, slots=True)
class Judged:
    """What an entrant reached."""

    entrant: Entrant
    key: str
    """Of the `judge` step."""
    result: Result
    folder: Path
    """The step's outcome."""

    @property
    def name(self) -> str:
        """What tables call the entrant."""
        return self.entrant.label or self.entrant.model

    def per_query(self) -> pl.DataFrame:
        """Return each query's metrics, as `query_metrics` does."""
        return pl.read_parquet(self.folder / METRICS)

    def judgements(self) -> pl.DataFrame:
        """Return each query's ranks and best items, as `Judgements.table` does."""
        return pl.read_parquet(self.folder / JUDGEMENTS)


def enter(
    dataset: str,
    entrant: Entrant,
    window: str = "test",
    progress: Progress = silent,
    protocol: Protocol = "as-of",
) -> Judged:
    """Fit a model before a window and judge it there, unless it has been done.

    Args:
        dataset: The dataset's name.
        entrant: Who takes part.
        window: `validation` or `test`.
        progress: Told the fraction done.
        protocol: Which queries it is asked.

    Raises:
        ModelError: If the model has no role in the task, or the task no queries of that protocol.
    """
    task = entrant.task
    options = FitOptions(
        config=entrant.config,
        seed=entrant.seed,
        cuts=(window,),
        continue_from=entrant.continue_from,
    )
    with progress_to(progress):
        with part_of_progress(0, 4, "queries"):
            sources = sources_of(task, dataset)
            prepared = prepare(task, dataset, sources)
        with part_of_progress(1, 4):
            candidate = train(task, dataset, entrant.model, prepared, options)
        with part_of_progress(2, 4, "queries"):
            drawn = entrant.freshness if sources else FRESH
            asked = prepare(task, dataset, sources, protocol, drawn)
        with part_of_progress(3, 4):
            key = judge(task, dataset, asked, candidate, window, entrant.freshness)
    workspace = Settings.from_environment().workspace(dataset)
    folder = workspace.runs / key
    result = replace(read_result(folder), label=entrant.label)
    record_look(workspace, "contest", [result], key)
    return Judged(entrant, key, result, folder)


def sources_of(task: str, dataset: str) -> list[str]:
    """Return the steps of the models that a task's candidates are drawn with, in its order.

    These are the latest gates' winners, as in the pipeline; where a source's task has not been
    through the pipeline, its strongest baseline on the validation window, fitted here.
    """
    sources = find_task(task).candidates_from
    winners = []
    for index, source in enumerate(sources):
        with part_of_progress(index, len(sources), source):
            winner = _gated(source, dataset) or _strongest_baseline(source, dataset)
            winners.append(winner)
    return winners


def _gated(task: str, dataset: str) -> str:
    """Return the candidate that a task's latest gate on these data chose; "" if there is none."""
    runs = Settings.from_environment().workspace(dataset).runs
    verdicts = sorted(
        runs.glob(f"gate-{task}-*/{VERDICT}"), key=lambda path: path.parent.stat().st_mtime
    )
    for verdict in reversed(verdicts):
        key = read_verdict(verdict.parent).candidate
        if (runs / key).is_dir():
            return key
    return ""


def _strongest_baseline(task: str, dataset: str) -> str:
    """Fit the baselines of a task at every cut; return the best on the validation window."""
    prepared = prepare(task, dataset, ())
    window = StepContext.open(task, dataset).folds.validation.name
    metric = find_task(task).gate.metric
    names = [model.name for model in models_for(task) if model.roles[task] == Role.BASELINE]
    reached: dict[str, float] = {}
    for index, name in enumerate(names):
        with part_of_progress(index, len(names)):
            key = train(task, dataset, name, prepared)
            judged = judge(task, dataset, prepared, key, window)
            folder = Settings.from_environment().workspace(dataset).runs / judged
            reached[key] = read_result(folder).metrics[metric].mean
    return max(reached, key=lambda key: reached[key])
