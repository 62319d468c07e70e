"""Generators: each proposes candidates with the champion release of one task."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from lolomo.core.best_places import best_places
from lolomo.core.columns import Columns
from lolomo.core.recommender import Query, Ranker, Retriever, ranks
from lolomo.core.task import LabelKind, Task
from lolomo.events.watching import AGE_DAYS
from lolomo.features import all_features
from lolomo.features.candidates import PROPOSALS, SEED_HISTORY, Proposal, not_hidden
from lolomo.features.history_features import OF_CANDIDATES
from lolomo.runtimes import prepared
from lolomo.serving.steps.filters import allowed
from lolomo.serving.steps.guard import attempt_on
from lolomo.serving.steps.messages import Context, Proposals, Seeded, StepRequest, no_proposal
from lolomo.serving.steps.queries import (
    HISTORY,
    item_query,
    latest_history,
    ranking_query,
    seed_history,
    user_query,
)
from lolomo.serving.steps.reasons import Reason
from lolomo.serving.steps.resources import Champion, Resources
from lolomo.serving.telemetry import metrics

MINUTE: Final = 60_000_000
DAY: Final = 86_400_000_000
"""Microseconds."""
HIDDEN: Final = 1_000
"""Of how many hidden items a user may have to get the answer that is everybody's."""
DEADLINE_SHARE: Final = 0.6
"""Of the time left; the rest is for blending, ranking and composing."""


@dataclass(frozen=True, slots=True)
class _Catalogue:
    """A ranker that knows all items as they are at the beginning of a minute."""

    given: Query
    """What it was told."""
    ranker: Ranker
    """What is left to be said."""
    ranked: Proposal | None
    """The best items, where the clock and the items alone decide, whoever asks."""


