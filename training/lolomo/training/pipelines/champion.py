"""The champion as a contender: by its recipe, fitted anew before the validation window.

The fit that serves has learned from validation, and would be beaten there by nobody. So the recipe
on its release card, model, config and seed, is judged as a challenger's is. It is one of the run's
contenders already if nothing has changed; one that was fitted quickly is the recipe that is spared.
Where the run has another recipe, since a default was changed or the champion was trained by name,
the champion's is fitted and judged here, in steps like any other, and is never released. Only a
recipe that today's code cannot fit is judged as it serves, which favours it; the verdict says so.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

import polars as pl

from lolomo.core.errors import ModelError
from lolomo.core.recommender import Ranker, Retriever
from lolomo.core.release import Card, Release, ReleaseStore
from lolomo.evaluation import Contender
from lolomo.runtimes import load
from lolomo.training.models import all_models, config_from
from lolomo.training.pipelines.candidate import Candidate, load_candidate
from lolomo.training.pipelines.context import StepContext
from lolomo.training.pipelines.judge import METRICS, judge, judge_window, metrics_of, read_result
from lolomo.training.pipelines.prepare import Prepared
from lolomo.training.pipelines.steps import part_of_progress
from lolomo.training.pipelines.train import FitOptions, train


@dataclass(frozen=True, slots=True, kw_only=True)
class Champion:
    """Who serves, as challengers are compared with it."""

    contender: Contender
    """What its recipe reached on validation."""
    load: Callable[[], Retriever | Ranker] | None = None
    """Loads what reached it; None if it is one of the run's contenders."""
    step: str = ""
    """Key of the `judge` step of the recipe that was fitted for this comparison alone."""
    note: str = ""
    """Why it is not compared by its recipe."""


def champion_of(context: StepContext) -> Release | None:
    """Return the release that serves the task now, checked; None before the first."""
    store = ReleaseStore(context.workspace.releases)
    digest = store.pins().get(context.task.name)
    return store.open(digest) if digest else None


def recipe_of(model: str, config: Mapping[str, Any]) -> str:
    """Return what makes two fits the same model: its name and configuration."""
    return f"{model} {json.dumps(config, sort_keys=True)}"


def champion_contender(
    context: StepContext,
    release: Release | None,
    contenders: Mapping[str, Contender],
    prepared: str,
) -> Champion | None:
    """Return the champion as compared on validation, fitted anew if need be; None without one.

    Args:
        context: The task.
        release: What serves.
        contenders: Who was judged; the champion's recipe may be among them.
        prepared: Key of the step with the queries to fit and judge it on if it is not.
    """
    if release is None:
        return None
    card, recipes = release.card, _recipes(release.card)
    for contender in contenders.values():
        if contender.identity in recipes:
            return Champion(contender=contender)
    try:
        with part_of_progress(0, 2):
            fitted = _fit_anew(context, card, prepared)
    except ModelError as error:
        return _as_it_serves(context, release, prepared, f"its recipe cannot be fitted: {error}")
    window = context.folds.validation.name
    with part_of_progress(1, 2, f"the champion on the {window} window"):
        step = judge(context.task.name, context.dataset, prepared, fitted, window)
    folder = context.outcome(step)
    per_query, num_users = pl.read_parquet(folder / METRICS), read_result(folder).num_users
    return Champion(
        contender=Contender(card.model, per_query, recipes[0], num_users),
        load=partial(load_candidate, context.outcome(fitted), window),
        step=step,
    )


def fit_beside(task: str, dataset: str, candidates: Sequence[str], prepared: str) -> None:
    """Fit the champion's recipe beside its own model's, if that has another one by now.

    The gate would do so as well, but on a machine that has no GPU.

    Args:
        task: The task's name.
        dataset: The dataset's name.
        candidates: Keys of `train` steps that were done here.
        prepared: Key of the task's `prepare` step.
    """
    context = StepContext.open(task, dataset)
    release = champion_of(context)
    fitted = [Candidate.read(context.outcome(key)) for key in candidates]
    if release is None or release.card.model not in {each.model for each in fitted}:
        return
    if {recipe_of(each.model, each.config) for each in fitted}.isdisjoint(_recipes(release.card)):
        with suppress(ModelError):  # the gate says why
            _fit_anew(context, release.card, prepared)


def _recipes(card: Card) -> tuple[str, str]:
    """Return the recipe that is on a card, and the whole one if that is a quick one."""
    config = _read_today(card)
    return recipe_of(card.model, config), recipe_of(card.model, _whole(card.model, config))


def _fit_anew(context: StepContext, card: Card, prepared: str) -> str:
    """Fit a card's recipe before validation; return the key of its `train` step."""
    options = FitOptions(
        config=card.config,
        seed=card.seed,
        cuts=(context.folds.validation.name,),
        quick=Prepared.read(context.outcome(prepared)).quick,
    )
    return train(context.task.name, context.dataset, card.model, prepared, options)


def _as_it_serves(context: StepContext, release: Release, prepared: str, reason: str) -> Champion:
    """Judge the very fit that serves."""
    card, fold = release.card, context.folds.validation
    queries = pl.read_parquet(context.queries_file(prepared, fold.name))
    table = judge_window(context, fold, queries, load(release))
    recipe = recipe_of(card.model, card.config)
    return Champion(
        contender=Contender(card.model, metrics_of(context, fold, table), recipe),
        load=partial(load, release),
        note=f"the champion was judged as it serves, which favours it, since {reason}",
    )


def _read_today(card: Card) -> Mapping[str, Any]:
    """Return a card's config as today's code reads it; as it stands if it cannot.

    A field that is newer than the card has its default.
    """
    model = all_models().get(card.model)
    try:
        return asdict(config_from(model, card.config)) if model else card.config
    except ModelError:
        return card.config


def _whole(name: str, config: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the config that a quick one stands for, and any other as it is.

    So what a demonstration released gives way to the same model fitted in earnest.
    """
    model = all_models().get(name)
    if model is None or not model.quick:
        return config
    quick, default = asdict(config_from(model, model.quick)), asdict(model.Config())
    is_quick = all(
        json.dumps(config.get(field)) == json.dumps(quick[field]) for field in model.quick
    )
    return {**config, **{field: default[field] for field in model.quick}} if is_quick else config
