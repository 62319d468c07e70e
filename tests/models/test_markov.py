"""The Markov chain against counts made by hand."""

from collections.abc import Mapping
from typing import ClassVar

import numpy as np
import pytest
from models.conformance import FEW_CHOICES, RetrieverConformance
from numpy.typing import NDArray

from lolomo.tasks import NEXT_PLAY
from lolomo.training.models import Markov
from lolomo.training.models.blended import Run
from lolomo.training.models.markov import Chain
from lolomo.training.models.plays import Plays

A, B, C, D = range(4)
SETTINGS = {"back_off": 1.0, "skip_weight": 0.5, "memory_days": 1e9}
# What follows, each count over itself and the back-off of 1.
AFTER_A = {B: 3 / 4}
AFTER_B = {C: 2 / 4, D: 1 / 4}
AFTER_A_AND_ONE = {C: 2 / 4, D: 1 / 4}
AFTER_AB = {C: 2 / 4, D: 1 / 4}


class TestMarkov(RetrieverConformance):
    model = Markov
    task = NEXT_PLAY
    config: ClassVar = {**FEW_CHOICES, "back_off": (1.0, 5.0), "memory_days": 1000.0}
    least_ndcg = 0.35


@pytest.fixture(scope="module")
def chain() -> Chain:
    """What three users watched: A B C, A B C and A B D, one after the other."""
    items = np.array([A, B, C, A, B, C, A, B, D])
    users = np.repeat([0, 1, 2], 3)
    plays = Plays(users, items, np.arange(9) / 10, num_items=4)
    return Markov().learn(plays, SETTINGS, Run(is_trial=False, seed=1))


def scores(chain: Chain, history: list[int], recency: list[float]) -> NDArray[np.float32]:
    padding = [0] * (3 - len(history))
    places = np.array([padding + [item + 1 for item in history]], np.int32)
    counts = np.array([[*padding, *recency]], np.float32)
    answer: NDArray[np.float32] = np.asarray(chain.scores(places, counts), np.float32)[0]
    return answer


@pytest.mark.parametrize(
    ("history", "recency", "parts"),
    [
        ([], [], []),
        ([A], [1.0], [(1.0, AFTER_A)]),
        ([B], [1.0], [(1.0, AFTER_B)]),
        ([A, B], [1.0, 1.0], [(1.0, AFTER_AB), (0.25, AFTER_B), (0.25 * 0.5, AFTER_A_AND_ONE)]),
        ([A, B], [0.1, 1.0], [(1.0, AFTER_AB), (0.25, AFTER_B), (0.25 * 0.05, AFTER_A_AND_ONE)]),
        ([D, A], [1.0, 1.0], [(1.0, AFTER_A)]),
    ],
    ids=["nothing", "first", "last", "pair", "old pair", "unseen pair backs off"],
)
def test_scores_are_the_counts(
    chain: Chain,
    history: list[int],
    recency: list[float],
    parts: list[tuple[float, Mapping[int, float]]],
) -> None:
    expected = np.zeros(4)
    for weight, part in parts:
        for item, share in part.items():
            expected[item] += weight * share
    unit = np.mean([AFTER_A[B], AFTER_B[C], AFTER_A_AND_ONE[C], AFTER_AB[C]])
    np.testing.assert_allclose(scores(chain, history, recency), expected / unit, rtol=1e-5)


def test_a_history_that_no_pair_was_seen_in_is_answered() -> None:
    plays = Plays(np.array([0, 0]), np.array([A, B]), np.array([0.0, 1.0]), num_items=2)
    alone = Markov().learn(plays, SETTINGS, Run(is_trial=False, seed=1))
    assert scores(alone, [A], [1.0]).argmax() == B
