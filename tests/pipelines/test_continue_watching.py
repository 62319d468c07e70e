"""Continue watching, on data that say how far plays got, from the mapping file to the figures."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from lolomo.core.errors import DataError
from lolomo.core.progress import silent
from lolomo.core.settings import Settings
from lolomo.operations.datasets import ready_dataset
from lolomo.training.pipelines.judge import METRICS, judge
from lolomo.training.pipelines.prepare import prepare
from lolomo.training.pipelines.train import FitOptions, train

TASK = "continue_watching"
MAPPING = """\
name = "serials"

[events]
path = "plays.csv"
kind = "play"

[events.columns]
user_id = "user"
item_id = "item"
timestamp = "time"
progress = "share"
"""


def write_plays(path: Path) -> None:
    """Write evenings at which users begin two items, and go on with the one they got far in."""
    rng = np.random.default_rng(3)
    start = datetime(2026, 1, 1, 19, tzinfo=UTC)
    lines = ["user,item,time,share"]
    for evening in range(24):
        for user in range(12):
            begun = rng.choice(30, 2, replace=False)
            time = start + timedelta(days=2 * evening, minutes=user)
            for place, (item, share) in enumerate(zip(begun, (0.7, 0.1), strict=True)):
                lines.append(f"u{user},i{item:02d},{time + timedelta(minutes=20 * place)},{share}")
            lines.append(f"u{user},i{begun[0]:02d},{time + timedelta(days=1)},1.0")
    path.write_text("\n".join(lines) + "\n")


@pytest.fixture(scope="module")
def serials(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    folder = tmp_path_factory.mktemp("serials")
    write_plays(folder / "plays.csv")
    (folder / "mapping.toml").write_text(MAPPING)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LOLOMO_HOME", str(folder / "home"))
        settings = Settings.from_environment()
        ready_dataset(settings, str(folder / "mapping.toml"), silent)
        yield settings


@pytest.fixture(scope="module")
def prepared(serials: Settings) -> str:
    return prepare(TASK, "serials", [])


def test_a_query_has_what_was_begun_and_not_finished(serials: Settings, prepared: str) -> None:
    folder = serials.workspace("serials").runs / prepared
    queries = pl.read_parquet(folder / "queries-test.parquet")
    assert len(queries) > 10
    first = queries.row(0, named=True)
    assert set(first["targets"]) <= set(first["candidates"])
    assert len(first["candidates"]) == len(first["progress"]) == len(first["days_since_progress"])
    assert first["days_since_progress"] == sorted(first["days_since_progress"])
    assert max(first["progress"]) < 0.95


def test_who_got_far_goes_on_and_the_ranker_learns_it(serials: Settings, prepared: str) -> None:
    runs, reciprocal_rank = serials.workspace("serials").runs, {}
    for model in ("last_unfinished", "resume_ranker"):
        fit = FitOptions(cuts=("validation",))
        candidate = train(TASK, "serials", model, prepared, fit)
        judged = judge(TASK, "serials", prepared, candidate, "validation")
        per_query = pl.read_parquet(runs / judged / METRICS)["mrr"].to_numpy()
        reciprocal_rank[model] = float(per_query.mean())
    assert reciprocal_rank["resume_ranker"] > reciprocal_rank["last_unfinished"] + 0.1


def test_data_without_progress_are_refused_with_the_reason(
    tiny: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOLOMO_HOME", str(tiny.home))
    with pytest.raises(DataError, match=r"needs progress, which 'tiny' does not have"):
        prepare(TASK, "tiny", [])
