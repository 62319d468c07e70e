"""The blend of rankers, and the place that it keeps for discovery."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from models.conformance import PosteriorConformance, seeded
from models.small_world import training_data
from numpy.typing import NDArray

from lolomo.core.errors import ModelError
from lolomo.runtimes.blend import Discovery, Rarity, standardised, with_discovery
from lolomo.tasks import TOP_PICKS
from lolomo.training.models import BlendedRanker, config_from
from lolomo.training.models.model import Export, Fitted

DISCOVERY = Discovery("plays", most=2.0, place=3)


class TestBlendedRanker(PosteriorConformance):
    model = BlendedRanker
    task = TOP_PICKS
    config = {"discovery_place": 0}  # noqa: RUF012
    least_ndcg = 0.2
    tolerance = 1e-3


def _order(counts: list[float], present: list[bool] | None = None) -> NDArray[Any]:
    scores = np.array([[5.0, 4.0, 3.0, 2.0, 1.0]], np.float32)
    there = np.array([present or [True] * 5])
    rarity = Rarity(np.array([counts], np.float32), scores)
    raised = with_discovery(scores, rarity, there, DISCOVERY)
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
    same = with_discovery(scores, Rarity(counts, scores), counts > 0, close)
    np.testing.assert_array_equal(same, scores)


def test_of_the_rare_the_one_that_goes_best_with_the_history_is_chosen() -> None:
    scores = np.array([[5.0, 4.0, 3.0, 2.0, 1.0]], np.float32)
    rarity = Rarity(np.ones_like(scores), np.array([[9.0, 9.0, 0.1, 0.2, 0.3]], np.float32))
    raised = with_discovery(scores, rarity, scores > 0, DISCOVERY)
    assert np.argsort(-raised[0], kind="stable").tolist() == [0, 1, 4, 2, 3]


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


def test_members_that_are_fitted_already_are_taken_as_they_are(tmp_path: Path) -> None:
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept" / "model").write_text("kept")
    kept = Fitted(tmp_path / "kept", Export("lightgbm", "rank", ("candidates",)))
    blend = BlendedRanker()
    blend.fit(replace(training_data(TOP_PICKS), fitted=lambda _: kept), seeded())
    (tmp_path / "blend").mkdir()
    export = blend.export(tmp_path / "blend")
    assert export.inputs == ("item_plays_total", "covisits_soon", "candidates")
    copies = [path.read_text() for path in (tmp_path / "blend").glob("*/model")]
    assert copies == ["kept", "kept"]
