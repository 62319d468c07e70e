"""The clock of a service: the wall's for live data, the data's own for a historic set."""

import time
from dataclasses import dataclass, field
from datetime import UTC, datetime


@dataclass(frozen=True, slots=True)
class Clock:
    """Tells a request its time.

    A historic data set ends years ago. Its service starts where the events end and moves on from
    there, so that "the last three days" are days that the data has.
    """

    start: datetime | None = None
    """What it was when the service started; None for the wall clock."""
    _started: float = field(default_factory=time.monotonic)

    def now(self) -> datetime:
        """Return the present, UTC."""
        if self.start is None:
            return datetime.now(UTC)
        seconds = time.monotonic() - self._started
        return datetime.fromtimestamp(self.start.timestamp() + seconds, UTC)


def microseconds(moment: datetime) -> int:
    """Return a time as microseconds since 1970 UTC."""
    return round(moment.timestamp() * 1e6)


def iso(timestamp: int) -> str:
    """Return microseconds since 1970 as ISO 8601 UTC.

    >>> iso(893286638000000)
    '1998-04-22T23:10:38+00:00'
    """
    return datetime.fromtimestamp(timestamp / 1e6, UTC).isoformat(timespec="seconds")
