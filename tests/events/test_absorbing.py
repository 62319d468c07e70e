"""What came in becomes part of the event log, once."""

from contextlib import closing
from pathlib import Path

import pytest

from lolomo.core.settings import Settings, Workspace
from lolomo.events import EventLog, find_dataset, import_dataset
from lolomo.events.absorbing import absorb
from lolomo.events.incoming import IncomingLog

MAPPING = 'name = "own"\n[events]\npath = "plays.csv"\n'
PLAYS = """event_id,user_id,item_id,kind,timestamp
a,u1,1,play,2025-03-01T00:00:00Z
b,u1,2,play,2025-03-05T00:00:00Z
c,u1,2,stare,2025-03-05T00:00:00Z
"""


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    (tmp_path / "mapping.toml").write_text(MAPPING)
    (tmp_path / "plays.csv").write_text(PLAYS)
    settings = Settings(tmp_path / "home", "own", None)
    import_dataset(find_dataset(str(tmp_path / "mapping.toml")), settings)
    return settings.workspace()


def take(workspace: Workspace, *events: tuple[str, str, str]) -> None:
    names = ("event_id", "user_id", "timestamp")
    rows = [{"item_id": "9", "kind": "play"} | dict(zip(names, one, strict=True)) for one in events]
    with closing(IncomingLog(workspace.incoming)) as log:
        log.take([rows])


def test_new_events_stand_in_the_order_of_time_and_are_counted(workspace: Workspace) -> None:
    take(workspace, ("late", "u1", "2025-03-02T00:00:00Z"), ("next", "u2", "2025-03-06T00:00:00Z"))
    manifest = absorb(workspace)
    assert EventLog(workspace.events).events()["event_id"].to_list() == ["a", "late", "b", "next"]
    assert (manifest.num_events, manifest.num_users, manifest.num_items) == (4, 2, 3)
    assert manifest.rows_in == manifest.num_events + manifest.num_quarantined == 5


def test_absorbing_again_changes_nothing(workspace: Workspace) -> None:
    take(workspace, ("a", "u1", "2025-03-01T00:00:00Z"), ("new", "u1", "2025-03-07T00:00:00Z"))
    first = absorb(workspace)
    assert first.num_events == 3
    assert absorb(workspace) == first


def test_nothing_that_came_in_leaves_the_log_as_it_was(workspace: Workspace) -> None:
    before = EventLog(workspace.events).manifest
    assert absorb(workspace) == before
