"""Semantic search: what a text means, learned from texts and from who watches what.

A network reads text as hashed character runs, and puts what was typed, with the user's taste, into
one space with titles and their co-play (see `layers.search_network`). It learns on texts made up
from the titles of training events, prefixes and typos of all lengths, so that it knows what slips
of the finger look like and which of the titles that fit a user of this taste means (personalised
query suggestion, as in the case study's search). Its similarity is one more column of the blend of
`fuzzy_search`, whose weights are fitted on queries that the network has not seen.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Final

import numpy as np
from numpy.typing import NDArray
from typing_extensions import override

from lolomo.core.columns import Columns, QueryKind
from lolomo.core.recommender import Scores
from lolomo.evaluation import typed_text
from lolomo.training.models.data import TrainingData
from lolomo.training.models.export import Tensor
from lolomo.training.models.model import Role
from lolomo.training.models.play_vectors import Taste, play_vectors, tastes_before
from lolomo.training.models.search_blend import SearchGraph
from lolomo.training.models.search_model import BlendedSearch, BlendedSearchConfig, Catalogue
from lolomo.training.models.search_titles import TitleIndex, grams_of, normalised

if TYPE_CHECKING:
    from lolomo.training.layers.search_network import SearchNetwork

MEANING: Final = "meaning"
"""How near an item is to what was typed and who typed it."""
MAX_PIECES: Final = 48
"""Character runs of a text that the network reads."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SemanticSearchConfig(BlendedSearchConfig):
    """How to read, to learn and to weigh."""

    embedding_dim: int = 64
    """Dimensions of the common space."""
    taste_dim: int = 48
    """Dimensions of the vectors that taste is measured in."""
    num_buckets: int = 16_384
    """Into how many buckets character runs are hashed."""
    texts_per_event: int = 1
    """How many texts are made up from the title of each training event."""
    untyped_share: float = 0.15
    """Share of the examples without text, for taste alone to answer."""
    epochs: int = 4
    """Passes over the texts."""
    batch_size: int = 512
    """Texts a step, and so the items that each is compared with."""
    learning_rate: float = 4e-3
    """The highest; see `LoopConfig`."""


class SemanticSearch(BlendedSearch[SemanticSearchConfig]):
    """Blends a learned similarity of text, taste and title with match and popularity."""

    name = "semantic_search"
    Config = SemanticSearchConfig
    roles: ClassVar[Mapping[str, Role]] = {"search": Role.ALTERNATIVE}

    @override
    def graph_of(
        self, data: TrainingData, catalogue: Catalogue, rng: np.random.Generator
    ) -> SearchGraph:
        index = catalogue.titles
        vectors = play_vectors(data, index.item_ids, self.config.taste_dim, rng)
        network = self._network(data, index, vectors, rng)
        taste = Taste(vectors)
        meaning = _Meaning(network, taste, self.config.num_buckets, len(index.item_ids))
        return SearchGraph(index.item_ids, [catalogue.match, taste, meaning])

    def _network(
        self, data: TrainingData, index: TitleIndex, vectors: Scores, rng: np.random.Generator
    ) -> "SearchNetwork":
        """Return the network trained on texts of the titles of events."""
        from lolomo.training.layers.search_network import SearchItems, SearchNetwork
        from lolomo.training.loop import Examples, LoopConfig, train

        config = self.config
        targets = np.searchsorted(
            index.item_ids.astype(str), data.events[Columns.ITEM_ID].to_numpy().astype(str)
        )
        counts = np.bincount(targets, minlength=len(index.item_ids))
        items = SearchItems(
            pieces_of(index.titles, config.num_buckets),
            vectors,
            np.log(np.maximum(counts, 0.5) / len(targets)).astype(np.float32),
        )
        tastes = tastes_before(data, index.item_ids, vectors)
        dataset = _examples(config, index, targets, tastes, rng)
        examples = Examples(
            training=dataset,
            num_training=len(targets) * config.texts_per_event,
            batch_size=min(config.batch_size, len(targets)),
        )
        loop = LoopConfig(epochs=config.epochs, learning_rate=config.learning_rate)
        seed = int(rng.integers(2**31))
        network: SearchNetwork = train(
            lambda: SearchNetwork(items, config.num_buckets, config.embedding_dim),
            examples,
            loop,
            seed,
            progress=data.progress,
        )
        return network


class _Meaning:
    """The column `MEANING`; see `search_blend.Part`."""

    names = (MEANING,)

    def __init__(
        self, network: "SearchNetwork", taste: Taste, num_buckets: int, num_items: int
    ) -> None:
        from lolomo.runtimes.tensorflow import tf

        found = network.encode_items(np.arange(num_items, dtype=np.int32)).numpy()
        self._items = tf.Variable(found, trainable=False)
        self._network, self._taste, self._num_buckets = network, taste, num_buckets
        self.variables: Sequence[Any] = [self._items, *(weight.value for weight in network.weights)]

    def __call__(self, query: Mapping[str, Tensor]) -> Sequence[Tensor]:
        from lolomo.runtimes.tensorflow import tf

        pieces = _pieces(query[Columns.TEXT], self._num_buckets)
        asked = self._network.encode_queries(pieces, self._taste.of(query))
        return [tf.matmul(asked, self._items, transpose_b=True)]


def pieces_of(titles: Sequence[str], num_buckets: int) -> NDArray[np.int32]:
    """Return the hashed character runs of texts, 0 where padded. Shape: [texts, pieces]."""
    from lolomo.runtimes.tensorflow import tf

    pieces: NDArray[np.int32] = _pieces(
        normalised(tf.constant(list(titles), tf.string)), num_buckets
    ).numpy()
    return pieces


def _pieces(text: Tensor, num_buckets: int) -> Tensor:
    from lolomo.runtimes.tensorflow import tf

    grams = grams_of(text)
    buckets = grams.with_values(tf.cast(grams.values % num_buckets, tf.int32) + 1)
    return buckets.to_tensor(0, shape=[None, MAX_PIECES])


def _examples(
    config: SemanticSearchConfig,
    index: TitleIndex,
    targets: NDArray[np.int64],
    tastes: Scores,
    rng: np.random.Generator,
) -> Any:
    """Return texts made up from the titles of events, each with who typed it."""
    from lolomo.runtimes.tensorflow import tf

    rows = np.tile(np.arange(len(targets)), config.texts_per_event)
    kinds = rng.choice([QueryKind.PREFIX, QueryKind.TYPO], len(rows)).tolist()
    untyped = rng.random(len(rows)) < config.untyped_share
    texts = [
        "" if blank or not index.titles[item] else typed_text(index.titles[item], kind, rng)
        for item, kind, blank in zip(targets[rows].tolist(), kinds, untyped.tolist(), strict=True)
    ]
    return tf.data.Dataset.from_tensor_slices(
        {
            "pieces": pieces_of(texts, config.num_buckets),
            "tastes": tastes[rows],
            "targets": targets[rows].astype(np.int32),
        }
    )
