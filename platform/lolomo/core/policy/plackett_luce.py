"""Plackett-Luce: each slot by a softmax over what is left (Plackett 1975; Luce 1959).

Drawing slot by slot equals sorting the logits after adding Gumbel noise once (Yellott 1977; Kool et
al., "Stochastic beams and where to find them", 2019), which costs one sort whatever the length.
"""

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
)


@dataclass(frozen=True, slots=True)
class PlackettLuce(Policy):
    """Draws without replacement, an item in proportion to exp(score / temperature).

    Raises:
        SettingsError: If `temperature` is not above 0.
    """

    name: ClassVar[str] = "plackett_luce"
    temperature: float = 1.0
    """In the unit of the scores: near 0 is greedy, large is uniform."""

    def __post_init__(self) -> None:
        if not self.temperature > 0:
            raise SettingsError(f"temperature is {self.temperature}; expected a number above 0")

    @override
    def rankings(self, scores: Scores, k: int, rng: np.random.Generator) -> Ranking:
        values, length = drawable(scores, k)
        noisy = values / self.temperature + rng.gumbel(size=values.shape)
        # No two are equal now, so only the best need sorting.
        best = np.argpartition(-noisy, max(0, length - 1), axis=-1)[..., :length]
        order = best_first(np.take_along_axis(noisy, best, axis=-1))
        return np.take_along_axis(best, order, axis=-1)

    @override
    def propensities(self, scores: Scores, ranking: Ranking) -> Probabilities:
        logits = np.asarray(scores, np.float64) / self.temperature
        drawn = np.take_along_axis(logits, ranking, axis=-1)
        rest = logits.copy()
        np.put_along_axis(rest, ranking, -np.inf, axis=-1)
        # From the last slot upwards what is left only grows, so no difference of sums is taken.
        upwards = np.concatenate([_log_sum(rest)[..., None], drawn[..., ::-1]], axis=-1)
        left = np.logaddexp.accumulate(upwards, axis=-1)[..., :0:-1]
        with np.errstate(invalid="ignore"):
            return np.where(np.isfinite(drawn), np.exp(drawn - left), 0.0)


def _log_sum(logits: Probabilities) -> Probabilities:
    """Return log sum exp over the last axis; -inf for nothing."""
    highest = np.max(logits, axis=-1, initial=-1e300)
    with np.errstate(divide="ignore"):
        total: Probabilities = np.log(np.exp(logits - highest[..., None]).sum(axis=-1)) + highest
    return total
