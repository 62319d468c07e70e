"""A case before the gate: who is compared with whom, and by what.

A task may ask first what the log of its own row says of each contender (`logged_rows`). One metric
must speak for all: where the log refuses a single contender, the task's other metric decides.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Final

from lolomo.core.columns import Columns
from lolomo.core.recommender import Ranker, Retriever
from lolomo.core.release import Release
from lolomo.core.task import Gate
from lolomo.evaluation import Contender
from lolomo.runtimes import load
from lolomo.training.pipelines.context import StepContext
from lolomo.training.pipelines.logged_rows import METRIC, LoggedRows, refusal

CHAMPION: Final = "the champion"
"""Whose recipe is none of the contenders'."""


@dataclass(frozen=True, slots=True)
class Case:
    """What a gate decides."""

    rule: Gate
    contenders: Mapping[str, Contender]
    """By model."""
    serving: Contender | None
    """The champion as it is compared, one of the contenders if its recipe is among them."""
    note: str = ""
    """Why not by what would have been asked first."""


def by_the_log(
    context: StepContext,
    case: Case,
    fit_of: Callable[[str], Retriever | Ranker],
    champion: Release | None,
) -> Case:
    """Return the case by what the log says, or with a note of why it says nothing.

    Args:
        context: The task.
        case: As judged by the task's metric.
        fit_of: From a contender's model to its fit before the validation window.
        champion: Who serves.
    """
    if not case.rule.off_policy or Columns.PROPENSITY not in context.log.events().columns:
        return case
    logged = LoggedRows.of(context, context.folds.validation)
    if logged is None:
        return replace(case, note="no row of this task was logged with its propensities")
    judged: dict[str, Contender] = {}
    fits = dict.fromkeys(case.contenders, fit_of)
    if case.serving is not None and champion and case.serving not in case.contenders.values():
        fits[CHAMPION] = lambda _: load(champion)
    for model, fit in fits.items():
        terms = logged.weigh(fit(model))
        if reason := refusal(terms):
            return replace(case, note=f"the log says nothing of {model}: {reason}")
        before = case.contenders.get(model) or case.serving
        if before is not None:
            judged[model] = replace(before, per_query=logged.per_query(terms))
    serving = judged.pop(CHAMPION, None)
    if serving is None and case.serving is not None:
        serving = next(each for each in judged.values() if each.identity == case.serving.identity)
    return Case(replace(case.rule, metric=METRIC), judged, serving)
