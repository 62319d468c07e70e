"""Release: publish what deserves to serve, with its card, and make it champion.

The strongest baseline is published first and is the first champion, so a lost gate never leaves a
task unserved. Later a champion is replaced only by a challenger that passed the gate. Every judged
candidate becomes an MLflow run; a challenger that lost is published under the alias `challenger`.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lolomo.core.code_version import code_version
from lolomo.core.release import Card, Release, ReleaseStore
from lolomo.evaluation import Result, from_json, leaderboard_figure
from lolomo.runtimes.golden import GOLDEN, golden_of
from lolomo.training.pipelines.candidate import Candidate, load_candidate
from lolomo.training.pipelines.champion import champion_of
from lolomo.training.pipelines.context import StepContext
from lolomo.training.pipelines.evaluate import JUDGED, RESULTS
from lolomo.training.pipelines.steps import print_progress
from lolomo.training.pipelines.verdict import Verdict, read_verdict
from lolomo.training.tracking import CHALLENGER, CHAMPION, Tracker


def release(task: str, dataset: str, evaluation: str, verdict: str) -> str:
    """Publish and promote according to the gate's verdict, and record every run.

    Args:
        task: The task's name.
        dataset: The dataset's name.
        evaluation: Key of the task's `evaluate` step.
        verdict: Key of its `gate` step.

    Returns:
        The digest of the champion.
    """
    context = StepContext.open(task, dataset)
    folder = context.outcome(evaluation)
    decision = read_verdict(context.outcome(verdict))
    print_progress(0.1, "recording runs")
    runs = _record(context, folder, decision)
    print_progress(0.7, "publishing")
    champion = champion_of(context)
    if champion is None:
        champion = _promote(context, folder, decision, decision.baseline, runs)
    if decision.passed:
        champion = _promote(context, folder, decision, decision.candidate, runs)
    _offer_best_loser(context, folder, decision, runs)
    return champion.digest


def _promote(
    context: StepContext, folder: Path, decision: Verdict, key: str, runs: Mapping[str, str]
) -> Release:
    published = _publish(context, folder, decision, key)
    return promote(context, published, runs[published.card.model])


def promote(context: StepContext, published: Release, run_id: str) -> Release:
    """Make a release the champion, in MLflow first and by its pin last; return who is champion."""
    serving = champion_of(context)
    if serving is not None and serving.card.files == published.card.files:
        return serving
    Tracker(context.workspace).set_alias(published, CHAMPION, run_id)
    ReleaseStore(context.workspace.releases).pin(context.task.name, published.digest)
    return published


def _offer_best_loser(
    context: StepContext, folder: Path, decision: Verdict, runs: Mapping[str, str]
) -> None:
    """Publish the first challenger that lost, to be looked at beside the champion."""
    keys = json.loads((folder / JUDGED).read_text())["candidates"]
    losers = [name for name in decision.reasons if keys[name] != decision.candidate]
    if losers:
        published = _publish(context, folder, decision, keys[losers[0]])
        tracker = Tracker(context.workspace)
        tracker.set_alias(published, CHALLENGER, runs[published.card.model])


def _publish(context: StepContext, folder: Path, decision: Verdict, key: str) -> Release:
    model = Candidate.read(context.outcome(key)).model
    metrics = metrics_by_window(from_json((folder / RESULTS).read_text()), model)
    return publish(context, key, metrics, gate_entry(decision, key, model))


def publish(
    context: StepContext,
    key: str,
    metrics: Mapping[str, Mapping[str, float]],
    gate: Mapping[str, Any],
) -> Release:
    """Publish a candidate's fit at the test cut, with a request that it must always answer so.

    Args:
        context: The task.
        key: The candidate's `train` step.
        metrics: What it scored, by window.
        gate: What the card says of the gate.
    """
    candidate = Candidate.read(context.outcome(key))
    fold = context.folds.test
    export = candidate.exports[fold.name]
    card = Card(
        task=context.task.name,
        model=candidate.model,
        runtime=export.runtime,
        method=export.method,
        inputs=export.inputs,
        config=candidate.config,
        data_window=(context.log.manifest.first_timestamp.isoformat(), fold.fit_end.isoformat()),
        data_fingerprint=context.log.manifest.fingerprint,
        feature_service=context.features.service(context.task),
        reward=context.task.reward.reference,
        metrics=metrics,
        gate=gate,
        code_version=code_version(),
        seed=candidate.seed,
        continued_from=candidate.continued_from,
    )
    golden = golden_request(context, key, fold.name)
    store = ReleaseStore(context.workspace.releases)
    return store.publish(context.outcome(key) / fold.name, card, {GOLDEN: golden})


def golden_request(context: StepContext, key: str, cut: str) -> bytes:
    """Return a request about items of the catalogue, and what a candidate's fit answers to it."""
    loaded = load_candidate(context.outcome(key), cut)
    return golden_of(loaded, context.features.items_known.tolist())


def gate_entry(decision: Verdict, key: str, model: str) -> dict[str, Any]:
    """Return what a card says of the gate; only the challenger that won has passed it.

    The first champion of a task may not have passed: it is `first`, the best mean where nobody
    served.
    """
    won = decision.passed and key == decision.candidate
    return {
        "passed": won and not decision.first,
        "first": won and decision.first,
        "reason": decision.reasons.get(model, "the strongest baseline"),
        "figures": decision.figures.get(model, {}),
        "metric": decision.metric,
        "note": decision.note,
    }


def metrics_by_window(results: list[Result], model: str) -> dict[str, dict[str, float]]:
    """Return a model's figures by window, with the ends of their intervals."""
    figures: dict[str, dict[str, float]] = {}
    for result in results:
        if result.model == model:
            flat = figures.setdefault(result.window, {})
            for name, interval in result.metrics.items():
                flat |= {
                    name: interval.mean,
                    f"{name}.low": interval.low,
                    f"{name}.high": interval.high,
                }
    return figures


def _record(context: StepContext, folder: Path, decision: Verdict) -> dict[str, str]:
    """Record each judged candidate as an MLflow run; return run ids by model."""
    tracker = Tracker(context.workspace)
    results = from_json((folder / RESULTS).read_text())
    keys: dict[str, str] = json.loads((folder / JUDGED).read_text())["candidates"]
    figure = leaderboard_figure(results, context.workspace.reports / f"{context.task.name}.png")
    runs = {}
    for model, key in keys.items():
        candidate = Candidate.read(context.outcome(key))
        metrics = {
            f"{window}/{name}": value
            for window, values in metrics_by_window(results, model).items()
            for name, value in values.items()
        }
        params: dict[str, Any] = {"model": model, "role": candidate.role}
        params |= {f"fit_seconds.{cut}": value for cut, value in candidate.fit_seconds.items()}
        params |= {f"config.{name}": value for name, value in candidate.config.items()}
        params["gate"] = decision.reasons.get(model, "baseline")
        identity = f"{key}@{folder.name[-16:]}"
        runs[model] = tracker.record(context.task.name, identity, params, metrics, [figure])
    return runs
