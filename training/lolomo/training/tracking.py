"""What MLflow holds: a run for each judged candidate, its figures, and which release is champion.

Embedded it is an SQLite file in the workspace, on a cluster a server named by MLflow's own
`MLFLOW_TRACKING_URI`; the calls are the same. A registered model a task has one version a release,
and the aliases `champion` and `challenger`. Serving never asks MLflow: promotion also writes the
pin beside the release store, which is all that serving reads.
"""

import os
import warnings
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from lolomo.core.release import Release
from lolomo.core.settings import Settings, Workspace

CHAMPION = "champion"
CHALLENGER = "challenger"
KEY_TAG = "lolomo.key"
DIGEST_TAG = "lolomo.digest"
PARENT_TAG = "mlflow.parentRunId"
"""MLflow's own."""


@dataclass(frozen=True)
class Tracker:
    """Runs, figures and aliases of one dataset."""

    workspace: Workspace
    parent: str = ""
    """MLflow run id that new runs are shown under; "" for none."""

    def under(self, experiment: str, key: str, params: Mapping[str, Any]) -> "Tracker":
        """Return a tracker whose runs are shown under one run, which is recorded if need be."""
        return replace(self, parent=self.record(experiment, key, params, {}))

    @property
    def uri(self) -> str:
        """Where MLflow keeps runs: the environment's server, else SQLite in the workspace."""
        path = self.workspace.tracking / "mlflow.db"
        return Settings.from_environment().tracking_uri or f"sqlite:///{path}"

    @cached_property
    def _client(self) -> Any:
        os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
        os.environ.setdefault("MLFLOW_LOGGING_LEVEL", "WARNING")
        # MLflow 3.17 still uses what SQLAlchemy 2.1 deprecates.
        warnings.filterwarnings("ignore", "The ``noload`` loader", DeprecationWarning)
        from mlflow import MlflowClient

        self.workspace.tracking.mkdir(parents=True, exist_ok=True)
        return MlflowClient(tracking_uri=self.uri, registry_uri=self.uri)

    def record(
        self,
        experiment: str,
        key: str,
        params: Mapping[str, Any],
        metrics: Mapping[str, float],
        files: Iterable[Path] = (),
    ) -> str:
        """Record one finished run, once for each key.

        Args:
            experiment: The task's name.
            key: What the run is known by; a second record under it adds nothing.
            params: Configuration and provenance.
            metrics: Figures, with `.low` and `.high` beside each mean.
            files: Figures and tables to keep with the run.

        Returns:
            The MLflow run id.
        """
        client = self._client
        experiment_id = self._experiment(experiment)
        known = client.search_runs(
            [experiment_id], f"tags.`{KEY_TAG}` = '{key}' and attributes.status = 'FINISHED'"
        )
        if known:
            return str(known[0].info.run_id)
        nested = {PARENT_TAG: self.parent} if self.parent else {}
        run = client.create_run(experiment_id, tags={KEY_TAG: key, **nested}, run_name=key)
        run_id = run.info.run_id
        client.log_batch(run_id, _metrics(metrics), _params(params))
        for path in files:
            client.log_artifact(run_id, str(path))
        client.set_terminated(run_id)
        return str(run_id)

    def _experiment(self, name: str) -> str:
        found = self._client.get_experiment_by_name(name)
        if found is not None:
            return str(found.experiment_id)
        location = (self.workspace.tracking / "artifacts").as_uri()
        remote = Settings.from_environment().tracking_uri is not None
        return str(self._client.create_experiment(name, None if remote else location))

    def set_alias(self, release: Release, alias: str, run_id: str | None = None) -> None:
        """Register a release as a version of its task's model and point an alias at it."""
        client, task = self._client, release.card.task
        if not client.search_registered_models(f"name = '{task}'"):
            client.create_registered_model(task)
        version = self._version(task, release.digest)
        if version is None:
            created = client.create_model_version(
                task, release.path.as_uri(), run_id, tags={DIGEST_TAG: release.digest}
            )
            version = str(created.version)
        client.set_registered_model_alias(task, alias, version)

    def _version(self, task: str, digest: str) -> str | None:
        for version in self._client.search_model_versions(f"name = '{task}'"):
            if version.tags.get(DIGEST_TAG) == digest:
                return str(version.version)
        return None


def _metrics(metrics: Mapping[str, float]) -> list[Any]:
    from mlflow.entities import Metric

    # MLflow allows no "@" in a metric's name.
    return [
        Metric(name.replace("@", "_at_"), value, timestamp=0, step=0)
        for name, value in metrics.items()
    ]


def _params(params: Mapping[str, Any]) -> list[Any]:
    from mlflow.entities import Param

    return [Param(name, str(value)) for name, value in params.items()]
