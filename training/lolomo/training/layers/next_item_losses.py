"""Losses of the next item, all over one positive score and those of shared negatives.

- `softmax`: over all items.
- `sampled_softmax`: over a sample. A negative stands for the items like it by the logarithm of its
  expected count, which is subtracted (logQ; Bengio & Senécal 2008); the target counts once.
- `gbce`: binary cross-entropy whose positive is tempered, so that sampling does not make the model
  overconfident (gSASRec, Petrov & Macdonald 2023).
"""

from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from keras import ops
from numpy.typing import NDArray

NEVER = -1e9


@dataclass(frozen=True, slots=True)
class Sampling:
    """Which loss, and how its negatives are drawn, the same for a whole batch."""

    loss: str
    num: int
    """How many negatives a batch; of as many as items, or more, none is drawn and all are used."""
    probabilities: NDArray[np.float32]
    """With which to draw each item. Shape: [items]."""
    calibration: float = 0.75
    """Of `gbce`: 0 is plain binary cross-entropy, 1 undoes the bias of sampling."""

    @property
    def takes_all(self) -> bool:
        """Whether every item is a negative."""
        return self.loss == "softmax" or self.num >= len(self.probabilities)


class NextItemLoss:
    """Draws negatives and compares them with the targets.

    Args:
        sampling: Which loss and negatives.
        seed: Of the draws.
    """

    def __init__(self, sampling: Sampling, seed: int) -> None:
        self.sampling = sampling
        self.random = keras.random.SeedGenerator(seed)
        expected = sampling.probabilities * sampling.num
        self._log_expected = np.log(expected).astype(np.float32)
        self._beta = _tempering(sampling)

    def sample(self) -> tuple[Any, Any]:
        """Return items and what to subtract from their scores. Shapes: [negatives] twice."""
        num_items = len(self.sampling.probabilities)
        if self.sampling.takes_all:
            return ops.arange(num_items), ops.zeros(num_items)
        logits = ops.log(ops.convert_to_tensor(self.sampling.probabilities))[None]
        drawn = keras.random.categorical(logits, self.sampling.num, seed=self.random)[0]
        drawn = ops.cast(drawn, "int32")
        if self.sampling.loss == "gbce":
            return drawn, ops.zeros(self.sampling.num)
        return drawn, ops.take(ops.convert_to_tensor(self._log_expected), drawn)

    def __call__(self, positive: Any, negative: Any) -> Any:
        """Return the loss of each target. Shape: [targets].

        Args:
            positive: Score of the target, `[targets]`.
            negative: Scores of the sample, `NEVER` where it is no negative, `[targets, negatives]`.
        """
        if self.sampling.loss == "gbce":
            wrong = ops.sum(ops.softplus(negative), axis=1)
            return self._beta * ops.softplus(-positive) + wrong
        everything = ops.concatenate([positive[:, None], negative], axis=1)
        return ops.logsumexp(everything, axis=1) - positive


def _tempering(sampling: Sampling) -> float:
    """Return the power of the positive's probability, equation 12 of Petrov & Macdonald."""
    num_items = len(sampling.probabilities)
    rate = min(sampling.num / max(num_items - 1, 1), 1.0)
    return rate * (sampling.calibration * (1 - 1 / rate) + 1 / rate)
