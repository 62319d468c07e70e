"""Erasure and retention leave nothing of a user, and a log that is still whole."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest
from releases import publish

from lolomo.core.errors import DataError
from lolomo.core.release import ReleaseStore
from lolomo.core.settings import Settings, Workspace
from lolomo.events import EventLog, import_dataset
from lolomo.events.datasets import read_mapping
from lolomo.events.erasing import erase_events_before, erase_user_events
from lolomo.events.incoming import IncomingLog, read_incoming
from lolomo.events.journal import JOURNAL
from lolomo.events.journal_writer import sealed_files, write_sealed
from lolomo.operations.erasure import ERASURES, erase_user, retain_since

START = datetime(2026, 1, 1, 12, tzinfo=UTC)
MAPPING = """\
name = "acme"
[events]
path = "plays.csv"
kind = "play"
[events.columns]
user_id = "user"
item_id = "title"
timestamp = "at"
"""


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """Plays of users u0 to u3, one a day, and a refused row of u1."""
    lines = ["user,title,at", "u1-secret,,2026-01-01T00:00:00Z"]
    for day in range(12):
        moment = (START + timedelta(days=day)).isoformat()
        lines.append(f"{'u1-secret' if day % 4 == 1 else f'u{day % 4}'},t{day},{moment}")
    (tmp_path / "plays.csv").write_text("\n".join(lines) + "\n")
    (tmp_path / "mapping.toml").write_text(MAPPING)
    settings = Settings(tmp_path / "home", "acme", None)
    import_dataset(read_mapping(tmp_path / "mapping.toml"), settings)
    return settings.workspace()


def journal_some(root: Path) -> None:
    for day, users in (("2026-01-02", ["u0", "u1-secret"]), ("2026-01-09", ["u2"])):
        moment = datetime.fromisoformat(f"{day}T12:00:00+00:00")
        rows = [
            {"request_id": f"r-{user}", "timestamp": moment, "received_at": moment, "user_id": user}
            for user in users
        ]
        table = pa.Table.from_pylist(rows, JOURNAL)
        write_sealed(root / f"date={day}" / "some.parquet", table)


def everything_below(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())


def test_nothing_of_a_user_is_left_on_the_disk(workspace: Workspace) -> None:
    journal_some(workspace.journal)
    (workspace.runs / "prepare-1").mkdir(parents=True)
    (workspace.runs / "prepare-1" / "queries.txt").write_text("u1-secret")
    incoming = IncomingLog(workspace.incoming)
    event = {"event_id": "e", "user_id": "u1-secret", "item_id": "t", "kind": "play"}
    refused = {**event, "event_id": "f", "timestamp": "never"}
    incoming.take([[{**event, "timestamp": START.isoformat()}, refused]])
    incoming.close()
    done = erase_user(workspace, "u1-secret")
    assert (done.num_events, done.num_journalled) == (3 + 2, 1)
    assert b"u1-secret" not in everything_below(workspace.root)
    assert EventLog(workspace.events).events()["user_id"].unique().sort().to_list() == [
        *("u0", "u2", "u3")
    ]
    assert len(read_incoming(workspace.incoming)) == 0


def test_the_log_is_whole_under_another_fingerprint(workspace: Workspace) -> None:
    before = EventLog(workspace.events).manifest
    erase_user_events(workspace.events, "u0")
    log = EventLog(workspace.events)
    assert log.manifest.fingerprint != before.fingerprint
    assert log.manifest.num_events == len(log.events()) == before.num_events - 3
    assert log.manifest.first_timestamp == START + timedelta(days=1)
    assert log.manifest.num_users == len(log.users()) == before.num_users - 1


def test_erasing_one_who_is_unknown_changes_nothing(workspace: Workspace) -> None:
    before = everything_below(workspace.events)
    assert erase_user(workspace, "nobody").num_events == 0
    assert everything_below(workspace.events) == before


def test_releases_that_learned_from_the_user_are_named(workspace: Workspace) -> None:
    store = ReleaseStore(workspace.releases)
    release = publish(store, "top_picks", "ease")
    store.pin("top_picks", release.digest)
    done = erase_user(workspace, "u0")
    assert (done.releases, done.serving) == ((release.digest,), ("top_picks",))


def test_what_was_done_is_written_down_without_who(workspace: Workspace) -> None:
    erase_user(workspace, "u1-secret")
    (line,) = (workspace.root / ERASURES).read_text().splitlines()
    assert json.loads(line)["num_events"] == 3
    assert "u1-secret" not in line


def test_retention_keeps_what_is_young_enough(workspace: Workspace) -> None:
    journal_some(workspace.journal)
    done = retain_since(workspace, START + timedelta(days=4))
    assert (done.num_events, done.num_journalled) == (4, 1)
    assert EventLog(workspace.events).events()["timestamp"].min() == START + timedelta(days=4)
    assert len(sealed_files(workspace.journal)) == 1


def test_what_is_still_written_to_is_said_so(workspace: Workspace) -> None:
    incoming = IncomingLog(workspace.incoming)
    event = {"event_id": "e", "user_id": "u0", "item_id": "t", "kind": "play"}
    incoming.take([[{**event, "timestamp": START.isoformat()}]])
    with pytest.raises(DataError, match="being written"):
        erase_user(workspace, "u0")
    incoming.close()


def test_a_log_is_never_left_empty(workspace: Workspace) -> None:
    with pytest.raises(DataError, match="nothing would be left"):
        erase_events_before(workspace.events, START + timedelta(days=90))
    assert len(EventLog(workspace.events).events()) == 12
