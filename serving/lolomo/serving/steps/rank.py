"""Rank what was blended, with the champion of a task that draws on others."""

from dataclasses import dataclass
from functools import partial
from typing import Final

import numpy as np

from lolomo.core.errors import ReleaseError
from lolomo.core.recommender import Ranker, Scores
from lolomo.core.task import Task
from lolomo.features.candidates import Candidates, Proposal
from lolomo.serving.steps.guard import attempt_through
from lolomo.serving.steps.messages import Context
from lolomo.serving.steps.queries import HISTORY, ranking_query
from lolomo.serving.steps.reasons import Reason
from lolomo.serving.steps.resources import Champion, Resources

DEADLINE_SHARE: Final = 0.8
"""Of the time left; the rest is for composing the page."""


@dataclass(frozen=True, slots=True)
class Ranking:
    """The answer of a task that ranks what others propose."""

    release: str
    proposal: Proposal
    degraded: str | None = None


async def rank(
    task: Task, candidates: Candidates, context: Context, resources: Resources
) -> Ranking:
    """Order candidates with the task's champion; without one, or too late, as they were blended."""
    champion = resources.champions.get(task.name)
    if not len(candidates.item_ids):
        return Ranking("", Proposal(candidates.item_ids, np.empty(0, np.float32)))
    if champion is None:
        return _blended(candidates, Reason.NO_RELEASE.value)
    scoring = partial(_scores, champion, candidates, context, resources)
    work = partial(resources.worker.run, scoring, context.deadline(DEADLINE_SHARE))
    scores, why = await attempt_through(champion.breaker, work, f"ranker {task.name}")
    if scores is None:
        return _blended(candidates, why)
    order = np.argsort(-scores, kind="stable")
    return Ranking(champion.digest, Proposal(candidates.item_ids[order], scores[order]))


def _scores(
    champion: Champion, candidates: Candidates, context: Context, resources: Resources
) -> Scores:
    """Read what the ranker needs to know of all candidates at once, and score them."""
    ranker = champion.recommender
    if not isinstance(ranker, Ranker):
        raise ReleaseError(
            f"release {champion.digest[:12]} of {champion.model!r} retrieves: expected one that "
            "ranks; promote a ranker"
        )
    inputs = (*ranker.inputs, *HISTORY)
    query = ranking_query(context, inputs, candidates.item_ids, resources.features)
    if resources.history_features is not None:
        query |= resources.history_features.of(query)
    query |= {name: column[None] for name, column in candidates.features.items()}
    scores = np.asarray(ranker.rank(query)[0], np.float32)
    return np.where(np.isfinite(scores), scores, np.float32(-1e30))


def _blended(candidates: Candidates, why: str | None) -> Ranking:
    """Keep the blended order, scored by the reciprocal of its places."""
    places = np.arange(1, len(candidates.item_ids) + 1, dtype=np.float32)
    return Ranking("", Proposal(candidates.item_ids, np.float32(1) / places), why)
