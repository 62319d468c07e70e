"""The network of RecVAE: Mult-VAE with a better encoder, prior and way of training.

Shenbin, Alekseev, Tutubalina, Malykh & Nikolenko 2020, "RecVAE: a new variational autoencoder for
top-N recommendations with implicit feedback". Its encoder is a densely connected network; its prior
mixes a standard normal, a wide one and the posterior of an earlier encoder, so that learning does
not forget; the divergence counts in proportion to the size of the bag; and encoder and decoder are
trained in turn, the decoder on whole bags.
"""

import math
from typing import Any

import keras
import tensorflow as tf
from keras import ops
from typing_extensions import override

from lolomo.training.layers.item_bag import ItemBag, VAEShape, drawn, multinomial_loss, present

NUM_BLOCKS = 4
"""Dense layers of the encoder beside the first."""
PRIOR_SHARES = (3 / 20, 3 / 4, 1 / 10)
"""Of the standard normal, the earlier posterior and the wide normal."""
WIDE_LOG_VARIANCE = 10.0


class Encoder(keras.layers.Layer):  # type: ignore[misc]
    """A densely connected network from bags to a normal distribution: each block sees all before.

    Args:
        shape: Sizes.
    """

    def __init__(self, shape: VAEShape, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.shape = shape
        self.bag = ItemBag(shape.num_items, shape.hidden_dim, shape.dropout, name="bag")
        names = range(NUM_BLOCKS)
        self.blocks = [keras.layers.Dense(shape.hidden_dim, name=f"block_{i}") for i in names]
        self.norms = [
            keras.layers.LayerNormalization(name=f"norm_{i}") for i in range(NUM_BLOCKS + 1)
        ]
        self.posterior = keras.layers.Dense(2 * shape.latent_dim, name="posterior")

    @override
    def build(self, input_shape: Any = None) -> None:
        self.bag.build()
        for layer in (*self.blocks, *self.norms, self.posterior):
            layer.build((None, self.shape.hidden_dim))

    @override
    def call(self, items: Any, weights: Any, training: bool = False) -> tuple[Any, Any]:
        """Return mean and log-variance, each `[batch, latent_dim]`."""
        state = self.norms[0](ops.silu(self.bag(items, weights, training=training)))
        total = state
        for block, norm in zip(self.blocks, self.norms[1:], strict=True):
            state = norm(ops.silu(block(state) + total))
            total = total + state
        mean, log_variance = ops.split(self.posterior(state), 2, axis=1)
        return mean, log_variance


class RecVAENetwork(keras.Model):  # type: ignore[misc]
    """Reads bags `items` `[batch, length]`, item i as i + 1 and 0 where padded.

    Args:
        shape: Sizes.
        gamma: What the divergence counts for each item of a bag.
        num_steps: Batches of an epoch.
        encoder_epochs: For how many epochs the encoder is trained before the decoder is for one.
        seed: Of weights and of what is drawn.
    """

    def __init__(
        self, shape: VAEShape, gamma: float, num_steps: int, encoder_epochs: int, seed: int
    ) -> None:
        super().__init__()
        self.shape, self.gamma = shape, gamma
        self.num_steps, self.encoder_epochs = num_steps, encoder_epochs
        self.encoder = Encoder(shape, name="encoder")
        self.earlier = Encoder(shape, name="earlier", trainable=False)
        self.decoder = keras.layers.Dense(shape.num_items, name="decoder")
        self.random = keras.random.SeedGenerator(seed)

    @override
    def build(self, input_shape: Any = None) -> None:
        self.encoder.build()
        self.earlier.build()
        self.decoder.build((None, self.shape.latent_dim))
        self._remember()
        self.built = True

    @override
    def call(self, inputs: dict[str, Any], training: bool = False) -> Any:
        """Return logits. Shape: [batch, items]."""
        return self.logits(inputs["items"], present(inputs["items"]))

    @override
    def train_step(self, data: Any) -> dict[str, Any]:
        """Train the encoder, or the decoder, by one batch."""
        items = data["items"]
        if not self.optimizer.built:
            with tf.init_scope():
                self.optimizer.build(self.trainable_variables)
        step = self.optimizer.iterations % (self.num_steps * (self.encoder_epochs + 1))
        turn = self.num_steps * self.encoder_epochs
        tf.cond(step == turn, self._remember, lambda: None)
        loss = tf.cond(
            step < turn,
            lambda: self._update(lambda: self._bound(items), self.encoder.trainable_variables),
            lambda: self._update(lambda: self._error(items), self.decoder.trainable_variables),
        )
        self._loss_tracker.update_state(loss)
        metrics: dict[str, Any] = self.get_metrics_result()
        return metrics

    def logits(self, items: Any, weights: Any) -> Any:
        """Return log-likelihoods of all items up to a constant. Shape: [batch, items]."""
        return self.decoder(self.encoder(items, weights)[0])

    def _update(self, loss_of: Any, variables: list[Any]) -> Any:
        """Take a step on some variables and return the loss."""
        with tf.GradientTape() as tape:
            loss = loss_of()
        gradients = tape.gradient(loss, [variable.value for variable in variables])
        self.optimizer.apply(gradients, variables)
        return loss

    def _bound(self, items: Any) -> Any:
        """Return minus the evidence lower bound, items of the input dropped."""
        mean, log_variance = self.encoder(items, present(items), training=True)
        latent = drawn(mean, log_variance, self.random)
        posterior = log_normal(latent, mean, log_variance)
        divergence = ops.sum(posterior - self._log_prior(items, latent), axis=1)
        size = ops.sum(present(items), axis=1)
        error = multinomial_loss(self.decoder(latent), items)
        return ops.mean(error + self.gamma * size * divergence)

    def _error(self, items: Any) -> Any:
        """Return minus the log-likelihood of whole bags."""
        mean, log_variance = self.encoder(items, present(items))
        latent = drawn(mean, log_variance, self.random)
        return ops.mean(multinomial_loss(self.decoder(latent), items))

    def _log_prior(self, items: Any, latent: Any) -> Any:
        """Return the log-density of the mixture, each dimension by itself. [batch, latent_dim]."""
        mean, log_variance = (ops.stop_gradient(v) for v in self.earlier(items, present(items)))
        parts = [
            log_normal(latent, 0.0, 0.0),
            log_normal(latent, mean, log_variance),
            log_normal(latent, 0.0, WIDE_LOG_VARIANCE),
        ]
        shares = [math.log(share) for share in PRIOR_SHARES]
        mixed = [part + share for part, share in zip(parts, shares, strict=True)]
        return ops.logsumexp(ops.stack(mixed, axis=-1), axis=-1)

    def _remember(self) -> None:
        """Make the earlier encoder what the encoder is now."""
        for old, new in zip(self.earlier.weights, self.encoder.weights, strict=True):
            old.assign(new)


def log_normal(value: Any, mean: Any, log_variance: Any) -> Any:
    """Return the log-density of a normal distribution, element by element."""
    scaled = ops.square(value - mean) / ops.exp(log_variance)
    return -0.5 * (math.log(2 * math.pi) + log_variance + scaled)
