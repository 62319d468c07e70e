"""A case before the gate: who is compared with whom, and by what.

A task may ask first what the log of its own row says of each contender (`logged_rows`). One metric
must speak for all: where the log refuses a single contender, the task's other metric decides.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

from lolomo.core.columns import Columns
from lolomo.core.recommender import Ranker, Retriever
from lolomo.core.task import Gate
from lolomo.evaluation import Contender
from lolomo.training.pipelines.champion import Champion
from lolomo.training.pipelines.context import StepContext
from lolomo.training.pipelines.logged_rows import METRIC, LoggedRows, refusal

CHAMPION: Final = "the champion"
"""Whose recipe is none of the run's."""


@dataclass(frozen=True, slots=True)
class Case:
    """What a gate decides."""

    rule: Gate
    contenders: Mapping[str, Contender]
    """By model."""
    champion: Champion | None
    """Who serves; its contender is one of the contenders if its recipe is among them."""
    log_note: str = ""
    """Why not by what would have been asked first."""

    @property
    def serving(self) -> Contender | None:
        """The champion as it is compared."""
        return self.champion.contender if self.champion else None

    @property
    def note(self) -> str:
        """What readers of the decision must know."""
        notes = self.log_note, self.champion.note if self.champion else ""
        return "; ".join(note for note in notes if note)


def by_the_log(
    context: StepContext, case: Case, fit_of: Callable[[str], Retriever | Ranker]
) -> Case:
    """Return the case by what the log says, or with a note of why it says nothing.

    Args:
        context: The task.
        case: As judged by the task's metric.
        fit_of: From a contender's model to its fit before the validation window.
    """
    if not case.rule.off_policy or Columns.PROPENSITY not in context.log.events().columns:
        return case
    logged = LoggedRows.of(context, context.folds.validation)
    if logged is None:
        return replace(case, log_note="no row of this task was logged with its propensities")
    champion, everyone = case.champion, dict(case.contenders)
    fits: dict[str, Callable[[], Retriever | Ranker]]
    fits = {model: partial(fit_of, model) for model in everyone}
    if champion is not None and champion.load is not None:
        everyone[CHAMPION], fits[CHAMPION] = champion.contender, champion.load
    judged: dict[str, Contender] = {}
    for model, fit in fits.items():
        terms = logged.weigh(fit())
        if reason := refusal(terms):
            return replace(case, log_note=f"the log says nothing of {model}: {reason}")
        judged[model] = replace(everyone[model], per_query=logged.per_query(terms))
    if champion is not None:
        recipe = champion.contender.identity
        serving = next(each for each in judged.values() if each.identity == recipe)
        champion = replace(champion, contender=serving)
    judged.pop(CHAMPION, None)
    return Case(replace(case.rule, metric=METRIC), judged, champion)
