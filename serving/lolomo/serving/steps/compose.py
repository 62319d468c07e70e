"""Composes the page: rows of titles, none of them twice, each with its why.

First every row is drawn, in arrays; then what members read is looked up for all that was drawn, at
once. The policy draws last: its propensities are those of the very list that is shown.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from lolomo.core.columns import Columns
from lolomo.core.policy import Draw, Greedy, Policy, policy_id, request_rng
from lolomo.core.recommender import Ids, Scores
from lolomo.core.task import Task
from lolomo.features.candidates import Proposal
from lolomo.serving.steps.describe import DrawnRow, describe
from lolomo.serving.steps.draft import drafted
from lolomo.serving.steps.layout import Layout
from lolomo.serving.steps.messages import Context, PageRow, Proposals
from lolomo.serving.steps.rank import Ranking
from lolomo.serving.steps.rerank import greedy_order
from lolomo.serving.steps.resources import Features
from lolomo.serving.steps.row_candidates import (
    RowCandidate,
    genre_rows,
    row_candidates,
    rows_of,
    watched_genres,
)

GREEDY = Greedy()
LOOKED_AT = 4
"""How many times a row's length is looked at first, for titles that are not shown yet."""


@dataclass(frozen=True, slots=True)
class Composer:
    """Fills one page."""

    features: Features
    context: Context
    answers: Mapping[str, Proposals]
    """By generator."""
    tasks: Mapping[str, Task]
    layout: Layout = field(default_factory=Layout)
    policies: Mapping[str, Policy] = field(default_factory=dict)
    """By task, how its rows are drawn; greedily where there is none."""

    def rows(self, rankings: Mapping[str, Ranking]) -> tuple[PageRow, ...]:
        """Return the rows of all tasks, in their order, leaving out those that are too short."""
        shown: set[int] = set()
        drawn: list[DrawnRow] = []
        for candidate in self._candidates(rankings):
            if len(drawn) == self.context.max_rows:
                break
            row, keys = self._drawn(candidate, shown)
            if len(row.item_ids) >= min(candidate.task.row.shortest, self._length(candidate.task)):
                drawn.append(row)
                shown |= keys
        return self._described(drawn)

    def row(self, task: Task) -> PageRow:
        """Return what one generator answered as a row, however short."""
        candidate = next(rows_of(task, self.answers, {}))
        row, _ = self._drawn(candidate, set())
        return self._described([row])[0]

    def _candidates(self, rankings: Mapping[str, Ranking]) -> Iterator[RowCandidate]:
        return chain(
            row_candidates(self.tasks, self.answers, rankings),
            genre_rows(self.tasks, rankings, self.context, self.features, self.layout),
        )

    def _drawn(self, candidate: RowCandidate, shown: set[int]) -> tuple[DrawnRow, set[int]]:
        """Draw a row from what the page does not show yet; return it and its titles' keys."""
        ids, scores = candidate.proposal.item_ids, candidate.proposal.scores
        if candidate.rival is not None:
            return self._drafted(candidate, candidate.rival, shown)
        policy = self._policy(candidate)
        plain = policy is GREEDY and not (self.layout.calibration or self.layout.diversity)
        fresh, keys = self._fresh(ids, shown, self._length(candidate.task) if plain else len(ids))
        as_ranked = Draw(np.arange(len(fresh)), np.ones(len(fresh)), 1.0)
        draw = as_ranked if plain else self._draw(candidate, policy, fresh)
        places = fresh[draw.order]
        row = DrawnRow(
            candidate=candidate,
            item_ids=ids[places],
            scores=scores[places],
            places=places,
            propensities=draw.propensities,
            policy_id=policy.name if policy is GREEDY else policy_id(policy),
            propensity=draw.joint,
            errors=draw.errors,
        )
        return row, {keys[place] for place in places.tolist()}

    def _drafted(
        self, candidate: RowCandidate, rival: Proposal, shown: set[int]
    ) -> tuple[DrawnRow, set[int]]:
        """Let two releases pick from what the page does not show yet."""
        ids, length = candidate.proposal.item_ids, self._length(candidate.task)
        fresh, keys = self._fresh(ids, shown, len(ids))
        row = drafted(candidate, rival, fresh, length, self.context.request_id)
        return row, {keys[place] for place in row.places.tolist()}

    def _policy(self, candidate: RowCandidate) -> Policy:
        """Return what draws a row; nothing explores by scores that are no ranker's."""
        task = candidate.task
        if task.candidates_from and not candidate.release:
            return GREEDY
        return self.policies.get(task.name, GREEDY)

    def _fresh(self, ids: Ids, shown: set[int], most: int) -> tuple[NDArray[np.int64], list[int]]:
        """Return the places of `most` titles, or more, that are not shown yet, and keys of titles.

        Who shows the best needs no more than fit the row; who draws is given all there are, for
        its propensities are about them.
        """
        for end in (LOOKED_AT * most, len(ids)):
            keys = self.features.title_keys(ids[:end]).tolist()
            places = _first_of_each(keys, shown, most)
            if len(places) >= most:
                break
        return places, keys

    def _draw(self, candidate: RowCandidate, policy: Policy, fresh: NDArray[np.int64]) -> Draw:
        length = self._length(candidate.task)
        ids, scores = candidate.proposal.item_ids[fresh], candidate.proposal.scores[fresh]
        if self.layout.calibration or self.layout.diversity:
            scores = self._rearranged(ids, scores, length)
        if candidate.factors is not None and policy.wants_posterior:
            scores = np.vstack([scores, candidate.factors[:, fresh]])
        return policy.draw(scores, length, request_rng(self.context.request_id, candidate.name))

    def _rearranged(self, ids: Ids, scores: Scores, length: int) -> Scores:
        """Return scores by which the titles stand in the order that the layout asks for.

        The pool's own scores are dealt out again, the best to the title that should be first.
        """
        pool = np.argsort(-scores, kind="stable")[: self.layout.pool]
        genres, history = self._genres(ids[pool])
        order = greedy_order(
            scores[pool],
            genres,
            history,
            length,
            self.layout.calibration,
            self.layout.diversity,
        )
        rest = np.setdiff1d(np.arange(len(pool)), order)
        dealt = scores.copy()
        dealt[pool[np.concatenate([order, rest])]] = scores[pool]
        return dealt

    def _genres(self, ids: Ids) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the share of each genre in each title, and in the history. [titles, genres]."""
        watched = watched_genres(self.context, self.features)
        rows = self.features.items(ids, self.context.timestamp, (Columns.GENRES,))[Columns.GENRES]
        known = sorted(({*rows.ravel().tolist()} | watched.keys()) - {""})
        shares = np.stack([(rows == genre).any(axis=1) for genre in known], axis=1).astype(float)
        shares /= np.maximum(shares.sum(axis=1, keepdims=True), 1.0)
        history = np.array([watched[genre] for genre in known], np.float64)
        return shares, history / max(history.sum(), 1e-9)

    def _length(self, task: Task) -> int:
        return min(task.row.length, self.context.max_titles or task.row.length)

    def _described(self, rows: Iterable[DrawnRow]) -> tuple[PageRow, ...]:
        return describe(
            tuple(rows), self.features, self.context, self.answers, self.tasks, self.layout
        )


def _first_of_each(keys: list[int], shown: set[int], most: int) -> NDArray[np.int64]:
    """Return the first place of each key that is not shown yet, in order, `most` at most."""
    places: dict[int, int] = {}
    for place, key in enumerate(keys):
        if key not in shown and key not in places:
            places[key] = place
            if len(places) == most:
                break
    return np.fromiter(places.values(), np.int64, len(places))
