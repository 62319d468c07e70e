"""The journal on disk: durable, torn safely, sealed, read with SQL, and read across versions."""

import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lolomo.core.errors import DataError
from lolomo.events.journal import JOURNAL, VERSION_KEY, as_current
from lolomo.events.journal_reading import Journal, erase_user
from lolomo.events.journal_segment import SegmentWriter, is_abandoned, read_segment
from lolomo.events.journal_writer import JournalWriter, live_segments, sealed_files

MOMENT = datetime(2013, 9, 18, 21, 15, tzinfo=UTC)


def rows(*request_ids: str, schema: pa.Schema = JOURNAL, **more: Any) -> pa.RecordBatch:
    """Return requests of user `ann` that say nothing else."""
    one = {"timestamp": MOMENT, "received_at": MOMENT, "user_id": "ann", **more}
    return pa.RecordBatch.from_pylist([{"request_id": key, **one} for key in request_ids], schema)


@pytest.fixture
def writer(tmp_path: Path) -> Iterator[JournalWriter]:
    """Write to a journal, which is whole in the end."""
    writer = JournalWriter(tmp_path)
    yield writer
    writer.rotate()


def ids(journal: Journal) -> list[str]:
    return journal.query("SELECT request_id FROM journal ORDER BY 1")["request_id"].to_list()


def test_what_was_appended_is_read_before_and_after_it_is_sealed(
    writer: JournalWriter, tmp_path: Path
) -> None:
    writer.append(rows("a", "b"))
    assert ids(Journal(tmp_path)) == ["a", "b"]
    writer.rotate()
    writer.append(rows("c"))
    assert ids(Journal(tmp_path)) == ["a", "b", "c"]
    assert [file.parent.name for file in sealed_files(tmp_path)] == ["date=2013-09-18"]


@pytest.mark.parametrize("limits", [{"max_bytes": 1}, {"max_seconds": 0.0}])
def test_a_segment_that_is_large_or_old_is_sealed(tmp_path: Path, limits: dict[str, Any]) -> None:
    JournalWriter(tmp_path, **limits).append(rows("a"))
    assert (len(live_segments(tmp_path)), len(sealed_files(tmp_path))) == (0, 1)


def test_a_killed_process_loses_nothing_that_was_appended(tmp_path: Path) -> None:
    script = (
        "import os, sys; sys.path.insert(0, sys.argv[1])\n"
        "from pathlib import Path; from test_journal import rows, JournalWriter\n"
        "JournalWriter(Path(sys.argv[2])).append(rows('a', 'b'))\n"
        "os.kill(os.getpid(), 9)"
    )
    here = str(Path(__file__).parent)
    subprocess.run([sys.executable, "-c", script, here, str(tmp_path)], check=False)
    assert ids(Journal(tmp_path)) == ["a", "b"]
    assert JournalWriter(tmp_path).recover() == 1
    assert (live_segments(tmp_path), ids(Journal(tmp_path))) == ([], ["a", "b"])


def test_a_segment_that_is_written_to_is_not_recovered(
    writer: JournalWriter, tmp_path: Path
) -> None:
    writer.append(rows("a"))
    assert not is_abandoned(live_segments(tmp_path)[0])
    assert JournalWriter(tmp_path).recover() == 0


def torn_segment(folder: Path, damage: str) -> Path:
    """Write two appends, and damage the second as a crash or a bad disk would."""
    path = folder / "live" / "x.segment"
    writer = SegmentWriter(path, JOURNAL)
    writer.append(rows("a"))
    whole = writer.num_bytes
    writer.append(rows("b"))
    writer.close()
    if damage == "cut":
        os.truncate(path, writer.num_bytes - 7)
    else:
        data = bytearray(path.read_bytes())
        data[whole + 20 :] = bytes(len(data) - whole - 20)
        path.write_bytes(data)
    return path


