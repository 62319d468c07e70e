"""Generators: each proposes candidates with the champion release of one task."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Final

import numpy as np

from lolomo.core.columns import Columns
from lolomo.core.recommender import Ids, Ranker, Retriever, Scores
from lolomo.core.task import LabelKind, Task
from lolomo.events.watching import AGE_DAYS
from lolomo.features.candidates import PROPOSALS, SEED_HISTORY, Proposal
from lolomo.serving.steps.guard import attempt
from lolomo.serving.steps.messages import Context, Proposals, Seeded, StepRequest, no_proposal
from lolomo.serving.steps.queries import (
    latest_history,
    ranking_query,
    seed_history,
    user_query,
)
from lolomo.serving.steps.resources import Champion, Resources

SEEDS: Final = 2
"""How many of the latest items get a row of their own."""
DAY: Final = 86_400_000_000
"""Microseconds."""
DEADLINE_SHARE: Final = 0.6
"""Of the time left; the rest is for blending, ranking and composing."""


@dataclass(frozen=True, slots=True)
class Generator:
    """Proposes candidates for one task, inside its own deadline."""

    task: Task
    resources: Resources

    async def __call__(self, request: StepRequest) -> Proposals:
        """Propose; what cannot be had is empty, with the reason."""
        champion = self.resources.champions.get(self.task.name)
        if champion is None:
            return Proposals(degraded="no release")
        work = self.resources.worker.run(
            partial(self.propose, champion, request.context),
            request.context.deadline(DEADLINE_SHARE),
        )
        proposals, why = await attempt(work, f"generator {self.task.name}")
        return proposals or Proposals(release=champion.digest, degraded=why)

    def propose(self, champion: Champion, context: Context) -> Proposals:
        """Propose from the whole catalogue, nothing that the user has seen."""
        recommender = champion.recommender
        if isinstance(recommender, Ranker) and self.task.label.kind is LabelKind.RESUMED:
            proposal = self._rank_unfinished(recommender, context)
            return Proposals(release=champion.digest, proposal=proposal)
        if isinstance(recommender, Ranker):
            proposal = self._rank_catalogue(recommender, context)
            return Proposals(release=champion.digest, proposal=proposal)
        if not context.user.history and Columns.HISTORY_ITEM_IDS in recommender.inputs:
            return Proposals(release=champion.digest)
        if self.task.label.kind is LabelKind.NEXT_ITEMS:
            return self._retrieve_seeded(champion.digest, recommender, context)
        query = user_query(context, recommender.inputs)
        seen = context.user.seen_item_ids
        item_ids, scores = recommender.retrieve(query, PROPOSALS + len(seen))
        return Proposals(
            release=champion.digest, proposal=best_unseen(item_ids[0], scores[0], seen)
        )

    def _retrieve_seeded(self, digest: str, retriever: Retriever, context: Context) -> Proposals:
        """Ask once for the latest history, and for each of the latest items by itself."""
        seen = context.user.seen_item_ids
        seeds = list(dict.fromkeys(reversed(context.user.history)))[:SEEDS]
        histories = [latest_history(context, SEED_HISTORY)]
        histories += [seed_history(context, seed) for seed in seeds]
        query = user_query(context, retriever.inputs, histories)
        item_ids, scores = retriever.retrieve(query, PROPOSALS + len(seen))
        whole, *seeded = (
            best_unseen(ids, values, seen) for ids, values in zip(item_ids, scores, strict=True)
        )
        return Proposals(
            release=digest,
            proposal=whole,
            seeded=tuple(Seeded(*pair) for pair in zip(seeds, seeded, strict=True)),
        )

    def _rank_catalogue(self, ranker: Ranker, context: Context) -> Proposal:
        ranked = self._ranked(ranker, context, self.resources.features.item_ids, {})
        return best_unseen(ranked.item_ids, ranked.scores, context.user.seen_item_ids)

    def _rank_unfinished(self, ranker: Ranker, context: Context) -> Proposal:
        """Rank what the user has begun, all of which was seen."""
        now = context.timestamp
        left = self.resources.unfinished.get(context.user.user_id, ())
        left = tuple(each for each in left if each.since < now)
        if not left:
            return no_proposal()
        item_ids = np.array([each.item_id for each in left], dtype=object)
        said = {
            Columns.PROGRESS: np.array([each.progress for each in left], np.float32),
            AGE_DAYS: np.array([(now - each.since) / DAY for each in left], np.float32),
        }
        return self._ranked(ranker, context, item_ids, said)

    def _ranked(
        self, ranker: Ranker, context: Context, item_ids: Ids, said: Mapping[str, Scores]
    ) -> Proposal:
        """Return items best first, by their features and what else is said of them. [items]."""
        query = ranking_query(context, ranker.inputs, item_ids, self.resources.features)
        scores = ranker.rank(query | {name: column[None] for name, column in said.items()})[0]
        order = np.argsort(-scores, kind="stable")
        return Proposal(item_ids[order], scores[order])


def best_unseen(item_ids: Ids, scores: Scores, seen: Collection[str]) -> Proposal:
    """Return the first `PROPOSALS` items that are real and unseen, in the order given."""
    keep: list[int] = []
    finite = np.isfinite(scores)
    for place, item_id in enumerate(item_ids):
        if item_id and finite[place] and item_id not in seen:
            keep.append(place)
            if len(keep) == PROPOSALS:
                break
    return Proposal(item_ids[keep], scores[keep])
