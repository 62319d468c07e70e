"""Learning from one's own pages, and how to correct for it.

What was played was mostly played because it was shown, and shown because an earlier model liked it.
A model that takes every play for a preference learns its predecessor's taste: the feedback loop.
Four remedies, each switched on by itself, act on one small model, a logistic regression of a play
on a title's bias and a few features:

* *impressions as negatives*: what was shown and not played, in place of titles drawn from the whole
  catalogue, so that a play is held against what competed with it;
* *a position head*: a bias of each slot, learned beside the titles' and left out when serving
  (PAL, Guo et al., RecSys 2019), so that a title is not praised for where it stood;
* *propensity weights*: an impression counts by one over the probability of showing it, clipped
  (Schnabel et al., ICML 2016), so that what was seldom shown speaks as loudly;
* *organic plays*: those that a search led to, and no page, with a weight of their own.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import numpy as np
from numpy.typing import NDArray

from lolomo.core.errors import ModelError

Floats = NDArray[np.float64]
Codes = NDArray[np.int64]
MAX_ITERATIONS: Final = 60


class Negatives(StrEnum):
    """What a play is held against."""

    CATALOGUE = "catalogue"
    """Titles drawn uniformly from all that could be shown."""
    SHOWN = "shown"
    """What was shown beside it, and not played."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Corrections:
    """Which remedies are taken.

    Raises:
        ModelError: If remedies that read impressions are asked for without impressions.
    """

    negatives: Negatives = Negatives.CATALOGUE
    position_head: bool = False
    propensity_weights: bool = False
    max_weight: float = 10.0
    """The most that an impression counts, in mean impressions."""
    organic_weight: float = 0.0
    """Share of the loss that organic plays have, from 0 to 1."""
    l2: float = 3.0
    """How strongly parameters are drawn to 0, in examples."""

    def __post_init__(self) -> None:
        reads_slots = self.position_head or self.propensity_weights
        if reads_slots and self.negatives is not Negatives.SHOWN:
            raise ModelError(
                "a position head and propensity weights read impressions; received catalogue "
                "negatives: set `negatives=Negatives.SHOWN`"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Examples:
    """Titles that were played or not, at a moment. Shape of all: [examples, ...]."""

    item: Codes
    features: Floats
    """Shape: [examples, features]."""
    played: Floats
    weight: Floats
    slot: Codes
    """Where it stood, -1 for nowhere."""

    def __len__(self) -> int:
        return len(self.item)


@dataclass(frozen=True, slots=True)
class SlotModel:
    """What was learned."""

    items: Floats
    """Bias of each title. Shape: [items]."""
    weights: Floats
    """Of the features. Shape: [features]."""
    slots: Floats
    """Bias of each slot; no part of a served score. Shape: [slots]."""

    def scores(self, features: Floats) -> Floats:
        """Return logits of a play wherever it stands: [..., items, features] to [..., items]."""
        scores: Floats = features @ self.weights + self.items
        return scores

    def scores_of(self, item: Codes, features: Floats) -> Floats:
        """Return the same of some titles: [n] and [n, features] to [n]."""
        scores: Floats = features @ self.weights + self.items[item]
        return scores


def joined(parts: list[Examples]) -> Examples:
    """Return several examples as one."""
    names = ("item", "features", "played", "weight", "slot")
    columns = {name: np.concatenate([getattr(part, name) for part in parts]) for name in names}
    return Examples(**columns)


def impression_weights(propensities: Floats, corrections: Corrections) -> Floats:
    """Return what each impression counts: 1, or one over its propensity, 1 on average and clipped.

    An impression of unknown propensity, which was moved after it was drawn, counts 1.
    """
    if not corrections.propensity_weights:
        return np.ones(len(propensities))
    inverse = 1.0 / np.where(np.isfinite(propensities), propensities, 1.0)
    clipped = np.minimum(inverse / inverse.mean(), corrections.max_weight)
    return np.asarray(clipped / clipped.mean())


def fit(
    page: Examples, organic: Examples, sizes: tuple[int, int], corrections: Corrections
) -> SlotModel:
    """Return the most probable logistic regression.

    Args:
        page: What was shown, or played from a page beside catalogue negatives.
        organic: What was searched for and played, beside catalogue negatives.
        sizes: How many items and slots there are.
        corrections: Which remedies are taken.

    Raises:
        ModelError: If there is no example.
    """
    from scipy.optimize import minimize

    share = corrections.organic_weight if len(organic) else 0.0
    parts = [part for part in (_scaled(page, 1 - share), _scaled(organic, share)) if len(part)]
    if not parts:
        raise ModelError("received no example to learn from: let the service run first")
    examples = joined(parts)
    num_items, num_slots = sizes
    slot = examples.slot if corrections.position_head else np.full(len(examples), -1)
    shape = (num_items, examples.features.shape[1], num_slots)

    def loss(flat: Floats) -> tuple[float, Floats]:
        return _loss(flat, examples, slot, shape, corrections.l2)

    start = np.zeros(sum(shape))
    found = minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": MAX_ITERATIONS})
    return SlotModel(*_parts(found.x, shape))


def _scaled(examples: Examples, share: float) -> Examples:
    """Return examples that weigh so much of their number in all; none of share 0."""
    kept = np.arange(len(examples)) if share > 0 else np.arange(0)
    total = examples.weight.sum()
    factor = share * len(examples) / total if total else 0.0
    return Examples(
        item=examples.item[kept],
        features=examples.features[kept],
        played=examples.played[kept],
        weight=examples.weight[kept] * factor,
        slot=examples.slot[kept],
    )


def _loss(
    flat: Floats, examples: Examples, slot: Codes, shape: tuple[int, int, int], l2: float
) -> tuple[float, Floats]:
    """Return the weighted log loss with its gradient. The last feature, a constant, is free."""
    from scipy.special import expit

    items, weights, slots = _parts(flat, shape)
    stood = slot >= 0
    logits = items[examples.item] + examples.features @ weights
    logits = logits + np.where(stood, slots[slot], 0.0)
    surprise = examples.weight * (np.logaddexp(0.0, logits) - examples.played * logits)
    error = examples.weight * (expit(logits) - examples.played)
    penalised = flat.copy()
    penalised[shape[0] + shape[1] - 1] = 0.0
    gradient = np.concatenate(
        [
            np.bincount(examples.item, error, shape[0]),
            examples.features.T @ error,
            np.bincount(slot[stood], error[stood], shape[2]),
        ]
    )
    return float(surprise.sum() + l2 * penalised @ penalised), gradient + 2 * l2 * penalised


def _parts(flat: Floats, shape: tuple[int, int, int]) -> tuple[Floats, Floats, Floats]:
    items, weights, slots = np.split(flat, np.cumsum(shape)[:2])
    return items, weights, slots
