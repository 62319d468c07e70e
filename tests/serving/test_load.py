"""Loading: only pinned releases whose every sha256 is right, and warm."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lolomo.core.errors import ReleaseError
from lolomo.core.recommender import Ranker
from lolomo.core.release import Card, ReleaseStore
from lolomo.core.settings import Workspace
from lolomo.serving.releases import Source, load_champions
from lolomo.tasks import all_tasks

INPUT = "item_plays_7d"


@pytest.fixture(scope="module")
def saved_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    import tensorflow as tf

    path = tmp_path_factory.mktemp("model")
    spec = tf.TensorSpec([None, None], tf.float32, name=INPUT)
    module: Any = tf.Module()
    module.rank = tf.function(lambda **query: {"scores": -query[INPUT]})
    tf.saved_model.save(
        module, str(path), {"rank": module.rank.get_concrete_function(**{INPUT: spec})}
    )
    return path


@pytest.fixture
def workspace(tmp_path: Path, saved_model: Path) -> Workspace:
    card = Card(
        task="trending_now",
        model="least_popular",
        runtime="tensorflow",
        method="rank",
        inputs=(INPUT,),
        config={},
        data_window=("", ""),
        data_fingerprint="",
        feature_service="",
        reward="",
        metrics={},
        gate={},
        code_version="",
    )
    store = ReleaseStore(Workspace(tmp_path).releases)
    store.pin("trending_now", store.publish(saved_model, card).digest)
    return Workspace(tmp_path)


def test_pinned_release_is_loaded_and_answers(workspace: Workspace) -> None:
    champions = load_champions(Source(ReleaseStore(workspace.releases), all_tasks()))
    ranker = champions["trending_now"].recommender
    assert isinstance(ranker, Ranker)
    assert ranker.rank({INPUT: np.array([[1.0, 2.0]], np.float32)}).tolist() == [[-1.0, -2.0]]


def test_changed_release_is_refused(workspace: Workspace) -> None:
    (model,) = workspace.releases.glob("*/saved_model.pb")
    model.write_bytes(model.read_bytes() + b"x")
    with pytest.raises(ReleaseError, match="does not match its card"):
        load_champions(Source(ReleaseStore(workspace.releases), all_tasks()))


def test_nothing_pinned_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ReleaseError, match="train and promote"):
        load_champions(Source(ReleaseStore(Workspace(tmp_path).releases), all_tasks()))
