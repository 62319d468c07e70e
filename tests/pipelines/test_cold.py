"""The track of cold titles, on a dataset in which titles appear over time."""

import json
from collections.abc import Iterator
from datetime import timedelta

import numpy as np
import pytest
from mapping_files import play, workspace_of, write_dataset

from lolomo.core.errors import DataError
from lolomo.core.settings import Settings
from lolomo.training.pipelines.cold import LEARNED, cold


def _plays() -> Iterator[str]:
    """Yield plays of titles that appear one a day and are watched for three days."""
    rng = np.random.default_rng(5)
    for number in range(900):
        newest = int(0.8 * number / 24)
        user, item = int(rng.integers(20)), newest - int(rng.integers(3))
        yield play(user, max(item, 0), timedelta(hours=0.8 * number))


@pytest.fixture(scope="module")
def appearing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    mapping = write_dataset(tmp_path_factory.mktemp("appearing"), "appearing", _plays())
    with workspace_of(mapping) as settings:
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
