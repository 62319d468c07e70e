"""Tuning as one operation: a search for settings that goes on where it was killed.

Each trial is an entrant like any other, fitted before the validation window and judged in it; the
test window is never looked at. Where to look is declared beside the model (`Model.space`) or given.
Optuna chooses what to try next (TPE, Bergstra et al. 2011) and keeps the trials in an SQLite file
of the workspace. A study is known by all that its figures depend on, so that other data, code,
space or fixed settings begin another one. One process at a time works on a study: a trial that is
found running belonged to one that was killed, and its settings are tried anew.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lolomo.core.code_version import code_version
from lolomo.core.errors import ModelError
from lolomo.core.files import digest_of
from lolomo.core.progress import Progress, part_of
from lolomo.evaluation import Result
from lolomo.operations.named_models import WINDOW, check_needs
from lolomo.operations.trials_figure import draw_trials
from lolomo.training.models import Choice, Model, Space, config_from, find_model
from lolomo.training.pipelines.contest import Entrant, enter
from lolomo.training.pipelines.context import StepContext
from lolomo.training.pipelines.release import metrics_by_window
from lolomo.training.pipelines.train import SEED, FitOptions
from lolomo.training.tracking import Tracker

Settings = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tuning:
    """What to search for."""

    task: str
    model: str
    space: Mapping[str, Space] = field(default_factory=dict)
    """Where to look, by field of the config; where the model says if empty."""
    fixed: Settings = field(default_factory=dict)
    """Fields that differ from the config's defaults in every trial."""
    seed: int = SEED
    """Of the fits, and of what to try."""


@dataclass(frozen=True, slots=True)
class Tuned:
    """What a search came to."""

    settings: Settings
    """The best."""
    value: float
    """What they reach on validation, by the metric of the task's gate."""
    values: tuple[float, ...]
    """What each finished trial reached, in order."""
    num_new: int
    """How many trials this run has added."""
    figure: Path
    """A PNG of the search's course."""


def tune(dataset: str, tuning: Tuning, num_trials: int, progress: Progress) -> Tuned:
    """Search until so many trials are finished, those of earlier runs included.

    Raises:
        ModelError: If there is nowhere to look, or no trial could be fitted.
        DataError: If the data do not have what the task needs.
    """
    context = StepContext.open(tuning.task, dataset)
    check_needs(context)
    model = find_model(tuning.model)
    space = _checked_space(model, tuning)
    study = _study(context, tuning, space)
    runs = Tracker(context.workspace).under(
        tuning.task, f"tune {study.study_name}", {"model": tuning.model, **_words(space)}
    )

    def reached(settings: Settings, part: Progress) -> float:
        config = {**tuning.fixed, **settings}
        entrant = Entrant(task=tuning.task, model=tuning.model, config=config, seed=tuning.seed)
        judged = enter(dataset, entrant, WINDOW, part)
        figures = _figures(judged.result)
        runs.record(tuning.task, f"{study.study_name} {digest_of(config)[:8]}", config, figures)
        return judged.result.metrics[context.task.gate.metric].mean

    num_new = _run_trials(study, space, reached, num_trials, progress)
    values = tuple(trial.value for trial in _finished(study))
    if not values:
        reasons = sorted(set(_refused(study)))
        raise ModelError(f"received settings of which none could be fitted: {reasons}")
    metric = context.task.gate.metric
    path = context.workspace.reports / f"tune-{study.study_name}.png"
    figure = draw_trials(values, f"{tuning.model} on {tuning.task}", f"{metric}, {WINDOW}", path)
    return Tuned(study.best_params, study.best_value, values, num_new, figure)


def print_tuned(dataset: str, tuning: Tuning, tuned: Tuned) -> None:
    """Print the best settings, and how to use them."""
    from rich.console import Console

    changes = {**tuning.fixed, **tuned.settings}
    words = " ".join(f"--config {key}={json.dumps(value)}" for key, value in changes.items())
    console = Console(highlight=False, soft_wrap=True)
    console.print(
        f"{tuned.num_new} new trials, {len(tuned.values)} in all; the best reaches "
        f"[bold]{tuned.value:.4f}[/] on {WINDOW} with"
    )
    for key, value in tuned.settings.items():
        console.print(f"  {key} = {value}")
    console.print(f"course: {tuned.figure}")
    console.print(
        f"use it: lolomo train --task {tuning.task} --model {tuning.model} "
        f"--dataset {dataset} {words}"
    )


