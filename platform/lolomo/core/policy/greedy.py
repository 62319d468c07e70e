"""Greedy: the best are always shown, best first, and nothing is learned of the rest."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from typing_extensions import override

from lolomo.core.policy.draw import (
    Policy,
    Probabilities,
    Ranking,
    Scores,
    best_first,
    drawable,
    places_left,
)


@dataclass(frozen=True, slots=True)
class Greedy(Policy):
    """Shows the candidates by falling score; every propensity is 1."""

    name: ClassVar[str] = "greedy"

    @override
    def rankings(self, scores: Scores, k: int, rng: np.random.Generator) -> Ranking:
        values, length = drawable(scores, k)
        return best_first(values)[..., :length]

    @override
    def propensities(self, scores: Scores, ranking: Ranking) -> Probabilities:
        return np.where(places_left(scores, ranking) == 0, 1.0, 0.0)
