"""Thompson sampling: show what is best under one guess at how good everything is.

A ranker that knows its uncertainty gives a posterior of each score: a mean and a deviation, or the
scores of several bootstrapped heads (Thompson 1933; Chapelle & Li 2011). Each slot draws one sample
of the posterior and shows the best of what is left under it, so P(item | items above it) is the
chance that the item's normal variable exceeds those of all others that are left: an integral over
one number. It is estimated by sampling that number from the posteriors of the shown items together
(multiple importance sampling, Veach & Guibas 1995), the product over the others being exact; so it
is never 0 for what was shown, and its standard error is known.
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from typing_extensions import override

from lolomo.core.errors import SettingsError
from lolomo.core.policy.draw import Policy, Probabilities, Ranking, Scores, drawable

SEED = 20_261_123
"""Of the integration points: propensities are a function of scores and ranking alone."""


@dataclass(frozen=True, slots=True)
class Thompson(Policy):
    """Samples a posterior with independent normal marginals, anew for each slot.

    Scores `[candidates]` are means, with the deviation configured. Scores `[heads, candidates]` are
    those of bootstrapped heads, whose mean and standard deviation are the posterior's; see
    `posterior_heads` for a ranker that gives mean and variance.

    Raises:
        SettingsError: If a field is not above 0.
    """

    name: ClassVar[str] = "thompson"
    deviation: float = 1.0
    """Of every score, in its unit, where the ranker gives means only."""
    smallest_deviation: float = 1e-3
    """Below which heads that agree are not believed."""
    num_samples: int = 128
    """Points at which a slot's probability is estimated."""

    def __post_init__(self) -> None:
        if min(self.deviation, self.smallest_deviation, self.num_samples) <= 0:
            raise SettingsError(f"received {self}; expected fields above 0")

    @override
    def rankings(self, scores: Scores, k: int, rng: np.random.Generator) -> Ranking:
        mean, deviation = self._posterior(scores)
        _, length = drawable(mean, k)
        samples = mean + deviation * rng.standard_normal((length, len(mean)))
        order = np.empty(length, np.int64)
        for slot, sample in enumerate(samples):
            sample[order[:slot]] = -np.inf
            order[slot] = np.argmax(sample)
        return order

    @override
    def propensities(self, scores: Scores, ranking: Ranking) -> Probabilities:
        return np.asarray(self._terms(scores, ranking).mean(axis=0))

    @override
    def means(self, scores: Scores) -> Probabilities:
        return self._posterior(scores)[0]

    @override
    def standard_error(self, scores: Scores, ranking: Ranking) -> float:
        terms = self._terms(scores, ranking)
        probabilities = terms.mean(axis=0)
        gradient = np.prod(probabilities) / np.where(probabilities > 0, probabilities, 1.0)
        deviations: Probabilities = (terms - probabilities) @ gradient
        return float(deviations.std() / np.sqrt(self.num_samples))

    def _posterior(self, scores: Scores) -> tuple[Probabilities, Probabilities]:
        """Return mean and deviation of each candidate. Shapes: [candidates]."""
        values = np.asarray(scores, np.float64)
        if values.ndim == 1:
            return values, np.full(len(values), self.deviation)
        candidates = np.isfinite(values).all(axis=0)
        known = np.where(candidates, values, 0.0)
        deviation = np.maximum(known.std(axis=0), self.smallest_deviation)
        return np.where(candidates, known.mean(axis=0), -np.inf), deviation

    def _terms(self, scores: Scores, ranking: Ranking) -> Probabilities:
        """Return what each integration point adds to each slot. Shape: [samples, k]."""
        from scipy.special import log_ndtr

        if not ranking.size:
            return np.zeros((self.num_samples, 0))
        mean, deviation = self._posterior(scores)
        shown_mean, shown_deviation = mean[ranking], deviation[ranking]
        component = np.arange(self.num_samples) % len(ranking)
        noise = np.random.default_rng(SEED).standard_normal(self.num_samples)
        points = (shown_mean[component] + shown_deviation[component] * noise)[:, None]
        density = np.exp(-0.5 * ((points - shown_mean) / shown_deviation) ** 2) / shown_deviation
        weights = density / density.mean(axis=1, keepdims=True)
        below = log_ndtr((points - mean) / deviation)
        shown = below[:, ranking]
        # What competes at a slot is everything but the slot's own item and those above it.
        rest = below.sum(axis=1, keepdims=True) - np.cumsum(shown, axis=1)
        terms: Probabilities = weights * np.exp(rest)
        return terms


def posterior_heads(mean: Scores, variance: Scores) -> Probabilities:
    """Return two heads of this mean and variance. Shapes: [candidates] to [2, candidates]."""
    deviation = np.sqrt(np.asarray(variance, np.float64))
    return np.stack([mean - deviation, mean + deviation])
