"""Train: one model of one task, fitted at each cut and exported as its runtime's files.

The fit at the validation cut is what the gate judges. The fit at the test cut has learned from
validation too; it is what the leaderboard reports, and what is released: what was measured serves.
The fit at the stacking cut, one window earlier, lets the task's proposals feed a ranker that must
not have seen proposals for events which their source was fitted on.

Each fit is a step of its own, so that whoever asks for the same one, be it the pipeline, a search
for settings or a report, finds it done. A candidate gathers the fits of one model.
"""

import json
import os
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from lolomo.core.columns import Columns, Kind
from lolomo.core.errors import ModelError
from lolomo.core.files import digest_of
from lolomo.core.release import Release, ReleaseStore
from lolomo.evaluation import Fold
from lolomo.features import all_features
from lolomo.tasks import all_tasks
from lolomo.training.models import Export, Model, TrainingData, all_models, config_from
from lolomo.training.models.data import HistoryValues, ItemValues
from lolomo.training.models.model import Fitted
from lolomo.training.pipelines.candidate import Candidate, export_from
from lolomo.training.pipelines.context import StepContext
from lolomo.training.pipelines.steps import part_of_progress, print_progress, run_step
from lolomo.training.rankings import Rankings
from lolomo.training.stored_queries import StoredQueries

SEED = 20131
FIT = "fit.json"
FILES = "files"


@dataclass(frozen=True, slots=True, kw_only=True)
class FitOptions:
    """How to fit, where it is not as the pipeline does."""

    config: Mapping[str, Any] = field(default_factory=dict)
    """Fields of the model's config that differ from its defaults."""
    seed: int = SEED
    """Of all that the fit draws."""
    cuts: tuple[str, ...] = ()
    """Names of the windows to fit before; what the pipeline needs if empty."""
    continue_from: str = ""
    """Digest of a release of the same model to go on from; "" to begin anew."""
    quick: bool = False
    """Whether to fit by the model's `quick` config, where `config` says nothing else."""


@dataclass(frozen=True, slots=True)
class _Recipe:
    """What is fitted: a model of a task with its configuration, and what it goes on from."""

    model: type[Model[Any]]
    config: Any
    options: FitOptions
    former: Release | None


def train(
    task: str, dataset: str, model: str, prepared: str, options: FitOptions | None = None
) -> str:
    """Write a candidate: `model` fitted at each cut of the task.

    Args:
        task: The task's name.
        dataset: The dataset's name.
        model: The model's registered name.
        prepared: Key of the task's `prepare` step.
        options: How to fit.

    Returns:
        The step's key.

    Raises:
        ModelError: If the model is unknown, has no role in the task, or cannot be fitted so.
    """
    context = StepContext.open(task, dataset)
    recipe = _recipe(context, model, options or FitOptions())
    cuts = _cuts(context, recipe.options.cuts)
    fits = {}
    for index, fold in enumerate(cuts):
        with part_of_progress(index, len(cuts), f"{model} before the {fold.name} window"):
            fits[fold.name] = _fit(context, recipe, fold, prepared)
    role = str(recipe.model.roles[task])

    def write(folder: Path) -> None:
        exports, seconds = {}, {}
        for cut, key in fits.items():
            fit = context.outcome(key)
            shutil.copytree(fit / FILES, folder / cut, copy_function=os.link)
            exports[cut], seconds[cut] = read_fit(fit)
        Candidate(
            task=task,
            model=model,
            role=role,
            config=asdict(recipe.config),
            exports=exports,
            fit_seconds=seconds,
            seed=recipe.options.seed,
            fits=fits,
            continued_from=recipe.options.continue_from,
        ).write(folder)

    return run_step(context.workspace, f"train-{task}-{model}", {"fits": fits, "role": role}, write)


def _recipe(context: StepContext, name: str, options: FitOptions) -> _Recipe:
    """Return what to fit, or say why it cannot be fitted."""
    task, known = context.task.name, all_models()
    model = known.get(name)
    if model is None or task not in model.roles:
        fitting = sorted(each for each, recipe in known.items() if task in recipe.roles)
        raise ModelError(f"received model {name!r} for task {task!r}: expected one of {fitting}")
    quick = model.quick if options.quick else {}
    config = config_from(model, {**quick, **options.config})
    if not options.continue_from:
        return _Recipe(model, config, options, None)
    former = ReleaseStore(context.workspace.releases).open(options.continue_from)
    if (former.card.task, former.card.model) != (task, name):
        raise ModelError(
            f"received {former.name} to go on from: expected a release of {task}/{name}"
        )
    if not model.continues:
        raise ModelError(
            f"{name!r} does not go on from an earlier release: it is fitted anew on all events, "
            "which knows new users and items just as well; leave `--from` out"
        )
    return _Recipe(model, config, options, former)


def _fit(context: StepContext, recipe: _Recipe, fold: Fold, prepared: str) -> str:
    """Write one fit: the exported files, and what they are; return the step's key."""
    options, model = recipe.options, recipe.model
    _check_no_leak(recipe.former, fold)
    inputs = context.inputs(
        __name__,
        model.__module__,
        model=model.name,
        config=asdict(recipe.config),
        seed=options.seed,
        continue_from=options.continue_from,
        prepared=prepared,
        cut=fold.name,
    )
    scratch = context.workspace.runs / f".scratch-{digest_of(inputs)[:16]}"

    def fitted(name: str) -> Fitted:
        other = _recipe(context, name, FitOptions(seed=options.seed, quick=options.quick))
        outcome = context.outcome(_fit(context, other, fold, prepared))
        return Fitted(outcome / FILES, read_fit(outcome)[0])

    def earlier() -> Fitted | None:
        before = [each for each in _all_folds(context) if each.end_row <= fold.start_row]
        if not before:
            return None
        outcome = context.outcome(_fit(context, recipe, before[-1], prepared))
        return Fitted(outcome / FILES, read_fit(outcome)[0])

    def write(folder: Path) -> None:
        data = replace(
            training_data(context, fold, prepared, model.reads),
            progress=print_progress,
            scratch=scratch,
            continue_from=recipe.former.path if recipe.former else None,
            fitted=fitted,
            earlier=earlier,
        )
        write_fit(folder, model(recipe.config), data, options.seed)
        shutil.rmtree(scratch, ignore_errors=True)

    name = f"fit-{context.task.name}-{model.name}-{fold.name}"
    return run_step(context.workspace, name, inputs, write)


