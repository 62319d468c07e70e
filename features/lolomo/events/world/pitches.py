"""How titles are put to members: each pitch finds its own ears.

A *pitch* is the one line, or the artwork, with which a title is shown. Members differ in what moves
them, and so do titles: that many watch it says something of a title that many watch, and its genre
to whom loves the genre. None of it is about the film: a pitch acts on the click alone.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from lolomo.events.world.config import WorldConfig
from lolomo.events.world.population import Codes, Floats, Titles, floats
from lolomo.tasks.evidence import PITCHES

MATCH: Final = 3.0
"""How much the whole of a profile in a title's genres adds to the pitch of its genre."""
HISTORY_PLAYS: Final = 8.0
"""From so many plays on a member is at ease with being told what they watched."""
NEWNESS_DAYS: Final = 45.0
FAMOUS: Final = 0.8
"""From twice this fame on it helps to say that many watch."""


@dataclass(frozen=True, slots=True)
class Pitches:
    """What pitches do in one world."""

    titles: Titles
    leaning: Floats
    """What moves each member, whatever the title. Shape: [members, pitches]."""
    strength: float

    @classmethod
    def draw(cls, config: WorldConfig, titles: Titles, rng: np.random.Generator) -> "Pitches":
        """Draw what moves each member."""
        leaning = 0.5 * rng.standard_normal((config.num_members, len(PITCHES)))
        return cls(titles, floats(leaning), config.pitch_strength)

    def effects(
        self, member: Codes, num_watched: Codes, profiles: Floats, items: Codes, day: float
    ) -> Floats:
        """Return what each pitch adds to the logit of a play.

        Args:
            member: Who looks. Shape: [batch].
            num_watched: How much each of them has watched. Shape: [batch].
            profiles: Share of each genre in their histories. Shape: [batch, genres].
            items: What is shown. Shape: [batch, slots].
            day: Days since the world's start.

        Returns:
            Values around 0. Shape: [batch, slots, pitches].
        """
        titles = self.titles
        match = MATCH * np.einsum("bg,bsg->bs", profiles, titles.genres[items]) - 0.5
        new = 2.0 * np.exp(-np.maximum(day - titles.launch_day[items], 0) / NEWNESS_DAYS) - 0.5
        known = np.tanh(num_watched / HISTORY_PLAYS)[:, None] - 0.5
        famous = 0.5 * titles.fame[items] - FAMOUS
        by_title = np.stack(np.broadcast_arrays(match, new, known, famous), axis=2)
        return floats(self.strength * (by_title + self.leaning[member][:, None, :]))
