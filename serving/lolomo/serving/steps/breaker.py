"""A circuit breaker: what keeps failing is left alone for a moment, so that nobody waits for it.

Without one, a part that hangs costs every request its whole share of the deadline. After a few
failures in a row the breaker opens: the part is skipped at once. Each `rest_seconds` one request is
let through to find out, and the first success closes the breaker (Nygard, "Release It!", 2007).
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass(slots=True)
class Breaker:
    """Decides whether a part is worth asking.

    Threads may share it: of two failures at the same instant one may go uncounted.
    """

    failures_to_open: int = 5
    """How many failures in a row open it."""
    rest_seconds: float = 0.5
    """How long it stays open before one request may try again."""
    clock: Callable[[], float] = time.monotonic
    _failures: int = field(default=0, init=False)
    _next_trial: float = field(default=0.0, init=False)

    def allows(self) -> bool:
        """Return whether to ask; while open, yes only once in each rest."""
        if self._failures < self.failures_to_open:
            return True
        if self.clock() < self._next_trial:
            return False
        self._next_trial = self.clock() + self.rest_seconds
        return True

    def record(self, succeeded: bool) -> None:
        """Remember how it went."""
        self._failures = 0 if succeeded else self._failures + 1
        if self._failures == self.failures_to_open:
            self._next_trial = self.clock() + self.rest_seconds
