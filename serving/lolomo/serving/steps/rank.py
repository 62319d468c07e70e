"""Blend what the generators proposed, and rank it with the champions of the tasks that do so."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Final

import numpy as np

from lolomo.core.columns import Columns
from lolomo.core.errors import ReleaseError
from lolomo.core.recommender import Ranker, Scores
from lolomo.core.task import Task
from lolomo.features.candidates import Candidates, Proposal, merge
from lolomo.serving.steps.guard import attempt
from lolomo.serving.steps.messages import Context, Proposals
from lolomo.serving.steps.queries import HISTORY, ranking_query
from lolomo.serving.steps.resources import Champion, Resources

DEADLINE_SHARE: Final = 0.8
"""Of the time left; the rest is for composing the page."""


def blend(task: Task, answers: Mapping[str, Proposals], context: Context) -> Candidates:
    """Merge the candidates of a task's sources, without duplicates and without what was seen."""
    sources = task.candidates_from
    proposals = {source: answers[source].proposal for source in sources if source in answers}
    return merge(proposals, sources, context.user.seen_item_ids)


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
        return _blended(candidates, "no release")
    scoring = partial(_scores, champion, candidates, context, resources)
    work = resources.worker.run(scoring, context.deadline(DEADLINE_SHARE))
    scores, why = await attempt(work, f"ranker {task.name}")
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
    if resources.covisitation is not None:
        query |= resources.covisitation.of(
            query[Columns.COUNTS_TIMESTAMP],
            query[Columns.HISTORY_ITEM_IDS],
            query[Columns.HISTORY_TIMESTAMPS],
            query[Columns.CANDIDATES],
        )
    query |= {name: column[None] for name, column in candidates.features.items()}
    scores = np.asarray(ranker.rank(query)[0], np.float32)
    return np.where(np.isfinite(scores), scores, np.float32(-1e30))


def _blended(candidates: Candidates, why: str | None) -> Ranking:
    """Keep the blended order, scored by the reciprocal of its places."""
    places = np.arange(1, len(candidates.item_ids) + 1, dtype=np.float32)
    return Ranking("", Proposal(candidates.item_ids, np.float32(1) / places), why)
