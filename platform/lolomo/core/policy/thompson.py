"""Thompson sampling: show what is best under one guess at how good everything is.

A ranker that knows how sure it is of its last layer gives each candidate a mean score and
*factors*: if the layer's weights are drawn from their posterior, the scores of all candidates move
together, by `factors.T @ z` for a standard normal `z` (Thompson 1933; Riquelme, Tucker and Snoek,
"Deep Bayesian bandits showdown", ICLR 2018). What differs by guess is explored, and what moves
every candidate alike is not, which independent deviations of each score would get wrong.

Each slot draws a guess of its own and shows the best of what is left under it, after a little
Gumbel noise. The noise makes the chance of a slot, given the guess, a softmax over what is left
(McFadden 1974), so P(item | the items above it) is a mean of softmaxes over guesses, a mixed logit.
It is estimated by guesses drawn from a mixture of normals, one for each shown item, moved to where
that item wins (multiple importance sampling, Veach and Guibas 1995); so it is never 0 for what was
shown, is not biased, and its standard error is known.
"""

import hashlib
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from typing_extensions import override

from lolomo.core.errors import PolicyError, SettingsError
from lolomo.core.policy.draw import Policy, Probabilities, Ranking, Scores, drawable
from lolomo.core.policy.plackett_luce import PlackettLuce

STEPS = 8
"""How often a guess is moved towards one in which a shown item wins."""
FARTHEST = 4.0
"""How far it may be moved, in standard deviations."""


@dataclass(frozen=True, slots=True)
class Thompson(Policy):
    """Samples the posterior of a ranker's head, anew for each slot.

    Scores are `[1 + rank, candidates]`: means, then factors. Of a ranker without a posterior they
    are means `[candidates]` alone; then nothing but the noise is left, as in `PlackettLuce`.

    Raises:
        SettingsError: If a field is not above 0.
    """

    name: ClassVar[str] = "thompson"
    scale: float = 1.0
    """What the posterior's deviations are multiplied by: more explores more."""
    temperature: float = 0.05
    """Of the noise, in the unit of the scores: it decides between what a guess holds alike."""
    num_samples: int = 256
    """Guesses by which the probabilities of a list are estimated."""

    def __post_init__(self) -> None:
        if min(self.scale, self.temperature, self.num_samples) <= 0:
            raise SettingsError(f"received {self}; expected fields above 0")

    @property
    @override
    def wants_posterior(self) -> bool:
        return True

    @override
    def rankings(self, scores: Scores, k: int, rng: np.random.Generator) -> Ranking:
        mean, factors = self._posterior(scores)
        _, length = drawable(mean, k)
        guesses = mean + rng.standard_normal((length, len(factors))) @ factors
        guesses += self.temperature * rng.gumbel(size=guesses.shape)
        order = np.empty(length, np.int64)
        for slot, guess in enumerate(guesses):
            guess[order[:slot]] = -np.inf
            order[slot] = np.argmax(guess)
        return order

    @override
    def propensities(self, scores: Scores, ranking: Ranking) -> Probabilities:
        return self.with_errors(scores, ranking)[0]

    @override
    def with_errors(
        self, scores: Scores, ranking: Ranking
    ) -> tuple[Probabilities, Probabilities | None]:
        mean, factors = self._posterior(scores)
        softmax = PlackettLuce(self.temperature)
        if not len(factors) or not ranking.size:
            return softmax.propensities(mean, ranking), None
        points, weights = self._points(mean, factors, ranking)
        each = np.broadcast_to(ranking, (len(points), len(ranking)))
        terms = weights[:, None] * softmax.propensities(mean + points @ factors, each)
        error = terms.std(axis=0, ddof=1) / np.sqrt(len(terms))
        return np.minimum(terms.mean(axis=0), 1.0), error

    @override
    def means(self, scores: Scores) -> Probabilities:
        return self._posterior(scores)[0]

    def _posterior(self, scores: Scores) -> tuple[Probabilities, Probabilities]:
        """Return means `[candidates]` and factors `[rank, candidates]`."""
        values = np.asarray(scores, np.float64)
        if values.ndim > 2:
            raise PolicyError(
                f"Thompson sampling received scores of shape {list(values.shape)}; expected means "
                "[candidates], or means and factors [1 + rank, candidates], of one list"
            )
        if values.ndim == 1:
            return values, np.empty((0, len(values)))
        factors = np.where(np.isfinite(values[0]), values[1:], 0.0)
        return values[0], self.scale * factors

    def _points(
        self, mean: Probabilities, factors: Probabilities, ranking: Ranking
    ) -> tuple[Probabilities, Probabilities]:
        """Return guesses `[samples, rank]` and how much each counts `[samples]`.

        They follow from the scores alone, so a replay finds the same probabilities, while the
        errors of two requests are independent and do not add up over a log.
        """
        seed = hashlib.sha256(mean.tobytes()).digest()[:8]
        rng = np.random.default_rng(int.from_bytes(seed, "big"))
        centres = np.concatenate([np.zeros((1, len(factors))), _winning(mean, factors, ranking)])
        own = np.arange(max(self.num_samples, 2)) % len(centres)
        points = centres[own] + rng.standard_normal((len(own), len(factors)))
        exponents = points @ centres.T - 0.5 * np.square(centres).sum(axis=1)
        share = np.bincount(own, minlength=len(centres)) / len(own)
        return points, 1.0 / (np.exp(exponents) @ share)


def _winning(mean: Probabilities, factors: Probabilities, ranking: Ranking) -> Probabilities:
    """Return for each slot a guess near 0 in which its item beats what is left. [k, rank].

    The guess is projected, step by step, onto where the item ties with the best of the others.
    """
    k = len(ranking)
    guess = np.zeros((k, len(factors)))
    blocked = np.zeros((k, len(mean)), bool)
    blocked[:, ranking] = np.tri(k, dtype=bool)  # the items above, and the slot's own
    slots = np.arange(k)
    for _ in range(STEPS):
        scores = mean + guess @ factors
        rival = np.where(blocked, -np.inf, scores).argmax(axis=1)
        behind = np.where(blocked[slots, rival], 0.0, scores[slots, rival] - scores[slots, ranking])
        direction = (factors[:, ranking] - factors[:, rival]).T
        length = np.square(direction).sum(axis=1)
        guess += (
            np.where(length > 0, np.maximum(behind, 0.0) / np.maximum(length, 1e-12), 0.0)[:, None]
            * direction
        )
    reach = np.linalg.norm(guess, axis=1, keepdims=True)
    return np.asarray(guess * np.minimum(1.0, FARTHEST / np.maximum(reach, 1e-12)))
