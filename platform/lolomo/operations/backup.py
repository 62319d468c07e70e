"""Back up what cannot be made again: releases and pins, aliases and runs, the feature registry.

One tar file with a manifest of sha256 sums. Events are the source's own and features follow from
them, so neither is in it; a user who was erased is therefore in no backup of ours. Databases are
copied by SQLite's own backup, so a run in progress does not tear them.
"""

import io
import json
import shutil
import sqlite3
import tarfile
import tempfile
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from lolomo.core.errors import DataError
from lolomo.core.files import sha256_of
from lolomo.core.progress import Progress, silent
from lolomo.core.promotions import PromotionsLog
from lolomo.core.release import ReleaseStore
from lolomo.core.settings import Workspace

SUMS = "backup.json"
DATABASES = (".db",)
REGISTRY = ("registry.db", "feature_store.yaml")


@dataclass(frozen=True, slots=True)
class Backup:
    """What a backup holds."""

    at: str
    """When it was made, ISO 8601 UTC."""
    num_files: int
    num_releases: int


def create_backup(workspace: Workspace, path: Path, progress: Progress = silent) -> Backup:
    """Write a backup of a workspace, whole or not at all.

    Raises:
        DataError: If there is nothing to back up.
        ReleaseError: If the promotions log was edited.
    """
    PromotionsLog(workspace.releases).read()
    with tempfile.TemporaryDirectory() as name:
        staging = Path(name)
        files = _stage(workspace, staging)
        if not files:
            raise DataError(f"{workspace.root} holds no releases, runs or registry to back up")
        at = datetime.now(UTC).isoformat(timespec="seconds")
        sums = {file.relative_to(staging).as_posix(): sha256_of(file) for file in files}
        partial = path.with_name(f".{path.name}.partial")
        with tarfile.open(partial, "w:gz", compresslevel=1) as archive:
            text = json.dumps({"at": at, "sums": sums}, indent=2).encode()
            entry = tarfile.TarInfo(SUMS)
            entry.size = len(text)
            archive.addfile(entry, io.BytesIO(text))
            for done, (member, file) in enumerate(zip(sums, files, strict=True)):
                progress(done / len(files), member)
                archive.add(file, member)
        partial.replace(path)
    return Backup(at, len(files), _num_releases(workspace))


def restore_backup(path: Path, workspace: Workspace, progress: Progress = silent) -> Backup:
    """Put a backup in place of what a workspace holds of the same kind, after checking all of it.

    Raises:
        DataError: If it is no backup, or a file differs from its sum.
        ReleaseError: If a release in it differs from its card, or its promotions log was edited.
    """
    with tempfile.TemporaryDirectory(dir=_existing(workspace.root)) as name:
        staging = Path(name)
        at, num_files = _unpack(path, staging)
        restored = Workspace(staging)
        PromotionsLog(restored.releases).read()
        store = ReleaseStore(restored.releases)
        digests = sorted(card.parent.name for card in restored.releases.glob("*/card.json"))
        for done, digest in enumerate(digests):
            progress(done / len(digests), f"checking {digest[:12]}")
            store.open(digest)
        for part in (workspace.releases, workspace.tracking, workspace.experiments):
            _put(staging / part.name, part)
        for file in REGISTRY:
            _put(staging / workspace.features.name / file, workspace.features / file)
    return Backup(at, num_files, len(digests))


def _existing(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _stage(workspace: Workspace, staging: Path) -> list[Path]:
    """Copy what is backed up; return the copies, sorted."""
    parts = (workspace.releases, workspace.tracking, workspace.experiments)
    sources = [file for part in parts for file in part.rglob("*") if file.is_file()]
    sources += [workspace.features / name for name in REGISTRY]
    for source in sources:
        if not source.exists() or source.name.startswith("."):
            continue
        target = staging / source.relative_to(workspace.root)
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.suffix in DATABASES and _is_sqlite(source):
            with closing(sqlite3.connect(source)) as old, closing(sqlite3.connect(target)) as new:
                old.backup(new)
        else:
            shutil.copyfile(source, target)
    return sorted(file for file in staging.rglob("*") if file.is_file())


def _is_sqlite(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(16) == b"SQLite format 3\x00"


def _unpack(path: Path, staging: Path) -> tuple[str, int]:
    try:
        with tarfile.open(path, "r:gz") as archive:
            _extract(archive, staging)
        manifest = json.loads((staging / SUMS).read_text())
    except (OSError, tarfile.TarError, ValueError) as error:
        raise DataError(
            f"{path} is no backup of Lolomo ({error}): expected a file that `lolomo backup create` "
            "wrote"
        ) from error
    (staging / SUMS).unlink()
    found = {
        file.relative_to(staging).as_posix(): sha256_of(file)
        for file in staging.rglob("*")
        if file.is_file()
    }
    sums: dict[str, str] = manifest["sums"]
    wrong = sorted(name for name in found.keys() | sums if found.get(name) != sums.get(name))
    if wrong:
        raise DataError(f"{path} differs from its own sums in {wrong[:5]}: take an older backup")
    return str(manifest["at"]), len(sums)


def _extract(archive: tarfile.TarFile, staging: Path) -> None:
    """Write files below a folder, and nothing else; `extractall` can hold to that from 3.11.4 on.

    Raises:
        ValueError: If anything in the archive is no file, or would be written elsewhere.
    """
    inside = staging.resolve()
    for member in archive:
        target = (inside / member.name).resolve()
        source = archive.extractfile(member) if member.isfile() else None
        if source is None or not target.is_relative_to(inside):
            raise ValueError(f"{member.name!r} is no file within it")
        target.parent.mkdir(parents=True, exist_ok=True)
        with source, target.open("wb") as file:
            shutil.copyfileobj(source, file)


def _put(source: Path, target: Path) -> None:
    if not source.exists():
        return
    if target.is_dir():
        shutil.rmtree(target)
    target.parent.mkdir(parents=True, exist_ok=True)
    source.replace(target)


def _num_releases(workspace: Workspace) -> int:
    return len(list(workspace.releases.glob("*/card.json")))
