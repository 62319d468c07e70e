"""The network of Mult-VAE: a bag of items, a normal latent vector, a softmax over all items.

Liang, Krishnan, Hoffman & Jebara 2018, "Variational autoencoders for collaborative filtering".
"""

from typing import Any

import keras
from keras import ops
from typing_extensions import override

from lolomo.training.layers.item_bag import ItemBag, VAEShape, drawn, multinomial_loss, present


class MultVAENetwork(keras.Model):  # type: ignore[misc]
    """Reads bags `items` `[batch, length]`, item i as i + 1 and 0 where padded.

    Args:
        shape: Sizes.
        beta: What the divergence from the prior counts in the end.
        annealing_steps: Over how many steps it rises to that, from 0.
        seed: Of weights and of what is drawn.
    """

    def __init__(self, shape: VAEShape, beta: float, annealing_steps: int, seed: int) -> None:
        super().__init__()
        self.shape, self.beta, self.annealing_steps = shape, beta, annealing_steps
        self.bag = ItemBag(shape.num_items, shape.hidden_dim, shape.dropout, name="bag")
        self.posterior = keras.layers.Dense(2 * shape.latent_dim, name="posterior")
        self.hidden = keras.layers.Dense(shape.hidden_dim, "tanh", name="hidden")
        self.output_layer = keras.layers.Dense(shape.num_items, name="output")
        self.steps = self.add_weight(
            shape=(), dtype="int32", initializer="zeros", trainable=False, name="steps"
        )
        self.random = keras.random.SeedGenerator(seed)

    @override
    def build(self, input_shape: Any = None) -> None:
        self.bag.build()
        self.posterior.build((None, self.shape.hidden_dim))
        self.hidden.build((None, self.shape.latent_dim))
        self.output_layer.build((None, self.shape.hidden_dim))
        self.built = True

    @override
    def call(self, inputs: dict[str, Any], training: bool = False) -> dict[str, Any]:
        """Return logits `[batch, items]`, mean and log-variance `[batch, latent_dim]`."""
        items = inputs["items"]
        mean, log_variance = self._encode(items, present(items), training)
        latent = drawn(mean, log_variance, self.random) if training else mean
        return {"logits": self._decode(latent), "mean": mean, "log_variance": log_variance}

    @override
    def compute_loss(
        self,
        x: Any = None,
        y: Any = None,
        y_pred: Any = None,
        sample_weight: Any = None,
        training: bool = True,
    ) -> Any:
        """Return minus the evidence lower bound, its divergence annealed."""
        mean, log_variance = y_pred["mean"], y_pred["log_variance"]
        divergence = 0.5 * ops.sum(
            ops.square(mean) + ops.exp(log_variance) - log_variance - 1.0, axis=1
        )
        if training:
            self.steps.assign_add(1)
        risen = ops.cast(self.steps, "float32") / max(self.annealing_steps, 1)
        beta = self.beta * ops.minimum(risen, 1.0)
        return ops.mean(multinomial_loss(y_pred["logits"], x["items"]) + beta * divergence)

    def logits(self, items: Any, weights: Any) -> Any:
        """Return log-likelihoods of all items up to a constant. Shape: [batch, items]."""
        return self._decode(self._encode(items, weights, training=False)[0])

    def _encode(self, items: Any, weights: Any, training: bool) -> tuple[Any, Any]:
        state = ops.tanh(self.bag(items, weights, training=training))
        mean, log_variance = ops.split(self.posterior(state), 2, axis=1)
        return mean, log_variance

    def _decode(self, latent: Any) -> Any:
        return self.output_layer(self.hidden(latent))
