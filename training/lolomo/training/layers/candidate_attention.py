"""What of a user's history bears on a candidate: DIN (Zhou et al. 2018), with continuous time."""

from typing import Any

import keras
from keras import ops
from typing_extensions import override


class CandidateAttention(keras.layers.Layer):  # type: ignore[misc]
    """Lets each candidate attend to the history, by likeness and by how long ago.

    Args:
        dim: Size of item embeddings.
    """

    def __init__(self, dim: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.dim = dim
        self.query = keras.layers.Dense(dim, use_bias=False, name="query")
        self.key = keras.layers.Dense(dim, use_bias=False, name="key")
        self.gap_hidden = keras.layers.Dense(8, activation="tanh", name="gap_hidden")
        self.gap_bias = keras.layers.Dense(1, name="gap_bias")

    @override
    def build(self, candidates_shape: Any) -> None:
        self.query.build((None, self.dim))
        self.key.build((None, self.dim))
        self.gap_hidden.build((None, 1))
        self.gap_bias.build((None, 8))

    @override
    def call(self, candidates: Any, history: Any, gaps: Any, present: Any) -> Any:
        """Return, of each candidate, what it found, its likeness to it, and how much it found.

        Args:
            candidates: Embeddings, `[batch, candidates, dim]`.
            history: Embeddings, `[batch, length, dim]`.
            gaps: Scaled log gaps from now, `[batch, length]`.
            present: False where the history is padded, `[batch, length]`.

        Returns:
            Shape: [batch, candidates, 2 * dim + 1]; zeros for an empty history.
        """
        keys = ops.swapaxes(self.key(history), -1, -2)
        likeness = ops.matmul(self.query(candidates), keys) / self.dim**0.5
        recency = self.gap_bias(self.gap_hidden(gaps[..., None]))[..., 0]
        attention_scores = likeness + recency[:, None, :]
        shown = present[:, None, :]
        masked = ops.where(shown, attention_scores, -1e9)
        weights = ops.where(shown, ops.softmax(masked), 0.0)
        found = ops.matmul(weights, history)
        strength = ops.logsumexp(ops.where(shown, attention_scores, -10.0), axis=-1, keepdims=True)
        strength = ops.where(ops.any(shown, axis=-1, keepdims=True), strength, 0.0)
        return ops.concatenate([found, found * candidates, strength], axis=-1)
