"""What to watch of a service that learns: drift, freshness, exposure, and how far it feeds itself.

Everything is read from what a running service leaves behind anyway, its journal and its event log;
the latest part of the journal is compared with all that was before.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import numpy as np
import polars as pl
from numpy.typing import NDArray

from lolomo.core.columns import Columns, Kind
from lolomo.core.errors import DataError
from lolomo.core.settings import Workspace
from lolomo.evaluation.drift import Drift, drift
from lolomo.evaluation.exposure import Exposure, exposure, loop_strength
from lolomo.events import EventLog
from lolomo.events.incoming import read_incoming
from lolomo.events.journal_reading import Journal
from lolomo.events.outcomes import PLAYED, shown_slots, with_outcomes
from lolomo.features import all_features

_REQUESTS = "SELECT timestamp, counts_timestamp, user_features FROM journal ORDER BY timestamp"
_TITLES_SHOWN = 5
"""Of the most shown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Monitoring:
    """What a service looks like of late, beside how it looked before."""

    since: datetime
    """From when on is late."""
    requests_before: int
    requests_now: int
    staleness_seconds: float
    """Median age of the materialised counts when they were served, of late."""
    features: dict[str, Drift] = field(default_factory=dict)
    """Of numeric features of users, as served."""
    scores: dict[str, Drift] = field(default_factory=dict)
    """Of the scores shown, by row."""
    exposure_before: Exposure | None = None
    exposure_now: Exposure | None = None
    most_shown: dict[str, int] = field(default_factory=dict)
    """Impressions of the titles shown most of late."""
    loop_strength: float = float("nan")
    """Over the days of the journal; see `evaluation.exposure`."""
    settled_slots: int = 0
    """Slots whose outcome is known: training rows."""
    play_rate: float = float("nan")
    """Of those."""

    @property
    def alarms(self) -> list[str]:
        """Say what somebody should look at."""
        parts = {"feature": self.features, "scores of": self.scores}
        return [
            f"{part} {name} drifted: stability index {each.stability_index:.2f}"
            for part, found in parts.items()
            for name, each in found.items()
            if each.alarms
        ]


def monitor(workspace: Workspace, window: timedelta) -> Monitoring:
    """Look at a service through its journal.

    Args:
        workspace: Whose.
        window: How much of the end of the journal is "now".

    Raises:
        DataError: If the journal is empty.
    """
    journal = Journal(workspace.journal)
    times = pl.col(Columns.TIMESTAMP, Columns.COUNTS_TIMESTAMP).dt.convert_time_zone("UTC")
    requests, slots = journal.query(_REQUESTS).with_columns(times), shown_slots(journal)
    if requests.is_empty():
        raise DataError(
            f"the journal in {workspace.journal} is empty: serve pages first, with `lolomo serve`"
        )
    last = requests[Columns.TIMESTAMP][-1]
    since = last - window
    late = pl.col(Columns.TIMESTAMP) > since
    now, before = requests.filter(late), requests.filter(~late)
    events = _events(workspace)
    settled = with_outcomes(slots, events, last)
    age = (now[Columns.TIMESTAMP] - now[Columns.COUNTS_TIMESTAMP]).dt.total_microseconds() / 1e6
    return Monitoring(
        since=since,
        requests_before=before.height,
        requests_now=now.height,
        staleness_seconds=float(np.nanmedian(age.cast(pl.Float64).fill_null(np.nan))),
        features=dict(_feature_drift(before, now)),
        scores=dict(_score_drift(slots.filter(~late), slots.filter(late))),
        exposure_before=_exposure(slots.filter(~late)),
        exposure_now=_exposure(slots.filter(late)),
        most_shown=dict(_most_shown(slots.filter(late))),
        loop_strength=_loop_strength(slots, events),
        settled_slots=settled.height,
        play_rate=float(settled[PLAYED].to_numpy().mean()) if settled.height else float("nan"),
    )


def _events(workspace: Workspace) -> pl.DataFrame:
    """Return the event log and what has come in since."""
    known = EventLog(workspace.events).events()
    new = read_incoming(workspace.incoming)
    later = new.join(known, on=Columns.EVENT_ID, how="anti")
    return pl.concat([known, later], how="diagonal")


def _feature_drift(before: pl.DataFrame, now: pl.DataFrame) -> Iterator[tuple[str, Drift]]:
    if before.is_empty():
        return
    old, new = _numbers(before), _numbers(now)
    for name in sorted(old.keys() & new.keys()):
        yield name, drift(old[name], new[name])


def _numbers(requests: pl.DataFrame) -> dict[str, NDArray[np.float64]]:
    """Return the users' numbers, NaN where missing; the clock's own drift is nobody's news.

    Shape of each: [requests].
    """
    rows = [json.loads(text or "{}") for text in requests["user_features"]]
    of_users = {name for name, feature in all_features().items() if feature.entity == "user"}
    names = {
        name
        for row in rows
        for name, value in row.items()
        if name in of_users and isinstance(value, int | float)
    }
    return {
        name: np.array(
            [np.nan if row.get(name) is None else row[name] for row in rows], dtype=np.float64
        )
        for name in names
    }


def _score_drift(before: pl.DataFrame, now: pl.DataFrame) -> Iterator[tuple[str, Drift]]:
    for (task,), part in now.group_by("task", maintain_order=True):
        old = before.filter(pl.col("task") == task)["score"].cast(pl.Float64).to_numpy()
        if len(old):
            yield str(task), drift(old, part["score"].cast(pl.Float64).to_numpy())


def _exposure(slots: pl.DataFrame) -> Exposure | None:
    shown = slots[Columns.ITEM_ID].value_counts()["count"].to_numpy()
    return exposure(shown) if len(shown) else None


def _most_shown(slots: pl.DataFrame) -> list[tuple[str, int]]:
    counts = slots[Columns.ITEM_ID].value_counts(sort=True).head(_TITLES_SHOWN)
    return [(str(item_id), int(count)) for item_id, count in counts.iter_rows()]


def _loop_strength(slots: pl.DataFrame, events: pl.DataFrame) -> float:
    searched = events.filter(pl.col(Columns.KIND) == Kind.SEARCH)
    day = pl.col(Columns.TIMESTAMP).dt.date().alias("day")
    shown = slots.with_columns(day).group_by("day", Columns.ITEM_ID).len()
    items = pl.concat([shown[Columns.ITEM_ID], searched[Columns.ITEM_ID]]).unique().sort()
    organic = _counts(searched[Columns.ITEM_ID].value_counts(name="len"), items)
    days = [part for _, part in shown.sort("day").group_by("day", maintain_order=True)]
    if len(days) < 2 or searched.is_empty():
        return float("nan")
    return loop_strength([_counts(part, items) for part in days], organic)


def _counts(part: pl.DataFrame, items: pl.Series) -> NDArray[np.int64]:
    """Return the counts of items, 0 where there is none. Shape: [items]."""
    found = items.to_frame().join(part, on=Columns.ITEM_ID, how="left", maintain_order="left")
    return found["len"].fill_null(0).cast(pl.Int64).to_numpy()
