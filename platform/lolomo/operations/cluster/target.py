"""The cluster target: an overlay, and the cluster that it is applied to.

A pin is a digest in the overlay. It takes effect by applying the overlay, or by a commit that
Argo CD or Flux applies. Status is read from the cluster itself: what its pods were told to serve,
which may lag behind what the overlay says.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from lolomo.core.progress import Progress, part_of, silent
from lolomo.core.promotions import Promotion, PromotionsLog
from lolomo.core.rollout import Canary
from lolomo.operations.cluster.api import Entry, KubernetesApi
from lolomo.operations.cluster.apply import (
    apply_all,
    check_kinds,
    diff,
    prune,
    unwanted,
    write_inventory,
)
from lolomo.operations.cluster.measured import Measured, measure
from lolomo.operations.cluster.overlay import NOTHING, Overlay, with_canary, with_pin
from lolomo.operations.cluster.waiting import wait_until_ready
from lolomo.operations.target import Change, DeployOptions, Serves, TaskStatus


@dataclass(frozen=True)
class ClusterTarget:
    """One overlay on one cluster."""

    overlay: Overlay
    context: str | None = None
    """Context of the kubeconfig; the current one unless given."""
    prometheus: str = ""
    """`namespace/service:port` of Prometheus, asked through the API server; "" for none."""

    @cached_property
    def api(self) -> KubernetesApi:
        """The API server; reached for only by the verbs that need it."""
        return KubernetesApi.connect(self.context)

    @property
    def name(self) -> str:
        """What to call it."""
        return f"{self.overlay.name} on {self.api.url}"

    @property
    def log(self) -> PromotionsLog:
        """The promotions log of the overlay."""
        return self.overlay.log

    def serves(self) -> Serves:
        """Return what the overlay pins."""
        return self.overlay.serves()

    def pin(self, promotion: Promotion) -> None:
        """Pin a release in the overlay, and end the task's canary."""
        self.overlay.write(promotion, with_pin(self.serves(), promotion))

    def set_canary(self, promotion: Promotion, canary: Canary | None) -> None:
        """Write a canary into the overlay, or its end."""
        self.overlay.write(promotion, with_canary(self.serves(), promotion.task, canary))

    def publish(self, message: str, *, commit: bool) -> str:
        """Commit the overlay's pins, or apply the overlay."""
        if commit:
            return f"committed {self.overlay.commit(message)}; push it for the cluster to take up"
        self.deploy(DeployOptions(wait_seconds=0), silent)
        return f"applied to {self.api.url}; `lolomo status` shows when it serves"

    def plan(self) -> Sequence[Change]:
        """Return what applying the overlay would change, as the API server says."""
        entries = self.overlay.render()
        check_kinds(self.api, entries)
        return diff(self.api, entries, self.overlay.inventory)

    def deploy(self, options: DeployOptions, progress: Progress = silent) -> None:
        """Apply the overlay, prune what it no longer has, and wait until all is ready."""
        self.serves()
        entries = self.overlay.render()
        check_kinds(self.api, entries)
        gone = unwanted(self.api, entries, self.overlay.inventory)
        apply_all(self.api, entries, part_of(progress, 0, 2))
        if options.prune:
            prune(self.api, gone)
            write_inventory(self.api, entries, self.overlay.inventory)
        if options.wait_seconds:
            wait_until_ready(self.api, entries, options.wait_seconds, part_of(progress, 1, 2))

    def status(self) -> Sequence[TaskStatus]:
        """Return the page front, then each task's InferenceService."""
        canaries, namespace = self.serves().canaries, self.overlay.namespace
        deployments = {
            each["metadata"]["name"]: each
            for each in self.api.find("apps/v1", "Deployment", namespace)
        }
        services = self.api.find("serving.kserve.io/v1beta1", "InferenceService", namespace)
        measured = measure(self.api, self.prometheus, namespace) if self.prometheus else {}
        front = _row("page", "", deployments.get("page"), measured)
        tasks = [_task_row(each, deployments, measured, canaries) for each in services]
        return [front, *sorted(tasks, key=lambda row: row.task)]


def _task_row(
    service: Entry,
    deployments: Mapping[str, Entry],
    measured: Mapping[str, Measured],
    canaries: Mapping[str, Canary],
) -> TaskStatus:
    name = str(service["metadata"]["name"])
    task = name.replace("-", "_")
    deployment = deployments.get(f"{name}-predictor")
    return _row(task, _digest(service), deployment, measured, canaries.get(task))


def _row(
    task: str,
    digest: str,
    deployment: Entry | None,
    measured: Mapping[str, Measured],
    canary: Canary | None = None,
) -> TaskStatus:
    figures = measured.get(task, Measured())
    return TaskStatus(
        task=task,
        release=digest,
        replicas=deployment["spec"].get("replicas", 1) if deployment else 0,
        ready=(deployment.get("status") or {}).get("readyReplicas", 0) if deployment else 0,
        traffic=figures.requests_per_second,
        p99_milliseconds=figures.p99_milliseconds,
        canary=canary,
    )


def _digest(service: Entry) -> str:
    """Return the digest at the end of an InferenceService's storage URI."""
    (container, *_) = service["spec"]["predictor"]["containers"]
    variables = {each["name"]: each.get("value", "") for each in container.get("env", [])}
    digest = str(variables.get("STORAGE_URI", "")).rpartition("/")[2]
    return "" if digest == NOTHING else digest
