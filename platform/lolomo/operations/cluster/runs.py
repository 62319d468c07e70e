"""Training on a cluster, as kubectl sees it: launchers, their jobs, and the pods of pipeline runs.

A run of Kubeflow Pipelines is no Kubernetes object. What starts one is a Job of a task's suspended
CronJob; what it does shows in pods that bear the run's id. So a kubeconfig is enough to launch, to
schedule and to look, without an address of the Pipelines API.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from lolomo.operations.cluster.api import ClusterError, Entry, KubernetesApi, Reference
from lolomo.operations.cluster.apply import SCHEDULED

RUN_ID = "pipeline/runid"
"""Label that Kubeflow Pipelines gives to the pods of a run."""
STEP_CONTAINER = "main"


@dataclass(frozen=True, slots=True)
class RunStatus:
    """One launch or one run."""

    name: str
    kind: str
    """`launch`, or `run` of a pipeline."""
    state: str
    steps: str = ""
    """How many steps are in which phase."""


def launcher_of(task: str, namespace: str) -> Reference:
    """Return the CronJob that trains a task."""
    return Reference("batch/v1", "CronJob", f"train-{task.replace('_', '-')}", namespace)


def launch(api: KubernetesApi, launcher: Reference, name: str) -> str:
    """Start a launcher once, as `kubectl create job --from` does; return the Job."""
    cron_job = _found(api, launcher)
    template = cron_job["spec"]["jobTemplate"]
    job = f"{cron_job['metadata']['name']}-{name}"
    api.create(
        {
            "apiVersion": "batch/v1",
            "kind": "Job",
            "metadata": {
                **template.get("metadata", {}),
                "name": job,
                "namespace": launcher.namespace,
                "annotations": {"cronjob.kubernetes.io/instantiate": "manual"},
            },
            "spec": template["spec"],
        }
    )
    return job


def schedule(api: KubernetesApi, launcher: Reference, cron: str | None) -> str:
    """Start a launcher on a schedule from now on, its own unless one is given; return the schedule.

    The schedule stands on the CronJob itself, so that `lolomo deploy` leaves it.
    """
    wanted = cron or str(_found(api, launcher)["spec"]["schedule"])
    annotations = {"annotations": {SCHEDULED: wanted}}
    api.merge(launcher, {"metadata": annotations, "spec": {"schedule": wanted, "suspend": False}})
    return wanted


def unschedule(api: KubernetesApi, launcher: Reference) -> None:
    """Start a launcher no longer by itself."""
    _found(api, launcher)
    annotations = {"annotations": {SCHEDULED: None}}
    api.merge(launcher, {"metadata": annotations, "spec": {"suspend": True}})


def _found(api: KubernetesApi, launcher: Reference) -> Entry:
    found = api.get(launcher)
    if found is None:
        raise ClusterError(f"the cluster has no {launcher}: deploy an overlay that trains it")
    return found


def runs(api: KubernetesApi, namespace: str) -> list[RunStatus]:
    """Return launches, then runs of pipelines."""
    jobs = api.find("batch/v1", "Job", namespace)
    launches = [
        RunStatus(each["metadata"]["name"], "launch", _job_state(each))
        for each in jobs
        if each["metadata"]["name"].startswith("train-")
    ]
    pods: dict[str, list[str]] = defaultdict(list)
    for pod in api.find("v1", "Pod", namespace):
        run_id = (pod["metadata"].get("labels") or {}).get(RUN_ID)
        if run_id:
            pods[run_id].append((pod.get("status") or {}).get("phase", "Unknown"))
    return [*launches, *(_run_status(run_id, phases) for run_id, phases in pods.items())]


def _job_state(job: Entry) -> str:
    conditions = (job.get("status") or {}).get("conditions", [])
    ended = [each["type"] for each in conditions if each["status"] == "True"]
    return str(ended[-1]) if ended else "Running"


def _run_status(run_id: str, phases: Sequence[str]) -> RunStatus:
    counts = {phase: phases.count(phase) for phase in sorted(set(phases))}
    order = ("Failed", "Running", "Pending", "Unknown")
    state = next((phase for phase in order if phase in counts), "Succeeded")
    return RunStatus(
        run_id, "run", state, ", ".join(f"{count} {phase}" for phase, count in counts.items())
    )


def logs(api: KubernetesApi, namespace: str, name: str, num_lines: int) -> str:
    """Return the last lines of each pod of a launch or a run.

    Raises:
        ClusterError: If no pod is left of it.
    """
    by_run = api.find("v1", "Pod", namespace, {RUN_ID: name})
    pods = by_run or api.find("v1", "Pod", namespace, {"job-name": name})
    if not pods:
        raise ClusterError(
            f"no pod of {name!r} is left in {namespace}: expected a name of `lolomo pipelines "
            "status`; the logs of older runs are in the pipeline UI"
        )
    texts = []
    for pod in pods:
        container = STEP_CONTAINER if by_run else pod["spec"]["containers"][0]["name"]
        text = api.pod_log(namespace, pod["metadata"]["name"], container, num_lines)
        texts.append(f"== {pod['metadata']['name']}\n{text}")
    return "\n".join(texts)
