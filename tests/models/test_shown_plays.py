"""Plays where shown: a title that had many chances and few plays falls behind its count."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from models.conformance import seeded
from numpy.typing import NDArray

from lolomo.core.columns import Columns
from lolomo.core.errors import ModelError
from lolomo.core.recommender import Ranker
from lolomo.runtimes import load_files
from lolomo.tasks import TRENDING_NOW
from lolomo.training.models import ShownPlays, TrainingData, config_from
from lolomo.training.models.shown_plays import COUNTS

START = datetime(2025, 3, 1, tzinfo=UTC)
REQUESTS = 3_000


def _log() -> pl.DataFrame:
    """Return rows in which `famous` mostly stands first, and `good` is liked better where seen."""
    rng = np.random.default_rng(2)
    rows = []
    for request in range(REQUESTS):
        titles = ["famous", "good"] if rng.random() < 0.95 else ["good", "famous"]
        for position, item in enumerate(titles):
            chance = {"famous": 0.15, "good": 0.4}[item] * (1.0, 0.2)[position]
            shown = (f"u{request % 50}", item, f"r{request}", 0, position)
            when = START + timedelta(minutes=request)
            rows.append((*shown, when, "impression"))
            if rng.random() < chance:
                rows.append((*shown, when + timedelta(seconds=30), "play"))
    names = ("user_id", "item_id", "request_id", "row", "position", "timestamp", "kind")
    return pl.DataFrame(rows, names, orient="row")


def _no_counts(
    timestamps: NDArray[np.int64], names: Sequence[str]
) -> Mapping[str, NDArray[np.float32]]:
    return {name: np.zeros((len(timestamps), 2), np.float32) for name in names}


@pytest.fixture(scope="module")
def data() -> TrainingData:
    log = _log()
    return TrainingData(
        task=TRENDING_NOW,
        events=log.filter(pl.col(Columns.KIND) == "play"),
        items=log.select(Columns.ITEM_ID).unique(),
        cut=START + timedelta(days=30),
        item_values=_no_counts,
        impressions=lambda: log.filter(pl.col(Columns.KIND) == "impression"),
    )


def _lead_of_good(data: TrainingData, path: Path, **config: object) -> float:
    """Return how much better `good` is scored than `famous`, whose counts are alike."""
    model = ShownPlays(config_from(ShownPlays, config))
    model.fit(data, seeded())
    export = model.export(path)
    ranker = load_files(path, export.runtime, export.method, export.inputs)
    assert isinstance(ranker, Ranker)
    zeros = {name: np.zeros((1, 3), np.float32) for name in COUNTS}
    query = {Columns.CANDIDATES: np.array([["famous", "good", "unheard of"]], object)}
    famous, good, new = ranker.rank({**query, **zeros})[0]
    assert np.isfinite(new)
    return float(good - famous)


def test_against_the_catalogue_what_is_played_most_is_best(
    data: TrainingData, tmp_path: Path
) -> None:
    assert _lead_of_good(data, tmp_path, shown_share=(0.0,)) < 0


def test_against_what_was_shown_beside_it_what_is_liked_best_is(
    data: TrainingData, tmp_path: Path
) -> None:
    assert _lead_of_good(data, tmp_path, shown_share=(1.0,)) > 0.3


def test_the_share_is_chosen_that_orders_the_latest_rows_best(
    data: TrainingData, tmp_path: Path
) -> None:
    told: list[str] = []
    watched = replace(data, progress=lambda _, words: told.append(words))
    _lead_of_good(watched, tmp_path, shown_share=(0.0, 1.0))
    assert told[-1].endswith("of the loss is of what was shown")


def test_without_impressions_all_is_learned_from_the_catalogue(
    data: TrainingData, tmp_path: Path
) -> None:
    assert _lead_of_good(replace(data, impressions=None), tmp_path) < 0


def test_counts_of_the_past_are_needed(data: TrainingData) -> None:
    with pytest.raises(ModelError, match="received no counts of the past"):
        ShownPlays().fit(replace(data, item_values=None), seeded())
