"""What happened, as canonical events, and the catalogue as a service knows it."""

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, TypeAlias

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from lolomo.core.columns import Columns, Kind
from lolomo.core.tables import EVENTS, ITEMS, TIMESTAMP, USERS
from lolomo.events.log import arrow_table
from lolomo.events.world.config import COUNTRIES, DEVICES, WorldConfig
from lolomo.events.world.names import title_names
from lolomo.events.world.plays import FROM_PAGE, FROM_SEARCH, SURFACES, Outcomes, Plays
from lolomo.events.world.population import Codes, Titles
from lolomo.events.world.service import Pages
from lolomo.events.world.visits import Visits
from lolomo.tasks.evidence import PITCHES

Values: TypeAlias = NDArray[Any]
SECOND = 1_000_000


@dataclass(slots=True)
class Records:
    """Turns codes into events; numbers visits and events from the start of the world."""

    titles: Titles
    config: WorldConfig
    seed: int
    _num_visits: int = 0
    _num_events: int = 0
    _item_ids: pa.Array = field(init=False)
    _user_ids: pa.Array = field(init=False)

    def __post_init__(self) -> None:
        """Name every title and member."""
        self._item_ids = pa.array([item_id(code) for code in range(len(self.titles))])
        self._user_ids = pa.array([user_id(code) for code in range(self.config.num_members)])

    def table(self, visits: Visits, pages: Pages, plays: Plays, outcomes: Outcomes) -> pa.Table:
        """Return the events of some visits; `event_id` is given by `by_time`."""
        numbers = pc.cast(pa.array(np.arange(len(visits)) + self._num_visits), pa.string())
        self._num_visits += len(visits)
        sessions = _joined(f"s{self.seed}-", numbers)
        requests = pa.array(pages.request_ids) if pages.request_ids else _joined("r", numbers)
        parts = [
            self._impressions(visits, pages),
            self._searches(visits, plays, outcomes),
            self._watched(visits, pages, plays, outcomes),
            self._thumbs(visits, plays, outcomes),
        ]
        joined = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
        visit = joined["visit"]
        on_page = pa.array(joined[Columns.ROW] >= 0)
        columns = {
            Columns.USER_ID: self._user_ids.take(pa.array(visits.member[visit])),
            Columns.ITEM_ID: self._item_ids.take(pa.array(joined[Columns.ITEM_ID])),
            Columns.KIND: _words(Kind.ALL, joined[Columns.KIND]),
            Columns.VALUE: _numbers(joined[Columns.VALUE]),
            Columns.TIMESTAMP: pa.array(joined[Columns.TIMESTAMP]).cast(TIMESTAMP),
            Columns.SESSION_ID: sessions.take(pa.array(visit)),
            Columns.REQUEST_ID: pc.if_else(on_page, requests.take(pa.array(visit)), None),
            Columns.DEVICE: _words(DEVICES, visits.device[visit]),
            Columns.COUNTRY: _words(
                tuple(country.code for country in COUNTRIES), visits.country[visit]
            ),
            Columns.SURFACE: _words((*SURFACES, *pages.row_names), joined[Columns.SURFACE]),
            Columns.ROW: pc.if_else(on_page, pa.array(joined[Columns.ROW], pa.int32()), None),
            Columns.POSITION: pc.if_else(
                on_page, pa.array(joined[Columns.POSITION], pa.int32()), None
            ),
            Columns.PROPENSITY: _numbers(joined[Columns.PROPENSITY]),
            Columns.PROGRESS: _numbers(joined[Columns.PROGRESS]),
            Columns.EVIDENCE: _words(PITCHES, joined[Columns.EVIDENCE]),
            Columns.EVIDENCE_PROPENSITY: pc.if_else(
                pa.array(joined[Columns.EVIDENCE] >= 0), 1 / len(PITCHES), None
            ),
        }
        empty = pa.nulls(len(visit), pa.string())
        return pa.table({Columns.EVENT_ID: empty, **columns})

    def by_time(self, tables: list[pa.Table]) -> pa.Table:
        """Return the events of a day in the order of time, each with its id."""
        if not tables:
            return EVENTS.empty_table()
        events = pa.concat_tables(tables)
        order = np.argsort(events[Columns.TIMESTAMP].cast(pa.int64()).to_numpy(), kind="stable")
        numbers = pa.array(np.arange(len(events)) + self._num_events)
        self._num_events += len(events)
        ids = _joined(f"w{self.seed}-", pc.cast(numbers, pa.string()))
        return events.take(pa.array(order)).set_column(0, Columns.EVENT_ID, ids).cast(EVENTS)

    def items(self) -> pa.Table:
        """Return the catalogue: the columns of `core.tables.ITEMS`."""
        genres = [
            [f"Genre {code + 1:02d}" for code in np.flatnonzero(row > 0)]
            for row in self.titles.genres
        ]
        years = [
            (self.config.start + timedelta(days=float(day))).year for day in self.titles.launch_day
        ]
        frame = pl.DataFrame(
            {
                Columns.ITEM_ID: self._item_ids.to_pylist(),
                Columns.TITLE: title_names(len(self.titles)),
                Columns.GENRES: genres,
                Columns.RELEASE_YEAR: years,
                Columns.DURATION_SECONDS: self.titles.duration_seconds,
            }
        )
        return arrow_table(frame, ITEMS)

    def users(self) -> pa.Table:
        """Return the members: nothing is known of them but their ids."""
        ids = {Columns.USER_ID: self._user_ids}
        nothing = {name: pa.nulls(len(self._user_ids)) for name in USERS.names[1:]}
        return pa.table({**ids, **nothing}).cast(USERS)

    def _impressions(self, visits: Visits, pages: Pages) -> dict[str, Values]:
        visit, slot = np.nonzero(pages.items >= 0)
        return _rows(
            Kind.IMPRESSION,
            visit,
            pages.items[visit, slot],
            visits.timestamp[visit],
            surface=_row_surface(pages, visit, slot),
            row=pages.slots.row[slot],
            position=pages.slots.position[slot],
            propensity=pages.propensities[visit, slot],
            evidence=_pitches(pages, visit, slot),
        )

    def _searches(self, visits: Visits, plays: Plays, outcomes: Outcomes) -> dict[str, Values]:
        found = plays.source == FROM_SEARCH
        began = outcomes.offset_seconds[found] - outcomes.seconds[found]
        visit = plays.visit[found]
        when = visits.timestamp[visit] + np.int64(began * SECOND) - SECOND
        return _rows(Kind.SEARCH, visit, plays.item[found], when, surface=plays.source[found])

    def _watched(
        self, visits: Visits, pages: Pages, plays: Plays, outcomes: Outcomes
    ) -> dict[str, Values]:
        on_page = plays.source == FROM_PAGE
        when = visits.timestamp[plays.visit] + np.int64(outcomes.offset_seconds * SECOND)
        rows = _rows(
            Kind.PLAY,
            plays.visit,
            plays.item,
            when,
            surface=np.where(on_page, _row_surface(pages, plays.visit, plays.slot), plays.source),
            row=np.where(on_page, pages.slots.row[plays.slot], -1),
            position=np.where(on_page, pages.slots.position[plays.slot], -1),
            propensity=np.where(on_page, pages.propensities[plays.visit, plays.slot], np.nan),
            evidence=np.where(on_page, _pitches(pages, plays.visit, plays.slot), -1),
        )
        ended = outcomes.progress >= 1
        kind = np.where(ended, Kind.ALL.index(Kind.COMPLETE), Kind.ALL.index(Kind.PLAY))
        told = {Columns.VALUE: outcomes.seconds, Columns.PROGRESS: outcomes.progress}
        return {**rows, Columns.KIND: kind, **told}

    def _thumbs(self, visits: Visits, plays: Plays, outcomes: Outcomes) -> dict[str, Values]:
        given = outcomes.thumb
        visit = plays.visit[given]
        when = visits.timestamp[visit] + np.int64((outcomes.offset_seconds[given] + 5) * SECOND)
        rows = _rows(Kind.THUMB, visit, plays.item[given], when, surface=plays.source[given])
        return {**rows, Columns.VALUE: np.where(outcomes.satisfaction[given] > 0.5, 1.0, 0.0)}