def write_fit(folder: Path, model: Model[Any], data: TrainingData, seed: int) -> None:
    """Fit a model, and write what it exports and what that is."""
    started = time.perf_counter()
    model.fit(data, np.random.default_rng(seed))
    (folder / FILES).mkdir()
    export = model.export(folder / FILES)
    seconds = round(time.perf_counter() - started, 2)
    (folder / FIT).write_text(json.dumps({"export": asdict(export), "seconds": seconds}))


def read_fit(folder: Path) -> tuple[Export, float]:
    """Return what a fit exported, and how many seconds it took."""
    said = json.loads((folder / FIT).read_text())
    return export_from(said["export"]), said["seconds"]


def _check_no_leak(former: Release | None, fold: Fold) -> None:
    """Refuse to go on from a release that has learned from the window to be judged in."""
    if former and datetime.fromisoformat(former.card.data_window[1]) >= fold.fit_end:
        raise ModelError(
            f"received {former.name}, which has learned from events until "
            f"{former.card.data_window[1]}, to go on from before the {fold.name} window, which "
            f"begins {fold.start.isoformat()}: expected new events between the two; import them "
            "first, or go on from an older release"
        )


def _cuts(context: StepContext, names: tuple[str, ...]) -> list[Fold]:
    """Return the windows of the given names, earliest first; those of the pipeline if none."""
    folds = {fold.name: fold for fold in _all_folds(context)}
    unknown = sorted(set(names) - folds.keys())
    if unknown:
        raise ModelError(f"received cuts {unknown}: expected some of {list(folds)}")
    return [fold for name, fold in folds.items() if name in names] or cuts_of(context)


def _all_folds(context: StepContext) -> list[Fold]:
    folds = context.folds
    return [folds.warm_up, folds.stacking, folds.validation, folds.test]


def cuts_of(context: StepContext) -> list[Fold]:
    """Return the windows before which the task's models are fitted, earliest first."""
    is_source = any(context.task.name in task.candidates_from for task in all_tasks().values())
    return _all_folds(context)[0 if is_source else 2 :]


def training_data(
    context: StepContext, fold: Fold, prepared: str, reads: tuple[str, ...]
) -> TrainingData:
    """Return what a model of the task may learn from before a window.

    Args:
        context: The task.
        fold: The window.
        prepared: Key of the task's `prepare` step.
        reads: Which features rankings must have; all if empty.
    """
    task = context.task
    events = fold.fit_events(context.log.events())
    known = all_features()
    data = TrainingData(
        task=task,
        events=events.filter(task.reward.of(events) > 0),
        items=context.log.items(),
        users=context.log.users(),
        cut=fold.start,
        rankings=rankings_before(context, fold, prepared, reads),
        impressions=_impressions(context, fold),
        features=tuple(known[name] for name in task.features),
    )
    values = _item_values(context, data)
    return replace(data, item_values=values, history_values=_history_values(context))


def _impressions(context: StepContext, fold: Fold) -> Callable[[], pl.DataFrame] | None:
    """Return what reads what was shown before a window; None where the log does not say where."""
    if Columns.POSITION not in context.log.manifest.columns:
        return None
    shown = pl.col(Columns.KIND) == Kind.IMPRESSION
    return lambda: fold.fit_events(context.log.events()).filter(shown)


def _item_values(context: StepContext, data: TrainingData) -> ItemValues:
    """Return what reads features of the data's items at past times."""
    open_timeline = cache(context.features.item_timeline)

    def values(
        timestamps: NDArray[np.int64], features: Sequence[str]
    ) -> dict[str, NDArray[np.float32]]:
        timeline = open_timeline()
        places = np.searchsorted(timeline.item_ids.astype(str), data.item_ids().astype(str))
        found = timeline.at(timestamps, features)
        return {name: value[:, places] for name, value in found.items()}

    return values


def _history_values(context: StepContext) -> HistoryValues:
    """Return what reads features of past queries' candidates, from the log on first use."""
    open_features = cache(context.features.history_features)
    return lambda query, names: open_features().of(query, names)


def rankings_before(
    context: StepContext, fold: Fold, prepared: str, reads: tuple[str, ...]
) -> Rankings | None:
    """Return the ranking batches of the windows before a cut.

    These are the two latest where each query has candidates of its own, as a ranker of many
    features needs many queries; a single one where each query asks about the whole catalogue. None
    at the earliest cut, before which no queries were prepared, and where there are none.
    """
    earlier = [each for each in _all_folds(context) if each.end_row <= fold.start_row]
    windows = earlier[-2:] if context.task.has_candidates else earlier[-1:]
    if not windows:
        return None
    files = tuple(context.learned_file(prepared, window.name) for window in windows)
    queries = StoredQueries(files)
    if not queries.height:
        return None
    return Rankings(context.task, queries, context.features, context.known(windows[-1]), reads)
