"""The conformance suite of datasets: each must pass it, the user's own mapping included."""

from pathlib import Path

import polars as pl
import pytest

from lolomo.core.columns import Kind
from lolomo.core.errors import DataError, SettingsError
from lolomo.core.settings import Settings
from lolomo.core.tables import EVENTS, ITEMS, USERS
from lolomo.events import Dataset, EventLog, all_datasets, find_dataset, import_dataset
from lolomo.events.datasets.movietweetings_100k import local_folder
from lolomo.events.log import arrow_table

MAPPING = """
name = "own"
[events]
path = "plays.csv"
kinds = {watched = "play"}
[events.columns]
user_id = "member"
item_id = "film"
kind = "what"
value = "seconds"
timestamp = "at"
[events.timestamp]
unit = "ms"
[items]
path = "films.parquet"
[items.columns]
item_id = "id"
title = "name"
"""


def own_mapping(folder: Path) -> Path:
    rows = [
        f"m{n % 7},00{n % 5},watched,{n},{1_700_000_000_000 + n // 2 * 40_000_000}"
        for n in range(60)
    ]
    (folder / "plays.csv").write_text("\n".join(["member,film,what,seconds,at", *rows, ""]))
    pl.DataFrame({"id": ["000", "001"], "name": ["Ran", "Heat"]}).write_parquet(
        folder / "films.parquet"
    )
    (folder / "mapping.toml").write_text(MAPPING)
    return folder / "mapping.toml"


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return Settings(tmp_path_factory.mktemp("home"), "own", None)


@pytest.fixture(scope="module", params=["movielens-100k", "movietweetings-100k", "own"])
def dataset(
    request: pytest.FixtureRequest, shared: Settings, tmp_path_factory: pytest.TempPathFactory
) -> Dataset:
    from_environment = Settings.from_environment()
    if request.param == "movietweetings-100k" and local_folder(from_environment) is None:
        pytest.skip("movietweetings-100k is in no local folder")
    own = request.param == "own"
    return find_dataset(str(own_mapping(tmp_path_factory.mktemp("own"))) if own else request.param)


@pytest.fixture(scope="module")
def log(dataset: Dataset, shared: Settings) -> EventLog:
    settings = Settings(shared.home, shared.dataset, Settings.from_environment().data)
    import_dataset(dataset, settings)
    return EventLog(settings.workspace(dataset.name).events)


