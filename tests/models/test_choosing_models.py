"""Models that choose rows or pitches: what they learn, and that their exports say the same."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from models.small_world import training_data
from numpy.typing import NDArray

from lolomo.core.columns import Columns
from lolomo.core.errors import ModelError
from lolomo.core.recommender import Ranker
from lolomo.core.task import Task
from lolomo.features.shown import ROW_INPUTS
from lolomo.features.transforms import all_features
from lolomo.runtimes import load_files
from lolomo.tasks import EVIDENCE, ROW_ORDER
from lolomo.tasks.evidence import PITCH_INPUTS, PITCHES
from lolomo.training.models import Model, RankingBatch, TrainingData, find_model

ROWS = ("new", "picks", "trending")
NUM = 600


def batch(task: Task, choices: tuple[str, ...], said: tuple[str, ...], seed: int) -> RankingBatch:
    """Return moments in which phones choose the first, and all others what has more said of it."""
    rng = np.random.default_rng(seed)
    device = rng.choice(["phone", "tv"], NUM).astype(object)
    inputs = {name: rng.normal(size=(NUM, len(choices))).astype(np.float32) for name in said}
    on_phone = (device == "phone")[:, None] & (np.arange(len(choices)) == 0)
    liked = inputs[said[0]] + 6.0 * on_phone
    query: dict[str, NDArray[Any]] = {
        Columns.CANDIDATES: np.tile(np.array(choices, object), (NUM, 1)),
        Columns.DEVICE: device,
        "hour": rng.integers(0, 24, NUM).astype(np.float32),
        "user_plays_total": rng.integers(0, 50, NUM).astype(np.float32),
        **inputs,
    }
    if task is ROW_ORDER:
        return RankingBatch(query, np.eye(len(choices), dtype=np.float32)[liked.argmax(axis=1)])
    shown = rng.integers(0, len(choices), NUM)
    values = np.full((NUM, len(choices)), np.nan, np.float32)
    logit = liked[np.arange(NUM), shown] - 1
    values[np.arange(NUM), shown] = rng.random(NUM) < 1 / (1 + np.exp(-logit))
    return RankingBatch(query, np.nan_to_num(values), values)


WORDS = {ROW_ORDER.name: (ROWS, ROW_INPUTS), EVIDENCE.name: (PITCHES, PITCH_INPUTS)}


def data_of(task: Task) -> TrainingData:
    def rankings() -> Iterator[RankingBatch]:
        yield from (batch(task, *WORDS[task.name], seed) for seed in range(3))

    features = tuple(all_features()[name] for name in task.features)
    data = training_data(ROW_ORDER)
    return replace(data, task=task, rankings=rankings, features=features, events=data.events)


def scores_of(model: Model[Any], task: Task, path: Path) -> NDArray[np.float32]:
    """Fit and export a model; return the scores of its export for later moments."""
    model.fit(data_of(task), np.random.default_rng(1))
    export = model.export(path)
    ranker = load_files(path, export.runtime, export.method, export.inputs)
    assert isinstance(ranker, Ranker)
    return ranker.rank(batch(task, *WORDS[task.name], 9).query)


def test_the_row_ranker_learns_moment_and_content(tmp_path: Path) -> None:
    later = batch(ROW_ORDER, ROWS, ROW_INPUTS, 9)
    right = {}
    for name in ("popular_rows", "row_ranker"):
        path = tmp_path / name
        path.mkdir()
        best = scores_of(find_model(name)(), ROW_ORDER, path).argmax(axis=1)
        right[name] = float((best == later.gains.argmax(axis=1)).mean())
    assert right["row_ranker"] > 0.9 > right["popular_rows"] > 0.5


def test_pitch_rewards_are_logits_of_a_play(tmp_path: Path) -> None:
    scores = scores_of(find_model("pitch_rewards")(), EVIDENCE, tmp_path)
    later = batch(EVIDENCE, PITCHES, PITCH_INPUTS, 9)
    assert later.values is not None
    shown = np.isfinite(later.values)
    chance = 1 / (1 + np.exp(-scores[shown]))
    played = later.values[shown] > 0
    assert chance[played].mean() > chance[~played].mean() + 0.15
    assert chance.mean() == pytest.approx(played.mean(), abs=0.06)


def test_the_most_played_pitch_is_the_same_for_all(tmp_path: Path) -> None:
    scores = scores_of(find_model("played_pitch")(), EVIDENCE, tmp_path)
    assert np.ptp(scores, axis=0).max() == 0
    assert PITCHES[int(scores[0].argmax())] == PITCHES[0]


@pytest.mark.parametrize("name", ["popular_rows", "row_ranker", "played_pitch", "pitch_rewards"])
def test_without_pages_there_is_nothing_to_learn(name: str) -> None:
    model = find_model(name)
    task = ROW_ORDER if ROW_ORDER.name in model.roles else EVIDENCE
    with pytest.raises(ModelError, match="log more of them"):
        model().fit(replace(data_of(task), rankings=None), np.random.default_rng(1))
