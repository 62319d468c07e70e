"""What every step opens first: the data, the features and the task it works on."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from lolomo.core.code_version import code_version
from lolomo.core.recommender import Ids
from lolomo.core.settings import Settings, Workspace
from lolomo.core.task import Task
from lolomo.evaluation import Fold, Folds, item_counts, known_items, rolling_folds
from lolomo.events import EventLog
from lolomo.features import FeatureStore
from lolomo.tasks import find_task


@dataclass(frozen=True)
class StepContext:
    """One task on one dataset, as a step of its pipeline sees it."""

    task: Task
    dataset: str
    workspace: Workspace

    @classmethod
    def open(cls, task: str, dataset: str) -> "StepContext":
        """Open the workspace of a dataset for a task, both by name."""
        return cls(find_task(task), dataset, Settings.from_environment().workspace(dataset))

    @cached_property
    def log(self) -> EventLog:
        """The event log of the dataset."""
        return EventLog(self.workspace.events)

    @cached_property
    def features(self) -> FeatureStore:
        """The feature store over that log."""
        return FeatureStore(self.workspace)

    @cached_property
    def folds(self) -> Folds:
        """The rolling folds of that log."""
        return rolling_folds(self.log.events())

    def known(self, fold: Fold) -> Ids:
        """Return the items known before a fold's window. Shape: [items]."""
        return known_items(item_counts(self.log.events(), fold))

    def outcome(self, key: str) -> Path:
        """Return the folder that an earlier step wrote."""
        return self.workspace.runs / key

    def queries_file(self, prepared: str, window: str) -> Path:
        """Return the file of a `prepare` step with a window's queries."""
        return self.outcome(prepared) / f"queries-{window}.parquet"

    def learned_file(self, prepared: str, window: str) -> Path:
        """Return the file with those of a window's queries that a later model learns from."""
        some = self.outcome(prepared) / f"learned-{window}.parquet"
        return some if some.exists() else self.queries_file(prepared, window)

    def inputs(self, *modules: str, **more: Any) -> dict[str, Any]:
        """Return what decides the outcome of a step.

        Args:
            *modules: Where its work is written; what they reach by imports counts too.
            **more: What else this step depends on, as JSON values.
        """
        return {
            "data": self.log.manifest.fingerprint,
            "code": code_version(*modules),
            "task": self.task.name,
            **more,
        }
