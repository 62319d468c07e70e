"""How models of the next item learn, shown on SASRec: time, long histories, killed fits."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from models.conformance import seeded
from models.small_world import CUT, training_data

from lolomo.core.columns import Columns
from lolomo.core.recommender import Retriever, Scores
from lolomo.runtimes import load_files
from lolomo.tasks import NEXT_PLAY
from lolomo.training.models import SASRec, TrainingData
from lolomo.training.models.sasrec import SASRecConfig
from lolomo.training.sequences import pack_sequences

SMALL: dict[str, Any] = {
    "history_length": 8,
    "embedding_dim": 16,
    "num_blocks": 1,
    "dropout": 0.1,
    "epochs": 10,
    "batch_rows": 16,
    "learning_rate": 1e-2,
    "popularity_prior": False,
    "event_half_life_days": 0.0,
}
FIRST = datetime(2020, 1, 1, tzinfo=UTC)


def _data() -> TrainingData:
    """Return the small world without attributes of users, so that queries need none."""
    return replace(training_data(NEXT_PLAY), users=None)


def _fitted(data: TrainingData, folder: Path, **changes: Any) -> Retriever:
    model = SASRec(SASRecConfig(**{**SMALL, **changes}))
    model.fit(data, seeded())
    export = model.export(folder)
    return load_files(folder, export.runtime, export.method, export.inputs)  # type: ignore[return-value]


def _scores(retriever: Retriever, items: list[str], times: list[datetime], now: datetime) -> Scores:
    micros = [int(time.timestamp() * 1_000_000) for time in (*times, now)]
    query = {
        Columns.HISTORY_ITEM_IDS: np.array([items], object),
        Columns.HISTORY_TIMESTAMPS: np.array([micros[:-1]], np.int64),
        Columns.TIMESTAMP: np.array(micros[-1:], np.int64),
    }
    scores: Scores = retriever.scores(query)[0]
    return scores


def _timed_events(num_users: int = 120) -> pl.DataFrame:
    """Return events in which what follows `start` is `soon` after a minute, `late` after 3 days."""
    rows = []
    for user in range(num_users):
        start = FIRST + timedelta(hours=user)
        gap = timedelta(minutes=1) if user % 2 else timedelta(days=3)
        rows += [
            (f"u{user}", "start", start),
            (f"u{user}", ("late", "soon")[user % 2], start + gap),
        ]
    schema = [Columns.USER_ID, Columns.ITEM_ID, Columns.TIMESTAMP]
    return pl.DataFrame(rows, schema, orient="row").sort(Columns.TIMESTAMP)


@pytest.mark.parametrize(("gap", "best"), [({"minutes": 1}, "soon"), ({"days": 3}, "late")])
def test_the_gap_before_the_query_decides_what_is_next(
    gap: dict[str, int], best: str, timed: Retriever
) -> None:
    start = FIRST + timedelta(days=5, hours=1)
    scores = _scores(timed, ["start"], [start], start + timedelta(**gap))
    chosen = {item: scores[list(timed.items).index(item)] for item in ("soon", "late")}
    assert max(chosen, key=lambda item: chosen[item]) == best
    assert abs(chosen["soon"] - chosen["late"]) > 1.0


@pytest.fixture(scope="module")
def timed(tmp_path_factory: pytest.TempPathFactory) -> Retriever:
    cut = FIRST + timedelta(days=9)
    data = replace(_data(), events=_timed_events(), cut=cut)
    return _fitted(data, tmp_path_factory.mktemp("timed"), epochs=20)


def test_history_beyond_its_length_is_dropped(timed: Retriever) -> None:
    times = [FIRST + timedelta(hours=hour) for hour in range(12)]
    items = ["start", "soon", "late"] * 4
    whole = _scores(timed, items, times, CUT)
    latest = _scores(timed, items[-8:], times[-8:], CUT)
    np.testing.assert_allclose(whole, latest, atol=1e-4)


def test_a_killed_fit_goes_on_and_its_release_scores_as_its_network(tmp_path: Path) -> None:
    model = SASRec(SASRecConfig(**{**SMALL, "epochs": 3}))
    _fit_after_a_kill(model, tmp_path / "scratch")
    network, export = model._network, model.export(tmp_path)
    retriever = load_files(tmp_path, export.runtime, export.method, export.inputs)
    times = [CUT - timedelta(hours=5), CUT - timedelta(hours=2), CUT]
    micros = np.array([int(time.timestamp() * 1_000_000) for time in times])
    packed = pack_sequences(np.zeros(3, np.int64), np.array([1, 2, 3], np.int32), micros, 8)
    names = ("items", "timestamps", "clocks", "segments")
    assert network is not None
    body = network({name: getattr(packed, name) for name in names}, training=False)
    states = network.query_states(body[:, 2], np.zeros((1, 1), np.int32))
    expected = network.item_scores(states, micros[-1:])[0]
    assert isinstance(retriever, Retriever)
    scores = _scores(retriever, list(retriever.items[:2]), times[:2], times[2])
    np.testing.assert_allclose(scores, expected, atol=1e-4)


def _fit_after_a_kill(model: SASRec, scratch: Path) -> None:
    seen: list[float] = []

    def die(done: float, note: str) -> None:
        if done > 0.7:
            raise KeyboardInterrupt

    data = replace(_data(), scratch=scratch, progress=die)
    with pytest.raises(KeyboardInterrupt):
        model.fit(data, seeded())
    model.fit(replace(data, progress=lambda done, note: seen.append(done)), seeded())
    assert (seen[0] > 0.6, seen[-1]) == (True, 1.0)


def test_sampling_and_early_stopping_still_learn(tmp_path: Path) -> None:
    retriever = _fitted(_data(), tmp_path, num_negatives=10, held_back=0.2)
    scores = _scores(retriever, ["i00"], [CUT - timedelta(days=1)], CUT)
    same_taste = scores[[int(item[1:]) % 4 == 0 for item in retriever.items]]
    assert same_taste.mean() > scores.mean()
