"""Turns drawn rows into what members read: titles, genres, years, where from, and why.

The one place where a page becomes Python objects, after everything else is decided.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from operator import attrgetter

import numpy as np
from numpy.typing import NDArray

from lolomo.core.columns import Columns
from lolomo.core.recommender import Ids, Scores
from lolomo.core.task import Task
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


@dataclass(frozen=True, slots=True)
class _Texts:
    """What is known of everything that stands on the page, by item."""

    titles: Mapping[str, str]
    genres: Mapping[str, tuple[str, ...]]
    years: Mapping[str, int | None]


@dataclass(frozen=True, slots=True)
class _Source:
    """One generator's answer, to be searched by item."""

    name: str
    ranks: Mapping[str, int]
    """By item, 1 for the best."""
    scores: Sequence[float]
    """In the order of the ranks."""
    seeds: Sequence[tuple[str, frozenset[str]]]
    """Seeds and what goes with each."""


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
    seeds = [seeded.seed_item_id for answer in answers.values() for seeded in answer.seeded]
    every = np.concatenate([*(row.item_ids for row in rows), np.array(seeds, dtype=object)])
    writer = _Writer(
        texts=_texts(every, features, context),
        sources=tuple(_source(name, answers[name]) for name in tasks if name in answers),
        tasks=tasks,
        layout=layout,
        is_new=not context.user.history,
    )
    return tuple(writer.row(row) for row in rows)


@dataclass(frozen=True, slots=True)
class _Writer:
    """Writes rows; what it has said once it keeps."""

    texts: _Texts
    sources: tuple[_Source, ...]
    tasks: Mapping[str, Task]
    layout: Layout
    is_new: bool
    """Whether the member has watched nothing yet."""
    _because: dict[tuple[str, str], str] = field(default_factory=dict)

    def row(self, row: DrawnRow) -> PageRow:
        """Return one row."""
        candidate = row.candidate
        seed = self._title(candidate.seed)
        title = candidate.task.row.title.format(seed=seed)
        why = self._why(candidate.task).format(seed=seed)
        if candidate.genre:
            title = self.layout.genre_title.format(genre=candidate.genre)
            why = self.layout.genre_why.format(genre=candidate.genre)
        columns = (row.item_ids, row.scores, row.places, row.propensities)
        slots = zip(*(column.tolist() for column in columns), strict=True)
        return PageRow(
            task=candidate.task.name,
            title=title,
            release=candidate.release,
            entries=tuple([self._entry(candidate, why, *slot) for slot in slots]),
            policy_id=row.policy_id,
            propensity=row.propensity,
            propensity_errors=() if row.errors is None else tuple(row.errors.tolist()),
            teams=row.teams,
        )

    def _entry(
        self, row: RowCandidate, why: str, item_id: str, score: float, place: int, propensity: float
    ) -> Entry:
        origins = self._origins(item_id)
        if row.task.candidates_from and origins:
            best = min(origins, key=_rank)
            because = self._because_of(best.source, item_id)
            why = f"{why}; {because}" if because else why
        return Entry(
            item_id=item_id,
            title=self._title(item_id),
            genres=self.texts.genres[item_id],
            release_year=self.texts.years[item_id],
            score=score,
            propensity=propensity,
            why=why,
            provenance=origins or (Origin(row.task.name, place + 1, score),),
        )

    def _origins(self, item_id: str) -> tuple[Origin, ...]:
        """Return who proposed an item, in the order of the tasks."""
        return tuple(
            [
                Origin(source.name, rank, source.scores[rank - 1])
                for source in self.sources
                if (rank := source.ranks.get(item_id))
            ]
        )

    def _because_of(self, source: str, item_id: str) -> str:
        """Return why a source proposed an item, "" where that takes a seed that it has not."""
        because = self._why(self.tasks[source])
        if "{seed}" not in because:
            return because
        seeds = next(each.seeds for each in self.sources if each.name == source)
        seed = next((seed for seed, item_ids in seeds if item_id in item_ids), "")
        known = self._because.get((source, seed))
        if known is None:
            known = because.format(seed=self._title(seed)) if seed else ""
            self._because[source, seed] = known
        return known

    def _why(self, task: Task) -> str:
        return (self.is_new and task.row.why_new) or task.row.why

    def _title(self, item_id: str) -> str:
        return self.texts.titles.get(item_id, item_id)


_rank = attrgetter("rank")


def _texts(item_ids: Ids, features: Features, context: Context) -> _Texts:
    """Read titles, genres and years of everything at once."""
    names = (Columns.TITLE, Columns.GENRES, Columns.RELEASE_YEAR)
    values = features.items(item_ids, context.timestamp, names)
    ids = item_ids.tolist()
    columns = (values[name].tolist() for name in names)
    titles, genres, years = {}, {}, {}
    for item_id, title, own, year in zip(ids, *columns, strict=True):
        titles[item_id] = title or item_id
        genres[item_id] = tuple(filter(None, own))
        years[item_id] = int(year) if year == year else None
    return _Texts(titles, genres, years)


def _source(name: str, answer: Proposals) -> _Source:
    ids = answer.proposal.item_ids.tolist()
    seeds = [
        (seeded.seed_item_id, frozenset(seeded.proposal.item_ids.tolist()))
        for seeded in answer.seeded
    ]
    ranks = dict(zip(ids, range(1, len(ids) + 1), strict=True))
    return _Source(name, ranks, answer.proposal.scores.tolist(), seeds)
