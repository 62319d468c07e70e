"""Explicit crossings of features: DCN-v2 (Wang et al. 2021), with weights of low rank."""

from typing import Any

import keras
from typing_extensions import override


class Cross(keras.layers.Layer):  # type: ignore[misc]
    """Multiplies features with a learned mixture of features: x0 · (U V x + b) + x.

    Args:
        rank: Rank of the mixture, the size that V projects to.
    """

    def __init__(self, rank: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.rank = rank

    @override
    def build(self, input_shape: Any) -> None:
        size = input_shape[-1]
        self.reduce = keras.layers.Dense(self.rank, use_bias=False, name="reduce")
        self.reduce.build((None, size))
        self.expand = keras.layers.Dense(size, name="expand")
        self.expand.build((None, self.rank))

    @override
    def call(self, features: Any, crossed: Any) -> Any:
        """Cross once more.

        Args:
            features: x0, what goes in at the bottom. Shape: [..., size].
            crossed: x, of the layer below; `features` for the first. Shape: [..., size].
        """
        return features * self.expand(self.reduce(crossed)) + crossed
