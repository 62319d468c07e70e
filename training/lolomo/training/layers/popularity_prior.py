"""What is popular, added to scores that cannot know it.

Embeddings say what was popular on average; counts say what is popular now. The prior is a weighted
sum of the logarithms of counts over several spans. Its weights depend on the state, since some
users follow what is new and others do not, and on how old the counts are, since old counts say
less. So one network serves with fresh counts, late ones, and ones that stopped at the cut.
"""

from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from keras import ops
from numpy.typing import NDArray
from typing_extensions import override

from lolomo.training.layers.continuous_time import days_between

SMALLEST_COUNT = 0.1
"""Added to counts before the logarithm."""


@dataclass(frozen=True, slots=True)
class CountSnapshots:
    """The logarithms of the items' counts at some past instants."""

    timestamps: NDArray[np.int64]
    """Microseconds, ascending. Shape: [snapshots]."""
    log_counts: NDArray[np.float32]
    """Shape: [counts, snapshots, items]."""


class PopularityPrior(keras.layers.Layer):  # type: ignore[misc]
    """Weighs log counts by the state and by their age.

    Args:
        num_counts: How many counts an item has.
    """

    def __init__(self, num_counts: int) -> None:
        super().__init__(dtype="float32", name="prior")
        self.num_counts = num_counts
        self.weights_of = keras.layers.Dense(
            num_counts,
            kernel_initializer="zeros",
            bias_initializer=keras.initializers.Constant(1.0 / num_counts),
            name="weights_of",
        )

    @override
    def build(self, states_shape: Any) -> None:
        self.weights_of.build((None, states_shape[-1] + 2))

    @override
    def call(self, states: Any, clocks: Any, known_at: Any) -> Any:
        """Return how much each count weighs. Shape: [batch, counts].

        Args:
            states: `[batch, dim]`.
            clocks: The moments of the queries, int64 microseconds, `[batch]`.
            known_at: As of when the counts are, as `clocks`.
        """
        age = ops.log1p(days_between(clocks, known_at))[:, None] / 3.0
        return self.weights_of(ops.concatenate([states, age, age * age], axis=1))
