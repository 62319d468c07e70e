"""Epsilon-greedy: at each slot the best of what is left, but now and then any of it."""

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from typing_extensions import override

from lolomo.core.errors import SettingsError
from lolomo.core.policy.draw import (
    Policy,
    Probabilities,
    Ranking,
    Scores,
    best_first,
    drawable,
    num_left,
    places_left,
)


@dataclass(frozen=True, slots=True)
class EpsilonGreedy(Policy):
    """Explores each slot by itself, uniformly over the candidates that are left.

    Raises:
        SettingsError: If `epsilon` is no probability.
    """

    name: ClassVar[str] = "epsilon_greedy"
    epsilon: float = 0.05
    """Share of slots that are drawn uniformly."""

    def __post_init__(self) -> None:
        if not 0 <= self.epsilon <= 1:
            raise SettingsError(f"epsilon is {self.epsilon}; expected a probability from 0 to 1")

    @override
    def rankings(self, scores: Scores, k: int, rng: np.random.Generator) -> Ranking:
        values, length = drawable(scores, k)
        left = num_left(values, length)
        explored = rng.random(left.shape) < self.epsilon
        places = np.where(explored, rng.integers(0, left), 0)
        num_lists = math.prod(values.shape[:-1])
        rows = zip(
            best_first(values).reshape(num_lists, -1).tolist(),
            places.reshape(num_lists, length).tolist(),
            strict=True,
        )
        drawn = [[remaining.pop(place) for place in row] for remaining, row in rows]
        return np.array(drawn, np.int64).reshape(places.shape)

    @override
    def propensities(self, scores: Scores, ranking: Ranking) -> Probabilities:
        left = num_left(scores, ranking.shape[-1])
        best = places_left(scores, ranking) == 0
        drawn = np.isfinite(np.take_along_axis(np.asarray(scores), ranking, axis=-1))
        return np.where(drawn, self.epsilon / left + (1 - self.epsilon) * best, 0.0)
