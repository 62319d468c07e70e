"""What the past leaves behind: in members' heads, and in what a service can count."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from lolomo.events.world.config import WorldConfig
from lolomo.events.world.population import Codes, Floats

HISTORY: Final = 64
"""Titles that are remembered of each member."""
PROFILE_MEMORY: Final = 0.9
LATELY_DAYS: Final = 7.0
"""In which a play's weight in `plays_lately` falls by 1/e."""


@dataclass(slots=True)
class Observed:
    """What a service may know: who watched what, and how often it is watched lately."""

    history: Codes
    """Last titles, in no order; -1 where there is none. Shape: [members, HISTORY]."""
    num_watched: Codes
    """Shape: [members]."""
    profiles: Floats
    """Share of each genre in a member's plays, the later weighing more.
    Shape: [members, genres]."""
    plays_lately: Floats
    """Shape: [items]."""

    @classmethod
    def nothing(cls, config: WorldConfig) -> "Observed":
        """Return the state before anybody has watched anything."""
        members = config.num_members
        return cls(
            history=np.full((members, HISTORY), -1),
            num_watched=np.zeros(members, np.int64),
            profiles=np.full((members, config.num_genres), 1 / config.num_genres, np.float32),
            plays_lately=np.zeros(config.num_items, np.float32),
        )

    def add(self, member: Codes, item: Codes, genres: Floats) -> None:
        """Remember one play of each of some members, no member twice."""
        self.history[member, self.num_watched[member] % HISTORY] = item
        self.num_watched[member] += 1
        old = PROFILE_MEMORY * self.profiles[member]
        self.profiles[member] = old + (1 - PROFILE_MEMORY) * genres[item]
        np.add.at(self.plays_lately, item, 1.0)

    def end_day(self) -> None:
        """Let a day's counts fade."""
        self.plays_lately *= np.float32(np.exp(-1 / LATELY_DAYS))
