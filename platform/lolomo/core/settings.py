"""Where things are: the one module that reads the environment.

Everything that the embedded profile writes lies under one folder, `LOLOMO_HOME` (`.lolomo` in the
current folder unless set), a `Workspace` a dataset. Removing the folder starts from nothing.
"""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from lolomo.core.errors import SettingsError


@dataclass(frozen=True, slots=True)
class Workspace:
    """The folders of one dataset, by the noun that they hold."""

    root: Path

    @property
    def events(self) -> Path:
        """The canonical tables: the event log by day, items, users and the manifest."""
        return self.root / "events"

    @property
    def incoming(self) -> Path:
        """Events that came in over HTTP, as they came."""
        return self.root / "incoming"

    @property
    def features(self) -> Path:
        """The feature tables, the Feast registry and the online store."""
        return self.root / "features"

    @property
    def online(self) -> Path:
        """What serving maps into memory: the item snapshots, by version."""
        return self.root / "online"

    @property
    def runs(self) -> Path:
        """What pipeline steps have produced, a folder a step, whole or absent."""
        return self.root / "runs"

    @property
    def releases(self) -> Path:
        """The release store, and the pins that serving reads."""
        return self.root / "releases"

    @property
    def experiments(self) -> Path:
        """The experiments that run or have run, a file each."""
        return self.root / "experiments"

    @property
    def tracking(self) -> Path:
        """The MLflow database: runs, figures and aliases."""
        return self.root / "tracking"

    @property
    def service(self) -> Path:
        """Which process serves the page, and its log."""
        return self.root / "service"

    @property
    def journal(self) -> Path:
        """What was served: a row a request, see `lolomo.events.journal`."""
        return self.root / "journal"

    @property
    def shadows(self) -> Path:
        """What releases answered to copies of requests, as a journal of its own."""
        return self.root / "shadows"

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
    redis: str | None = None
    """Redis as online store (`LOLOMO_REDIS`), such as `localhost:6379,db=1`, with the password of
    `LOLOMO_REDIS_PASSWORD` if there is one; None for SQLite."""
    feature_registry: str | None = None
    """Feast registry that many machines share (`LOLOMO_FEATURE_REGISTRY`): a database's URL, or
    `grpc://host:port`; None for a file of the workspace."""
    traces_endpoint: str | None = None
    """Where spans are sent (`OTEL_EXPORTER_OTLP_ENDPOINT`, as OpenTelemetry has it)."""
    log_format: Literal["text", "json"] = "text"
    """Of the service's log (`LOLOMO_LOG_FORMAT`)."""
    auth_issuer: str = ""
    """Whose tokens are asked of those who write (`LOLOMO_AUTH_ISSUER`); "" to ask nobody."""
    auth_audience: str = "lolomo"
    """For whom the tokens must be (`LOLOMO_AUTH_AUDIENCE`)."""
    auth_keys: str = ""
    """File or https URL of the issuer's public keys (`LOLOMO_AUTH_KEYS`)."""
    auth_subjects: tuple[str, ...] = ()
    """Patterns of who is allowed, by commas (`LOLOMO_AUTH_SUBJECTS`); empty for all."""
    overlay: Path | None = None
    """The kustomize overlay of the cluster to work on (`LOLOMO_OVERLAY`); None for here."""
    kubeconfig: str | None = None
    """Where kubectl's configuration is (`KUBECONFIG`, as kubectl has it); None for its default."""
    exploration: str = ""
    """How rows of the page are drawn (`LOLOMO_EXPLORATION`), see `core.policy.policies_from`."""
    prometheus: str = ""
    """That cluster's Prometheus, `namespace/service:port` (`LOLOMO_PROMETHEUS`)."""

    @classmethod
    def from_environment(cls) -> "Settings":
        """Read the variables named above."""
        data = os.environ.get("LOLOMO_DATA")
        token = os.environ.get("KF_PIPELINES_SA_TOKEN_PATH")
        overlay = os.environ.get("LOLOMO_OVERLAY")
        subjects = os.environ.get("LOLOMO_AUTH_SUBJECTS") or ""
        return cls(
            home=Path(os.environ.get("LOLOMO_HOME") or ".lolomo").absolute(),
            dataset=os.environ.get("LOLOMO_DATASET") or "movielens-100k",
            data=Path(data).absolute() if data else None,
            pipelines_endpoint=os.environ.get("KF_PIPELINES_ENDPOINT") or None,
            pipelines_namespace=os.environ.get("KF_PIPELINES_NAMESPACE") or None,
            pipelines_token=Path(token) if token else None,
            tracking_uri=os.environ.get("MLFLOW_TRACKING_URI") or None,
            image=os.environ.get("LOLOMO_IMAGE") or None,
            redis=_redis(os.environ.get("LOLOMO_REDIS"), os.environ.get("LOLOMO_REDIS_PASSWORD")),
            feature_registry=os.environ.get("LOLOMO_FEATURE_REGISTRY") or None,
            traces_endpoint=os.environ.get("OTEL_EXPORTER_OTLP_ENDPOINT") or None,
            log_format=_log_format(os.environ.get("LOLOMO_LOG_FORMAT") or "text"),
            auth_issuer=os.environ.get("LOLOMO_AUTH_ISSUER") or "",
            auth_audience=os.environ.get("LOLOMO_AUTH_AUDIENCE") or "lolomo",
            auth_keys=os.environ.get("LOLOMO_AUTH_KEYS") or "",
            auth_subjects=tuple(filter(None, subjects.split(","))),
            overlay=Path(overlay).absolute() if overlay else None,
            kubeconfig=os.environ.get("KUBECONFIG") or None,
            exploration=os.environ.get("LOLOMO_EXPLORATION") or "",
            prometheus=os.environ.get("LOLOMO_PROMETHEUS") or "",
        )

    @property
    def downloads(self) -> Path:
        """Fetched archives, checked by sha256 and shared by all workspaces."""
        return self.home / "downloads"

    def workspace(self, dataset: str | None = None) -> Workspace:
        """Return the workspace of a dataset, of `self.dataset` unless named."""
        return Workspace(self.home / (dataset or self.dataset))


def _log_format(value: str) -> Literal["text", "json"]:
    match value:
        case "text" | "json":
            return value
        case _:
            raise SettingsError(f"LOLOMO_LOG_FORMAT is {value!r}: expected 'text' or 'json'")


def _redis(address: str | None, password: str | None) -> str | None:
    return f"{address},password={password}" if address and password else address or None
