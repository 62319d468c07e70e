"""The blend of rankers, and the place that it keeps for discovery."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from models.conformance import RankerConformance
from numpy.typing import NDArray

from lolomo.core.errors import ModelError
from lolomo.runtimes.blend import Discovery, standardised, with_discovery
from lolomo.tasks import TOP_PICKS
from lolomo.training.models import BlendedRanker, config_from

DISCOVERY = Discovery("plays", most=2.0, place=3)


class TestBlendedRanker(RankerConformance):
    model = BlendedRanker
    task = TOP_PICKS
    config = {"discovery_place": 0}  # noqa: RUF012
    least_ndcg = 0.2
    tolerance = 1e-3


def _order(counts: list[float], present: list[bool] | None = None) -> NDArray[Any]:
    scores = np.array([[5.0, 4.0, 3.0, 2.0, 1.0]], np.float32)
    there = np.array([present or [True] * 5])
    raised = with_discovery(scores, np.array([counts], np.float32), there, DISCOVERY)
    return np.argsort(-raised[0], kind="stable")


@pytest.mark.parametrize(
    ("counts", "order"),
    [
        ([9, 9, 9, 9, 1], [0, 1, 4, 2, 3]),
        ([9, 9, 9, 1, 1], [0, 1, 3, 2, 4]),
        ([9, 9, 1, 1, 1], [0, 1, 2, 3, 4]),
        ([1, 1, 9, 9, 9], [0, 1, 2, 3, 4]),
    ],
)
def test_the_best_candidate_that_few_watched_takes_the_kept_place(
    counts: list[float], order: list[int]
) -> None:
    assert _order(counts).tolist() == order


def test_a_discovery_too_far_behind_displaces_nothing() -> None:
    scores = np.array([[5.0, 4.0, 3.0, 2.0, -9.0]], np.float32)
    counts = np.array([[9.0, 9.0, 9.0, 9.0, 1.0]], np.float32)
    close = replace(DISCOVERY, gap=1.0)
    np.testing.assert_array_equal(with_discovery(scores, counts, counts > 0, close), scores)


def test_padding_is_no_discovery() -> None:
    assert _order([9, 9, 9, 9, 0], [True, True, True, True, False]).tolist() == [0, 1, 2, 3, 4]


def test_scores_are_standardised_over_present_candidates() -> None:
    scores = standardised(np.array([[1.0, 3.0, 99.0]], np.float32), np.array([[True, True, False]]))
    np.testing.assert_allclose(scores, [[-1.0, 1.0, 0.0]])


@pytest.mark.parametrize(
    "wrong",
    [
        {"deep_weight": 1.5},
        {"discovery_place": 1},
        {"discovery_quantile": -0.1},
        {"discovery_gap": -1},
    ],
)
def test_impossible_settings_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ModelError, match=next(iter(wrong))):
        config_from(BlendedRanker, wrong)
