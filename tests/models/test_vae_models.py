"""Mult-VAE and RecVAE."""

from typing import Any, ClassVar

import numpy as np
from models.conformance import FEW_CHOICES, RetrieverConformance

from lolomo.tasks import BECAUSE_YOU_WATCHED, NEXT_PLAY
from lolomo.training.models import MultVAE, RecVAE
from lolomo.training.models.item_bags import bags_of
from lolomo.training.models.plays import Plays

SMALL: dict[str, Any] = {
    **FEW_CHOICES,
    "hidden_dim": 24,
    "latent_dim": 8,
    "bag_length": 20,
    "batch_size": 32,
    "learning_rate": 1e-2,
}


class TestMultVAE(RetrieverConformance):
    model = MultVAE
    task = NEXT_PLAY
    config: ClassVar = {**SMALL, "epochs": 12}
    least_ndcg = 0.2
    tolerance = 1e-3


class TestRecVAE(RetrieverConformance):
    model = RecVAE
    task = BECAUSE_YOU_WATCHED
    config: ClassVar = {**SMALL, "rounds": 4}
    least_ndcg = 0.2
    tolerance = 1e-3


def test_a_bag_names_each_item_once_and_long_ones_are_split() -> None:
    users, items = np.array([0, 0, 0, 0, 1, 1, 2]), np.array([5, 3, 5, 4, 1, 0, 2])
    parts = bags_of(Plays(users, items, np.arange(7.0), num_items=6), 2, users_at_once=2)
    assert [part.tolist() for part in parts] == [[[4, 5], [1, 2]], []]


def test_single_items_are_bags_where_there_is_nothing_else() -> None:
    plays = Plays(np.array([0, 1]), np.array([1, 0]), np.arange(2.0), num_items=2)
    (bags,) = bags_of(plays, length=3)
    assert bags.tolist() == [[2, 0, 0], [1, 0, 0]]
