import io
import sqlite3
import tarfile
from contextlib import closing
from pathlib import Path

import pytest
from releases import store_with_releases

from lolomo.core.errors import DataError, ReleaseError
from lolomo.core.promotions import PromotionsLog
from lolomo.core.release import ReleaseStore
from lolomo.core.settings import Workspace
from lolomo.operations.backup import create_backup, restore_backup


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    workspace = Workspace(tmp_path / "acme")
    releases = store_with_releases(workspace.releases)
    ReleaseStore(workspace.releases).pin("top_picks", releases["passed"].digest)
    workspace.tracking.mkdir()
    with closing(sqlite3.connect(workspace.tracking / "mlflow.db")) as database, database:
        database.execute("CREATE TABLE runs (name TEXT)")
        database.execute("INSERT INTO runs VALUES ('first')")
    workspace.features.mkdir()
    (workspace.features / "registry.db").write_bytes(b"a registry of Feast")
    (workspace.events / "log").mkdir(parents=True)
    (workspace.events / "log" / "events.parquet").write_text("somebody's plays")
    return workspace


@pytest.fixture
def backup(workspace: Workspace, tmp_path: Path) -> Path:
    create_backup(workspace, tmp_path / "backup.tar.gz")
    return tmp_path / "backup.tar.gz"


def test_what_was_lost_is_restored(workspace: Workspace, backup: Path, tmp_path: Path) -> None:
    elsewhere = Workspace(tmp_path / "elsewhere")
    assert restore_backup(backup, elsewhere).num_releases == 4
    pins = ReleaseStore(workspace.releases).pins()
    assert ReleaseStore(elsewhere.releases).pins() == pins
    assert ReleaseStore(elsewhere.releases).open(pins["top_picks"]).card.task == "top_picks"
    assert len(PromotionsLog(elsewhere.releases).read()) == 1
    assert (elsewhere.features / "registry.db").read_bytes() == b"a registry of Feast"
    with closing(sqlite3.connect(elsewhere.tracking / "mlflow.db")) as database:
        assert database.execute("SELECT name FROM runs").fetchall() == [("first",)]


def test_a_restore_replaces_what_came_later(workspace: Workspace, backup: Path) -> None:
    store = ReleaseStore(workspace.releases)
    before = store.pins()
    store.pin("top_picks", "0" * 64)
    restore_backup(backup, workspace)
    assert store.pins() == before


def test_no_event_is_in_a_backup(backup: Path) -> None:
    with tarfile.open(backup) as archive:
        assert not [name for name in archive.getnames() if "events" in name]


@pytest.mark.parametrize("what", ["changed", "added"])
def test_a_changed_backup_is_refused_and_changes_nothing(
    what: str, workspace: Workspace, backup: Path, tmp_path: Path
) -> None:
    broken = tmp_path / "broken.tar.gz"
    with tarfile.open(backup) as old, tarfile.open(broken, "w:gz") as new:
        for member in old.getmembers():
            file = old.extractfile(member)
            content = file.read() if file else b""
            if member.name.endswith("pins.json"):
                member.name = "pins.json" if what == "added" else member.name
                content = b"{}"
                member.size = len(content)
            new.addfile(member, io.BytesIO(content))
    with pytest.raises(DataError, match="differs from its own sums"):
        restore_backup(broken, workspace)
    assert ReleaseStore(workspace.releases).pins()


def test_a_release_that_is_not_its_card_is_refused(workspace: Workspace, tmp_path: Path) -> None:
    (model,) = workspace.releases.glob(
        f"{ReleaseStore(workspace.releases).pins()['top_picks']}/*.txt"
    )
    model.write_text("other weights")
    create_backup(workspace, tmp_path / "backup.tar.gz")
    with pytest.raises(ReleaseError, match="does not match its card"):
        restore_backup(tmp_path / "backup.tar.gz", Workspace(tmp_path / "elsewhere"))


def test_another_file_is_no_backup(workspace: Workspace, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("not a tar")
    with pytest.raises(DataError, match="is no backup"):
        restore_backup(tmp_path / "notes.txt", workspace)


def test_nothing_is_written_outside_of_the_workspace(workspace: Workspace, tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "outwards.tar.gz", "w:gz") as archive:
        archive.addfile(tarfile.TarInfo("../../outside.txt"))
    with pytest.raises(DataError, match="is no file within it"):
        restore_backup(tmp_path / "outwards.tar.gz", workspace)
    assert not list(tmp_path.rglob("outside.txt"))
