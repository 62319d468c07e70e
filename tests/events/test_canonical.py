"""Every row is valid or quarantined, none lost; every time is the instant that was meant."""

import tempfile
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from lolomo.core.errors import DataError
from lolomo.events.canonical import read_canonical
from lolomo.events.dataset import Table, TimeFormat

HEADER = "event_id,user_id,item_id,kind,value,timestamp"
NOON = datetime(2026, 1, 2, 12, 0, 0, tzinfo=UTC)

cell = st.one_of(
    st.sampled_from(["", "u1", "play", "rate", "-1", "5", "nan", "1e400", "2026-01-02T03:04:05Z"]),
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\n\r"), max_size=8),
)
line = st.lists(cell, min_size=1, max_size=8).map(",".join)


@hypothesis_settings(max_examples=60, deadline=None)
@given(lines=st.lists(line, min_size=1, max_size=25).filter(any))
def test_rows_in_equal_rows_out_plus_quarantined_for_any_garbage(lines: list[str]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "events.csv"
        path.write_bytes("\n".join([HEADER, *lines]).encode())
        found = read_canonical("events", Table(path=path))
    assert found.rows_in == found.frame.height + found.quarantine.height
    kept_lines = sum(raw.count("\n") + 1 for raw in found.quarantine["raw"])
    multiline = '"' in "".join(lines)
    assert multiline or found.frame.height + kept_lines == sum(map(bool, lines))
    assert found.quarantine["reason"].str.len_chars().min() != 0


@pytest.mark.parametrize(
    ("time", "text"),
    [
        (TimeFormat(), "2026-01-02T12:00:00Z"),
        (TimeFormat(), "2026-01-02 12:00"),
        (TimeFormat(), "2026-01-02T13:30:00.000000+01:30"),
        (TimeFormat(), "2026-01-02T07:00-0500"),
        (TimeFormat(), "1767355200"),
        (TimeFormat("s"), "1767355200.0"),
        (TimeFormat("ms"), "1767355200000"),
        (TimeFormat("us"), "1767355200000000"),
        (TimeFormat("ns"), "1767355200000000000"),
        (TimeFormat("iso", timezone="Europe/Brussels"), "2026-01-02T13:00:00"),
        (TimeFormat(format="%d/%m/%Y %H:%M", timezone="Asia/Tokyo"), "02/01/2026 21:00"),
        (TimeFormat(format="%d/%m/%Y %H:%M %z"), "02/01/2026 14:00 +0200"),
    ],
)
def test_every_way_to_write_noon_is_noon(tmp_path: Path, time: TimeFormat, text: str) -> None:
    path = tmp_path / "events.csv"
    path.write_text(f"{HEADER}\n1,u,i,play,1,{text}\n")
    assert read_canonical("events", Table(path=path, time=time)).frame["timestamp"][0] == NOON


@pytest.mark.parametrize(
    "values",
    [
        [NOON],
        [NOON.replace(tzinfo=None)],
        [NOON.astimezone(UTC) + timedelta(0)],
        [1767355200],
        [1767355200.0],
    ],
)
def test_parquet_times_of_any_type_are_noon(tmp_path: Path, values: list[object]) -> None:
    path = tmp_path / "events.parquet"
    frame = pl.DataFrame({"user_id": [7.0], "item_id": [8], "timestamp": values})
    frame.write_parquet(path)
    found = read_canonical("events", Table(path=path, kind="play")).frame
    assert found.select("user_id", "item_id", "timestamp").row(0) == ("7", "8", NOON)


@pytest.mark.parametrize(
    "text", ["99999999999999999", "-1", "1767355200000", "2026-13-01", "2200-01-01"]
)
def test_a_time_out_of_range_is_quarantined_with_its_text(tmp_path: Path, text: str) -> None:
    path = tmp_path / "events.csv"
    path.write_text(f"{HEADER}\n1,u,i,play,1,{text}\n")
    found = read_canonical("events", Table(path=path)).quarantine
    assert found.select("row", "raw").row(0) == (2, f"1,u,i,play,1,{text}")
    assert repr(text) in found["reason"][0]


def test_quotes_hold_separators_and_line_breaks_and_an_open_one_costs_one_line(
    tmp_path: Path,
) -> None:
    path = tmp_path / "items.csv"
    path.write_text('item_id,title\n1,"Me, Too"\n2,"two\nlines"\n3,"open\n4,fine\n')
    found = read_canonical("items", Table(path=path))
    assert found.frame["title"].to_list() == ["Me, Too", "two\nlines", "fine"]
    assert found.quarantine.select("row", "raw").rows() == [(5, '3,"open')]


def test_a_row_is_quarantined_with_all_its_reasons(tmp_path: Path) -> None:
    path = tmp_path / "events.csv"
    path.write_text(f"{HEADER}\n1,,i,stare,x,never\n")
    reason = read_canonical("events", Table(path=path)).quarantine["reason"][0]
    assert all(word in reason for word in ("user_id", "'stare'", "'x'", "'never'"))


def test_negative_durations_of_items_and_repeated_items_are_quarantined(tmp_path: Path) -> None:
    path = tmp_path / "items.parquet"
    pl.DataFrame({"item_id": ["a", "b", "b"], "duration_seconds": [-1, 1, 2]}).write_parquet(path)
    found = read_canonical("items", Table(path=path))
    assert found.frame["item_id"].to_list() == ["b"]
    assert found.quarantine["row"].to_list() == [1, 3]


def test_latin_1_is_read_when_named_and_a_wrong_encoding_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "items.csv"
    path.write_bytes("item_id,title\n1,Amélie\n".encode("latin-1"))
    assert (
        read_canonical("items", Table(path=path, encoding="latin-1")).frame["title"][0] == "Amélie"
    )
    with pytest.raises(DataError, match="line 2"):
        read_canonical("items", Table(path=path))
    with pytest.raises(DataError, match="nobody knows"):
        read_canonical("items", Table(path=path, encoding="klingon"))


def test_parquet_dates_and_lists_are_read(tmp_path: Path) -> None:
    path = tmp_path / "items.parquet"
    pl.DataFrame({"item_id": ["a"], "genres": [["War", " Drama "]]}).write_parquet(path)
    assert read_canonical("items", Table(path=path)).frame["genres"].to_list() == [["War", "Drama"]]
    days = tmp_path / "events.parquet"
    pl.DataFrame(
        {"user_id": ["u"], "item_id": ["i"], "timestamp": [date(2026, 1, 2)]}
    ).write_parquet(days)
    found = read_canonical("events", Table(path=days, kind="play")).frame["timestamp"][0]
    assert found == NOON - timedelta(hours=12)


def test_a_negative_duration_is_found_under_the_source_s_own_word_for_a_play(
    tmp_path: Path,
) -> None:
    path = tmp_path / "events.csv"
    path.write_text(f"{HEADER}\n1,u,i,watched,-1,0\n2,u,i,thumb,-1,0\n")
    found = read_canonical("events", Table(path=path, kinds={"watched": "play"}))
    assert found.frame["event_id"].to_list() == ["2"]
