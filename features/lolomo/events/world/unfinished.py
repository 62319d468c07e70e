"""What members have left unfinished, and which of it they go on with.

Who is nearly through wants the end, what lies long ago is forgotten, what was begun together is
watched together, and a phone is for short rests. A service sees how far a play got, when that was,
the hour and the device; whom one sits beside, and when nothing is gone on with, it does not see.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from lolomo.events.watching import FINISHED
from lolomo.events.world.config import DEVICES, WorldConfig
from lolomo.events.world.population import Codes, Floats, Titles, floats
from lolomo.events.world.visits import DAY_MICROSECONDS, Visits

KEPT: Final = 6
"""Titles that a member remembers having left; with another, the oldest is forgotten."""


@dataclass(slots=True)
class Unfinished:
    """The titles that each member left. Shape of all: [members, KEPT]."""

    item: Codes
    """-1 for none."""
    progress: Floats
    left_at: Codes
    """Microseconds since 1970 UTC."""
    companion: Codes
    """Who watched along."""

    @classmethod
    def nothing(cls, num_members: int) -> "Unfinished":
        """Return the state before anybody has left anything."""
        shape = (num_members, KEPT)
        none = np.full(shape, -1)
        return cls(none, np.zeros(shape, np.float32), np.zeros(shape, np.int64), none.copy())

    def leave(self, visits: Visits, visit: Codes, item: Codes, progress: Floats, at: Codes) -> None:
        """Remember how far members got, no member twice.

        Args:
            visits: Of whom.
            visit: Which of the visits each play belongs to. Shape: [plays].
            item: What was watched. Shape: [plays].
            progress: How far it got. Shape: [plays].
            at: When it ended, microseconds since 1970 UTC. Shape: [plays].
        """
        member = visits.member[visit]
        same = self.item[member] == item[:, None]
        self.item[member] = np.where(same, -1, self.item[member])
        kept = progress < FINISHED
        member, free = member[kept], self.item[member[kept]] < 0
        place = np.where(free, -1, self.left_at[member]).argmin(axis=1)
        self.item[member, place] = item[kept]
        self.progress[member, place] = progress[kept]
        self.left_at[member, place] = at[kept]
        self.companion[member, place] = visits.companion[visit[kept]]

    def logits(self, config: WorldConfig, titles: Titles, visits: Visits) -> NDArray[np.float64]:
        """Return how much each is wanted, beside nothing at 0. Shape: [visits, KEPT]."""
        member = visits.member
        item, progress = self.item[member], self.progress[member]
        days = (visits.timestamp[:, None] - self.left_at[member]) / DAY_MICROSECONDS
        hours_left = (1 - progress) * titles.duration_seconds[item] / 3600
        on_phone = (visits.device == DEVICES.index("phone"))[:, None]
        together = self.companion[member] == visits.companion[:, None]
        wanted = (
            config.resume_progress * progress
            - config.resume_fading * np.log1p(np.maximum(days, 0.0))
            + config.resume_together * together
            - config.resume_screen * hours_left * on_phone
        )
        return np.where(item >= 0, wanted, -np.inf)

    def choose(
        self, config: WorldConfig, titles: Titles, visits: Visits, rng: np.random.Generator
    ) -> tuple[Codes, Codes]:
        """Draw which visits go on with what: the visits, and their items."""
        looks = rng.random(len(visits)) < config.resuming
        wanted = self.logits(config, titles, visits)
        with_nothing = np.concatenate([np.zeros((len(visits), 1)), wanted], axis=1)
        place = (with_nothing + rng.gumbel(size=with_nothing.shape)).argmax(axis=1) - 1
        visit = np.flatnonzero(looks & (place >= 0))
        return visit, self.item[visits.member[visit], place[visit]]

    def reached(self, member: Codes, item: Codes) -> Floats:
        """Return from which progress members go on with titles, 0 for one not begun. [plays]."""
        same = self.item[member] == item[:, None]
        return floats(np.where(same, self.progress[member], 0.0).max(axis=1))
