"""How members react to a page: what they look at, what they play, and how it pleased them.

Three things are kept apart that a log confounds: a title's *attraction* once it is looked at, the
*examination* of the slot where it stands, and the *satisfaction* that the play leaves. The chance
of each play given a page is known in closed form, which is what makes a policy's true value
computable.

Page arrays are `[batch, slots]`, in the order in which a member meets the slots: by row, then by
position. Item code -1 is an empty slot.
"""

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from lolomo.events.world.config import Browsing, WorldConfig
from lolomo.events.world.population import Codes, Floats, Titles, floats

Chances: TypeAlias = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Slots:
    """Where each slot of a page stands."""

    row: Codes
    """Shape: [slots]."""
    position: Codes
    """Shape: [slots]."""

    @classmethod
    def grid(cls, rows: int, row_length: int) -> "Slots":
        """Return the slots of a page of equally long rows."""
        row, position = np.divmod(np.arange(rows * row_length), row_length)
        return cls(row, position)


@dataclass(frozen=True, slots=True)
class Behaviour:
    """The laws of one world."""

    config: WorldConfig
    titles: Titles

    def interest(self, day: float) -> Floats:
        """Return what the date and the title add to the logit of a play. Shape: [items]."""
        config, titles = self.config, self.titles
        age = np.maximum(0.0, day - titles.launch_day)
        launch = config.launch_strength * np.exp(-age / titles.decay_days)
        return floats(
            config.attraction
            + config.fame_strength * titles.fame
            + config.appeal_strength * titles.appeal
            + launch
        )

    def affinity(self, tastes: Floats, items: Codes) -> Floats:
        """Return how well titles meet a taste. Shapes: [batch, dim], [batch, slots] to the last."""
        found: Floats = np.einsum("bd,bsd->bs", tastes, self.titles.vectors[items])
        return found

    def attraction(
        self, tastes: Floats, profiles: Floats, watched: NDArray[np.bool_], items: Codes, day: float
    ) -> Chances:
        """Return the chance that each slot is played once it is looked at.

        Args:
            tastes: Those in force at the visit. Shape: [batch, dim].
            profiles: Share of each genre in the member's history. Shape: [batch, genres].
            watched: Whether the member has watched the slot's title. Shape: [batch, slots].
            items: What is shown. Shape: [batch, slots].
            day: Days since the world's start.
        """
        config = self.config
        logits = self.interest(day)[items] + config.taste_strength * self.affinity(tastes, items)
        if config.familiarity:
            shown = np.einsum("bg,bsg->bs", profiles, self.titles.genres[items])
            logits = logits + config.familiarity * shown
        logits = logits + config.rewatching * watched
        if config.satiation:
            logits = logits - config.satiation * self._alike_above(items)
        return np.where(items >= 0, _sigmoid(logits), 0.0)

    def chances(self, attraction: Chances, slots: Slots) -> Chances:
        """Return the probability of each slot's play, given the page. Shape: [batch, slots]."""
        if self.config.browsing is Browsing.POSITION:
            return attraction * self._examination(slots)
        going_on = (1 - attraction) * self._patience(slots)
        looked_at = np.cumprod(going_on, axis=1)[:, :-1]
        reached = np.concatenate([np.ones_like(attraction[:, :1]), looked_at], axis=1)
        return np.asarray(attraction * reached)

    def plays(
        self, attraction: Chances, slots: Slots, rng: np.random.Generator
    ) -> NDArray[np.bool_]:
        """Draw which slots are played. Shape: [batch, slots]."""
        attracted = rng.random(attraction.shape) < attraction
        luck = rng.random(attraction.shape)
        if self.config.browsing is Browsing.POSITION:
            return attracted & (luck < self._examination(slots))
        going_on = ~attracted & (luck < self._patience(slots))
        looked_at = np.logical_and.accumulate(going_on, axis=1)[:, :-1]
        first = np.ones_like(attracted[:, :1])
        return np.asarray(attracted & np.concatenate([first, looked_at], axis=1))

    def mean_satisfaction(self, tastes: Floats, items: Codes) -> Chances:
        """Return the satisfaction that a play of each title would leave, 0 to 1, on average.

        Shapes: [batch, dim], [batch, slots] to [batch, slots].
        """
        config, titles = self.config, self.titles
        logits = (
            config.satisfaction
            + config.satisfaction_taste * self.affinity(tastes, items)
            + config.satisfaction_quality * titles.quality[items]
            + config.satisfaction_appeal * titles.appeal[items]
        )
        return _sigmoid(logits)

    def satisfactions(self, mean: Chances, rng: np.random.Generator) -> Chances:
        """Draw satisfactions around their means: beta variables, which keep the mean exactly."""
        concentration = 6.0
        certain = np.clip(mean, 0.01, 0.99)
        drawn: Chances = rng.beta(concentration * certain, concentration * (1 - certain))
        return drawn

    def _examination(self, slots: Slots) -> Chances:
        row, position = (1.0 + slots.row), (1.0 + slots.position)
        seen: Chances = row**-self.config.row_bias * position**-self.config.position_bias
        return seen

    def _patience(self, slots: Slots) -> Chances:
        """Return the chance to go on after each slot that was not played. Shape: [slots]."""
        ends = np.append(slots.row[1:] != slots.row[:-1], True)
        return np.where(ends, self.config.row_bias, 1 - self.config.position_bias)

    def _alike_above(self, items: Codes) -> Chances:
        """Return the share of the slots above each that are of its main genre."""
        genre = self.titles.genres.argmax(axis=1)[items]
        alike = (genre[:, :, None] == genre[:, None, :]) & (items >= 0)[:, None, :]
        above = np.tri(items.shape[1], k=-1)
        share: Chances = (alike * above).sum(axis=2) / np.maximum(1.0, above.sum(axis=1))
        return share


def with_effects(chances: Chances, effects: Floats) -> Chances:
    """Return chances with something added to their logits. Shapes: any, the same."""
    odds = chances * np.exp(np.asarray(effects, np.float64))
    return np.asarray(odds / (1 - chances + odds))


def _sigmoid(logits: Floats | Chances) -> Chances:
    return np.asarray(1.0 / (1.0 + np.exp(-np.asarray(logits, np.float64))))
