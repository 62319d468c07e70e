"""What a task's FeatureService is called: the contract between its training and its serving.

Kept apart from the definitions, so that naming a service does not import Feast.
"""

from lolomo.core.files import digest_of
from lolomo.core.task import Task
from lolomo.features.transforms import groups_of


def service_name(task: Task) -> str:
    """Return the name of a task's FeatureService in Feast, with its version."""
    return f"{task.name}_v{task.version}"


def service_hash(task: Task) -> str:
    """Return a short hash of all that the service's values mean: features, types and versions."""
    parts = [
        [group.name, group.version, group.entity, item.name, item.dtype]
        for group, features in groups_of(task.features).values()
        for item in features
    ]
    return digest_of([task.name, task.version, parts])[:12]


def service_reference(task: Task) -> str:
    """Return `name@v1#hash`, as a release card states it."""
    return f"{task.name}@v{task.version}#{service_hash(task)}"
