"""Settings in a temporary home, and files that are broken on purpose."""

import gzip
from pathlib import Path

import polars as pl
import pytest

from lolomo.core.settings import Settings

HEADER = "event_id,user_id,item_id,kind,value,timestamp\n"
GOOD = "1,u1,007,play,60,2026-01-02T03:04:05Z\n"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path / "home", dataset="own", data=None)


@pytest.fixture
def broken(tmp_path: Path) -> Path:
    """A folder in which every file has something wrong, but `good.csv`."""
    folder = tmp_path / "broken"
    folder.mkdir()
    rows = {
        "good": GOOD,
        "unparsable_time": GOOD + "2,u1,008,play,60,yesterday\n",
        "duplicate_event_id": GOOD + GOOD,
        "negative_duration": GOOD + "2,u1,008,play,-5,2026-01-02T03:04:05Z\n",
        "null_id": GOOD + "2,,008,play,5,2026-01-02T03:04:05Z\n",
        "not_a_number": GOOD + "2,u1,008,rate,five,2026-01-02T03:04:05Z\n",
        "unknown_kind": GOOD + "2,u1,008,stare,5,2026-01-02T03:04:05Z\n",
        "too_few_fields": GOOD + "2,u1\n",
        "open_quote": GOOD + '2,"u1,008,play,5,2026-01-02T03:04:05Z\n',
        "header_only": "",
    }
    for name, body in rows.items():
        (folder / f"{name}.csv").write_text(HEADER + body)
    (folder / "empty.csv").write_bytes(b"")
    (folder / "missing_column.csv").write_text("user_id,item_id,kind\nu1,1,play\n")
    (folder / "semicolons.csv").write_text((HEADER + GOOD).replace(",", ";"))
    (folder / "unknown_encoding.csv").write_bytes((HEADER + GOOD).encode() + b"\xff\xfe\n")
    (folder / "cut_short.csv.gz").write_bytes(gzip.compress((HEADER + GOOD).encode())[:-12])
    pl.DataFrame({"user_id": ["u"] * 99}).write_parquet(folder / "cut_short.parquet")
    data = (folder / "cut_short.parquet").read_bytes()
    (folder / "cut_short.parquet").write_bytes(data[: len(data) // 2])
    (folder / "sheet.xlsx").write_bytes(b"PK")
    (folder / "mapping.toml").write_text('name = "x"\n[events]\npath = "absent.csv"\n')
    (folder / "malformed.toml").write_text('name = "x"\n[events]\npath = "a.csv"\ncolour = "red"\n')
    return folder
