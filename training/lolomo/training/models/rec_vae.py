"""RecVAE: a variational autoencoder whose encoder and decoder are trained in turn."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from typing_extensions import override

from lolomo.training.models.blended import BlendedModel, Run, Settings
from lolomo.training.models.item_bags import BagScorer, bags_of, examples_of
from lolomo.training.models.model import Role
from lolomo.training.models.plays import Plays


@dataclass(frozen=True, slots=True)
class RecVAEConfig:
    """What RecVAE may be told; a field of several values is chosen on the last events."""

    hidden_dim: int = 200
    """Size of the encoder's layers."""
    latent_dim: int = 64
    """Size of the latent vector."""
    dropout: float = 0.5
    """Share of a user's items hidden while the encoder is trained."""
    gamma: float = 0.005
    """What the divergence from the prior counts for each item of a bag."""
    encoder_epochs: int = 3
    """Epochs of the encoder before one of the decoder."""
    bag_length: int = 100
    """Most items in a bag; users with more have several."""
    batch_size: int = 256
    """Bags a step."""
    rounds: int = 8
    """How often encoder and decoder are trained in turn."""
    learning_rate: float = 2e-3
    """The highest of the schedule."""
    half_life_days: tuple[float, ...] = (7.0, 36500.0, 30.0, 1.0)
    """A history entry so much older than the latest counts half."""
    prior_weight: tuple[float, ...] = (1.0, 0.01, 0.1, 0.3, 3.0)
    """What the popularity of the last days counts beside the history."""
    prior_days: tuple[float, ...] = (3.0, 1.0, 14.0)
    """How many days those are."""


class RecVAE(BlendedModel[RecVAEConfig]):
    """Learns to tell what a user watched from a part of it, by a mixed prior and in turns.

    Shenbin, Alekseev, Tutubalina, Malykh & Nikolenko 2020, "RecVAE: a new variational autoencoder
    for top-N recommendations with implicit feedback".
    """

    name = "rec_vae"
    Config = RecVAEConfig
    roles: ClassVar[Mapping[str, Role]] = {
        "because_you_watched": Role.ALTERNATIVE,
        "next_play": Role.ALTERNATIVE,
    }
    wants_gpu: ClassVar[bool] = True

    @override
    def learn(self, plays: Plays, settings: Settings, run: Run) -> BagScorer:
        from lolomo.training.layers.item_bag import VAEShape
        from lolomo.training.layers.rec_vae import RecVAENetwork
        from lolomo.training.loop import LoopConfig, train

        config = self.config
        examples = examples_of(bags_of(plays, config.bag_length), config.batch_size)
        shape = VAEShape(
            num_items=plays.num_items,
            hidden_dim=config.hidden_dim,
            latent_dim=config.latent_dim,
            dropout=config.dropout,
        )

        def build() -> RecVAENetwork:
            network = RecVAENetwork(
                shape, config.gamma, examples.num_steps, config.encoder_epochs, run.seed
            )
            network.build()
            return network

        epochs = config.rounds * (config.encoder_epochs + 1)
        loop = LoopConfig(epochs=epochs, learning_rate=config.learning_rate)
        return BagScorer(train(build, examples, loop, run.seed, run.scratch, run.progress))
