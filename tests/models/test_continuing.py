"""Going on from an earlier fit with what is new, shown on SASRec."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from models.conformance import ndcg, seeded
from models.small_world import CUT, later_queries, training_data, watched

from lolomo.core.columns import Columns
from lolomo.core.errors import ModelError
from lolomo.core.recommender import Retriever
from lolomo.runtimes import load_files
from lolomo.tasks import NEXT_PLAY
from lolomo.training.models import RankingBatch, SASRec, TrainingData, config_from
from lolomo.training.models.model import Export, Fitted
from lolomo.training.warm_start import State, read_state

EARLIER = CUT - timedelta(days=14)
UNSEEN = 8
CONFIG: dict[str, Any] = {
    "inputs": "context",
    "history_length": 8,
    "embedding_dim": 16,
    "epochs": 6,
    "batch_rows": 16,
    "learning_rate": 1e-2,
    "popularity_prior": False,
    "continue_epochs": 2,
    "continue_learning_rate": 5e-3,
}


def earlier_data() -> TrainingData:
    """Return what was known two weeks before, when some items had not come yet."""
    data = training_data(NEXT_PLAY)
    coming = data.item_ids()[-UNSEEN:].astype(str).tolist()
    early = (pl.col(Columns.TIMESTAMP) < EARLIER) & ~pl.col(Columns.ITEM_ID).is_in(coming)
    return replace(data, events=data.events.filter(early), cut=EARLIER)


def fitted(data: TrainingData, folder: Path, **changes: Any) -> Retriever:
    model = SASRec(config_from(SASRec, {**CONFIG, **changes}))
    model.fit(data, seeded())
    export = model.export(folder)
    return load_files(folder, export.runtime, export.method, export.inputs)  # type: ignore[return-value]


@pytest.fixture(scope="module")
def former(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("former")
    fitted(earlier_data(), folder)
    return folder


@pytest.fixture(scope="module")
def gone_on(former: Path, tmp_path_factory: pytest.TempPathFactory) -> Retriever:
    data = replace(training_data(NEXT_PLAY), continue_from=former)
    return fitted(data, tmp_path_factory.mktemp("later"))


def quality(retriever: Retriever, later: RankingBatch) -> float:
    order = {item: place for place, item in enumerate(retriever.items)}
    places = np.array([order.get(item, -1) for item in later.query[Columns.CANDIDATES][0]])
    scores = np.where(places < 0, -1e9, retriever.scores(later.query)[:, places])
    return ndcg(np.where(watched(later.query), -np.inf, scores), later)


def test_new_items_are_known_after_going_on(former: Path, gone_on: Retriever) -> None:
    new = set(gone_on.items) - set(read_state(former).rows["items"])
    assert len(new) >= UNSEEN
    found, _ = gone_on.retrieve(later_queries(NEXT_PLAY).query, 5)
    assert new & set(found.ravel())


def test_a_few_epochs_from_a_release_beat_as_few_from_nothing(
    gone_on: Retriever, tmp_path: Path
) -> None:
    brief = {"epochs": CONFIG["continue_epochs"], "learning_rate": CONFIG["continue_learning_rate"]}
    anew = fitted(training_data(NEXT_PLAY), tmp_path, **brief)
    later = later_queries(NEXT_PLAY)
    assert quality(gone_on, later) > quality(anew, later) + 0.02


def test_the_state_is_kept_for_the_next_time(former: Path) -> None:
    state = read_state(former)
    assert state.cut == EARLIER
    assert state.rows.keys() == {"items", "biases", "genres", Columns.GENDER}


def test_a_raw_timestamp_cannot_be_gone_on_with(former: Path, tmp_path: Path) -> None:
    data = replace(training_data(NEXT_PLAY), continue_from=former)
    with pytest.raises(ModelError, match="scaled by the data of one fit"):
        fitted(data, tmp_path, inputs="absolute_time")


def test_a_fit_goes_on_from_the_one_before_its_last_window_and_is_calibrated_on_it(
    tmp_path: Path,
) -> None:
    config = {"inputs": "ids", "epochs": 2, "continue_epochs": 1, "from_earlier_cut": True}

    def fit(data: TrainingData, name: str) -> State:
        (tmp_path / name).mkdir()
        fitted(data, tmp_path / name, popularity_prior=True, **config)
        return read_state(tmp_path / name)

    early = fit(replace(earlier_data(), earlier=lambda: None), "early")
    kept = Fitted(tmp_path / "early", Export("tensorflow", "rank", ()))
    late = fit(replace(training_data(NEXT_PLAY), earlier=lambda: kept), "late")
    known = [late.rows["items"].index(item) for item in early.rows["items"]]
    moved = np.abs(late.tables["items"][known] - early.tables["items"])
    assert 0 < moved.mean() < np.abs(early.tables["items"]).mean() / 2
    assert any(
        before.ndim == 1 and not np.allclose(before, after)
        for before, after in zip(early.others, late.others, strict=True)
    )
