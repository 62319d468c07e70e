"""Turns drawn rows into what members read: titles, genres, years, where from, and why.

The one place where a page becomes Python objects, after everything else is decided.
"""

from collections.abc import KeysView, Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter

import numpy as np
from numpy.typing import NDArray

from lolomo.core.recommender import Ids, Scores
from lolomo.core.task import Task
from lolomo.features.captions import Caption
from lolomo.serving.steps.layout import Layout
from lolomo.serving.steps.messages import Context, Entry, Origin, PageRow, Proposals
from lolomo.serving.steps.resources import Features
from lolomo.serving.steps.row_candidates import RowCandidate


@dataclass(frozen=True, slots=True, kw_only=True)
class DrawnRow:
    """A row as the policy drew it. Shapes: [k]."""

    candidate: RowCandidate
    item_ids: Ids
    scores: Scores
    places: NDArray[np.int64]
    """Of each title in its row candidate, from 0."""
    propensities: NDArray[np.float64]
    policy_id: str
    propensity: float
    errors: NDArray[np.float64] | None = None
    """Of the propensities, where they were estimated."""
    teams: tuple[str, ...] = ()
    """Who picked each title, of an interleaved row."""


def describe(
    rows: tuple[DrawnRow, ...],
    features: Features,
    context: Context,
    answers: Mapping[str, Proposals],
    tasks: Mapping[str, Task],
    layout: Layout,
) -> tuple[PageRow, ...]:
    """Return the rows as members read them."""
    if not rows:
        return ()
    shown = [item_id for row in rows for item_id in row.item_ids.tolist()]
    seeds = [seeded.seed_item_id for answer in answers.values() for seeded in answer.seeded]
    captions = features.captions([*shown, *seeds])
    sources = {name: answers[name] for name in tasks if name in answers}
    origins = _origins(shown, sources)
    is_new = not context.user.history
    whys = {name: (is_new and task.row.why_new) or task.row.why for name, task in tasks.items()}
    because = {
        name: _because(whys[name], answer, origins.keys(), captions)
        for name, answer in sources.items()
    }
    writer = _Writer(captions=captions, origins=origins, whys=whys, because=because, layout=layout)
    return tuple(writer.row(row) for row in rows)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Writer:
    """Writes rows from what is known of all that stands on the page."""

    captions: Mapping[str, Caption]
    """By item; seeds, too."""
    origins: Mapping[str, list[Origin]]
    """By item."""
    whys: Mapping[str, str]
    """By task, why it shows what it shows."""
    because: Mapping[str, Mapping[str, str]]
    """By source and item, why the source proposed it."""
    layout: Layout

    def row(self, row: DrawnRow) -> PageRow:
        """Return one row."""
        candidate = row.candidate
        task = candidate.task
        seed = self.captions[candidate.seed].title if candidate.seed else ""
        title, why = task.row.title.format(seed=seed), self.whys[task.name].format(seed=seed)
        if candidate.genre:
            title = self.layout.genre_title.format(genre=candidate.genre)
            why = self.layout.genre_why.format(genre=candidate.genre)
        columns = (row.item_ids, row.scores, row.places, row.propensities)
        slots = zip(*(column.tolist() for column in columns), strict=True)
        return PageRow(
            task=task.name,
            title=title,
            release=candidate.release,
            entries=tuple([self._entry(task, why, *slot) for slot in slots]),
            policy_id=row.policy_id,
            propensity=row.propensity,
            propensity_errors=() if row.errors is None else tuple(row.errors.tolist()),
            teams=row.teams,
        )

    def _entry(
        self, task: Task, why: str, item_id: str, score: float, place: int, propensity: float
    ) -> Entry:
        title, genres, year = self.captions[item_id]
        origins = self.origins[item_id]
        if task.candidates_from and origins:
            best = min(origins, key=_rank)
            because = self.because[best["source"]].get(item_id)
            why = f"{why}; {because}" if because else why
        return {
            "item_id": item_id,
            "title": title,
            "genres": genres,
            "release_year": year,
            "score": score,
            "propensity": propensity,
            "why": why,
            "provenance": origins or [{"source": task.name, "rank": place + 1, "score": score}],
            "evidence": "",
            "evidence_propensity": None,
        }


_rank = itemgetter("rank")


def _origins(item_ids: Sequence[str], sources: Mapping[str, Proposals]) -> dict[str, list[Origin]]:
    """Return by item who proposed it, in the order of the sources."""
    origins: dict[str, list[Origin]] = {item_id: [] for item_id in item_ids}
    for name, answer in sources.items():
        ids, scores = answer.proposal.item_ids.tolist(), answer.proposal.scores.tolist()
        for rank, item_id in enumerate(ids, start=1):
            if item_id in origins:
                origins[item_id].append({"source": name, "rank": rank, "score": scores[rank - 1]})
    return origins


def _because(
    why: str, answer: Proposals, shown: KeysView[str], captions: Mapping[str, Caption]
) -> dict[str, str]:
    """Return by item why a source proposed it; left out is what takes a seed and has none.

    Of several seeds it is the latest, which stands first in the answer.
    """
    if "{seed}" not in why:
        return dict.fromkeys(shown, why)
    because: dict[str, str] = {}
    for seeded in reversed(answer.seeded):
        words = why.format(seed=captions[seeded.seed_item_id].title)
        because |= dict.fromkeys(shown & seeded.proposal.item_ids.tolist(), words)
    return because
