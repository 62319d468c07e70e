"""An exploration budget: how much of the service may be spent on learning.

A policy explores in a share of requests, and in a share of each list's slots, the lowest ones; the
rest is greedy. The coin that decides for a request is not logged, and need not be: the propensities
are those of the mixture, so they are exact whichever way it fell.
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from typing_extensions import override

from lolomo.core.errors import SettingsError
from lolomo.core.policy.draw import Policy, Probabilities, Ranking, Scores, drawable
from lolomo.core.policy.greedy import Greedy

GREEDY = Greedy()


@dataclass(frozen=True, slots=True)
class Budgeted(Policy):
    """Lets a policy explore only so much.

    Raises:
        SettingsError: If a share is not from 0 to 1.
    """

    name: ClassVar[str] = "budgeted"
    explorer: Policy
    """What draws the explored slots."""
    requests: float = 1.0
    """Share of requests that explore."""
    slots: float = 1.0
    """Share of a list's slots, from its end upwards, that may be explored."""

    def __post_init__(self) -> None:
        if not (0 <= self.requests <= 1 and 0 <= self.slots <= 1):
            raise SettingsError(
                f"received a budget of {self.requests} of requests and {self.slots} of slots; "
                "expected shares from 0 to 1"
            )

    @property
    @override
    def wants_posterior(self) -> bool:
        return self.explorer.wants_posterior

    @override
    def rankings(self, scores: Scores, k: int, rng: np.random.Generator) -> Ranking:
        means, length = drawable(self.means(scores), k)
        greedy = GREEDY.rankings(means, length, rng)
        protected = greedy[..., : length - self._num_explored(length)]
        left = _without(scores, protected)
        drawn = self.explorer.rankings(left, length - protected.shape[-1], rng)
        explored = np.concatenate([protected, drawn], axis=-1)
        coin = rng.random((*means.shape[:-1], 1)) < self.requests
        return np.where(coin, explored, greedy)

    @override
    def propensities(self, scores: Scores, ranking: Ranking) -> Probabilities:
        return self.with_errors(scores, ranking)[0]

    @override
    def with_errors(
        self, scores: Scores, ranking: Ranking
    ) -> tuple[Probabilities, Probabilities | None]:
        num_protected = ranking.shape[-1] - self._num_explored(ranking.shape[-1])
        protected, drawn = ranking[..., :num_protected], ranking[..., num_protected:]
        greedy = GREEDY.propensities(self.means(scores), ranking)
        lowest, errors = self.explorer.with_errors(_without(scores, protected), drawn)
        explored = np.concatenate([greedy[..., :num_protected], lowest], axis=-1)
        # In logs, since the probability of a long list is soon below the smallest float.
        with np.errstate(divide="ignore", invalid="ignore"):
            exploring = np.log(self.requests) + np.cumsum(np.log(explored), axis=-1)
            exploiting = np.log(1 - self.requests) + np.cumsum(np.log(greedy), axis=-1)
            lists = np.logaddexp(exploring, exploiting)
            propensities = np.nan_to_num(np.exp(np.diff(lists, axis=-1, prepend=0.0)))
            if errors is None:
                return propensities, None
            relative = np.concatenate([np.zeros(num_protected), errors / lowest])
            return propensities, propensities * _spread(np.exp(exploring - lists), relative)

    @override
    def means(self, scores: Scores) -> Probabilities:
        return self.explorer.means(scores)

    def _num_explored(self, k: int) -> int:
        return round(k * self.slots)


def _without(scores: Scores, places: Ranking) -> Probabilities:
    """Return the scores, also those of several heads, with some candidates taken out."""
    left = np.array(scores, np.float64)
    each = np.broadcast_to(places, (*left.shape[:-1], places.shape[-1]))
    np.put_along_axis(left, each, -np.inf, axis=-1)
    return left


def _spread(exploring: Probabilities, relative: Probabilities) -> Probabilities:
    """Return the relative errors of a mixture's propensities, by the delta method. Shape: [k].

    Args:
        exploring: How probable it is, given the items down to a slot, that the list was explored.
        relative: Relative errors of the explorer's own propensities, independent of each other.
    """
    above = np.concatenate([[0.0], np.cumsum(np.square(relative))[:-1]])
    change = np.diff(exploring, prepend=exploring[:1])
    return np.asarray(np.sqrt(np.square(exploring * relative) + np.square(change) * above))
