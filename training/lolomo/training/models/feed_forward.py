"""A feed-forward network over the bag of the history, as YouTube's candidate generator.

Covington, Adams & Sargin, "Deep neural networks for YouTube recommendations" (RecSys 2016): the
embeddings of what was watched are averaged, hidden layers make a user vector of the average and of
context, and a sampled softmax over items trains both.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from typing_extensions import override

from lolomo.training.models.next_item import NextItemModel
from lolomo.training.models.next_item_config import NextItemConfig

if TYPE_CHECKING:
    import keras


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedForwardConfig(NextItemConfig):
    """What the feed-forward network may be told."""

    hidden: tuple[int, ...] = (192,)
    """Units of the hidden layers."""


class FeedForward(NextItemModel[FeedForwardConfig]):
    """Scores items by hidden layers over the bag of the history, the last item and the moment."""

    name = "feed_forward"
    Config = FeedForwardConfig

    @override
    def body(self, length: int, timed: bool) -> "keras.layers.Layer":
        from lolomo.training.layers.bag import DenseBag

        config = self.config
        return DenseBag(length, timed, config.embedding_dim, config.hidden, config.dropout)
