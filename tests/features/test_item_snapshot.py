"""The item snapshot: what Feast materialises, as columns of one checked file."""

import os
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from lolomo.core.errors import FeatureError
from lolomo.features import FeatureStore
from lolomo.features.item_snapshot import FILE, MANIFEST, ItemSnapshot, Presence
from lolomo.features.snapshot_store import SnapshotStore
from lolomo.features.transforms import ITEM_POPULARITY

DAY = 86_400_000_000


@pytest.fixture(scope="module")
def written(store: FeatureStore, cut: datetime, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of snapshots, with the one of `cut` in it."""
    snapshots = SnapshotStore(tmp_path_factory.mktemp("snapshots"))
    snapshots.write(store.repository.open(), store.items_known, cut, "made up")
    return snapshots.path


@pytest.fixture
def snapshot(written: Path) -> ItemSnapshot:
    snapshots = SnapshotStore(written)
    return snapshots.open(snapshots.versions()[0])


def test_it_holds_what_feast_materialised_cell_by_cell(
    store: FeatureStore, snapshot: ItemSnapshot
) -> None:
    names = [item.name for item in ITEM_POPULARITY.stored]
    ids = [*store.items_known, "?"]
    answer = store.repository.open().get_online_features(
        features=[f"item_popularity:{name}" for name in names],
        entity_rows=[{"item_id": item_id} for item_id in ids],
    )
    rows = snapshot.codes(ids)
    for name in names:
        theirs = np.array(answer.to_dict()[name], np.float64)
        ours = snapshot.stored(ITEM_POPULARITY, name, rows, 0)
        np.testing.assert_array_equal(ours, theirs, err_msg=name)


def test_items_are_of_the_genres_that_are_read_of_them(store: FeatureStore) -> None:
    online, now = store.online(), store.as_of
    ids, wanted = [*store.items_known, "?"], ["Drama", "Comedy", "nothing"]
    read = online.items(ids, now, ("genres",))["genres"].tolist()
    expected = [[genre in own for own in read] for genre in wanted]
    assert online.of_genres(ids, now, wanted).tolist() == expected
    assert any(map(any, expected))


def test_the_same_content_has_the_same_version(
    store: FeatureStore, cut: datetime, written: Path
) -> None:
    snapshots = SnapshotStore(written)
    again = snapshots.write(store.repository.open(), store.items_known, cut, "made up")
    assert snapshots.versions() == [again]


@pytest.mark.parametrize("file", [FILE, MANIFEST])
def test_a_changed_snapshot_is_refused(snapshot: ItemSnapshot, written: Path, file: str) -> None:
    path = written / snapshot.version / file
    content = path.read_bytes()
    try:
        path.write_bytes(content.replace(b"i01", b"i99").replace(b"made up", b"forged"))
        with pytest.raises(FeatureError, match="materialize"):
            ItemSnapshot.load(path.parent)
    finally:
        path.write_bytes(content)


def test_a_missing_snapshot_is_an_error_that_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(FeatureError, match="lolomo features materialize"):
        SnapshotStore(tmp_path).open("0" * 64)


def test_missing_values_are_told_from_stale_ones(snapshot: ItemSnapshot, cut: datetime) -> None:
    fleeting = replace(snapshot.manifest, ttl_microseconds={"item_popularity": DAY})
    snapshot.manifest = fleeting
    now = round(cut.timestamp() * 1e6)
    rows = snapshot.codes(["i01", "i16"])
    for later, expected in ((0, Presence.PRESENT), (400 * DAY, Presence.STALE)):
        found = snapshot.presence("item_popularity", rows, now + later).tolist()
        assert found == [expected, Presence.MISSING]
    served = snapshot.stored(ITEM_POPULARITY, "item_plays_total", rows, now + 400 * DAY)
    assert np.isnan(served).all()


def test_items_of_one_title_and_year_have_one_key(snapshot: ItemSnapshot) -> None:
    keys = snapshot.title_keys(["i01", "i02", "i01", "?", "!"]).tolist()
    assert keys[0] == keys[2] != keys[1]
    assert keys[3] != keys[4]
    assert max(keys[3:]) < 0


def test_old_versions_are_swept_and_the_current_one_stays(tmp_path: Path) -> None:
    for name in ("old", "current", "recent"):
        (tmp_path / name).mkdir()
    long_ago = (datetime.now(UTC) - timedelta(days=40)).timestamp()
    for name in ("old", "current"):
        os.utime(tmp_path / name, (long_ago, long_ago))
    assert SnapshotStore(tmp_path).sweep("current") == ["old"]
    assert sorted(SnapshotStore(tmp_path).versions()) == ["current", "recent"]
