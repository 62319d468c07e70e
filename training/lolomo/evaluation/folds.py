"""Rolling folds: the past to fit on, the window after it to judge in.

The cut is by row fraction, with rows ordered by (timestamp, source order), as the protocol says.
Two events of one instant may therefore fall on both sides of a cut, so a fold carries its rows
beside its times; the rows are what counts.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

import polars as pl

from lolomo.core.columns import Columns
from lolomo.core.errors import DataError

MIN_EVENTS = 10


@dataclass(frozen=True, slots=True)
class Fold:
    """One cut of an event table: fit on what is before the window, judge in the window."""

    name: str
    fit_end: datetime
    """Where fitting stops, exclusive; equal to `start`."""
    start: datetime
    """Time of the window's first event."""
    end: datetime
    """Where the window stops, exclusive: the first event after it, or just after the last one."""
    start_row: int
    """Row of the window's first event, which is also the number of events to fit on."""
    end_row: int
    """Row after the window's last event."""

    def fit_events(self, events: pl.DataFrame) -> pl.DataFrame:
        """Return the events before the window, of the same table that was cut."""
        self._check(events)
        return events[: self.start_row]

    def window_events(self, events: pl.DataFrame) -> pl.DataFrame:
        """Return the events in the window, of the same table that was cut."""
        self._check(events)
        return events[self.start_row : self.end_row]

    def _check(self, events: pl.DataFrame) -> None:
        if len(events) < self.end_row or events[Columns.TIMESTAMP][self.start_row] != self.start:
            raise DataError(
                f"fold {self.name!r} was cut from another table: expected row {self.start_row} at "
                f"{self.start.isoformat()} of at least {self.end_row} rows, received "
                f"{len(events)} rows: pass the events that `rolling_folds` was given"
            )


@dataclass(frozen=True, slots=True)
class Folds:
    """The folds of a rolling origin, each fitted on all that is before its window.

    A ranker learns from the two windows before its cut, with candidates from models that were
    fitted before each of them.
    """

    warm_up: Fold
    """Fit on 60 % of the rows, window to 70 %."""
    stacking: Fold
    """Fit on 70 %, window to 80 %."""
    validation: Fold
    """Fit on 80 %, window to 90 %: what is tuned on, and what gates decide by."""
    test: Fold
    """Fit on 90 %, window to the end: looked at to report, never to choose."""


def rolling_folds(events: pl.DataFrame) -> Folds:
    """Cut events at 60, 70, 80 and 90 % of their rows.

    Args:
        events: The canonical event table, ordered by time and stable in source order.

    Raises:
        DataError: If there are too few events, or they are not ordered by time.
    """
    timestamps = events[Columns.TIMESTAMP]
    if len(events) < MIN_EVENTS:
        raise DataError(
            f"received {len(events)} events, folds need at least {MIN_EVENTS}: add data"
        )
    if not timestamps.is_sorted():
        raise DataError("events are not ordered by time: sort by timestamp, keeping source order")
    cuts = [len(events) * tenths // 10 for tenths in (6, 7, 8, 9, 10)]
    times = [timestamps[row] for row in cuts[:-1]] + [timestamps[-1] + timedelta(microseconds=1)]
    folds = [
        Fold(name, times[i], times[i], times[i + 1], cuts[i], cuts[i + 1])
        for i, name in enumerate(("warm_up", "stacking", "validation", "test"))
    ]
    return Folds(*folds)
