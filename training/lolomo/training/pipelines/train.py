"""Train: one model of one task, fitted at each cut and exported as its runtime's files.

The fit at the validation cut is what the gate judges. The fit at the test cut has learned from
validation too; it is what the leaderboard reports, and what is released: what was measured serves.
The fit at the stacking cut, one window earlier, lets the task's proposals feed a ranker that must
not have seen proposals for events which their source was fitted on.
"""

import shutil
import time
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import polars as pl

from lolomo.core.errors import ModelError
from lolomo.core.files import digest_of
from lolomo.core.progress import Progress
from lolomo.evaluation import Fold
from lolomo.features import all_features
from lolomo.tasks import all_tasks
from lolomo.training.models import TrainingData, all_models
from lolomo.training.pipelines.candidate import Candidate
from lolomo.training.pipelines.context import StepContext
from lolomo.training.pipelines.steps import print_progress, run_step
from lolomo.training.rankings import Rankings

SEED = 20131


def train(task: str, dataset: str, model: str, prepared: str) -> str:
    """Write a candidate: `model` fitted at each cut of the task.

    Args:
        task: The task's name.
        dataset: The dataset's name.
        model: The model's registered name.
        prepared: Key of the task's `prepare` step.

    Returns:
        The step's key.

    Raises:
        ModelError: If the model is unknown or has no role in the task.
    """
    context = StepContext.open(task, dataset)
    recipe = all_models().get(model)
    if recipe is None or task not in recipe.roles:
        raise ModelError(
            f"received model {model!r} for task {task!r}: expected one of "
            f"{sorted(name for name, known in all_models().items() if task in known.roles)}"
        )

    inputs = context.inputs(model=model, config=asdict(recipe().config), prepared=prepared)
    scratch = context.workspace.runs / f".scratch-{digest_of(inputs)[:16]}"

    def write(folder: Path) -> None:
        cuts = cuts_of(context)
        exports, seconds = {}, {}
        for index, fold in enumerate(cuts):
            started = time.perf_counter()
            progress = _share(index, len(cuts), f"{model} before the {fold.name} window")
            data = _data(context, fold, prepared, recipe.reads)
            data = replace(data, progress=progress, scratch=scratch / fold.name)
            fitted = recipe()
            fitted.fit(data, np.random.default_rng(SEED))
            (folder / fold.name).mkdir()
            exports[fold.name] = fitted.export(folder / fold.name)
            seconds[fold.name] = round(time.perf_counter() - started, 2)
        Candidate(
            task=task,
            model=model,
            role=str(recipe.roles[task]),
            config=asdict(recipe().config),
            exports=exports,
            fit_seconds=seconds,
        ).write(folder)
        shutil.rmtree(scratch, ignore_errors=True)

    return run_step(context.workspace, f"train-{task}-{model}", inputs, write)


def cuts_of(context: StepContext) -> list[Fold]:
    """Return the windows before which the task's models are fitted, earliest first."""
    is_source = any(context.task.name in task.candidates_from for task in all_tasks().values())
    folds = context.folds
    cuts = [folds.validation, folds.test]
    return [folds.stacking, *cuts] if is_source else cuts


def _data(context: StepContext, fold: Fold, prepared: str, reads: tuple[str, ...]) -> TrainingData:
    task = context.task
    events = fold.fit_events(context.log.events())
    known = all_features()
    return TrainingData(
        task=task,
        events=events.filter(task.reward.of(events) > 0),
        items=context.log.items(),
        cut=fold.start,
        rankings=rankings_before(context, fold, prepared, reads),
        features=tuple(known[name] for name in task.features),
    )


def rankings_before(
    context: StepContext, fold: Fold, prepared: str, reads: tuple[str, ...]
) -> Rankings | None:
    """Return the ranking batches of the window just before a cut.

    None at the stacking cut, before which no queries were prepared, and where there are none.
    """
    folds = context.folds
    earlier = {folds.validation.name: folds.stacking, folds.test.name: folds.validation}
    window = earlier.get(fold.name)
    if window is None:
        return None
    queries = pl.read_parquet(context.outcome(prepared) / f"queries-{window.name}.parquet")
    if queries.is_empty():
        return None
    return Rankings(context.task, queries, context.features, context.known(window), reads)


def _share(index: int, total: int, subject: str) -> Progress:
    def progress(fraction: float, message: str) -> None:
        print_progress((index + min(1.0, max(0.0, fraction))) / total, f"{subject}: {message}")

    progress(0.0, "fitting")
    return progress
