"""Continue watching, on data that say how far plays got, from the mapping file to the figures."""

from collections.abc import Iterator
from datetime import timedelta

import numpy as np
import polars as pl
import pytest
from mapping_files import play, workspace_of, write_dataset

from lolomo.core.errors import DataError
from lolomo.core.settings import Settings
from lolomo.training.pipelines.judge import METRICS, judge
from lolomo.training.pipelines.prepare import prepare
from lolomo.training.pipelines.train import FitOptions, train

TASK = "continue_watching"


def _plays() -> Iterator[str]:
    """Yield evenings at which users begin two items, and go on with the one they got far in."""
    rng = np.random.default_rng(3)
    for evening in range(24):
        for user in range(12):
            begun = [int(item) for item in rng.choice(30, 2, replace=False)]
            time = timedelta(days=2 * evening, hours=19, minutes=user)
            for place, (item, share) in enumerate(zip(begun, (0.7, 0.1), strict=True)):
                yield play(user, item, time + timedelta(minutes=20 * place), share)
            yield play(user, begun[0], time + timedelta(days=1), 1.0)


@pytest.fixture(scope="module")
def serials(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    folder = tmp_path_factory.mktemp("serials")
    with workspace_of(
        write_dataset(folder, "serials", _plays(), {"progress": "share"})
    ) as settings:
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
