"""Training named models as one operation: fitted, judged on validation, held to the gate, released.

The pipeline trains what a task is known to need. This is for everything else: an alternative, other
settings, another seed, going on from an earlier release. The steps are the pipeline's own, so that
what either has done the other finds done. The test window is not looked at.

Every model trained so becomes a release. The best that passes the gate becomes champion. The best
of the others gets the alias `challenger`; a release that is not champion serves nobody.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime

from lolomo.core.errors import DataError
from lolomo.core.progress import Progress, part_of
from lolomo.core.recommender import Ranker, Retriever
from lolomo.core.release import Release, ReleaseStore
from lolomo.evaluation import Contender, Decision, decide
from lolomo.training.models import Role, config_from, find_model, models_for
from lolomo.training.pipelines.candidate import load_candidate
from lolomo.training.pipelines.champion import champion_contender, champion_of, recipe_of
from lolomo.training.pipelines.contest import Entrant, Judged, enter, sources_of
from lolomo.training.pipelines.context import StepContext
from lolomo.training.pipelines.gate import mean_of
from lolomo.training.pipelines.gate_case import Case, by_the_log
from lolomo.training.pipelines.prepare import prepare
from lolomo.training.pipelines.release import metrics_by_window, promote, publish
from lolomo.training.pipelines.steps import progress_to
from lolomo.training.pipelines.train import FitOptions, train
from lolomo.training.tracking import CHALLENGER, Tracker

WINDOW = "validation"
NOT_JUDGED = "not judged: the release that it goes on from has learned from the validation window"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one model."""

    model: str
    judged: Judged | None
    """None where the release that it goes on from has learned from the window."""
    decision: Decision
    release: Release
    run_id: str
    """Its run in MLflow."""
    is_champion: bool


@dataclass(frozen=True, slots=True)
class Training:
    """What training named models came to."""

    baselines: tuple[Judged, ...]
    outcomes: tuple[Outcome, ...]
    """Best first."""


def train_models(
    dataset: str, task: str, models: Sequence[str], options: FitOptions, progress: Progress
) -> Training:
    """Fit models, judge them beside the task's baselines, and publish them.

    Args:
        dataset: The dataset's name.
        task: The task's name.
        models: Names of models with a role in it.
        options: How to fit them; its `cuts` are not read.
        progress: Told the fraction done.

    Raises:
        DataError: If the data do not have what the task needs.
        ModelError: If a model has no role in the task, or cannot be fitted so.
    """
    context = StepContext.open(task, dataset)
    check_needs(context)
    simple = [model.name for model in models_for(task) if model.roles[task] == Role.BASELINE]
    judgeable = () if _has_seen_validation(context, options) else models
    judged = _judge_all(context, judgeable, options, part_of(progress, 0, 3))
    baselines = _judge_all(context, simple, FitOptions(), part_of(progress, 1, 3))
    outcomes: list[Outcome] = []
    with progress_to(part_of(progress, 2, 3, "release")):
        decisions = _decisions(context, judged, baselines)
        for model in decisions or models:
            decision = decisions.get(model, Decision(False, NOT_JUDGED, {}))
            if any(outcome.is_champion for outcome in outcomes):
                decision = replace(decision, passed=False)
            outcomes.append(_release(context, model, judged.get(model), decision, options))
        losers = [outcome for outcome in outcomes if not outcome.is_champion]
        if losers:
            tracker = Tracker(context.workspace)
            tracker.set_alias(losers[0].release, CHALLENGER, losers[0].run_id)
    return Training(tuple(baselines.values()), tuple(outcomes))


def check_needs(context: StepContext) -> None:
    """Refuse a task for which the data lack something.

    Raises:
        DataError: If they do.
    """
    missing = context.task.missing(context.log.manifest.columns)
    if missing:
        raise DataError(
            f"task {context.task.name!r} needs {', '.join(missing)}, which {context.dataset!r} "
            "does not have: map the columns if the source has them, or choose another task"
        )


def _has_seen_validation(context: StepContext, options: FitOptions) -> bool:
    if not options.continue_from:
        return False
    former = ReleaseStore(context.workspace.releases).open(options.continue_from)
    return datetime.fromisoformat(former.card.data_window[1]) >= context.folds.validation.fit_end


def _judge_all(
    context: StepContext, models: Sequence[str], options: FitOptions, progress: Progress
) -> dict[str, Judged]:
    """Return models as judged on validation, by name."""
    return {
        model: enter(
            context.dataset,
            Entrant(
                task=context.task.name,
                model=model,
                config=options.config,
                seed=options.seed,
                continue_from=options.continue_from,
            ),
            WINDOW,
            part_of(progress, place, len(models), model),
        )
        for place, model in enumerate(models)
    }


def _decisions(
    context: StepContext, judged: Mapping[str, Judged], baselines: Mapping[str, Judged]
) -> dict[str, Decision]:
    """Return what the gate says of each model that was judged, best first."""
    if not judged:
        return {}
    everyone = {**baselines, **judged}
    contenders = {model: _contender(each) for model, each in everyone.items()}
    serving = champion_contender(context, champion_of(context), contenders, _prepared(context))
    case = by_the_log(
        context,
        Case(context.task.gate, contenders, serving),
        lambda model: _fit(context, everyone[model].entrant),
    )
    metric = case.rule.metric
    rivals = [case.contenders[model] for model in baselines]
    ordered = sorted(judged, key=lambda model: -mean_of(metric, case.contenders[model]))
    return {
        model: replace(
            decision := decide(case.rule, case.contenders[model], rivals, case.serving),
            reason=f"{decision.reason}; {case.note}" if case.note else decision.reason,
        )
        for model in ordered
    }


def _fit(context: StepContext, entrant: Entrant) -> Retriever | Ranker:
    """Load an entrant's fit before the window, which is there since it was judged."""
    options = FitOptions(
        config=entrant.config,
        seed=entrant.seed,
        cuts=(WINDOW,),
        continue_from=entrant.continue_from,
    )
    key = train(context.task.name, context.dataset, entrant.model, _prepared(context), options)
    return load_candidate(context.outcome(key), WINDOW)


def _contender(judged: Judged) -> Contender:
    entrant = judged.entrant
    config = asdict(config_from(find_model(entrant.model), entrant.config))
    recipe = recipe_of(entrant.model, config)
    return Contender(entrant.model, judged.per_query(), recipe, judged.result.num_users)


def _prepared(context: StepContext) -> str:
    task, dataset = context.task.name, context.dataset
    return prepare(task, dataset, sources_of(task, dataset))


def _release(
    context: StepContext,
    model: str,
    judged: Judged | None,
    decision: Decision,
    options: FitOptions,
) -> Outcome:
    """Publish the fit at the test cut, recorded in MLflow, as champion if it passed."""
    cuts = (WINDOW, context.folds.test.name) if judged else (context.folds.test.name,)
    task = context.task.name
    key = train(task, context.dataset, model, _prepared(context), replace(options, cuts=cuts))
    metrics = metrics_by_window([judged.result], model) if judged else {}
    published = publish(context, key, metrics, asdict(decision))
    figures = {f"{WINDOW}/{name}": value for name, value in metrics.get(WINDOW, {}).items()}
    params = {"model": model, "seed": options.seed, "gate": decision.reason}
    params |= {f"config.{name}": value for name, value in published.card.config.items()}
    run_id = Tracker(context.workspace).record(task, f"{key}@{WINDOW}", params, figures)
    champion = promote(context, published, run_id) if decision.passed else None
    return Outcome(model, judged, decision, published, run_id, champion == published)
