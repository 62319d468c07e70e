"""The page that everybody can be given: trending titles, made ahead and kept in memory.

It is what is left when everything else is gone, and needs neither a model nor a store when it is
served. It is made again every minute; while that fails, the last good one stays.
"""

import time
from dataclasses import dataclass, field, replace

from lolomo.serving.bentos.schema import Limits
from lolomo.serving.steps import Page

REFRESH_SECONDS = 60.0


@dataclass(slots=True)
class Fallback:
    """The last good page of trending titles."""

    page: Page = field(default_factory=lambda: Page(rows=()))
    made_at: float = 0.0
    """When it was made, on the monotonic clock; 0 for never."""

    def keep(self, page: Page) -> None:
        """Keep a page unless it is empty."""
        if page.rows:
            self.page, self.made_at = page, time.monotonic()

    @property
    def age_seconds(self) -> float:
        """How long ago the page was made; infinite if it never was."""
        return time.monotonic() - self.made_at if self.made_at else float("inf")

    def cut(self, limits: Limits) -> Page:
        """Return the page with no more rows and titles than are wanted."""
        rows = (
            replace(row, entries=row.entries[: limits.titles])
            for row in self.page.rows[: limits.rows]
        )
        return replace(self.page, rows=tuple(rows))
