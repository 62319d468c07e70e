"""Items as vectors: as what was watched, and as what may be watched next.

The two roles share their embeddings (tied, as in SASRec), or have their own (as in asymmetric
matrix factorisation). Either way content can be added to both, so that an item that few have
watched stands near items like it, by genre, age and the words of its title.
"""

from typing import Any

import keras
from keras import ops
from typing_extensions import override

from lolomo.features.content import ItemContent
from lolomo.training.layers.item_content import ContentEncoder


class ItemEmbedding(keras.layers.Layer):  # type: ignore[misc]
    """Embeds the items of a vocabulary, watched or wanted.

    Args:
        num_items: Size of the vocabulary.
        dim: Size of an embedding.
        tied: Whether both roles share their embeddings.
        content: What the items are, row i that of item i; None for ids alone.
        seed: Of the first values.
    """

    def __init__(
        self, num_items: int, dim: int, tied: bool, content: ItemContent | None, seed: int = 0
    ) -> None:
        super().__init__(autocast=False, name="items")
        self.num_items, self.dim, self.tied, self.seed = num_items, dim, tied, seed
        self.encode = None if content is None else ContentEncoder(content, dim, name="content")

    @override
    def build(self, input_shape: Any = None) -> None:
        start = keras.initializers.RandomNormal(stddev=self.dim**-0.5, seed=self.seed)
        self.nothing = self.add_weight(shape=(1, self.dim), initializer="zeros", name="nothing")
        self.wanted_ids = self.add_weight(
            shape=(self.num_items, self.dim), initializer=start, name="wanted"
        )
        self.watched_ids = self.wanted_ids
        if not self.tied:
            self.watched_ids = self.add_weight(
                shape=(self.num_items, self.dim), initializer=start.clone(), name="watched"
            )
        self.bias = self.add_weight(shape=(self.num_items,), initializer="zeros", name="bias")
        if self.encode is not None:
            self.encode.build()
        self.built = True

    @override
    def call(self, items: Any) -> Any:
        """Embed watched items: item i as i + 1, 0 for none. From `[...]` to `[..., dim]`."""
        table = ops.concatenate([self.nothing, self.watched_ids], axis=0)
        embedded = ops.take(table, items, axis=0)
        if self.encode is not None:
            some = ops.cast(items > 0, embedded.dtype)[..., None]
            embedded = embedded + some * self.encode(ops.maximum(items - 1, 0))
        return embedded * self.dim**0.5

    def wanted(self, items: Any) -> tuple[Any, Any]:
        """Return the embeddings and biases of items that may come next, item i as i.

        Returns:
            Shapes: [items, dim], [items].
        """
        embedded = ops.take(self.wanted_ids, items, axis=0)
        if self.encode is not None:
            embedded = embedded + self.encode(items)
        return embedded, ops.take(self.bias, items)
