"""Models of users' plays as bags of items: variational autoencoders.

Such a network sees a user as the set of what was watched, and tells how likely each item is to be
in it. Large bags are split, so that a batch has one width. A `BagModel` is all but the network.
"""

from abc import abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

import numpy as np
from numpy.typing import NDArray
from typing_extensions import override

from lolomo.training.models.blended import BlendConfig, BlendedModel, HistoryScorer, Run, Settings
from lolomo.training.models.export import Tensor
from lolomo.training.models.model import Role
from lolomo.training.models.plays import Plays, watched

if TYPE_CHECKING:
    import keras

    from lolomo.training.layers.item_bag import VAEShape
    from lolomo.training.loop import Examples


@dataclass(frozen=True, slots=True, kw_only=True)
class BagConfig(BlendConfig):
    """What every network over bags may be told."""

    hidden_dim: int = 200
    """Size of the layers between items and latent vector."""
    latent_dim: int = 64
    """Size of the latent vector."""
    dropout: float = 0.5
    """Share of a user's items hidden from the encoder in training."""
    bag_length: int = 100
    """Most items in a bag; users with more have several."""
    batch_size: int = 256
    """Bags a step."""
    learning_rate: float = 2e-3
    """The highest of the schedule."""


BagConfigT = TypeVar("BagConfigT", bound=BagConfig)


class BagModel(BlendedModel[BagConfigT]):
    """A network over bags, trained and blended with what is popular."""

    roles: ClassVar[Mapping[str, Role]] = {
        "because_you_watched": Role.ALTERNATIVE,
        "next_play": Role.ALTERNATIVE,
    }
    wants_gpu: ClassVar[bool] = True

    @property
    @abstractmethod
    def num_epochs(self) -> int:
        """Passes over the bags."""

    @abstractmethod
    def network(self, shape: "VAEShape", num_steps: int, seed: int) -> "keras.Model":
        """Return the network, not yet built.

        Args:
            shape: Its sizes.
            num_steps: Batches an epoch.
            seed: Of weights and noise.
        """

    @override
    def learn(self, plays: Plays, settings: Settings, run: Run) -> "BagScorer":
        from lolomo.training.layers.item_bag import VAEShape
        from lolomo.training.loop import LoopConfig, train

        config = self.config
        examples = examples_of(bags_of(plays, config.bag_length), config.batch_size)
        shape = VAEShape(
            num_items=plays.num_items,
            hidden_dim=config.hidden_dim,
            latent_dim=config.latent_dim,
            dropout=config.dropout,
        )

        def build() -> "keras.Model":
            network = self.network(shape, examples.num_steps, run.seed)
            network.build()
            return network

        loop = LoopConfig(epochs=self.num_epochs, learning_rate=config.learning_rate)
        return BagScorer(train(build, examples, loop, run.seed, run.scratch, run.progress))


def bags_of(plays: Plays, length: int, users_at_once: int = 10_000) -> Iterator[NDArray[np.int32]]:
    """Yield users' items as rows: item i as i + 1, padded with 0 at the end.

    A user with more than `length` items has several rows. Users with a single item, which foretells
    nothing, are left out as long as others remain.

    Args:
        plays: Who watched what.
        length: Most items a row.
        users_at_once: How many users' rows to make at once. Shape of each part: [bags, length].
    """
    matrix = watched(plays, 1e9)
    counts = np.diff(matrix.indptr)
    several_remain = length > 1 and bool((counts > 1).any())
    for start in range(0, len(counts), users_at_once):
        some = counts[start : start + users_at_once]
        items = matrix.indices[matrix.indptr[start] : matrix.indptr[start + len(some)]]
        row = np.repeat(np.arange(len(some)), some)
        place = np.arange(len(items)) - np.repeat(np.cumsum(some) - some, some)
        _, bag = np.unique(row * (matrix.shape[1] + 1) + place // length, return_inverse=True)
        bags = np.zeros((int(bag.max(initial=-1)) + 1, length), np.int32)
        bags[bag, place % length] = items + 1
        yield bags[(bags > 0).sum(axis=1) > 1] if several_remain else bags


def examples_of(bags: Iterable[NDArray[np.int32]], batch_size: int) -> "Examples":
    """Return what the training loop learns from, from disk."""
    from lolomo.training.loop import Examples
    from lolomo.training.streaming import StoredRows

    rows = StoredRows.write({"items": part} for part in bags)
    return Examples(training=rows, num_training=rows.num_rows, batch_size=batch_size)


class BagScorer(HistoryScorer):
    """Scores items by a network over bags.

    Args:
        network: With `logits(items, weights)`, log-likelihoods of items up to a constant.
    """

    def __init__(self, network: Any) -> None:
        self.network = network

    @property
    @override
    def variables(self) -> Sequence[Any]:
        return [weight.value for weight in self.network.weights]

    @override
    def scores(self, history: Tensor, recency: Tensor) -> Tensor:
        """Return how likely each item is beside the likeliest."""
        import tensorflow as tf

        logits = self.network.logits(history, recency)
        return tf.exp(logits - tf.reduce_max(logits, axis=1, keepdims=True))
