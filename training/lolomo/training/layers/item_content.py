"""Items as what they are, not as who watched them, so that new items have a place too.

An item's embedding is the sum of three: the mean over the tokens of its title, the mean over its
genres, and a linear map of its age at the cut. Content that is missing adds nothing.
"""

from typing import Any

import keras
from keras import ops
from typing_extensions import override

from lolomo.features.content import NUM_TOKEN_IDS, RELEASE_VALUES, ItemContent
from lolomo.training.layers.feature_encoding import SetEmbedding


class ContentEncoder(keras.layers.Layer):  # type: ignore[misc]
    """Embeds items by their content.

    Args:
        content: Of the vocabulary's items, row i that of item i. Constant; saved by no checkpoint.
        dim: Size of an embedding.
    """

    def __init__(self, content: ItemContent, dim: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.content = content
        self.dim = dim
        self.tokens = SetEmbedding(NUM_TOKEN_IDS, dim, name="tokens")
        self.genres = SetEmbedding(content.num_genres, dim, name="genres")
        self.release = keras.layers.Dense(dim, use_bias=False, name="release")

    @override
    def build(self, input_shape: Any = None) -> None:
        self.tokens.build((None, self.content.tokens.shape[1]))
        self.genres.build((None, self.content.genres.shape[1]))
        self.release.build((None, RELEASE_VALUES))
        self.built = True

    @override
    def call(self, items: Any) -> Any:
        """Embed items of the vocabulary, `[...]` from 0, as `[..., dim]`."""
        tokens, genres, release = (
            ops.take(ops.convert_to_tensor(values), items, axis=0)
            for values in (self.content.tokens, self.content.genres, self.content.release)
        )
        return self.tokens(tokens) + self.genres(genres) + self.release(release)
