"""What a ranker sees of raw features.

Numbers become four: their logarithm, standardised, for ratios; their place among the quantiles of
the training data, for scale-free comparisons (after Gorishniy et al. 2022); whether they are
missing; and the logarithm standardised within its own list, since what a count means depends on
what else there is today. Texts become indices of a vocabulary and then embeddings. What these rest
on is learned from training data once and constant from then on, so that a release carries it.
"""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import ops
from numpy.typing import NDArray
from typing_extensions import override

MICRO = 1e-6
SMALLEST_DEVIATION = 1e-2
"""Rows of a list that differ less than that, standardised, count as the same."""
LARGEST_DEVIATION = 4.0
"""Standardised values are cut here, so that no outlier drives a network where it never was."""


class NumberEncoding:
    """Encodes numbers of which NaN is missing; no weights, so it may run before training.

    Args:
        values: Training values of each number, to learn its scales from. Shape of each: [rows].
        num_quantiles: Knots of the quantile scale.
    """

    def __init__(self, values: Sequence[NDArray[np.float32]], num_quantiles: int = 16) -> None:
        finite = [column[np.isfinite(column)] for column in values]
        finite = [column if len(column) else np.zeros(1, np.float32) for column in finite]
        self.units = np.array([_unit(column) for column in finite], np.float32)
        logs = [
            np.sign(column) * np.log1p(np.abs(column) / unit)
            for column, unit in zip(finite, self.units, strict=True)
        ]
        deviations = np.array([column.std() for column in logs], np.float32)
        fractions = np.linspace(0, 1, num_quantiles)
        self.mean = np.array([column.mean() for column in logs], np.float32)
        self.scale = np.where(deviations > MICRO, deviations, 1.0).astype(np.float32)
        self.knots = np.zeros((num_quantiles, len(finite)), np.float32)
        for index, column in enumerate(finite):
            self.knots[:, index] = np.quantile(column, fractions)

    def __call__(self, values: Any) -> Any:
        """Encode lists `[..., rows, numbers]` as `[..., rows, 4 * numbers]`."""
        missing = ops.isnan(values)
        clean = ops.where(missing, 0.0, values)
        logs = ops.sign(clean) * ops.log1p(ops.abs(clean) / self.units)
        deviation = (logs - self.mean) / self.scale
        places = self._places(clean)
        return ops.concatenate(
            [
                ops.where(missing, 0.0, _clipped(deviation)),
                ops.where(missing, 0.0, places),
                ops.cast(missing, values.dtype),
                ops.where(missing, 0.0, _within_list(deviation, ~missing)),
            ],
            axis=-1,
        )

    def _places(self, values: Any) -> Any:
        """Return the place among the quantiles, from -1 to 1, linear between knots."""
        num_steps = len(self.knots) - 1
        total = 0.0
        for low, high in zip(self.knots[:-1], self.knots[1:], strict=True):
            total = total + ops.clip((values - low) / np.maximum(high - low, MICRO), 0.0, 1.0)
        return 2.0 * total / num_steps - 1.0


def _unit(values: NDArray[np.float32]) -> np.float32:
    """Return what is small on a scale, so that the logarithm tells small values apart too."""
    sizes = np.abs(values[values != 0])
    return np.float32(max(np.quantile(sizes, 0.05), MICRO) if len(sizes) else 1.0)


def _within_list(values: Any, known: Any) -> Any:
    """Standardise over the known rows of each list, the last axis but one."""
    shown = ops.cast(known, values.dtype)
    count = ops.maximum(ops.sum(shown, axis=-2, keepdims=True), 1.0)
    centred = values - ops.sum(values * shown, axis=-2, keepdims=True) / count
    variance = ops.sum(shown * centred**2, axis=-2, keepdims=True) / count
    return _clipped(centred / ops.maximum(ops.sqrt(variance), SMALLEST_DEVIATION))


def _clipped(values: Any) -> Any:
    return ops.clip(values, -LARGEST_DEVIATION, LARGEST_DEVIATION)


class Vocabulary(tf.Module):  # type: ignore[misc]
    """Finds the index of a text: 0 for none and for one unseen in training.

    Args:
        texts: Without duplicates; "" has index 0 anyway.
    """

    def __init__(self, texts: Sequence[str]) -> None:
        super().__init__()
        known = ["", *(text for text in texts if text)]
        self.size = len(known)
        keys, values = tf.constant(known, tf.string), tf.range(self.size, dtype=tf.int32)
        initializer = tf.lookup.KeyValueTensorInitializer(keys, values)
        self.table = tf.lookup.StaticHashTable(initializer, 0)

    def __call__(self, texts: Any) -> Any:
        """Return int32 indices of the same shape."""
        return self.table.lookup(tf.convert_to_tensor(texts))


FEW = 64
"""Up to so many rows of a table are multiplied rather than looked up."""


class SetEmbedding(keras.layers.Layer):  # type: ignore[misc]
    """Embeds a set of categories as the mean of their embeddings, zeros for the empty set.

    A small table is multiplied by how often each category stands in the set: the gradient of a
    look-up must be gathered from every place, which costs seven times as much.

    Args:
        size: Of the vocabulary, with index 0 for padding.
        dim: Size of an embedding.
    """

    def __init__(self, size: int, dim: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.embed = keras.layers.Embedding(size, dim, name="embed")

    @override
    def build(self, input_shape: Any) -> None:
        self.embed.build(input_shape)

    @override
    def call(self, indices: Any) -> Any:
        """Embed `[..., values]` as `[..., dim]`."""
        if self.embed.input_dim <= FEW:
            held = ops.one_hot(indices, self.embed.input_dim, dtype=self.compute_dtype)
            held = ops.sum(held[..., 1:], axis=-2)
            total = ops.matmul(held, ops.cast(self.embed.embeddings[1:], self.compute_dtype))
            return total / ops.maximum(ops.sum(held, axis=-1, keepdims=True), 1.0)
        present = ops.cast(indices > 0, self.compute_dtype)[..., None]
        total = ops.sum(self.embed(indices) * present, axis=-2)
        return total / ops.maximum(ops.sum(present, axis=-2), 1.0)
