"""Markov chain: what follows the last item, or the last two."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from typing_extensions import override

from lolomo.training.models.blended import BlendConfig, BlendedModel, HistoryScorer, Run, Settings
from lolomo.training.models.export import Tensor
from lolomo.training.models.following import follows
from lolomo.training.models.item_item import ItemItem, strongest
from lolomo.training.models.model import Role
from lolomo.training.models.plays import Plays


@dataclass(frozen=True, slots=True, kw_only=True)
class MarkovConfig(BlendConfig):
    """How to smooth; a field of several values is chosen on the last events."""

    neighbours: int = 100
    """Most items that may follow one context."""
    back_off: tuple[float, ...] = (5.0, 1.0, 20.0)
    """Plays that a context needs to be trusted by half; the rest is left to the shorter one."""
    skip_weight: tuple[float, ...] = (1.0, 0.0, 0.5)
    """What the last item but one counts by itself, when watched at the same time as the last; by
    its half-life the less, the older it is."""
    memory_days: tuple[float, ...] = (60.0, 36500.0, 15.0)
    """A transition so much before the cut counts half."""


class Markov(BlendedModel[MarkovConfig]):
    """Scores items by how often they came right after what was watched last.

    An n-gram model of order two, n-grams fading with time. Counts of a pair of items are
    interpolated with those of single items, the more the rarer the pair (the hierarchical Dirichlet
    model, MacKay & Peto 1995); single items are the last and, skipping one, the last but one (the
    mixture transition distribution, Raftery 1985). Behind both stands the prior.
    """

    name = "markov"
    Config = MarkovConfig
    roles: ClassVar[Mapping[str, Role]] = {"next_play": Role.ALTERNATIVE}

    @override
    def learn(self, plays: Plays, settings: Settings, run: Run) -> "Chain":
        fade = 2.0 ** ((plays.days - plays.days[-1]) / settings["memory_days"])
        one, two = (follows(plays, lag, fade) for lag in (1, 2))
        pairs, after_pairs = _after_pairs(plays, fade)
        counts = sparse.vstack([one, two, after_pairs]).tocsr()
        total = counts.sum(axis=1) + settings["back_off"]
        shares = sparse.diags_array(1.0 / total) @ counts
        return Chain(
            rows=ItemItem(strongest(shares, self.config.neighbours)),
            pairs=pairs,
            trust=1.0 - settings["back_off"] / total[2 * plays.num_items :],
            skip_weight=settings["skip_weight"],
        )


def _after_pairs(
    plays: Plays, worth: NDArray[np.float64]
) -> tuple[NDArray[np.int64], sparse.csr_array]:
    """Count what followed each pair of successive items.

    Returns:
        Keys of the pairs, ascending, see `Chain`, and counts `[pairs, items]`.
    """
    order = np.argsort(plays.users, kind="stable")
    users, items, worth = plays.users[order], plays.items[order], worth[order]
    ends = np.flatnonzero(users[2:] == users[:-2]) + 2
    keys = (items[ends - 2] + 1) * (plays.num_items + 1) + items[ends - 1] + 1
    pairs, places = np.unique(keys, return_inverse=True)
    shape = (len(pairs), plays.num_items)
    return pairs, sparse.csr_array((worth[ends], (places, items[ends])), shape=shape)


@dataclass(frozen=True)
class Chain(HistoryScorer):
    """Scores items by the rows of the last item, of the last but one, and of the pair of them."""

    rows: ItemItem
    """What follows, in this order: each item; each item with one between; each pair. Shape of the
    weights: [2 items + pairs, items]."""
    pairs: NDArray[np.int64]
    """Keys of the pairs seen, ascending: (i + 1) (items + 1) + j + 1 for items i and then j."""
    trust: NDArray[np.float64]
    """How much of the answer is the pair's own, the rest being single items'. Shape: [pairs]."""
    skip_weight: float
    """What the last item but one counts beside the last."""

    @property
    @override
    def variables(self) -> Sequence[Any]:
        return (*self.rows.variables, *self._tables)

    @override
    def scores(self, history: Tensor, recency: Tensor) -> Tensor:
        from lolomo.runtimes.tensorflow import tf

        num_items = self.rows.weights.shape[1]
        previous, last = history[:, -2], history[:, -1]
        place, trust = self._found(previous, last)
        zero = tf.zeros_like(last)
        contexts = [
            last,
            tf.where(previous > 0, previous + num_items, zero),
            tf.where(trust > 0, 2 * num_items + 1 + place, zero),
        ]
        skipped = self.skip_weight * recency[:, -2]
        counts = [(1 - trust) * recency[:, -1], (1 - trust) * skipped, tf.ones_like(trust)]
        return self.rows.scores(tf.stack(contexts, axis=1), tf.stack(counts, axis=1))

    def _found(self, previous: Tensor, last: Tensor) -> tuple[Tensor, Tensor]:
        """Return place and trust of each pair, a trust of 0 where it was never seen. [batch]."""
        from lolomo.runtimes.tensorflow import tf

        pairs, trust = self._tables
        step = self.rows.weights.shape[1] + 1
        key = tf.cast(previous, tf.int64) * step + tf.cast(last, tf.int64)
        place = tf.searchsorted(pairs, key)
        place = tf.minimum(place, tf.shape(pairs)[0] - 1)
        return place, tf.where(tf.gather(pairs, place) == key, tf.gather(trust, place), 0.0)

    @cached_property
    def _tables(self) -> tuple[Any, Any]:
        """Pairs and their trust, with one that is never asked for, as there may be none."""
        from lolomo.runtimes.tensorflow import tf

        pairs = np.append(self.pairs, np.iinfo(np.int64).max)
        trust = np.append(self.trust, 0.0).astype(np.float32)
        return tf.Variable(pairs, trainable=False), tf.Variable(trust, trainable=False)
