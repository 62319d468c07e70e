"""Gate: which candidate deserves to serve, decided on validation alone.

It is decided by what the log of the task's own row says of each, where the task asks for that and
the log can be weighed; else by the task's metric (`gate_case`).

Challengers are tried best first. The first that is superior to the strongest baseline, and not
inferior to the champion, wins. If none is, nobody is displaced: the champion's recipe stays, if its
mean is above the strongest baseline's; and where nothing serves yet there is nobody to protect, so
the best mean is released, a baseline's included. The champion is compared by its recipe, fitted
anew on the same data (`champion`), since the fit that serves has learned from validation.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path

import polars as pl

from lolomo.core.recommender import Ranker, Retriever
from lolomo.evaluation import Contender, Decision, decide, from_json, strongest
from lolomo.training.models import Role
from lolomo.training.pipelines.candidate import Candidate, load_candidate
from lolomo.training.pipelines.champion import (
    Champion,
    champion_contender,
    champion_of,
    recipe_of,
)
from lolomo.training.pipelines.context import StepContext
from lolomo.training.pipelines.evaluate import JUDGED, RESULTS, metrics_file
from lolomo.training.pipelines.gate_case import Case, by_the_log
from lolomo.training.pipelines.steps import run_step
from lolomo.training.pipelines.verdict import VERDICT, Verdict


def gate(task: str, dataset: str, evaluation: str) -> str:
    """Write the verdict.

    Args:
        task: The task's name.
        dataset: The dataset's name.
        evaluation: Key of the task's `evaluate` step.

    Returns:
        The step's key.
    """
    context = StepContext.open(task, dataset)
    judged = context.outcome(evaluation)
    contenders, release = _contenders(context, judged), champion_of(context)
    prepared = json.loads((judged / JUDGED).read_text())["prepared"]
    champion = champion_contender(context, release, contenders, prepared)

    def write(folder: Path) -> None:
        verdict = _decide(context, judged, contenders, champion)
        (folder / VERDICT).write_text(json.dumps(asdict(verdict), indent=2))

    inputs = context.inputs(
        __name__,
        evaluation=evaluation,
        champion=release.digest if release else None,
        champion_judged=champion.step if champion else "",
        gate=asdict(context.task.gate),
    )
    return run_step(context.workspace, f"gate-{task}", inputs, write)


def _decide(
    context: StepContext,
    folder: Path,
    contenders: Mapping[str, Contender],
    champion: Champion | None,
) -> Verdict:
    keys = _keys(folder)

    def fit_of(model: str) -> Retriever | Ranker:
        return load_candidate(context.outcome(keys[model]), context.folds.validation.name)

    case = Case(context.task.gate, contenders, champion)
    return _verdict(context, by_the_log(context, case, fit_of), keys)


def _verdict(context: StepContext, case: Case, keys: Mapping[str, str]) -> Verdict:
    """Decide a case; challengers are tried best first."""
    rule, contenders, serving = case.rule, case.contenders, case.serving
    baselines = [contenders[model] for model, key in keys.items() if _is_baseline(context, key)]
    others = [each for each in contenders.values() if each not in baselines]
    best_baseline = strongest(rule, baselines or others)
    decisions: dict[str, Decision] = {}
    staying = [each for each in others if serving is None or each.identity == serving.identity]
    winner = strongest(rule, [best_baseline, *staying])
    for challenger in sorted(others, key=lambda each: -mean_of(rule.metric, each)):
        decisions[challenger.name] = decide(rule, challenger, baselines, serving)
        if decisions[challenger.name].passed:
            winner = challenger
            break
    return Verdict(
        candidate=keys[winner.name],
        baseline=keys[best_baseline.name],
        passed=winner is not best_baseline,
        reasons={name: decision.reason for name, decision in decisions.items()},
        figures={name: dict(decision.figures) for name, decision in decisions.items()},
        metric=rule.metric,
        note=case.note,
        first=serving is None
        and winner is not best_baseline
        and not any(decision.passed for decision in decisions.values()),
    )


def _keys(folder: Path) -> dict[str, str]:
    """Return by model the `train` step of what was evaluated."""
    keys: dict[str, str] = json.loads((folder / JUDGED).read_text())["candidates"]
    return keys


def _contenders(context: StepContext, folder: Path) -> dict[str, Contender]:
    """Return by model what the candidates of an evaluation reached on validation."""
    users = _num_users(context, folder)
    return {
        model: replace(_contender(context, folder, model, key), num_users=users.get(model))
        for model, key in _keys(folder).items()
    }


def _num_users(context: StepContext, folder: Path) -> dict[str, int]:
    """Return by model how many users its validation queries speak for."""
    window = context.folds.validation.name
    results = from_json((folder / RESULTS).read_text())
    return {result.model: result.num_users for result in results if result.window == window}


def _is_baseline(context: StepContext, key: str) -> bool:
    return Candidate.read(context.outcome(key)).role == Role.BASELINE


def mean_of(metric: str, contender: Contender) -> float:
    """Return a contender's mean of a metric over its queries."""
    mean = contender.per_query[metric].mean()
    return float(mean) if isinstance(mean, float) else 0.0


def _contender(context: StepContext, folder: Path, model: str, key: str) -> Contender:
    config = Candidate.read(context.outcome(key)).config
    per_query = pl.read_parquet(metrics_file(folder, model, context.folds.validation.name))
    return Contender(model, per_query, recipe_of(model, config))
