"""Apply an overlay: what differs, in which order, and what is no longer wanted.

The diff is the server's own: a dry run of the same server-side apply, compared with what is there.
What was applied last is written down in one ConfigMap, the *inventory*; what it lists and the
overlay no longer has is pruned, and nothing else ever is. Namespaces and claims of disks, which
hold data, are never pruned.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from lolomo.core.progress import Progress, part_of
from lolomo.operations.cluster.api import Entry, KubernetesApi, Reference
from lolomo.operations.target import Action, Change, DeployError

ORDER = (
    "Namespace",
    "PriorityClass",
    "ResourceQuota",
    "LimitRange",
    "ServiceAccount",
    "Role",
    "RoleBinding",
    "NetworkPolicy",
    "ConfigMap",
    "PersistentVolumeClaim",
    "Service",
)
"""What others stand on comes first; what is not listed comes after, as rendered."""
KEPT = frozenset({"Namespace", "PersistentVolumeClaim"})
SCHEDULED = "lolomo/schedule"
"""Annotation of a CronJob that `lolomo pipelines schedule` has unsuspended, with its schedule."""
SERVER_FIELDS = ("managedFields", "resourceVersion", "generation", "uid", "creationTimestamp")


def in_order(entries: Sequence[Entry]) -> list[Entry]:
    """Return objects so that each comes after what it needs."""
    places = {kind: place for place, kind in enumerate(ORDER)}
    return sorted(entries, key=lambda entry: places.get(entry["kind"], len(ORDER)))


def check_kinds(api: KubernetesApi, entries: Sequence[Entry]) -> None:
    """Refuse an overlay with kinds that the cluster does not have.

    Raises:
        DeployError: Naming all of them.
    """
    missing = sorted(
        {
            f"{entry['kind']} ({entry['apiVersion']})"
            for entry in entries
            if not api.knows(entry["apiVersion"], entry["kind"])
        }
    )
    if missing:
        raise DeployError(
            f"the cluster at {api.url} does not know {', '.join(missing)}: "
            "`lolomo cluster doctor` says how to install what is missing"
        )


def diff(api: KubernetesApi, entries: Sequence[Entry], inventory: Reference) -> list[Change]:
    """Return what applying would do, asked of the server; nothing is changed."""
    changes = [_change(api, entry) for entry in in_order(entries)]
    gone = [Change(Action.DELETE, str(each)) for each in unwanted(api, entries, inventory)]
    return changes + gone


def _change(api: KubernetesApi, entry: Entry) -> Change:
    reference = Reference.of(entry)
    live = api.get(reference)
    if live is None:
        # A dry run cannot create within a namespace that is not there yet.
        return Change(Action.CREATE, str(reference))
    wanted = api.apply(as_scheduled(entry, live), dry_run=True)
    fields = tuple(changed_fields(_comparable(live), _comparable(wanted)))
    return Change(Action.CHANGE if fields else Action.KEEP, str(reference), fields)


def apply_all(api: KubernetesApi, entries: Sequence[Entry], progress: Progress) -> None:
    """Apply every object, in order."""
    ordered = in_order(entries)
    for done, entry in enumerate(ordered):
        reference = Reference.of(entry)
        part_of(progress, done, len(ordered))(0.0, f"applying {reference}")
        scheduled = entry["kind"] == "CronJob"
        api.apply(as_scheduled(entry, api.get(reference)) if scheduled else entry)


def as_scheduled(entry: Entry, live: Entry | None) -> Entry:
    """Return a CronJob with the schedule that was given to it on the cluster, if one was."""
    annotations = ((live or {}).get("metadata") or {}).get("annotations") or {}
    schedule = annotations.get(SCHEDULED)
    if entry["kind"] != "CronJob" or schedule is None:
        return entry
    return {**entry, "spec": {**entry["spec"], "schedule": schedule, "suspend": False}}


def unwanted(api: KubernetesApi, entries: Sequence[Entry], inventory: Reference) -> list[Reference]:
    """Return what was applied before under this inventory and is no longer among the objects."""
    held = api.get(inventory)
    listed = json.loads(held["data"]["objects"]) if held else []
    wanted = {Reference.of(entry) for entry in entries}
    before = [Reference(*each) for each in listed]
    return [each for each in before if each not in wanted and each.kind not in KEPT]


def prune(api: KubernetesApi, gone: Sequence[Reference]) -> None:
    """Delete objects, those that stand on others first."""
    for reference in reversed(gone):
        api.delete(reference)


def write_inventory(api: KubernetesApi, entries: Sequence[Entry], inventory: Reference) -> None:
    """Write down what was applied."""
    objects = [
        [each.api_version, each.kind, each.name, each.namespace]
        for each in map(Reference.of, in_order(entries))
    ]
    api.apply(
        {
            "apiVersion": inventory.api_version,
            "kind": inventory.kind,
            "metadata": {
                "name": inventory.name,
                "namespace": inventory.namespace,
                "labels": {"app.kubernetes.io/part-of": "lolomo"},
            },
            "data": {"objects": json.dumps(objects)},
        }
    )


def _comparable(entry: Mapping[str, Any]) -> Entry:
    """Return an object without what the server writes at each change."""
    metadata = {key: value for key, value in entry["metadata"].items() if key not in SERVER_FIELDS}
    kept = {key: value for key, value in entry.items() if key not in ("status", "metadata")}
    return {**kept, "metadata": metadata}


def changed_fields(before: Any, after: Any, path: str = "") -> Iterator[str]:
    """Yield the paths at which two objects differ.

    >>> list(changed_fields({"spec": {"replicas": 1}}, {"spec": {"replicas": 2}}))
    ['spec.replicas']
    """
    if isinstance(before, dict) and isinstance(after, dict):
        for key in sorted(before.keys() | after.keys()):
            yield from changed_fields(before.get(key), after.get(key), f"{path}.{key}".strip("."))
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for place, (one, other) in enumerate(zip(before, after, strict=True)):
            yield from changed_fields(one, other, f"{path}[{place}]")
    elif before != after:
        yield path
