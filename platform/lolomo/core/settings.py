"""Where things are: the one module that reads the environment.

Everything that the embedded profile writes lies under one folder, `LOLOMO_HOME` (`.lolomo` in the
current folder unless set), a `Workspace` a dataset. Removing the folder starts from nothing.
"""

import os
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Workspace:
    """The folders of one dataset, by the noun that they hold."""

    root: Path

    @property
    def events(self) -> Path:
        """The canonical tables: the event log by day, items, users and the manifest."""
        return self.root / "events"

    @property
    def features(self) -> Path:
        """The feature tables, the Feast registry and the online store."""
        return self.root / "features"

    @property
    def runs(self) -> Path:
        """What pipeline steps have produced, a folder a step, whole or absent."""
        return self.root / "runs"

    @property
    def releases(self) -> Path:
        """The release store, and the pins that serving reads."""
        return self.root / "releases"

    @property
    def tracking(self) -> Path:
        """The MLflow database: runs, figures and aliases."""
        return self.root / "tracking"

    @property
    def reports(self) -> Path:
        """Pages and figures to look at."""
        return self.root / "reports"


@dataclass(frozen=True, slots=True)
class Settings:
    """What the environment decides."""

    home: Path
    """Root of all that is written (`LOLOMO_HOME`)."""
    dataset: str
    """The dataset that commands use unless told (`LOLOMO_DATASET`)."""
    data: Path | None
    """A folder with datasets that need no download (`LOLOMO_DATA`)."""
    pipelines_endpoint: str | None = None
    """Where Kubeflow Pipelines runs (`KF_PIPELINES_ENDPOINT`, as its SDK has it); None for here."""
    pipelines_namespace: str | None = None
    """Where a Kubeflow Pipelines with many users runs the steps (`KF_PIPELINES_NAMESPACE`)."""
    pipelines_token: Path | None = None
    """A service account's token for it (`KF_PIPELINES_SA_TOKEN_PATH`, as its SDK has it)."""
    tracking_uri: str | None = None
    """The MLflow server (`MLFLOW_TRACKING_URI`, as MLflow has it); None for SQLite here."""
    image: str | None = None
    """The training image of steps on a cluster, by digest (`LOLOMO_IMAGE`)."""

    @classmethod
    def from_environment(cls) -> "Settings":
        """Read the variables named above."""
        data = os.environ.get("LOLOMO_DATA")
        token = os.environ.get("KF_PIPELINES_SA_TOKEN_PATH")
        return cls(
            home=Path(os.environ.get("LOLOMO_HOME") or ".lolomo").absolute(),
            dataset=os.environ.get("LOLOMO_DATASET") or "movielens-100k",
            data=Path(data).absolute() if data else None,
            pipelines_endpoint=os.environ.get("KF_PIPELINES_ENDPOINT") or None,
            pipelines_namespace=os.environ.get("KF_PIPELINES_NAMESPACE") or None,
            pipelines_token=Path(token) if token else None,
            tracking_uri=os.environ.get("MLFLOW_TRACKING_URI") or None,
            image=os.environ.get("LOLOMO_IMAGE") or None,
        )

    @property
    def downloads(self) -> Path:
        """Fetched archives, checked by sha256 and shared by all workspaces."""
        return self.home / "downloads"

    def workspace(self, dataset: str | None = None) -> Workspace:
        """Return the workspace of a dataset, of `self.dataset` unless named."""
        return Workspace(self.home / (dataset or self.dataset))
