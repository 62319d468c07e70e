"""How old an item is at the moment of the query: continuous time on the side of the items.

Titles live: they are found in their first days, and then fade. An embedding that was learned from
the past cannot say how old an item will be at a later query, the item's first event and the clock
can.
"""

from typing import Any

import keras
import numpy as np
from keras import ops
from numpy.typing import NDArray
from typing_extensions import override

from lolomo.training.layers.continuous_time import days_between

NUM_POWERS = 3
LONG_AGE_DAYS = 365.0


class ItemAge(keras.layers.Layer):  # type: ignore[misc]
    """Scores items by a polynomial of their log age, whose coefficients depend on the state.

    Args:
        first_timestamps: Of each item's first event, int64 microseconds. Shape: [items].
    """

    def __init__(self, first_timestamps: NDArray[np.int64]) -> None:
        super().__init__(dtype="float32", name="item_age")
        self.first_timestamps = ops.convert_to_tensor(first_timestamps)
        self.coefficients = keras.layers.Dense(
            NUM_POWERS, kernel_initializer="zeros", name="coefficients"
        )

    @override
    def build(self, states_shape: Any) -> None:
        self.coefficients.build(states_shape)

    @override
    def call(self, states: Any, clocks: Any, items: Any) -> Any:
        """Score some items, the same for all queries. Shape: [batch, items].

        Args:
            states: `[batch, dim]`.
            clocks: The moments of the queries, int64 microseconds, `[batch]`.
            items: Item i as i, `[items]`.
        """
        first = ops.take(self.first_timestamps, items)
        return self._polynomial(states, self._age(clocks[:, None], first[None, :]))

    def of_own(self, states: Any, clocks: Any, items: Any) -> Any:
        """Score one item a query, `[batch]`. Shape: [batch]."""
        first = ops.take(self.first_timestamps, items)
        return self._polynomial(states, self._age(clocks, first)[:, None])[:, 0]

    def _age(self, clocks: Any, first: Any) -> Any:
        return ops.log1p(days_between(clocks, first)) / float(np.log1p(LONG_AGE_DAYS))

    def _polynomial(self, states: Any, age: Any) -> Any:
        factors = self.coefficients(states)
        total = factors[:, -1:] * age
        for power in reversed(range(NUM_POWERS - 1)):
            total = (total + factors[:, power : power + 1]) * age
        return total
