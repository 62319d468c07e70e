"""The track of cold titles, on a dataset in which titles appear over time."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from lolomo.core.errors import DataError
from lolomo.core.progress import silent
from lolomo.core.settings import Settings
from lolomo.operations.datasets import ready_dataset
from lolomo.training.pipelines.cold import LEARNED, cold

MAPPING = """\
name = "appearing"

[events]
path = "plays.csv"
kind = "play"

[events.columns]
user_id = "user"
item_id = "item"
timestamp = "time"
"""


def _plays() -> Iterator[str]:
    """Yield plays of titles that appear one a day and are watched for three days."""
    rng = np.random.default_rng(5)
    start = datetime(2026, 1, 1, tzinfo=UTC)
    for number in range(900):
        time = start + timedelta(hours=0.8 * number)
        newest = int(0.8 * number / 24)
        yield f"u{rng.integers(20)},i{newest - rng.integers(3):02d},{time.isoformat()}"


@pytest.fixture(scope="module")
def appearing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    folder = tmp_path_factory.mktemp("appearing")
    (folder / "plays.csv").write_text("\n".join(["user,item,time", *_plays()]) + "\n")
    (folder / "mapping.toml").write_text(MAPPING)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LOLOMO_HOME", str(folder / "home"))
        settings = Settings.from_environment()
        ready_dataset(settings, str(folder / "mapping.toml"), silent)
        yield settings


def test_what_is_learned_of_new_titles_beats_the_content_that_there_is_none_of(
    appearing: Settings,
) -> None:
    folder = appearing.workspace("appearing").runs / cold("appearing", "validation")
    rows = json.loads((folder / "comparisons.json").read_text())
    found = {row["model"]: row["ndcg@10"] for row in rows if row["queries"] == "all"}
    assert found[LEARNED] > found["content kNN"] + 0.1
    assert {row["queries"] for row in rows} == {"all", "launches", "watched before"}


def test_a_dataset_whose_titles_are_all_old_is_refused_with_the_reason(
    tiny: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOLOMO_HOME", str(tiny.home))
    with pytest.raises(DataError, match="appear over time"):
        cold("tiny")
