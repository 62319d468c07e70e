"""Rank what was blended, with the champion of a task that draws on others."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Final

import numpy as np

from lolomo.core.errors import ReleaseError
from lolomo.core.interleaving import TEAMS
from lolomo.core.recommender import Factors, PosteriorRanker, Scores, ranks
from lolomo.core.task import Task
from lolomo.features.candidates import Candidates, Proposal
from lolomo.serving.steps.guard import attempt_on
from lolomo.serving.steps.messages import Context
from lolomo.serving.steps.queries import HISTORY, ranking_query
from lolomo.serving.steps.reasons import Reason
from lolomo.serving.steps.resources import Champion, Resources

DEADLINE_SHARE: Final = 0.8
"""Of the time left; the rest is for composing the page."""


CHALLENGER: Final = TEAMS[1]
"""Ends the name of a ranking that is a rival's."""


@dataclass(frozen=True, slots=True)
class Ranking:
    """The answer of a task that ranks what others propose."""

    release: str
    proposal: Proposal
    degraded: str | None = None
    factors: Factors | None = None
    """How the scores may move together, where they were asked for. Shape: [rank, candidates]."""
    rival: "Ranking | None" = None
    """How another release orders the same candidates, whose titles are drafted into the row."""

    def named(self, task: str) -> Iterator[tuple[str, "Ranking"]]:
        """Yield the ranking under its task's name, and the rival's under one of its own."""
        yield task, self
        if self.rival is not None:
            yield f"{task}/{CHALLENGER}", self.rival


async def rank(
    task: Task,
    candidates: Candidates,
    context: Context,
    resources: Resources,
    *,
    by: Champion | None = None,
    posterior: bool = False,
) -> Ranking:
    """Order candidates with the task's champion; without one, or too late, as they were blended.

    Args:
        task: Which row.
        candidates: What was blended.
        context: Of the request.
        resources: Releases and features.
        by: The release to order them with, if not the champion.
        posterior: Whether to ask the ranker how sure it is, too.
    """
    champion = by or resources.champions.get(task.name)
    if not len(candidates.item_ids):
        return Ranking("", Proposal(candidates.item_ids, np.empty(0, np.float32)))
    if champion is None:
        return as_blended(candidates, Reason.NO_RELEASE.value)
    scoring = partial(_scores, champion, candidates, context, resources, posterior)
    latest, who = context.deadline(DEADLINE_SHARE), f"ranker {task.name}"
    scored, why = await attempt_on(resources.worker, champion.breaker, scoring, latest, who)
    if scored is None:
        return as_blended(candidates, why)
    scores, factors = scored
    order = np.argsort(-scores, kind="stable")
    return Ranking(
        champion.digest,
        Proposal(candidates.item_ids[order], scores[order]),
        Reason.NO_POSTERIOR.value if posterior and factors is None else None,
        None if factors is None else factors[:, order],
    )


def _scores(
    champion: Champion,
    candidates: Candidates,
    context: Context,
    resources: Resources,
    posterior: bool,
) -> tuple[Scores, Factors | None]:
    """Read what the ranker needs to know of all candidates at once, and score them."""
    ranker = champion.recommender
    if not ranks(ranker):
        raise ReleaseError(
            f"release {champion.digest[:12]} of {champion.model!r} retrieves: expected one that "
            "ranks; promote a ranker"
        )
    inputs = (*ranker.inputs, *HISTORY)
    query = ranking_query(context, inputs, candidates.item_ids, resources.features)
    if resources.history_features is not None:
        query |= resources.history_features.of(query)
    query |= {name: column[None] for name, column in candidates.features.items()}
    factors = None
    if posterior and isinstance(ranker, PosteriorRanker):
        scored, moves = ranker.rank_with_factors(query)
        scores, factors = np.asarray(scored[0], np.float32), moves[0]
    else:
        scores = np.asarray(ranker.rank(query)[0], np.float32)
    return np.where(np.isfinite(scores), scores, np.float32(-1e30)), factors


def as_blended(candidates: Candidates, why: str | None = None) -> Ranking:
    """Keep the blended order, scored by the reciprocal of its places; `why` if it is degraded."""
    places = np.arange(1, len(candidates.item_ids) + 1, dtype=np.float32)
    return Ranking("", Proposal(candidates.item_ids, np.float32(1) / places), why)
