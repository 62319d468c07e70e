"""Which weights of the next-item network grow with a vocabulary, for going on from a release."""

from typing import TYPE_CHECKING

from lolomo.training.models.next_item_export import NextItemQueries
from lolomo.training.warm_start import Table

if TYPE_CHECKING:
    from lolomo.training.layers.next_item_network import NextItemNetwork


def next_item_tables(network: "NextItemNetwork", queries: NextItemQueries) -> dict[str, Table]:
    """Return the tables of a built network, by name.

    Args:
        network: Built.
        queries: Its vocabularies.
    """
    layer, items = network.items, queries.items.tolist()
    tables = {"items": Table(layer.wanted_ids, items), "biases": Table(layer.bias, items)}
    if not layer.tied:
        tables["watched items"] = Table(layer.watched_ids, items)
    if layer.encode is not None:
        genres = layer.encode.content.genre_names
        tables["genres"] = Table(layer.encode.genres.embed.embeddings, ["", *genres])
    if network.kinds is not None:
        tables["kinds"] = Table(network.kinds.embeddings, ["", *queries.kind_names])
    for embed, (field, values) in zip(network.context, queries.context.values.items(), strict=True):
        tables[field] = Table(embed.embeddings, ["", *values])
    return tables
