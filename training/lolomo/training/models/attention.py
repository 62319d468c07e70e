"""What the models with attention share: a stack of blocks over the history."""

from abc import abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from typing_extensions import override

from lolomo.core.errors import ModelError
from lolomo.training.models.next_item import NextItemModel
from lolomo.training.models.next_item_config import NextItemConfig

if TYPE_CHECKING:
    import keras


@dataclass(frozen=True, slots=True, kw_only=True)
class AttentionConfig(NextItemConfig):
    """What a model with attention may be told."""

    num_blocks: int = 1
    """Attention blocks."""
    num_heads: int = 2
    """Attention heads a block; must divide `embedding_dim`."""

    @override
    def __post_init__(self) -> None:
        NextItemConfig.__post_init__(self)
        if self.embedding_dim % self.num_heads:
            raise ModelError(
                f"received embedding_dim {self.embedding_dim} and num_heads {self.num_heads}: "
                "expected a multiple; choose, say, 64 and 2"
            )


AttentionConfigT = TypeVar("AttentionConfigT", bound=AttentionConfig)


class AttentionModel(NextItemModel[AttentionConfigT]):
    """Scores items by the state of a stack of attention blocks of the subclass."""

    @abstractmethod
    def block(self, index: int, length: int, timed: bool) -> "keras.layers.Layer":
        """Return a new block, one of `num_blocks`; the other arguments are those of `body`."""

    @override
    def body(self, length: int, timed: bool) -> "keras.layers.Layer":
        from lolomo.training.layers.block_stack import BlockStack

        blocks = range(self.config.num_blocks)
        return BlockStack([self.block(index, length, timed) for index in blocks])
