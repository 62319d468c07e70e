"""Models of users' plays as bags of items: variational autoencoders.

Such a network sees a user as the set of what was watched, and tells how likely each item is to be
in it. Large bags are split, so that a batch has one width. A `BagModel` is all but the network.
"""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
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


def bags_of(plays: Plays, length: int) -> NDArray[np.int32]:
    """Return each user's items as rows: item i as i + 1, padded with 0 at the end.

    A user with more than `length` items has several rows. Users with a single item, which foretells
    nothing, are left out as long as others remain. Shape: [bags, length].
    """
    matrix = watched(plays, 1e9)
    counts = np.diff(matrix.indptr)
    row = np.repeat(np.arange(matrix.shape[0]), counts)
    place = np.arange(matrix.nnz) - matrix.indptr[row]
    _, bag = np.unique(row * (matrix.shape[1] + 1) + place // length, return_inverse=True)
    bags = np.zeros((int(bag.max()) + 1, length), np.int32)
    bags[bag, place % length] = matrix.indices + 1
    several = (bags > 0).sum(axis=1) > 1
    return bags[several] if several.any() else bags


def examples_of(bags: NDArray[np.int32], batch_size: int) -> "Examples":
    """Return what the training loop learns from."""
    import tensorflow as tf

    from lolomo.training.loop import Examples

    dataset = tf.data.Dataset.from_tensor_slices({"items": bags})
    return Examples(training=dataset, num_training=len(bags), batch_size=batch_size)


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
