"""Reads the user's features within a share of the deadline, or says why there are none.

A read changes nothing, so one that fails is tried once more while there is time. A store that hangs
or keeps failing is left alone for a moment (`Breaker`), so that pages without it are not late.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from lolomo.serving.steps import Features, Worker
from lolomo.serving.steps.breaker import Breaker
from lolomo.serving.steps.guard import attempt_through
from lolomo.serving.steps.reasons import Reason

SHARE = 0.3
"""Of the time left."""
ATTEMPTS = 2


@dataclass(frozen=True, slots=True)
class UserReader:
    """Reads on a thread of its own, so that a store that hangs holds up no computing."""

    worker: Worker = field(default_factory=lambda: Worker("reader"))
    breaker: Breaker = field(default_factory=Breaker)

    async def read(
        self,
        features: Features,
        user_id: str,
        timestamp: int,
        where: Mapping[str, str | None],
        deadline: float,
    ) -> tuple[Mapping[str, Any] | None, str | None]:
        """Return the features of a user and of the request, or None and why.

        Args:
            features: Where from.
            user_id: Whose.
            timestamp: The request's own time, microseconds since 1970 UTC.
            where: Device and country.
            deadline: Of the whole request, in seconds since 1970.
        """
        now = time.time()
        latest = now + (deadline - now) * SHARE
        reading = partial(features.user, user_id, timestamp, where)
        begin = partial(self.worker.run, reading, latest)
        values, why = None, None
        for _ in range(ATTEMPTS):
            values, why = await attempt_through(self.breaker, begin, "reading user features")
            if values is not None or why is None or Reason.of(why) is not Reason.FAILED:
                break
        return values, why
