"""Computes pages of the journal again, with the releases and features that they were made with."""

from dataclasses import dataclass, field, replace
from typing import Any

from lolomo.core.columns import Columns
from lolomo.core.policy import policies_from
from lolomo.core.progress import Progress, silent
from lolomo.core.release import ReleaseStore
from lolomo.core.settings import Workspace
from lolomo.events import EventLog
from lolomo.events.journal_reading import Journal
from lolomo.features import OnlineFeatures
from lolomo.serving.bentos.load import load_resources, native_log_dropped
from lolomo.serving.journal.replaying import Record, Replay, is_everybodys, replay
from lolomo.serving.releases import load_champion
from lolomo.serving.steps import Champion, Resources
from lolomo.serving.steps.rank import CHALLENGER
from lolomo.tasks import all_tasks

RIVAL = f"/{CHALLENGER}"
"""Ends the name by which the journal knows the release that was drafted into a task's row."""


@dataclass(slots=True)
class Replayer:
    """Replays requests of one workspace; keeps what it has loaded for the next one."""

    workspace: Workspace
    _champions: dict[tuple[str, str], Champion] = field(default_factory=dict, init=False)
    _resources: dict[str, Resources] = field(default_factory=dict, init=False)

    def replay(self, record: Record) -> Replay:
        """Compute the page of a row of the journal again.

        Raises:
            ReleaseError: If a release is gone or was changed.
            FeatureError: If the item snapshot is gone.
            DataError: If the page was not computed, but everybody's was shown.
        """
        resources = self._resources_of(record["snapshot_version"])
        with native_log_dropped():
            found = {
                name: self._champion(name.partition("/")[0], digest)
                for name, digest in record["releases"].items()
            }
        rivals = {
            name.removesuffix(RIVAL): champion
            for name, champion in found.items()
            if name.endswith(RIVAL)
        }
        as_then = replace(
            resources,
            champions={name: each for name, each in found.items() if not name.endswith(RIVAL)},
            challengers={(task, rival.digest): rival for task, rival in rivals.items()},
            interleaved={task: rival.digest for task, rival in rivals.items()},
            policies=policies_from(record["exploration"] or ""),
        )
        return replay(record, as_then)

    def _champion(self, task: str, digest: str) -> Champion:
        key = (task, digest)
        if key not in self._champions:
            release = ReleaseStore(self.workspace.releases).open(digest)
            self._champions[key] = load_champion(release, all_tasks()[task])
        return self._champions[key]

    def _resources_of(self, version: str) -> Resources:
        if version not in self._resources:
            resources = load_resources(self.workspace, version=version)
            observed = int(version.partition("+")[2] or 0)
            if observed and isinstance(resources.features, OnlineFeatures):
                start = resources.features.as_of
                events = EventLog(self.workspace.events).events(start=start)
                resources.features.observe(events.head(observed))
            self._resources = {version: resources}
        return self._resources[version]


def replay_latest(
    workspace: Workspace, num_pages: int, progress: Progress = silent
) -> dict[str, Any]:
    """Compute the latest pages again.

    Returns:
        How many were `replayed`, how many were `everybody`'s page, and of each that is `different`
        the first difference by request id.

    Raises:
        ReleaseError: If a release is gone or was changed.
        FeatureError: If an item snapshot is gone.
    """
    journal, replayer = Journal(workspace.journal), Replayer(workspace)
    different: dict[str, str] = {}
    everybody = replayed = 0
    records = [record for record in journal.latest(num_pages) if record["surface"] != "search"]
    for done, record in enumerate(records):
        progress(done / len(records), record[Columns.REQUEST_ID])
        if is_everybodys(record):
            everybody += 1
            continue
        replayed += 1
        differences = replayer.replay(record).differences
        if differences:
            different[record[Columns.REQUEST_ID]] = differences[0]
    return {"replayed": replayed, "everybody": everybody, "different": different}
