"""The body of SASRec and HSTU: attention blocks, one after the other."""

from collections.abc import Sequence
from typing import Any

import keras
from typing_extensions import override


class BlockStack(keras.layers.Layer):  # type: ignore[misc]
    """Applies blocks to items and moments, added up.

    Args:
        blocks: Such as `CausalAttentionBlock` or `PointwiseAttentionBlock`.
    """

    def __init__(self, blocks: Sequence[keras.layers.Layer]) -> None:
        super().__init__(autocast=False, name="body")
        self.blocks = list(blocks)

    @override
    def build(self, tokens_shape: Any) -> None:
        for block in self.blocks:
            block.build(tokens_shape)

    @override
    def call(
        self, tokens: Any, moments: Any, gaps: Any, visible: Any, training: bool = False
    ) -> Any:
        """Return states `[batch, length, dim]`; the arguments are those of `NextItemNetwork`."""
        states = tokens + moments
        for block in self.blocks:
            states = block(states, gaps=gaps, visible=visible, training=training)
        return states
