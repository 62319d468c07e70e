"""From a config and data to the parts of the next-item network: which layer tells what."""

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from lolomo.features.content import item_content
from lolomo.training.models.data import TrainingData
from lolomo.training.models.next_item_config import NextItemConfig
from lolomo.training.models.next_item_examples import MICROSECONDS_A_DAY, NextItemEvents
from lolomo.training.models.query_context import QueryContext

if TYPE_CHECKING:
    import keras

    from lolomo.training.layers.next_item_losses import Sampling
    from lolomo.training.layers.next_item_network import NetworkParts

MAX_TITLE_TOKENS = 8
"""Most tokens of a title that are read, words before runs of characters."""


def network_parts(
    config: NextItemConfig,
    data: TrainingData,
    events: NextItemEvents,
    context: QueryContext,
    seed: int,
) -> "NetworkParts":
    """Return all of the network but its body.

    Args:
        config: What is told, and sizes.
        data: What is known of items.
        events: The events as numbers.
        context: What is known of user and request.
        seed: Of weights and negatives.
    """
    from lolomo.training.layers.item_embedding import ItemEmbedding
    from lolomo.training.layers.next_item_losses import NextItemLoss
    from lolomo.training.layers.next_item_network import NetworkParts

    dim = config.embedding_dim
    items = data.item_ids()
    content = None
    if config.reads_content:
        content = item_content(data.items, items, data.cut.year)
        content = replace(content, tokens=content.tokens[:, :MAX_TITLE_TOKENS])
    return NetworkParts(
        items=ItemEmbedding(len(items), dim, config.tied_embeddings, content, seed),
        loss=NextItemLoss(_sampling(config, events, len(items)), seed),
        dim=dim,
        dropout=config.dropout,
        first_timestamps=events.first_timestamps,
        time=config.time,
        moments=_moments(config, events, int(data.cut.timestamp() * 1_000_000)),
        num_kinds=len(events.kind_names) + 1 if events.kind_names else 0,
        context_sizes=tuple(table.size for table in context.vocabularies.values()),
        num_values=len(config.candidate_values),
    )


def _moments(
    config: NextItemConfig, events: NextItemEvents, cut: int
) -> "keras.layers.Layer | None":
    """Return the layer that tells the time on the config's rung."""
    from lolomo.training.layers.moments import AbsoluteMoments, ContinuousMoments, DiscreteMoments

    if config.time == "discrete":
        return DiscreteMoments(config.embedding_dim)
    if config.time == "continuous":
        return ContinuousMoments(config.embedding_dim)
    if config.time == "absolute":
        span_days = (cut - int(events.timestamps[0])) / MICROSECONDS_A_DAY
        return AbsoluteMoments(config.embedding_dim, cut, span_days)
    return None


def _sampling(config: NextItemConfig, events: NextItemEvents, num_items: int) -> "Sampling":
    """Draw negatives half by the square root of their counts, half evenly; evenly for `gbce`."""
    from lolomo.training.layers.next_item_losses import Sampling

    popularity = np.sqrt(np.bincount(events.items, minlength=num_items))
    probabilities = 0.5 * popularity / popularity.sum() + 0.5 / num_items
    if config.loss == "gbce":
        probabilities = np.full(num_items, 1.0 / num_items)
    return Sampling(
        config.loss,
        min(config.num_negatives, num_items),
        probabilities.astype(np.float32),
        config.calibration,
    )