class TestDataset:
    def test_tables_have_exactly_the_canonical_schemas(self, log: EventLog) -> None:
        for frame, schema in ((log.events(), EVENTS), (log.items(), ITEMS), (log.users(), USERS)):
            assert frame.columns == schema.names
            assert arrow_table(frame, schema).schema.equals(schema)

    def test_counts_in_equal_counts_out_plus_quarantined(self, log: EventLog) -> None:
        manifest = log.manifest
        assert manifest.rows_in == manifest.num_events + manifest.num_quarantined
        assert manifest.num_events == log.events().height
        assert sum(c.quarantined for c in manifest.tables.values()) == log.quarantine().height
        for counts in manifest.tables.values():
            assert counts.rows_in == counts.rows_out + counts.quarantined

    def test_events_are_ordered_by_time_then_by_source(self, log: EventLog) -> None:
        events = log.events().with_columns(pl.col("event_id").cast(pl.Int64))
        assert events.equals(events.sort("timestamp", "event_id"))

    def test_ids_are_unique_and_every_event_names_a_known_item_and_user(
        self, log: EventLog
    ) -> None:
        events = log.events()
        assert events["event_id"].is_unique().all()
        assert set(events["item_id"]) <= set(log.items()["item_id"])
        assert set(events["user_id"]) <= set(log.users()["user_id"])
        assert log.items()["item_id"].is_unique().all()

    def test_a_window_is_the_same_rows_as_a_filter(self, log: EventLog) -> None:
        events = log.events()
        start, end = events["timestamp"][events.height // 3], events["timestamp"][-1]
        expected = events.filter(pl.col("timestamp").is_between(start, end, closed="left"))
        assert log.events(start, end).equals(expected)

    def test_a_second_import_does_nothing(
        self, dataset: Dataset, log: EventLog, shared: Settings
    ) -> None:
        before = (log.path / "manifest.json").stat().st_mtime_ns
        settings = Settings(shared.home, shared.dataset, Settings.from_environment().data)
        assert import_dataset(dataset, settings) == log.manifest
        assert (log.path / "manifest.json").stat().st_mtime_ns == before

    def test_columns_are_those_with_values(self, log: EventLog) -> None:
        assert {"event_id", "user_id", "item_id", "timestamp", "value"} <= log.manifest.columns
        assert "propensity" not in log.manifest.columns


@pytest.mark.parametrize("dataset", ["movielens-100k"], indirect=True)
def test_movielens_has_its_known_size_and_attributes(log: EventLog) -> None:
    manifest = log.manifest
    assert (manifest.num_events, manifest.num_users, manifest.num_items) == (100_000, 943, 1_682)
    assert {"age", "gender", "occupation", "genres", "release_year"} <= manifest.columns
    assert set(log.events()["kind"]) == {Kind.RATE}
    assert log.items().row(0) == (
        "1",
        "Toy Story",
        ["Animation", "Children's", "Comedy"],
        1995,
        None,
    )


@pytest.mark.parametrize("dataset", ["movietweetings-100k"], indirect=True)
def test_movietweetings_keeps_leading_zeros_and_takes_years_out_of_titles(log: EventLog) -> None:
    item = log.items().filter(pl.col("item_id") == "0004936").row(0)
    assert item == ("0004936", "The Bank", ["Comedy", "Short"], 1915, None)
    assert log.manifest.num_events == 100_000


def test_built_in_datasets_are_found_by_name_and_others_are_refused() -> None:
    assert list(all_datasets())[:2] == ["movielens-100k", "movietweetings-100k"]
    with pytest.raises(SettingsError, match=r"movielens-1m.*expected one of"):
        find_dataset("movielens-1m")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('name = "own"', 'name = "../own"', "folder"),
        ('name = "own"', "", "has no `name`"),
        ('name = "own"', 'name = "own"\ncolour = "red"', "colour"),
        ('path = "plays.csv"', "", r"\[events\]"),
        ('path = "plays.csv"', 'path = "plays.csv"\nseparator = 3', "separator"),
        ('path = "plays.csv"', 'path = "plays.csv"\nnulls = [1]', "nulls"),
        ('user_id = "member"', 'member_id = "member"', "member_id"),
        ('unit = "ms"', 'unit = "days"', "one of"),
        ('unit = "ms"', 'timezone = "Mars/Olympus"', "time zone"),
        ('unit = "ms"', "unit = ", "cannot read mapping"),
    ],
)
def test_a_malformed_mapping_is_refused_by_name(
    tmp_path: Path, old: str, new: str, message: str
) -> None:
    path = own_mapping(tmp_path)
    path.write_text(MAPPING.replace(old, new, 1))
    with pytest.raises(SettingsError, match=message):
        find_dataset(str(path))


def test_a_changed_source_is_imported_again_and_a_failed_import_leaves_the_old_log(
    tmp_path: Path, settings: Settings
) -> None:
    mapping = own_mapping(tmp_path)
    first = import_dataset(find_dataset(str(mapping)), settings)
    plays = tmp_path / "plays.csv"
    plays.write_text(plays.read_text() + "m1,000,watched,1,1800000000000\n")
    second = import_dataset(find_dataset(str(mapping)), settings)
    assert second.num_events == first.num_events + 1
    assert second.fingerprint != first.fingerprint
    plays.write_text("member,film,what,seconds,at\nm1,000,watched,1,never\n")
    with pytest.raises(DataError, match="none of 1 rows"):
        import_dataset(find_dataset(str(mapping)), settings)
    assert EventLog(settings.workspace("own").events).manifest == second


def test_a_killed_import_leaves_no_log(
    tmp_path: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("lolomo.events.importing._write_days", killed)
    with pytest.raises(KeyboardInterrupt):
        import_dataset(find_dataset(str(own_mapping(tmp_path))), settings)
    with pytest.raises(DataError, match="import the dataset first"):
        EventLog(settings.workspace("own").events)
