"""RecVAE: a variational autoencoder whose encoder and decoder are trained in turn."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from typing_extensions import override

from lolomo.training.models.item_bags import BagConfig, BagModel

if TYPE_CHECKING:
    from lolomo.training.layers.item_bag import VAEShape
    from lolomo.training.layers.rec_vae import RecVAENetwork


@dataclass(frozen=True, slots=True, kw_only=True)
class RecVAEConfig(BagConfig):
    """What RecVAE may be told; a field of several values is chosen on the last events."""

    gamma: float = 0.005
    """What the divergence from the prior counts for each item of a bag."""
    encoder_epochs: int = 3
    """Epochs of the encoder before one of the decoder."""
    rounds: int = 8
    """How often encoder and decoder are trained in turn."""


class RecVAE(BagModel[RecVAEConfig]):
    """Learns to tell what a user watched from a part of it, by a mixed prior and in turns.

    Shenbin, Alekseev, Tutubalina, Malykh & Nikolenko 2020, "RecVAE: a new variational autoencoder
    for top-N recommendations with implicit feedback".
    """

    name = "rec_vae"
    Config = RecVAEConfig

    @property
    @override
    def num_epochs(self) -> int:
        return self.config.rounds * (self.config.encoder_epochs + 1)

    @override
    def network(self, shape: "VAEShape", num_steps: int, seed: int) -> "RecVAENetwork":
        from lolomo.training.layers.rec_vae import RecVAENetwork

        config = self.config
        return RecVAENetwork(shape, config.gamma, num_steps, config.encoder_epochs, seed)
