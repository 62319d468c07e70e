"""Terms: what a log-linear score of rows or pitches weighs.

A choice (a row, a pitch) is crossed with what is known of the moment: a choice that suits phones in
the morning has a weight of its own for phones and for mornings. So a linear score, whose weights
can be read, holds what differs by context.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from lolomo.core.columns import Columns
from lolomo.core.errors import ModelError
from lolomo.core.recommender import Scores
from lolomo.training.models.data import RankingBatch, TrainingData
from lolomo.training.models.export import Tensor
from lolomo.training.models.function_ranker import known

PLAYS_TOTAL = "user_plays_total"
HOUR = "hour"


@dataclass(frozen=True, slots=True)
class ContextTerms:
    """Crosses choices with user, time, device and what is said of each choice."""

    choices: tuple[str, ...]
    """Rows or pitches, known by name; an unknown one has no terms of its own."""
    devices: tuple[str, ...]
    said: tuple[str, ...]
    """Inputs `[batch, choices]` that say something of each choice."""
    with_hour: bool = True

    @classmethod
    def of(
        cls, batches: Iterable[RankingBatch], said: Sequence[str], with_hour: bool = True
    ) -> Self:
        """Learn which choices and devices there are.

        Args:
            batches: Past queries.
            said: Inputs `[batch, choices]` that say something of each choice.
            with_hour: Whether the hour of the day counts.
        """
        choices: set[str] = set()
        devices: set[str] = set()
        for batch in batches:
            choices |= set(batch.query[Columns.CANDIDATES].ravel().tolist())
            devices |= set(batch.query[Columns.DEVICE].tolist())
        return cls(
            choices=tuple(sorted(choices - {""})),
            devices=tuple(sorted(devices - {""})),
            said=tuple(said),
            with_hour=with_hour,
        )

    @property
    def inputs(self) -> tuple[str, ...]:
        """Names of what a query must have."""
        hour = (HOUR,) if self.with_hour else ()
        return (Columns.CANDIDATES, PLAYS_TOTAL, Columns.DEVICE, *hour, *self.said)

    def chosen(self, query: Mapping[str, Any]) -> Tensor:
        """Return which choice each candidate is. Shape: [batch, candidates, choices]."""
        return one_hot(query[Columns.CANDIDATES], self.choices)

    def device(self, query: Mapping[str, Any]) -> Tensor:
        """Return which device asks. Shape: [batch, devices]."""
        return one_hot(query[Columns.DEVICE], self.devices)

    def __call__(self, query: Mapping[str, Any]) -> Tensor:
        """Return the terms of each candidate. Shape: [batch, candidates, terms]."""
        from lolomo.runtimes.tensorflow import tf

        chosen = self.chosen(query)
        said = tf.stack([known(query[name]) for name in self.said], axis=2)
        context = self._context(query)[:, None, :]
        shape = tf.shape(chosen)[:2]
        here = tf.concat(
            [tf.broadcast_to(context, tf.concat([shape, tf.shape(context)[2:]], 0)), said], axis=2
        )
        crossed = tf.einsum("bcv,bct->bcvt", chosen, here)
        return tf.concat([tf.reshape(crossed, tf.concat([shape, [-1]], 0)), said], axis=2)

    def weighted(self, weights: Scores, query: Mapping[str, Any]) -> Tensor:
        """Return the weighted sum of each candidate's terms. Shape: [batch, candidates]."""
        from lolomo.runtimes.tensorflow import tf

        return tf.einsum("bct,t->bc", self(query), weights)

    def _context(self, query: Mapping[str, Any]) -> Tensor:
        """Return what is known of the moment, 1 first. Shape: [batch, values]."""
        from lolomo.runtimes.tensorflow import tf

        plays = tf.math.log1p(tf.maximum(known(query[PLAYS_TOTAL]), 0.0))
        parts = [tf.ones_like(plays), plays]
        if self.with_hour:
            angle = known(query[HOUR]) * np.float32(2 * np.pi / 24)
            parts += [tf.sin(angle), tf.cos(angle)]
        return tf.concat([tf.stack(parts, axis=1), self.device(query)], axis=1)


def past_choices(data: TrainingData) -> Sequence[RankingBatch]:
    """Return the past queries of a task whose candidates are few, all at once.

    Raises:
        ModelError: If there are none.
    """
    batches = list(data.rankings()) if data.rankings is not None else []
    if not batches:
        raise ModelError(
            f"received no past queries of task {data.task.name!r} before {data.cut:%Y-%m-%d}: "
            "expected some pages to learn from; log more of them first"
        )
    return batches


def one_hot(values: Any, vocabulary: Sequence[str]) -> Tensor:
    """Return which of a vocabulary each value is, 0 throughout if none. Shape: [..., words]."""
    from lolomo.runtimes.tensorflow import tf

    texts = tf.convert_to_tensor(values, tf.string)[..., None]
    return tf.cast(
        tf.equal(texts, tf.constant(vocabulary, tf.string, [len(vocabulary)])), tf.float32
    )
