"""Erase one user, or what is older than may be kept, wherever a workspace holds it.

Log, incoming events and journal lose the rows; feature tables and the online store are built again
without them; the outcomes of pipeline steps, which hold queries by user, are removed. A release
holds weights, not events, but has learned from them: those whose data window covers the user are
named, so that they can be trained again. What was done is written down without who it was done to.
"""

import json
import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime

from lolomo.core.errors import ReleaseError
from lolomo.core.progress import Progress, silent
from lolomo.core.release import CARD, ReleaseStore
from lolomo.core.settings import Workspace
from lolomo.events.erasing import (
    Erased,
    erase_events_before,
    erase_incoming,
    erase_journal_before,
    erase_user_events,
)
from lolomo.events.journal_reading import erase_user as erase_user_journal

ERASURES = "erasures.jsonl"


@dataclass(frozen=True, slots=True, kw_only=True)
class Erasure:
    """What one erasure did."""

    at: str
    """ISO 8601 UTC."""
    why: str
    """`user`, or `retention`; never who."""
    num_events: int
    num_journalled: int
    """Requests, or for retention files of them."""
    releases: tuple[str, ...]
    """Digests of releases that learned from what is gone."""
    serving: tuple[str, ...]
    """Tasks that one of these serves: train them again."""


def erase_user(workspace: Workspace, user_id: str, progress: Progress = silent) -> Erasure:
    """Erase everything that a workspace holds of a user.

    Raises:
        DataError: If there is no event log, nothing would be left of it, or a running service is
            still writing events of the user.
    """
    progress(0.0, "incoming events")
    num_incoming = erase_incoming(workspace.incoming, user_id)
    progress(0.1, "event log")
    erased = erase_user_events(workspace.events, user_id)
    progress(0.3, "journal")
    journals = (workspace.journal, workspace.shadows)
    num_journalled = sum(erase_user_journal(journal, user_id) for journal in journals)
    return _finish(workspace, "user", erased, (num_incoming, num_journalled), progress)


def retain_since(workspace: Workspace, moment: datetime, progress: Progress = silent) -> Erasure:
    """Erase every event and journalled request before a time.

    Raises:
        DataError: As `erase_user`.
    """
    progress(0.0, "event log")
    erased = erase_events_before(workspace.events, moment)
    progress(0.2, "journal")
    journals = (workspace.journal, workspace.shadows)
    num_files = sum(erase_journal_before(journal, moment) for journal in journals)
    return _finish(workspace, "retention", erased, (0, num_files), progress)


def _finish(
    workspace: Workspace, why: str, erased: Erased, counts: tuple[int, int], progress: Progress
) -> Erasure:
    num_incoming, num_journalled = counts
    if erased.num_events:
        _build_features_again(workspace, progress)
        # Queries, histories and rankings by user; every step can be run again.
        shutil.rmtree(workspace.runs, ignore_errors=True)
    releases = _learned_from(workspace, erased)
    pins = ReleaseStore(workspace.releases).pins()
    erasure = Erasure(
        at=datetime.now(UTC).isoformat(timespec="seconds"),
        why=why,
        num_events=erased.num_events + num_incoming,
        num_journalled=num_journalled,
        releases=tuple(releases),
        serving=tuple(sorted(task for task, digest in pins.items() if digest in releases)),
    )
    with (workspace.root / ERASURES).open("a") as file:
        file.write(json.dumps(asdict(erasure)) + "\n")
    progress(1.0, "written down")
    return erasure


def _build_features_again(workspace: Workspace, progress: Progress) -> None:
    from lolomo.core.settings import Settings
    from lolomo.events import EventLog
    from lolomo.features import FeatureStore
    from lolomo.tasks import all_tasks

    if not workspace.features.exists():
        return
    store = FeatureStore(workspace, Settings.from_environment().redis)
    progress(0.4, "feature tables")
    store.build(EventLog(workspace.events))
    store.apply(all_tasks().values())
    progress(0.7, "online features")
    store.materialize(store.latest)


def _learned_from(workspace: Workspace, erased: Erased) -> Sequence[str]:
    """Return the releases whose data window covers any of what is gone."""
    if erased.first is None or erased.last is None:
        return []
    store = ReleaseStore(workspace.releases)
    found = []
    for path in sorted(workspace.releases.glob(f"*/{CARD}")):
        try:
            start, end = map(datetime.fromisoformat, store.card(path.parent.name).data_window)
        except ReleaseError:
            continue
        if start <= erased.last and erased.first <= end:
            found.append(path.parent.name)
    return found
