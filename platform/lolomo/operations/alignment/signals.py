"""What a service can count, and so what rankers may read of each candidate."""

from dataclasses import dataclass
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from lolomo.events.world.config import WorldConfig
from lolomo.events.world.population import Codes, Floats, Titles
from lolomo.events.world.state import Observed

SIGNALS: Final = ("recent", "total", "genre", "new", "together", "clicked", "finished", "noise")
"""Played lately, ever, in the member's genres, newly out, watched together with the history, played
where shown, watched to the end, and nothing at all."""
NEW_DAYS: Final = 30.0
PSEUDO_COUNT: Final = 20.0

Doubles = NDArray[np.float64]


@dataclass(slots=True)
class Counts:
    """What a service has counted so far, beside what the world keeps in `Observed`."""

    total: Doubles
    """Plays. Shape of all but `together`: [items]."""
    shown: Doubles
    played: Doubles
    """Of what was shown."""
    progress: Doubles
    """Sum over plays of how far they got."""
    pairs: Doubles
    """Members who watched an item. Shape: [members, items], 0 or 1."""

    @classmethod
    def nothing(cls, config: WorldConfig) -> Self:
        """Return the counts before anything happened."""
        size = config.num_items
        pairs = np.zeros((config.num_members, size))
        return cls(np.zeros(size), np.zeros(size), np.zeros(size), np.zeros(size), pairs)

    def similarity(self) -> Doubles:
        """Return the cosine of items by the members who watched them. Shape: [items, items]."""
        both = self.pairs.T @ self.pairs
        norms = np.sqrt(np.maximum(np.diag(both), 1.0))
        np.fill_diagonal(both, 0.0)
        return np.asarray(both / np.outer(norms, norms))


@dataclass(frozen=True, slots=True)
class Knowledge:
    """All that a service knows at a moment: what rankers read is computed from it."""

    plays_lately: Floats
    profiles: Floats
    """Shape: [members, genres]."""
    watched: NDArray[np.bool_]
    """Shape: [members, items]."""
    total: Doubles
    clicked: Doubles
    """Plays of each item by impression, drawn towards the mean."""
    finished: Doubles
    """How far its plays got on average, drawn towards the mean."""
    similarity: Doubles
    """Shape: [items, items]."""

    @classmethod
    def of(cls, observed: Observed, counts: Counts, similarity: Doubles) -> Self:
        """Copy what is known now, so that what happens next does not change it."""
        return cls(
            plays_lately=observed.plays_lately.copy(),
            profiles=observed.profiles.copy(),
            watched=counts.pairs > 0,
            total=counts.total.copy(),
            clicked=_rate(counts.played, counts.shown),
            finished=_rate(counts.progress, counts.total),
            similarity=similarity,
        )

    def signals(
        self, titles: Titles, member: Codes, candidates: Codes, day: float, noise: Doubles
    ) -> Floats:
        """Return what rankers read. Shape: [visits, candidates, signals].

        Args:
            titles: The catalogue, of which genres and launch days are known.
            member: Who visits. Shape: [visits].
            candidates: The same for all. Shape: [candidates].
            day: Today.
            noise: Shape: [visits, candidates].
        """
        shape = (len(member), len(candidates))
        age = day - titles.launch_day[candidates]
        columns = (
            np.log1p(self.plays_lately[candidates]),
            np.log1p(self.total[candidates]),
            self.profiles[member] @ titles.genres[candidates].T,
            np.exp(-np.maximum(age, 0.0) / NEW_DAYS),
            self.watched[member].astype(float) @ self.similarity[:, candidates],
            self.clicked[candidates],
            self.finished[candidates],
            noise,
        )
        return np.stack([np.broadcast_to(each, shape) for each in columns], axis=2).astype(
            np.float32
        )


def standardised(signals: Floats, there: NDArray[np.bool_]) -> Floats:
    """Return signals with mean 0 and deviation 1 over the candidates of each visit.

    Args:
        signals: Shape: [visits, candidates, signals].
        there: Which candidates count. Shape: [visits, candidates].
    """
    number = np.maximum(there.sum(axis=1), 1)[:, None, None]
    kept = signals * there[:, :, None]
    mean = kept.sum(axis=1, keepdims=True) / number
    squares = ((signals - mean) ** 2 * there[:, :, None]).sum(axis=1, keepdims=True) / number
    deviation = np.sqrt(squares)
    centred = np.where(deviation > 1e-6, (signals - mean) / np.maximum(deviation, 1e-6), 0.0)
    return np.asarray(centred, np.float32)


def _rate(hits: Doubles, trials: Doubles) -> Doubles:
    mean = hits.sum() / max(float(trials.sum()), 1.0)
    return np.asarray((hits + PSEUDO_COUNT * mean) / (trials + PSEUDO_COUNT))
