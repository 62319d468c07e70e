import json
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from lolomo.core.errors import FeatureError
from lolomo.core.settings import Workspace
from lolomo.features import FeatureStore, all_features, transforms
from lolomo.features import store as feature_store
from lolomo.tasks import TOP_PICKS, TRENDING_NOW, all_tasks

StoreFactory = Callable[[Any], FeatureStore]


def files_of(path: Path) -> dict[str, tuple[bytes, int]]:
    return {
        file.name: (file.read_bytes(), file.stat().st_mtime_ns)
        for file in path.iterdir()
        if file.is_file()
    }


def test_building_again_does_nothing(log: Any, tmp_path: Path) -> None:
    store = FeatureStore(Workspace(tmp_path))
    assert store.build(log)
    before = files_of(store.tables.path)
    assert not store.build(log)
    assert files_of(store.tables.path) == before


def test_another_log_builds_other_tables(
    log: Any, make_log: Callable[..., Any], tmp_path: Path
) -> None:
    store = FeatureStore(Workspace(tmp_path))
    store.build(make_log(log.table.head(100)))
    assert store.build(log)
    assert store.latest == log.table["timestamp"].max() + timedelta(microseconds=1)


def test_a_build_that_fails_leaves_the_old_tables(
    log: Any, make_log: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = FeatureStore(Workspace(tmp_path))
    store.build(log)
    before = files_of(store.tables.path)
    broken = replace(transforms.ITEM_CONTENT, transform=lambda *tables: tables[0])
    groups = {**transforms.all_groups(), "item_content": broken}
    monkeypatch.setattr(feature_store, "all_groups", lambda: groups)
    with pytest.raises(FeatureError, match="item_content"):
        store.build(make_log(log.table.head(100)))
    assert files_of(store.tables.path) == before
    assert [path.name for path in store.workspace.features.iterdir()] == ["tables"]


def test_every_known_id_is_listed_once_and_sorted(store: FeatureStore) -> None:
    assert store.items_known.tolist() == [f"i{number:02}" for number in range(17)]
    assert set(store.users_known) == {f"u{number}" for number in range(14)}


def test_feast_holds_a_service_a_task_with_owner_tags_and_description(store: FeatureStore) -> None:
    feast_store = store.repository.open()
    for task in all_tasks().values():
        service = feast_store.get_feature_service(f"{task.name}_v1")
        names = {item.name for view in service.feature_view_projections for item in view.features}
        assert names == set(task.features)
        assert store.service(task) == f"{task.name}@v1#{service.tags['hash']}"
        assert service.description == task.question
    views = [*feast_store.list_feature_views(), *feast_store.list_on_demand_feature_views()]
    assert all(view.owner and view.description and view.tags["version"] for view in views)


def test_applying_again_removes_what_is_gone(make_store: StoreFactory, log: Any) -> None:
    store = make_store(log)
    store.apply([TRENDING_NOW])
    services = store.repository.open().list_feature_services()
    assert [service.name for service in services] == ["trending_now_v1"]


def test_another_version_or_feature_makes_another_service(store: FeatureStore) -> None:
    others = [replace(TOP_PICKS, version=2), replace(TOP_PICKS, features=("clock",))]
    references = {store.service(task) for task in (TOP_PICKS, *others)}
    assert len(references) == 3


def test_an_unknown_feature_of_a_task_is_refused(store: FeatureStore) -> None:
    with pytest.raises(FeatureError, match="shoe_size"):
        store.apply([replace(TOP_PICKS, features=("shoe_size",))])


def test_materializing_an_earlier_moment_forgets_what_came_later(
    make_store: StoreFactory, log: Any, cut: datetime
) -> None:
    store = make_store(log)
    store.materialize(cut)
    first = log.table["timestamp"].min()
    store.materialize(first)
    online = store.online()
    assert online.as_of == first
    assert all(online.user(user, first)["user_plays_total"] is None for user in store.users_known)


def test_a_materialisation_that_fails_leaves_what_was_served(
    make_store: StoreFactory, log: Any, cut: datetime
) -> None:
    store = make_store(log)
    store.materialize(cut)
    before = files_of(store.workspace.features)

    def stop_late(done: float, part: str) -> None:
        if done > 0.5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        store.materialize(store.latest, stop_late)
    assert files_of(store.workspace.features) == before


def test_progress_runs_from_nothing_to_all(log: Any, tmp_path: Path) -> None:
    seen: list[float] = []
    FeatureStore(Workspace(tmp_path)).build(log, lambda done, part: seen.append(done))
    assert seen == sorted(seen)
    assert (seen[0], seen[-1]) == (0.0, 1.0)


def test_a_reader_sees_the_old_values_until_it_refreshes(
    make_store: StoreFactory, log: Any, cut: datetime
) -> None:
    store = make_store(log)
    store.materialize(cut)
    online = store.online()
    before = online.user("u1", cut), online.items(["i01"], cut, ["item_plays_total"])
    store.materialize(store.latest)
    assert before == (online.user("u1", cut), online.items(["i01"], cut, ["item_plays_total"]))
    online.refresh()
    assert online.as_of == store.latest
    assert online.user("u1", cut) != before[0]


def test_the_repository_opens_with_feasts_own_client(store: FeatureStore) -> None:
    import feast

    theirs = feast.FeatureStore(repo_path=str(store.workspace.features))
    reference = ["item_content:title"]
    answer = theirs.get_online_features(features=reference, entity_rows=[{"item_id": "i01"}])
    assert answer.to_dict()["title"] == ["Title 1"]


def test_redis_is_one_option_away(store: FeatureStore) -> None:
    redis = replace(store, redis="localhost:6379,db=1")
    online = redis.repository.options()["online_store"]
    assert online["type"] == "redis"
    assert set(online["connection_string"].split(",")) >= {"localhost:6379", "db=1"}


@pytest.mark.parametrize(
    ("use", "message"),
    [
        (lambda store: store.apply([TOP_PICKS]), "lolomo features apply"),
        (lambda store: store.materialize(datetime.fromisoformat("2020-01-01T00:00Z")), "apply"),
        (lambda store: store.materialize(datetime.fromisoformat("2020-01-01")), "no time zone"),
        (lambda store: store.online(), "lolomo features materialize"),
        (lambda store: store.item_timeline(), "lolomo features apply"),
        (lambda store: store.point_in_time(pl.DataFrame(), list(all_features())), "apply"),
    ],
)
def test_asking_too_early_says_what_to_run(
    tmp_path: Path, use: Callable[[FeatureStore], object], message: str
) -> None:
    with pytest.raises(FeatureError, match=message):
        use(FeatureStore(Workspace(tmp_path)))


def test_the_manifest_says_what_the_tables_were_built_from(store: FeatureStore, log: Any) -> None:
    manifest = json.loads((store.tables.path / "manifest.json").read_text())
    assert manifest["fingerprint"] == log.manifest.fingerprint
