"""Bags of items, and the networks of Mult-VAE and RecVAE."""

from typing import Any

import keras
import numpy as np
import pytest

from lolomo.training.layers.item_bag import ItemBag, VAEShape, multinomial_loss
from lolomo.training.layers.mult_vae import MultVAENetwork
from lolomo.training.layers.rec_vae import PRIOR_SHARES, RecVAENetwork, log_normal

SHAPE = VAEShape(num_items=6, hidden_dim=5, latent_dim=3, dropout=0.5)
BAGS = np.array([[1, 4, 0], [2, 3, 6]], np.int32)


def test_a_bag_is_a_dense_layer_over_a_multi_hot_of_length_one() -> None:
    layer = ItemBag(6, 5, dropout=0.5)
    layer.build()
    weights = np.array([[1.0, 0.5, 0.0], [1.0, 1.0, 1.0]], np.float32)
    hot = np.zeros((2, 7), np.float32)
    np.put_along_axis(hot, BAGS, weights, axis=1)
    hot /= np.linalg.norm(hot, axis=1, keepdims=True)
    expected = hot @ np.asarray(layer.kernel) + np.asarray(layer.bias)
    np.testing.assert_allclose(layer(BAGS, weights), expected, atol=1e-6)


def test_the_likelihood_is_that_of_one_softmax_for_all_items() -> None:
    logits = np.log(np.array([[0.1, 0.2, 0.3, 0.4]], np.float32)) + 7.0
    loss = np.asarray(multinomial_loss(logits, np.array([[1, 4, 0]], np.int32)))
    np.testing.assert_allclose(loss, -np.log(0.1 * 0.4), rtol=1e-4)


def test_the_divergence_is_annealed() -> None:
    network = MultVAENetwork(SHAPE, beta=0.5, annealing_steps=2, seed=1)
    network.build()
    mean, log_variance = np.ones((2, 3), np.float32), np.zeros((2, 3), np.float32)
    logits = np.zeros((2, 6), np.float32)
    answer = {"logits": logits, "mean": mean, "log_variance": log_variance}
    losses = [float(network.compute_loss({"items": BAGS}, y_pred=answer)) for _ in range(3)]
    alone = 2.5 * np.log(6)
    np.testing.assert_allclose(losses, alone + np.array([0.25, 0.5, 0.5]) * 1.5, rtol=1e-5)


@pytest.fixture
def network() -> RecVAENetwork:
    network = RecVAENetwork(SHAPE, gamma=0.01, num_steps=1, encoder_epochs=2, seed=1)
    network.build()
    network.compile(optimizer=keras.optimizers.Adam(0.1))
    return network


def moved(network: RecVAENetwork) -> list[str]:
    """Take a step and tell what it changed."""
    parts: dict[str, Any] = {
        name: getattr(network, name) for name in ("encoder", "decoder", "earlier")
    }
    before = {name: [w.value.numpy() for w in part.weights] for name, part in parts.items()}
    network.fit({"items": BAGS}, epochs=1, batch_size=2, verbose=0)
    return [
        name
        for name, part in parts.items()
        if any(
            (old != new.value.numpy()).any()
            for old, new in zip(before[name], part.weights, strict=True)
        )
    ]


def test_encoder_and_decoder_are_trained_in_turn(network: RecVAENetwork) -> None:
    steps = [moved(network) for _ in range(4)]
    assert steps == [["encoder"], ["encoder"], ["decoder", "earlier"], ["encoder"]]


def test_the_prior_mixes_three_normals(network: RecVAENetwork) -> None:
    latent = np.full((2, 3), 0.5, np.float32)
    mean, log_variance = network.earlier(BAGS, (BAGS > 0).astype(np.float32))
    parts = ((0.0, 0.0), (mean, log_variance), (0.0, 10.0))
    density = sum(
        share * np.exp(log_normal(latent, *part))
        for share, part in zip(PRIOR_SHARES, parts, strict=True)
    )
    np.testing.assert_allclose(network._log_prior(BAGS, latent), np.log(density), rtol=1e-4)