@pytest.mark.parametrize("damage", ["cut", "zeroed"])
def test_a_torn_segment_is_told_and_its_good_part_read(tmp_path: Path, damage: str) -> None:
    segment = read_segment(torn_segment(tmp_path, damage))
    assert segment.table["request_id"].to_pylist() == ["a"]
    assert segment.torn_bytes > 0
    assert JournalWriter(tmp_path).recover() == 1
    assert ids(Journal(tmp_path)) == ["a"]
    assert [path.name for path in Journal(tmp_path).torn()] == ["x.segment"]


def test_a_file_that_is_no_segment_is_put_aside(tmp_path: Path) -> None:
    (tmp_path / "live").mkdir()
    (tmp_path / "live" / "x.segment").write_bytes(b"something else")
    assert ids(Journal(tmp_path)) == []
    assert JournalWriter(tmp_path).recover() == 1
    assert len(Journal(tmp_path).torn()) == 1


def test_a_full_disk_is_an_error_and_leaves_what_was_whole(
    writer: JournalWriter, tmp_path: Path
) -> None:
    import resource

    writer.append(rows("a"))
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    full = live_segments(tmp_path)[0].stat().st_size + 100
    resource.setrlimit(resource.RLIMIT_FSIZE, (full, before[1]))
    try:
        with pytest.raises(OSError, match="too large"):
            writer.append(rows("b"))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert ids(Journal(tmp_path)) == ["a"]
    writer.append(rows("c"))
    assert ids(Journal(tmp_path)) == ["a", "c"]


def older_schema() -> pa.Schema:
    """Return a schema of a version before: without columns that came later, one that went."""
    later = ("turned_down", "experiment", "arm", "latency_us")
    fields = [field for field in JOURNAL if field.name not in later]
    return pa.schema([*fields, pa.field("shard", pa.int32())], metadata={VERSION_KEY: b"0"})


def test_files_of_an_older_schema_are_read_beside_those_of_this_one(
    writer: JournalWriter, tmp_path: Path
) -> None:
    old = pa.Table.from_batches([rows("old", schema=older_schema(), shard=3)])
    (tmp_path / "date=2013-09-17").mkdir()
    pq.write_table(old, tmp_path / "date=2013-09-17" / "old.parquet")
    writer.append(rows("new", experiment="rows-first"))
    frame = Journal(tmp_path).query("SELECT * FROM journal ORDER BY request_id")
    assert frame["experiment"].to_list() == ["rows-first", None]
    assert frame.columns == JOURNAL.names
    assert Journal(tmp_path).find("old")["user_id"] == "ann"
    writer.rotate()
    assert Journal(tmp_path).query("SELECT * FROM journal").columns == JOURNAL.names


def test_a_segment_of_an_older_schema_is_sealed_as_one_of_this(tmp_path: Path) -> None:
    segment = SegmentWriter(tmp_path / "live" / "old.segment", older_schema())
    segment.append(rows("old", schema=older_schema()))
    segment.close()
    assert JournalWriter(tmp_path).recover() == 1
    assert pq.read_schema(sealed_files(tmp_path)[0]).names == JOURNAL.names


def test_what_is_no_journal_is_refused() -> None:
    with pytest.raises(DataError, match="states no version"):
        as_current(pa.table({"request_id": ["a"]}))


@pytest.mark.parametrize(("start", "found"), [("ab", 2), ("x", 0)])
def test_a_request_that_cannot_be_found_says_how_many_there_are(
    writer: JournalWriter, tmp_path: Path, start: str, found: int
) -> None:
    writer.append(rows("ab1", "ab2"))
    with pytest.raises(DataError, match=f"{found} requests"):
        Journal(tmp_path).find(start)


def test_wrong_sql_says_what_the_table_has(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="its table is `journal`"):
        Journal(tmp_path).query("SELECT nothing FROM journal")


def test_a_user_can_be_erased(writer: JournalWriter, tmp_path: Path) -> None:
    writer.append(rows("a"))
    writer.append(rows("b", user_id="bob"))
    writer.rotate()
    assert erase_user(tmp_path, "bob") == 1
    assert ids(Journal(tmp_path)) == ["a"]