def _checked_space(model: type[Model[Any]], tuning: Tuning) -> Mapping[str, Space]:
    """Return where to look, having refused fields that the model does not have."""
    space = tuning.space or model.space
    if not space:
        raise ModelError(
            f"{model.name!r} does not say where to look for better settings: give fields of "
            f"{model.Config.__name__} by --space, such as epochs=1:10"
        )
    config_from(model, {**tuning.fixed, **{key: _example(each) for key, each in space.items()}})
    return space


def _example(space: Space) -> Any:
    return space.values[0] if isinstance(space, Choice) else space.low


def _words(space: Mapping[str, Space]) -> dict[str, str]:
    return {f"space.{key}": str(each) for key, each in space.items()}


def _figures(result: Result) -> dict[str, float]:
    values = metrics_by_window([result], result.model)[result.window]
    return {f"{result.window}/{name}": value for name, value in values.items()}


def _study(context: StepContext, tuning: Tuning, space: Mapping[str, Space]) -> Any:
    """Return the Optuna study of a search, begun or taken up again."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    inputs = {
        "data": context.log.manifest.fingerprint,
        "code": code_version(FitOptions.__module__, find_model(tuning.model).__module__),
        "space": _words(space),
        "fixed": dict(tuning.fixed),
        "seed": tuning.seed,
    }
    path = context.workspace.tracking / "studies.db"
    path.parent.mkdir(parents=True, exist_ok=True)
    study = optuna.create_study(
        storage=f"sqlite:///{path}",
        study_name=f"{tuning.task}-{tuning.model}-{digest_of(inputs)[:8]}",
        direction="maximize",
        load_if_exists=True,
    )
    # What is drawn next must not repeat what an earlier process drew from the same seed.
    study.sampler = optuna.samplers.TPESampler(seed=tuning.seed + len(study.trials))
    return study


def _run_trials(
    study: Any,
    space: Mapping[str, Space],
    reached: Callable[[Settings, Progress], float],
    num_trials: int,
    progress: Progress,
) -> int:
    """Try settings until enough trials are finished; return how many were finished here."""
    from optuna.trial import TrialState

    for trial in study.get_trials(states=[TrialState.RUNNING]):
        study.enqueue_trial(trial.params)
        study.tell(trial.number, state=TrialState.FAIL)
    num_new = 0
    while (num_done := len(_finished(study)) + len(_refused(study))) < num_trials:
        trial = study.ask()
        settings = {key: _suggested(trial, key, each) for key, each in space.items()}
        best = f", best {study.best_value:.4f}" if _finished(study) else ""
        part = part_of(progress, num_done, num_trials, f"{num_done + 1}/{num_trials}{best}")
        try:
            study.tell(trial, reached(settings, part))
            num_new += 1
        except ModelError as error:
            trial.set_user_attr(REFUSAL, str(error))
            study.tell(trial, state=TrialState.FAIL)
    return num_new


REFUSAL = "refusal"
"""Why the settings of a trial could not be fitted."""


def _finished(study: Any) -> list[Any]:
    from optuna.trial import TrialState

    trials: list[Any] = study.get_trials(states=[TrialState.COMPLETE])
    return trials


def _refused(study: Any) -> list[str]:
    return [trial.user_attrs[REFUSAL] for trial in study.trials if REFUSAL in trial.user_attrs]


def _suggested(trial: Any, name: str, space: Space) -> Any:
    if isinstance(space, Choice):
        return trial.suggest_categorical(name, space.values)
    if space.is_whole:
        return trial.suggest_int(name, space.low, space.high, log=space.log)
    return trial.suggest_float(name, space.low, space.high, log=space.log)
