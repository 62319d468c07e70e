"""Mult-VAE: a variational autoencoder of what each user watched."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from typing_extensions import override

from lolomo.training.models.item_bags import BagConfig, BagModel

if TYPE_CHECKING:
    from lolomo.training.layers.item_bag import VAEShape
    from lolomo.training.layers.mult_vae import MultVAENetwork


@dataclass(frozen=True, slots=True, kw_only=True)
class MultVAEConfig(BagConfig):
    """What Mult-VAE may be told; a field of several values is chosen on the last events."""

    beta: float = 0.2
    """What the divergence from the prior counts in the end; it is annealed to that from 0."""
    annealing_epochs: int = 20
    """Over how many epochs it rises."""
    epochs: int = 20
    """Passes over the data."""


class MultVAE(BagModel[MultVAEConfig]):
    """Learns to tell what a user watched from a part of it, through a noisy latent vector.

    The likelihood is multinomial: items compete for one softmax (Liang, Krishnan, Hoffman & Jebara
    2018, "Variational autoencoders for collaborative filtering").
    """

    name = "mult_vae"
    Config = MultVAEConfig

    @property
    @override
    def num_epochs(self) -> int:
        return self.config.epochs

    @override
    def network(self, shape: "VAEShape", num_steps: int, seed: int) -> "MultVAENetwork":
        from lolomo.training.layers.mult_vae import MultVAENetwork

        steps = self.config.annealing_epochs * num_steps
        return MultVAENetwork(shape, self.config.beta, steps, seed)
