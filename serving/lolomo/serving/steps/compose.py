"""Composes the page: rows in the order of the tasks, no title twice, each with its why."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np

from lolomo.core.columns import Columns
from lolomo.core.recommender import Ids
from lolomo.core.task import Task
from lolomo.features.candidates import Proposal
from lolomo.serving.steps.messages import Context, Entry, Origin, PageRow, Proposals
from lolomo.serving.steps.rank import Ranking
from lolomo.serving.steps.resources import Features

GREEDY = 1.0
"""The propensity of every title, as long as the best are always shown."""
SPARE = 10
"""How many titles are looked at beyond a row's length, should some be on the page already."""


@dataclass(slots=True)
class Composer:
    """Fills one page. Used once, since it remembers what the page already shows."""

    features: Features
    context: Context
    answers: Mapping[str, Proposals]
    """By generator."""
    tasks: Mapping[str, Task]
    _shown: set[str] = field(default_factory=set)
    _shown_ids: set[str] = field(default_factory=set)
    _origins: dict[str, list[Origin]] = field(default_factory=dict)
    _seeds: dict[str, str] = field(default_factory=dict)
    _titles: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Remember who proposed each item, and with which seed it goes."""
        for source in self.tasks:
            answer = self.answers.get(source, Proposals())
            pairs = zip(answer.proposal.item_ids, answer.proposal.scores, strict=True)
            for place, (item_id, score) in enumerate(pairs, start=1):
                origin = Origin(source, place, float(score), answer.release)
                self._origins.setdefault(item_id, []).append(origin)
            for seeded in answer.seeded:
                for item_id in seeded.proposal.item_ids:
                    self._seeds.setdefault(item_id, seeded.seed_item_id)

    def rows(self, rankings: Mapping[str, Ranking]) -> tuple[PageRow, ...]:
        """Return the rows of all tasks, in their order, leaving out those that are too short."""
        rows: list[PageRow] = []
        for task in (task for task in self.tasks.values() if task.row.on_page):
            for row in self._rows_of(task, rankings):
                if len(row.entries) >= min(task.row.shortest, self._length(task)):
                    rows.append(row)
                    self._shown |= {_key(entry) for entry in row.entries}
                    self._shown_ids |= {entry.item_id for entry in row.entries}
        return tuple(rows[: self.context.max_rows])

    def row(self, task: Task) -> PageRow:
        """Return what one generator answered as a row, however short."""
        return next(self._rows_of(task, {}))

    def _rows_of(self, task: Task, rankings: Mapping[str, Ranking]) -> Iterator[PageRow]:
        answer = self.answers.get(task.name, Proposals())
        if task.name in rankings:
            yield self._row(task, rankings[task.name].release, rankings[task.name].proposal)
        elif answer.seeded:
            for seeded in answer.seeded:
                yield self._row(task, answer.release, seeded.proposal, seeded.seed_item_id)
        else:
            yield self._row(task, answer.release, answer.proposal)

    def _row(self, task: Task, release: str, proposal: Proposal, seed: str = "") -> PageRow:
        width, shown = self._length(task), set(self._shown)
        ids = proposal.item_ids
        fresh = [place for place in range(len(ids)) if ids[place] not in self._shown_ids]
        fresh = fresh[: width + SPARE]
        entries: list[Entry] = []
        for place, (genres, year) in zip(fresh, self._content(ids[fresh]), strict=True):
            item_id, score = ids[place], float(proposal.scores[place])
            here = Origin(task.name, place + 1, score, release)
            entry = Entry(
                item_id=item_id,
                title=self._title(item_id),
                genres=genres,
                release_year=year,
                score=score,
                propensity=GREEDY,
                why=self._why(task, item_id, seed),
                provenance=tuple(self._origins.get(item_id, [here])),
            )
            if _key(entry) not in shown:
                shown.add(_key(entry))
                entries.append(entry)
            if len(entries) == width:
                break
        title = task.row.title.format(seed=self._title(seed))
        return PageRow(task=task.name, title=title, release=release, entries=tuple(entries))

    def _length(self, task: Task) -> int:
        return min(task.row.length, self.context.max_titles or task.row.length)

    def _title(self, item_id: str) -> str:
        if item_id and item_id not in self._titles:
            self._content(np.array([item_id], dtype=object))
        return self._titles.get(item_id, item_id)

    def _content(self, item_ids: Ids) -> list[tuple[tuple[str, ...], int | None]]:
        """Return genres and release year of each, in order, and remember the titles."""
        names = (Columns.TITLE, Columns.GENRES, Columns.RELEASE_YEAR)
        values = self.features.items(item_ids, self.context.timestamp, names)
        titles = zip(item_ids, values[Columns.TITLE], strict=True)
        self._titles |= {item_id: title or item_id for item_id, title in titles}
        genres = [tuple(str(genre) for genre in row if genre) for row in values[Columns.GENRES]]
        years = values[Columns.RELEASE_YEAR]
        known = [int(year) if np.isfinite(year) else None for year in years]
        return list(zip(genres, known, strict=True))

    def _why(self, task: Task, item_id: str, seed: str) -> str:
        """Say why in the words of the task, and of the source that speaks most for the item."""
        why = task.row.why.format(seed=self._title(seed))
        origins = self._origins.get(item_id, ())
        if not task.candidates_from or not origins:
            return why
        best = min(origins, key=lambda origin: origin.rank)
        because = self.tasks[best.source].row.why if best.source in self.tasks else ""
        if "{seed}" in because:
            seed = self._seeds.get(item_id, "")
            because = because.format(seed=self._title(seed)) if seed else ""
        return f"{why}; {because}" if because else why


def _key(entry: Entry) -> str:
    """Return what makes two entries the same to a member: catalogues list some titles twice."""
    return f"{entry.title.casefold()} {entry.release_year}"
