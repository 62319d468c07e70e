"""Wait until what was applied is ready, and say what is in the way if it is not.

Kubernetes' own kinds say it by counts and by the generation that they have seen; KServe's and
Feast's by a condition `Ready`. Kinds that run nothing are ready when they exist.
"""

import time
from collections.abc import Callable, Sequence

from lolomo.core.progress import Progress
from lolomo.operations.cluster.api import Entry, KubernetesApi, Reference
from lolomo.operations.target import DeployError

POLL_SECONDS = 1.0
SHOWN_EVENTS = 8
WITH_CONDITION = frozenset({"InferenceService", "InferenceGraph", "FeatureStore"})


def wait_until_ready(
    api: KubernetesApi,
    entries: Sequence[Entry],
    wait_seconds: float,
    progress: Progress,
    sleep: Callable[[float], None] = time.sleep,
) -> None:
    """Return when every object is ready.

    Raises:
        DeployError: If some are not in time, with their conditions and latest warnings.
    """
    waiting = [Reference.of(entry) for entry in entries if is_waited_for(entry)]
    total, deadline = len(waiting), time.monotonic() + wait_seconds
    while waiting:
        reasons = {each: why_not_ready(api.get(each)) for each in waiting}
        waiting = [each for each, why in reasons.items() if why]
        ready = total - len(waiting)
        progress(ready / total, f"{ready}/{total} ready; {waiting[0] if waiting else 'all'}")
        if waiting and time.monotonic() > deadline:
            raise DeployError(_complaint(api, {each: reasons[each] for each in waiting}))
        if waiting:
            sleep(POLL_SECONDS)


def is_waited_for(entry: Entry) -> bool:
    """Return whether an object runs something."""
    return entry["kind"] in WITH_CONDITION | {"Deployment", "StatefulSet"}


def why_not_ready(live: Entry | None) -> str:
    """Return what an object still lacks; "" if it is ready."""
    if live is None:
        return "it does not exist"
    status = live.get("status") or {}
    generation = live["metadata"].get("generation", 0)
    with_condition = live["kind"] in WITH_CONDITION
    # Not every controller writes down what it has seen.
    if status.get("observedGeneration", generation if with_condition else 0) < generation:
        return "its change is not seen yet"
    return _condition_lacks(status) if with_condition else _replicas_lack(live, status)


def _condition_lacks(status: Entry) -> str:
    conditions = {each["type"]: each for each in status.get("conditions", [])}
    ready = conditions.get("Ready") or conditions.get("FeatureStore")
    if ready is None:
        return "no controller has looked at it yet"
    if ready["status"] == "True":
        return ""
    return str(ready.get("message") or ready.get("reason") or "it is not ready")


def _replicas_lack(live: Entry, status: Entry) -> str:
    for condition in status.get("conditions", []):
        if condition.get("reason") == "ProgressDeadlineExceeded":
            return str(condition.get("message", "it makes no progress"))
    wanted = live["spec"].get("replicas", 1)
    updated = status.get("updatedReplicas", 0)
    ready = status.get("availableReplicas", status.get("readyReplicas", 0))
    if updated < wanted or ready < wanted:
        return f"{ready} of {wanted} replicas are available, {updated} updated"
    return ""


def _complaint(api: KubernetesApi, reasons: dict[Reference, str]) -> str:
    lines = ["not ready in time:"]
    for reference, why in reasons.items():
        lines.append(f"  {reference}: {why}")
        lines += [f"    {line}" for line in warnings_about(api, reference)]
    lines.append("see `kubectl describe` of these; `lolomo rollback` takes the last change back")
    return "\n".join(lines)


def warnings_about(api: KubernetesApi, reference: Reference) -> list[str]:
    """Return the latest warnings of an object and of what it started, such as its pods.

    Pods and replica sets bear the name of their owner before their own, so they are found by it.
    """
    events = [
        event
        for event in api.find("v1", "Event", reference.namespace)
        if event.get("type") == "Warning" and _concerns(event, reference)
    ]
    events.sort(key=lambda event: event.get("lastTimestamp") or event.get("eventTime") or "")
    return [
        f"{event['involvedObject']['kind']} {event['involvedObject']['name']}: "
        f"{event.get('reason')}: {event.get('message')}"
        for event in events[-SHOWN_EVENTS:]
    ]


def _concerns(event: Entry, reference: Reference) -> bool:
    name = str(event["involvedObject"].get("name", ""))
    return name == reference.name or name.startswith(f"{reference.name}-")
