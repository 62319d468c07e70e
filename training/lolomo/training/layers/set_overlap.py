"""How far a candidate shares its categories, such as genres, with what the user watched."""

from typing import Any

import keras
from keras import ops
from typing_extensions import override


class SetOverlap(keras.layers.Layer):  # type: ignore[misc]
    """Shares of the history that have the candidate's categories, averaged over these.

    Over the whole history, and over what is recent, by a learned decay.

    Args:
        size: Of the vocabulary, with index 0 for padding.
    """

    def __init__(self, size: int, **kwargs: Any) -> None:
        super().__init__(autocast=False, **kwargs)
        self.size = size

    @override
    def build(self, candidates_shape: Any) -> None:
        self.decay = self.add_weight(
            shape=(), initializer=keras.initializers.Constant(5.0), name="decay"
        )

    @override
    def call(self, candidates: Any, history: Any, gaps: Any, present: Any) -> Any:
        """Return the two shares of each candidate.

        Args:
            candidates: Indices, `[batch, candidates, values]`.
            history: Indices, `[batch, length, values]`.
            gaps: Scaled log gaps from now, `[batch, length]`.
            present: False where the history is padded, `[batch, length]`.

        Returns:
            Shape: [batch, candidates, 2]; zeros without history or categories.
        """
        shown = ops.cast(present, "float32")
        recent = shown * ops.exp(-self.decay * gaps)
        weights = ops.stack([shown, recent], axis=1)
        weights = weights / ops.maximum(ops.sum(weights, axis=2, keepdims=True), 1e-9)
        profiles = ops.matmul(weights, self._indicators(history))
        wanted = self._indicators(candidates)
        wanted = wanted / ops.maximum(ops.sum(wanted, axis=2, keepdims=True), 1.0)
        return ops.matmul(wanted, ops.swapaxes(profiles, 1, 2))

    def _indicators(self, indices: Any) -> Any:
        """Return 1 for each category that is there. Shape: [batch, ..., size - 1]."""
        each = ops.one_hot(indices, self.size, dtype="float32")[..., 1:]
        return ops.minimum(ops.sum(each, axis=-2), 1.0)
