"""Item-kNN, and what all item-item models share."""

from pathlib import Path
from typing import cast

import numpy as np
import pytest
from models.conformance import RetrieverConformance, loaded_from, seeded
from models.small_world import training_data
from scipy import sparse

from lolomo.core.columns import Columns
from lolomo.core.recommender import Retriever
from lolomo.tasks import BECAUSE_YOU_WATCHED, NEXT_PLAY
from lolomo.training.models import ItemKNN, config_from
from lolomo.training.models.holdout import choose
from lolomo.training.models.item_item import ItemItem, strongest


class TestItemKNN(RetrieverConformance):
    model = ItemKNN
    task = NEXT_PLAY
    least_ndcg = 0.42


class TestItemKNNOfOneSeed(RetrieverConformance):
    model = ItemKNN
    task = BECAUSE_YOU_WATCHED
    least_ndcg = 0.37


def test_the_graph_scores_what_the_matrix_says(tmp_path: Path) -> None:
    model = ItemKNN()
    model.fit(training_data(NEXT_PLAY), seeded())
    export, fitted = model.export(tmp_path), model._fitted
    assert fitted is not None
    assert isinstance(fitted.scorer, ItemItem)
    half_life = fitted.settings["half_life_days"] * 86_400_000_000
    query = {
        Columns.HISTORY_ITEM_IDS: np.array([["", "i03", "i09"]], dtype=object),
        Columns.HISTORY_TIMESTAMPS: np.array([[0, 10**12, 10**12 + int(half_life)]]),
    }
    weights = fitted.scorer.weights.toarray()
    expected = 0.5 * weights[[3]] + weights[[9]]
    expected += fitted.settings["prior_weight"] * fitted.prior
    loaded = cast("Retriever", loaded_from(tmp_path, export))
    np.testing.assert_allclose(loaded.scores(query), expected, rtol=1e-3)


def test_only_the_strongest_weights_of_a_row_are_kept() -> None:
    weights = sparse.csr_array(np.array([[0.0, 3.0, -4.0, 1.0], [0.0, 0.0, 2.0, 0.0]]))
    kept = strongest(weights, 2).toarray()
    np.testing.assert_array_equal(kept, [[0, 3, -4, 0], [0, 0, 2, 0]])


@pytest.mark.parametrize("start", [0.0, 3.0])
def test_settings_are_chosen_one_at_a_time(start: float) -> None:
    best = choose(
        {"x": (start, 1.0, 2.0), "y": (0.0, 5.0)}, lambda at: -((at["x"] - 2) ** 2) + at["y"]
    )
    assert best == {"x": 2.0, "y": 5.0}


def test_a_setting_of_one_value_is_not_tried() -> None:
    assert choose({"x": (2.0,)}, lambda at: pytest.fail("nothing to choose")) == {"x": 2.0}


def test_without_a_prior_an_unknown_user_gets_no_scores(tmp_path: Path) -> None:
    model = ItemKNN(config_from(ItemKNN, {"prior_weight": (0.0,)}))
    model.fit(training_data(NEXT_PLAY), seeded())
    loaded = cast("Retriever", loaded_from(tmp_path, model.export(tmp_path)))
    query = {
        Columns.HISTORY_ITEM_IDS: np.array([["new"]], dtype=object),
        Columns.HISTORY_TIMESTAMPS: np.array([[10**12]]),
    }
    assert not loaded.scores(query).any()