def item_id(code: int) -> str:
    """Return the id of a title."""
    return f"t{code:06d}"


def item_code(item_id: str) -> int:
    """Return the code of a title's id, -1 for what is no title of a world.

    >>> item_code(item_id(42)), item_code("tt0111161")
    (42, -1)
    """
    return int(item_id[1:]) if item_id[1:].isdecimal() and item_id[0] == "t" else -1


def user_id(code: int) -> str:
    """Return the id of a member."""
    return f"m{code:07d}"


def _pitches(pages: Pages, visit: Codes, slot: Codes) -> Codes:
    """Return the pitch of some slots, -1 for none. Shape: [slots]."""
    return np.full(len(visit), -1) if pages.pitches is None else pages.pitches[visit, slot]


def _rows(
    kind: str, visit: Codes, item: Codes, timestamp: Codes, **known: Values
) -> dict[str, Values]:
    """Return the columns of events of one kind; what is not known is -1 or NaN."""
    number = len(visit)
    unknown = {
        Columns.VALUE: np.full(number, np.nan),
        Columns.ROW: np.full(number, -1),
        Columns.POSITION: np.full(number, -1),
        Columns.PROPENSITY: np.full(number, np.nan),
        Columns.PROGRESS: np.full(number, np.nan),
        Columns.EVIDENCE: np.full(number, -1),
    }
    return {
        **unknown,
        "visit": visit,
        Columns.ITEM_ID: item,
        Columns.TIMESTAMP: timestamp,
        Columns.KIND: np.full(number, Kind.ALL.index(kind)),
        **known,
    }


def _row_surface(pages: Pages, visit: Codes, slot: Codes) -> Codes:
    """Return the surface of slots of a page: the name of the row that they stand in."""
    return len(SURFACES) + pages.row_order[visit, pages.slots.row[slot]]


def _joined(prefix: str, texts: pa.Array) -> pa.Array:
    return pc.binary_join_element_wise(pa.scalar(prefix), texts, "")


def _words(words: tuple[str, ...], codes: Codes) -> pa.Array:
    return pa.array(words).take(pa.array(codes, mask=codes < 0))


def _numbers(values: Values) -> pa.Array:
    return pa.array(np.asarray(values, np.float64), from_pandas=True)
