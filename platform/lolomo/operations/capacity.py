"""How much a service needs: pods, memory, GPU hours and money, from what one pod was measured at.

A pod is one thread, so what it can answer is the inverse of a page's processor time, less the head
room that keeps its queue short. What grows with the catalogue or the members grows as it was
measured on one data set; a model of this kind is good to a factor of two, and says what it assumes.
`python -m load.measure_single_pod` (with PYTHONPATH=tests) measures `single_pod.json` again.
"""

import json
import math
from dataclasses import dataclass, fields
from pathlib import Path

from lolomo.core.errors import SettingsError

SINGLE_POD = Path(__file__).with_name("single_pod.json")
GIBIBYTE = 2**30
TASKS_PER_PAGE = 5
"""InferenceServices beside the front, each asked once a page."""
MONTH_HOURS = 730.0


@dataclass(frozen=True, slots=True, kw_only=True)
class SinglePod:
    """What one process was measured to cost."""

    processor_seconds_per_page: float
    process_bytes: int
    """Resident, with every release and the snapshot of `items`."""
    items: int
    users: int
    """Of the data set, whose seen items the process holds."""
    snapshot_bytes_per_item: float
    release_bytes_per_item: float
    online_bytes_per_user: float
    fit_seconds: float
    """Of all models of all tasks on a CPU, with `events`."""
    events: int
    dataset: str
    machine: str
    measured_at: str

    @classmethod
    def read(cls, path: Path = SINGLE_POD) -> "SinglePod":
        """Read the measured figures.

        Raises:
            SettingsError: If a figure is missing or unknown.
        """
        values = json.loads(path.read_text())
        known = {entry.name for entry in fields(cls)}
        if set(values) != known:
            raise SettingsError(
                f"{path} lacks {sorted(known - set(values))} and has {sorted(set(values) - known)}:"
                " measure it again with tests/load/measure_single_pod.py"
            )
        return cls(**values)


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """What a service has to bear."""

    requests_per_second: float
    """Pages at the peak."""
    members: int
    catalogue: int
    """Titles."""
    features: int = 60
    """Of an item; the measured data set has 60."""
    events: int = 0
    """To train on; 100 a member unless given."""
    trainings_per_month: int = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Assumptions:
    """What is not measured: each can be set."""

    utilisation: float = 0.7
    """Of a core at which the autoscalers add pods."""
    spare_pods: int = 1
    """Beyond what the peak needs: one node may be lost."""
    gpu_speed: float = 12.0
    """How many times a CPU core a GPU fits; 8-20 for these sizes of network."""
    core_hour: float = 0.04
    gibibyte_hour: float = 0.005
    gpu_hour: float = 2.0
    """Prices in one currency; list prices of large clouds, rounded."""
    measured_features: int = 60
    bytes_per_seen_item: int = 8
    seen_items_per_member: int = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Capacity:
    """What it takes."""

    pages_per_pod: float
    """A second, of one core at the assumed utilisation."""
    front_pods: int
    task_pods: int
    """Of all tasks together."""
    pod_gibibytes: float
    cores: float
    gibibytes: float
    redis_gibibytes: float
    disk_gibibytes: float
    gpu_hours_per_month: float
    cost_per_month: float


def estimate(load: Load, pod: SinglePod, assumed: Assumptions) -> Capacity:
    """Return what a load takes.

    Raises:
        SettingsError: If the load is not positive.
    """
    if min(load.requests_per_second, load.members, load.catalogue, load.features) <= 0:
        raise SettingsError(f"received {load}: expected more than 0 of each")
    pages = assumed.utilisation / pod.processor_seconds_per_page
    # The front runs no model; the tasks together do what the one measured process did.
    per_tier = math.ceil(load.requests_per_second / pages)
    front = max(2, per_tier + assumed.spare_pods)
    tasks = max(2 * TASKS_PER_PAGE, per_tier + TASKS_PER_PAGE * assumed.spare_pods)
    memory = _pod_bytes(load, pod, assumed) / GIBIBYTE
    redis = 2 * load.members * pod.online_bytes_per_user / GIBIBYTE
    events = load.events or 100 * load.members
    disk = (load.catalogue * pod.release_bytes_per_item * 30 + events * 60) / GIBIBYTE
    gpu_hours = load.trainings_per_month * _gpu_seconds(events, pod, assumed) / 3600
    cores, total = float(front + tasks), (front + tasks) * memory + redis
    running = cores * assumed.core_hour + total * assumed.gibibyte_hour
    return Capacity(
        pages_per_pod=pages,
        front_pods=front,
        task_pods=tasks,
        pod_gibibytes=memory,
        cores=cores,
        gibibytes=total,
        redis_gibibytes=redis,
        disk_gibibytes=disk,
        gpu_hours_per_month=gpu_hours,
        cost_per_month=MONTH_HOURS * running + gpu_hours * assumed.gpu_hour,
    )


def _pod_bytes(load: Load, pod: SinglePod, assumed: Assumptions) -> float:
    """Return the memory of a pod: what was measured, and what the larger service adds."""
    wider = load.features / assumed.measured_features
    item = pod.snapshot_bytes_per_item * wider + pod.release_bytes_per_item
    more_items = load.catalogue * item - pod.items * (
        pod.snapshot_bytes_per_item + pod.release_bytes_per_item
    )
    seen = assumed.seen_items_per_member * assumed.bytes_per_seen_item
    more_members = (load.members - pod.users) * seen
    return max(pod.process_bytes + more_items + more_members, 0.5 * pod.process_bytes)


def _gpu_seconds(events: int, pod: SinglePod, assumed: Assumptions) -> float:
    """Return the GPU seconds of one training: fits are linear in events, at these sizes."""
    return pod.fit_seconds * events / pod.events / assumed.gpu_speed


def assumptions(pod: SinglePod, assumed: Assumptions) -> list[str]:
    """Return what an estimate rests on, in sentences."""
    page = f"{pod.processor_seconds_per_page * 1000:.1f} ms"
    return [
        f"One process answered a page in {page} of processor time and held "
        f"{pod.process_bytes / GIBIBYTE:.2f} GiB ({pod.dataset}, {pod.items:,} items, "
        f"{pod.machine}, {pod.measured_at}).",
        f"Pods are added at {assumed.utilisation:.0%} of a core; {assumed.spare_pods} is spare.",
        "The front and the tasks each cost at most what the one process did; candidates stay at "
        "500 a page, so a larger catalogue costs memory, not time, up to about 100,000 titles.",
        f"A member's {assumed.seen_items_per_member} seen items take "
        f"{assumed.bytes_per_seen_item} bytes each in every pod; Redis holds two copies of "
        f"{pod.online_bytes_per_user:.0f} bytes a member, the served one and the next.",
        f"All fits took {pod.fit_seconds:.0f} s on a CPU for {pod.events:,} events, grow in line "
        f"with them, and a GPU does {assumed.gpu_speed:g} times as much.",
        f"A core costs {assumed.core_hour:g}, a GiB {assumed.gibibyte_hour:g} and a GPU "
        f"{assumed.gpu_hour:g} an hour; network and staff are not counted.",
        "Good to a factor of two: measure your own peak with `make bench-serving`.",
    ]
