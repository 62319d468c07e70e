"""Releases of the next-item network: what a query says becomes what the network reads.

Two shapes of release. A retriever scores its vocabulary from the history and the moment. A ranker
reads the counts and co-visits of candidates beside them; the whole catalogue is one look-up of ids
a batch where all queries have the same candidates, as in evaluation.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lolomo.core.columns import Columns
from lolomo.core.recommender import Ids
from lolomo.training.models.candidate_values import log_values
from lolomo.training.models.export import (
    HISTORY_INDICES,
    export_ranker,
    export_retriever,
    latest_history,
    ranker_inputs,
)
from lolomo.training.models.model import Export
from lolomo.training.models.next_item_config import NextItemConfig
from lolomo.training.models.query_context import QueryContext

if TYPE_CHECKING:
    from lolomo.features import Feature
    from lolomo.training.layers.next_item_network import NextItemNetwork


@dataclass(frozen=True, slots=True)
class NextItemQueries:
    """What a fitted model needs to read queries."""

    config: NextItemConfig
    items: Ids
    """The vocabulary. Shape: [items]."""
    features: "tuple[Feature, ...]"
    """The task's features."""
    kind_names: tuple[str, ...]
    """Kinds of events that are told apart."""
    context: QueryContext

    @property
    def names(self) -> tuple[str, ...]:
        """The inputs of a release, candidates and what is known of them aside."""
        told = {
            Columns.HISTORY_ITEM_IDS: True,
            Columns.HISTORY_TIMESTAMPS: self.config.timed,
            Columns.TIMESTAMP: self.config.time != "none",
            Columns.HISTORY_KINDS: bool(self.kind_names),
        }
        return (*(name for name in told if told[name]), *self.context.vocabularies)

    def states(self, network: "NextItemNetwork", query: Mapping[str, Any]) -> tuple[Any, Any]:
        """Return the state of each query, and its clock, 0 where time is not told.

        Args:
            network: The fitted network.
            query: With a history of exactly `history_length`, and `HISTORY_INDICES`.

        Returns:
            Shapes: [batch, dim], [batch].
        """
        import tensorflow as tf

        items = tf.pad(query[HISTORY_INDICES], [[0, 0], [1, 0]])
        now = query.get(Columns.TIMESTAMP, tf.zeros_like(items[:, 0], tf.int64))
        inputs = {"items": items, "segments": tf.ones_like(items), **self._times(query, items, now)}
        if self.kind_names:
            inputs["kinds"] = self._kinds(query)
        body = network(inputs, training=False)
        context = self.context.encode(query) if self.context.vocabularies else items[:, :1]
        return network.query_states(body[:, -1], context), now

    def _times(self, query: Mapping[str, Any], items: Any, now: Any) -> dict[str, Any]:
        """Return when each token happened, and the next one; a window starts with its first."""
        import tensorflow as tf

        history = query.get(Columns.HISTORY_TIMESTAMPS)
        timestamps = tf.zeros_like(items, tf.int64)
        if history is not None:
            timestamps = tf.pad(history, [[0, 0], [1, 0]])
        clocks = tf.concat([timestamps[:, 1:], now[:, None]], axis=1)
        return {"timestamps": tf.where(timestamps == 0, clocks, timestamps), "clocks": clocks}

    def _kinds(self, query: Mapping[str, Any]) -> Any:
        """Return the place of each token's kind. Shape: [batch, length + 1]."""
        import tensorflow as tf

        names = tf.constant(self.kind_names)
        same = query[Columns.HISTORY_KINDS][:, :, None] == names
        places = tf.range(1, len(self.kind_names) + 1)
        return tf.pad(tf.reduce_sum(tf.where(same, places, 0), axis=2), [[0, 0], [1, 0]])


def export_next_item(path: Path, network: "NextItemNetwork", queries: NextItemQueries) -> Export:
    """Write a ranker if the network adds values of candidates to its scores, else a retriever.

    Args:
        path: An existing folder.
        network: Fitted.
        queries: How it is asked.
    """
    import tensorflow as tf

    with tf.device("CPU"):
        if network.blend is None:
            return _export_retriever(path, network, queries)
        return _export_ranker(path, network, queries)


def _export_retriever(path: Path, network: "NextItemNetwork", queries: NextItemQueries) -> Export:
    def scores(query: Mapping[str, Any]) -> Any:
        states, now = queries.states(network, query)
        return network.item_scores(states, now)

    inputs = ranker_inputs(queries.features, queries.names)
    read = [*(weight.value for weight in network.weights), *queries.context.vocabularies.values()]
    length = queries.config.history_length
    return export_retriever(path, queries.items, length, scores, inputs, read)


def _export_ranker(path: Path, network: "NextItemNetwork", queries: NextItemQueries) -> Export:
    import tensorflow as tf

    from lolomo.training.layers.feature_encoding import Vocabulary

    vocabulary = Vocabulary(queries.items.tolist())

    def scores(query: Mapping[str, Any]) -> Any:
        latest = latest_history(query, queries.config.history_length)
        latest[HISTORY_INDICES] = vocabulary(latest[Columns.HISTORY_ITEM_IDS])
        states, _ = queries.states(network, latest)
        known = network.item_scores(states, query[Columns.TIMESTAMP])
        unknown = tf.reduce_min(known, axis=1, keepdims=True)
        places = _places(vocabulary, query[Columns.CANDIDATES])
        own = tf.gather(tf.concat([unknown, known], axis=1), places, batch_dims=1)
        return network.blend(own, log_values(query, queries.config.covisits))

    more = (Columns.TIMESTAMP, Columns.COUNTS_TIMESTAMP, Columns.CANDIDATES)
    told = queries.config.candidate_values
    inputs = ranker_inputs(queries.features, tuple(dict.fromkeys((*queries.names, *more, *told))))
    read = [*(weight.value for weight in network.weights), *queries.context.vocabularies.values()]
    return export_ranker(path, scores, inputs, [*read, vocabulary])


def _places(vocabulary: Any, candidates: Any) -> Any:
    """Look candidates up, once if all queries have the same. Shape: [batch, candidates]."""
    import tensorflow as tf

    return tf.cond(
        tf.reduce_all(candidates == candidates[:1]),
        lambda: tf.broadcast_to(vocabulary(candidates[:1]), tf.shape(candidates)),
        lambda: vocabulary(candidates),
    )
