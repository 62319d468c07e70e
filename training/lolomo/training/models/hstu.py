"""HSTU: pointwise, gated attention that knows positions and time.

Zhai et al., "Actions speak louder than words: trillion-parameter sequential transducers for
generative recommendations" (ICML 2024): attention without softmax keeps how much of something was
watched, relative biases for positions and time take the place of position embeddings, and a gate
that of the feed-forward layer.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from typing_extensions import override

from lolomo.training.models.attention import AttentionConfig, AttentionModel

if TYPE_CHECKING:
    import keras


@dataclass(frozen=True, slots=True, kw_only=True)
class HSTUConfig(AttentionConfig):
    """What HSTU may be told."""


class HSTU(AttentionModel[HSTUConfig]):
    """Scores items by the state of a stack of pointwise attention blocks."""

    name = "hstu"
    Config = HSTUConfig

    @override
    def block(self, index: int, length: int, timed: bool) -> "keras.layers.Layer":
        from lolomo.training.layers.pointwise_attention import PointwiseAttentionBlock

        config, name = self.config, f"block_{index}"
        return PointwiseAttentionBlock(
            config.embedding_dim, config.num_heads, length, timed, config.dropout, name=name
        )