@dataclass(frozen=True, slots=True)
class Generator:
    """Proposes candidates for one task, inside its own deadline."""

    task: Task
    resources: Resources
    _catalogues: dict[tuple[str, str, int], "_Catalogue"] = field(
        default_factory=dict, compare=False
    )
    """The latest, by release, version of the features and minute."""

    async def __call__(self, request: StepRequest) -> Proposals:
        """Propose; what cannot be had is empty, with the reason."""
        champion = self.resources.champions.get(self.task.name)
        if champion is None:
            return Proposals(degraded=Reason.NO_RELEASE.value)
        proposals, why = await attempt_on(
            self.resources.worker,
            champion.breaker,
            partial(self.propose, champion, request.context),
            request.context.deadline(DEADLINE_SHARE),
            f"generator {self.task.name}",
        )
        return proposals or Proposals(release=champion.digest, degraded=why)

    def propose(self, champion: Champion, context: Context) -> Proposals:
        """Propose from the whole catalogue, nothing that the user has seen."""
        recommender = champion.recommender
        if ranks(recommender):
            proposal = (
                self._rank_unfinished(recommender, context)
                if self.task.label.kind is LabelKind.RESUMED
                else self._rank_catalogue(champion.digest, recommender, context)
            )
            return Proposals(release=champion.digest, proposal=proposal)
        if not context.user.history and Columns.HISTORY_ITEM_IDS in recommender.inputs:
            return Proposals(release=champion.digest)
        if self.task.label.kind is LabelKind.NEXT_ITEMS:
            return self._retrieve_seeded(champion.digest, recommender, context)
        query = user_query(context, recommender.inputs)
        (proposal,) = self._retrieve(recommender, query, context)
        return Proposals(release=champion.digest, proposal=proposal)

    def _retrieve_seeded(self, digest: str, retriever: Retriever, context: Context) -> Proposals:
        """Ask once for the latest history, and for each of the latest items by itself."""
        seeds = list(dict.fromkeys(reversed(context.user.history)))[: self.resources.layout.seeds]
        histories = [latest_history(context, SEED_HISTORY)]
        histories += [seed_history(context, seed) for seed in seeds]
        query = user_query(context, retriever.inputs, histories)
        whole, *seeded = self._retrieve(retriever, query, context)
        return Proposals(
            release=digest,
            proposal=whole,
            seeded=tuple(Seeded(*pair) for pair in zip(seeds, seeded, strict=True)),
        )

    def _retrieve(self, retriever: Retriever, query: Query, context: Context) -> list[Proposal]:
        """Return what a retriever finds for each row of a query, nothing that is hidden."""
        hidden = hidden_items(context, self.resources)
        item_ids, scores = retriever.retrieve(query, PROPOSALS + len(hidden))
        metrics.BATCH_ROWS.labels(self.task.name).observe(len(item_ids))
        found = (Proposal(*each) for each in zip(item_ids, scores, strict=True))
        return [self._allowed(not_hidden(each, hidden), context) for each in found]

    def _rank_catalogue(self, digest: str, ranker: Ranker, context: Context) -> Proposal:
        hidden = hidden_items(context, self.resources)
        catalogue = self._catalogue_of(digest, ranker, context)
        if catalogue.ranked is not None and len(hidden) <= HIDDEN:
            return self._allowed(not_hidden(catalogue.ranked, hidden), context)
        features = self.resources.features
        query = user_query(context, (*ranker.inputs, *HISTORY))
        query |= self._told(ranker, {**query, **catalogue.given}, OF_CANDIDATES)
        scores = catalogue.ranker.rank(query)[0].copy()
        places = features.codes(np.array([*hidden], object))
        scores[places[places < len(scores)]] = -np.inf
        best = best_places(scores, PROPOSALS)
        return self._allowed(Proposal(features.item_ids[best], scores[best]), context)

    def _catalogue_of(self, digest: str, ranker: Ranker, context: Context) -> "_Catalogue":
        """Tell the ranker of the catalogue once a minute, as of its beginning.

        A replay finds the same beginning again.
        """
        features = self.resources.features
        minute = context.timestamp - context.timestamp % MINUTE
        key = (digest, features.version, minute)
        catalogue = self._catalogues.get(key)
        if catalogue is None:
            given = item_query(minute, ranker.inputs, features.item_ids, features)
            ready, ranked = prepared(ranker, given), None
            if is_asked_by_all(self.task, ranker):
                scores = ready.rank(user_query(replace(context, timestamp=minute), ready.inputs))[0]
                best = best_places(scores, PROPOSALS + HIDDEN)
                ranked = Proposal(features.item_ids[best], scores[best])
            catalogue = _Catalogue(given, ready, ranked)
            self._catalogues.clear()
            self._catalogues[key] = catalogue
        return catalogue

    def _told(
        self, ranker: Ranker, query: Query, names: Collection[str]
    ) -> Mapping[str, NDArray[Any]]:
        """Return what a ranker reads of what the history says of candidates."""
        told = [name for name in names if name in ranker.inputs]
        if not told or self.resources.history_features is None:
            return {}
        return self.resources.history_features.of(query, told)

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
        query = ranking_query(context, ranker.inputs, item_ids, self.resources.features)
        scores = ranker.rank(query | {name: column[None] for name, column in said.items()})[0]
        best = best_places(scores, len(item_ids))
        ranked = Proposal(item_ids[best], scores[best])
        turned_down = self.resources.turned_down.get(context.user.user_id, frozenset())
        return self._allowed(not_hidden(ranked, turned_down), context)

    def _allowed(self, proposal: Proposal, context: Context) -> Proposal:
        """Return the items that were found and that no filter keeps back."""
        resources = self.resources
        kept = np.isfinite(proposal.scores)
        kept &= allowed(resources.filters, proposal.item_ids, context, resources.features)
        return proposal if kept.all() else Proposal(proposal.item_ids[kept], proposal.scores[kept])


def is_asked_by_all(task: Task, ranker: Ranker) -> bool:
    """Say whether the clock and the items alone decide the answer, whoever asks."""
    known = all_features()
    entities = {known[name].entity for name in ranker.inputs if name in known}
    return task.label.kind is LabelKind.COUNTS and entities <= {"item"}


def hidden_items(context: Context, resources: Resources) -> frozenset[str]:
    """Return what must not be proposed to a user: what they saw, and what they turned down."""
    turned_down = resources.turned_down.get(context.user.user_id)
    seen = context.user.seen_item_ids
    return seen | turned_down if turned_down else seen
