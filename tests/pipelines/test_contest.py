from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from lolomo.core.columns import Columns
from lolomo.core.errors import FeatureError, ModelError
from lolomo.core.settings import Settings
from lolomo.evaluation import FRESH, FROZEN, Freshness
from lolomo.features import Feature, FeatureGroup
from lolomo.features.transforms import all_groups
from lolomo.training import looks
from lolomo.training.pipelines.contest import Entrant, Judged, enter, sources_of
from lolomo.training.pipelines.evaluate import evaluate
from lolomo.training.pipelines.judge import judge
from lolomo.training.pipelines.prepare import prepare
from lolomo.training.pipelines.train import FitOptions, train
from lolomo.training.tracking import Tracker

TASK, WINDOW = "next_play", "validation"
POPULAR = Entrant(task=TASK, model="recent_popularity")
SIMILAR = Entrant(task=TASK, model="item_knn")


@pytest.fixture(scope="module")
def popular(tiny: Settings) -> dict[str, Judged]:
    """Return one model, which reads counts, judged with them at several ages."""
    ages = (FRESH, Freshness(delay_hours=48), FROZEN)
    return {age.label: enter("tiny", replace(POPULAR, freshness=age), WINDOW) for age in ages}


@pytest.fixture(scope="module")
def runs(tiny: Settings) -> Path:
    return tiny.workspace("tiny").runs


def test_one_fit_is_judged_fresh_late_and_frozen(popular: dict[str, Judged]) -> None:
    assert [judged.result.freshness for judged in popular.values()] == list(popular)
    tops = [judged.judgements()["top_item_ids"].to_list() for judged in popular.values()]
    assert tops[0] != tops[1] != tops[2]
    frozen = popular["frozen"].judgements()["top_item_ids"].list.head(1).explode()
    live = popular["fresh"].judgements()["top_item_ids"].list.head(1).explode()
    assert frozen.n_unique() < live.n_unique()


def test_one_that_reads_no_counts_is_frozen_and_judged_once(tiny: Settings) -> None:
    judged = [enter("tiny", replace(SIMILAR, freshness=age), WINDOW) for age in (FRESH, FROZEN)]
    assert {each.key for each in judged} == {judged[0].key}
    assert judged[0].result.freshness == "frozen"


def test_nothing_is_done_twice(popular: dict[str, Judged], runs: Path) -> None:
    before = {path.name: path.stat().st_ino for path in runs.iterdir()}
    again = enter("tiny", replace(POPULAR, label="the list"), WINDOW)
    assert again.key == popular["fresh"].key
    assert again.result == replace(popular["fresh"].result, label="the list")
    assert {path.name: path.stat().st_ino for path in runs.iterdir()} == before


def test_static_queries_are_asked_once_a_user_at_the_cut(tiny: Settings) -> None:
    judged = enter("tiny", POPULAR, WINDOW, protocol="static")
    table = judged.judgements()
    assert table["user_id"].is_unique().all()
    assert table["timestamp"].n_unique() == 1
    assert (judged.result.window, judged.result.freshness) == ("validation, static", "frozen")
    assert {"recall@20", "ndcg@10"} <= judged.result.metrics.keys()


def test_only_next_items_can_be_asked_for_statically(tiny: Settings) -> None:
    with pytest.raises(ModelError, match="has no static queries"):
        prepare("trending_now", "tiny", [], "static")


def test_a_window_before_which_nothing_was_fitted_is_refused(tiny: Settings) -> None:
    prepared = prepare(TASK, "tiny", [])
    key = train(TASK, "tiny", "recent_popularity", prepared, FitOptions(cuts=(WINDOW,)))
    with pytest.raises(ModelError, match=r"fitted before \['validation'\].*'test'"):
        judge(TASK, "tiny", prepared, key, "test")


def test_one_more_model_judges_no_other_again(
    tiny: Settings, runs: Path, popular: dict[str, Judged]
) -> None:
    prepared = prepare(TASK, "tiny", [])
    keys = [train(TASK, "tiny", name, prepared) for name in ("recent_popularity", "item_knn")]
    evaluate(TASK, "tiny", prepared, keys[:1])
    judged = {path.name for path in runs.glob("judge-next_play-recent_popularity-*")}
    assert popular["fresh"].key in judged
    evaluate(TASK, "tiny", prepared, keys)
    assert {path.name for path in runs.glob("judge-next_play-recent_popularity-*")} == judged


def test_each_look_at_the_test_window_is_recorded(tiny: Settings) -> None:
    enter("tiny", SIMILAR, "validation")
    seen = len(recorded_looks(tiny))
    for _ in range(2):
        judged = enter("tiny", SIMILAR, "test")
    params = [run.data.params for run in recorded_looks(tiny)]
    assert len(params) == seen + 2
    assert {"task": TASK, "model": "item_knn", "key": judged.key}.items() <= params[0].items()


def recorded_looks(tiny: Settings) -> list[Any]:
    client = Tracker(tiny.workspace("tiny"))._client
    experiment = client.get_experiment_by_name(looks.LOOKS)
    return list(client.search_runs([experiment.experiment_id])) if experiment else []


def test_without_gates_sources_are_their_strongest_baselines(tiny: Settings, runs: Path) -> None:
    keys = sources_of("top_picks", "tiny")
    assert [key.split("-")[1] for key in keys] == [
        "trending_now",
        "because_you_watched",
        "next_play",
    ]
    assert all((runs / key / "test").is_dir() for key in keys)


def peek(events: pl.DataFrame, items: pl.DataFrame, users: pl.DataFrame) -> pl.DataFrame:
    """Count an item's plays until a day after each event, stamped as if they had been seen."""
    time = pl.col(Columns.TIMESTAMP)
    later = events.select("item_id", time.alias("when"))
    pairs = events.select("item_id", "timestamp").join(later, on="item_id")
    counts = pairs.filter(pl.col("when") <= time + pl.duration(days=1))
    counted = counts.group_by("item_id", "timestamp").len("plays_tomorrow")
    return counted.with_columns(time + pl.duration(microseconds=1)).sort("timestamp", "item_id")


def test_a_planted_feature_that_sees_the_future_stops_the_pipeline(
    tiny: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    feature = Feature("plays_tomorrow", "item", "number", "What nobody can know yet.")
    group = FeatureGroup(
        name="planted", entity="item", description="A leak.", features=(feature,), transform=peek
    )
    checks = "lolomo.training.pipelines.checks.all_groups"
    monkeypatch.setattr(checks, lambda: {**all_groups(), "planted": group})
    with pytest.raises(FeatureError, match=r"'planted' use events at or after.*plays_tomorrow"):
        prepare("trending_now", "tiny", [])
