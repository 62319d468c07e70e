"""The manifests of a project's own tasks, derived from those of Lolomo.

`manifests/lolomo` is a copy of Lolomo's, never edited. `manifests/tasks` is a kustomize component
that follows from the list of tasks: for each that Lolomo does not build in, an InferenceService and
a launcher like those of the built-in tasks, and the inference graph with their steps. A new task is
one entry point, then these are written again.
"""

import copy
import json
import re
import shutil
import tomllib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import yaml

from lolomo.core.errors import SettingsError
from lolomo.core.files import directory_written_whole, write_atomically
from lolomo.core.release import PINS
from lolomo.core.rollout import CANARIES
from lolomo.core.task import Task
from lolomo.operations.cluster.api import Entry
from lolomo.operations.cluster.overlay import HEADING, NOTHING, RELEASES, Overlay
from lolomo.serving.graph import compile_graph, page_graph
from lolomo.tasks import BUILT_IN

PATTERN = "trending-now"
"""The built-in task whose objects are the pattern of others: the plainest."""
KEPT = ("base", "components", "features", "observability", "serving", "training")
NAMESPACE = re.compile(
    r"(?<=namespace: )lolomo\b|(?<=metadata.name: )lolomo\b|(?<=[{ ]name: )lolomo(?=$|-graph$)"
    r"|\blolomo(?=\.svc\.|-graph\b|:operators|:viewers)"
    r'|(?<=namespace=")lolomo\b|(?<=namespace=~")lolomo\b|(?<=NAMESPACE, value: )lolomo\b',
    re.MULTILINE,
)
"""Where Lolomo's manifests name their namespace, or the one of the graph beside it."""
STORAGE = "spec.predictor.containers.[name=kserve-container].env.[name=STORAGE_URI].value"


def lolomo_manifests() -> Path:
    """Return where the manifests of this Lolomo are: in its checkout, or installed with it.

    Raises:
        SettingsError: If they are in neither.
    """
    checkout, installed = Path(__file__).parents[4], Path(__file__).parents[3]
    for folder in (checkout / "manifests", installed / "lolomo_manifests"):
        if (folder / "base" / "kustomization.yaml").is_file():
            return folder
    raise SettingsError("this Lolomo has no manifests: install it from its wheel or its checkout")


def write_manifests(project: Path, tasks: Sequence[Task]) -> list[str]:
    """Write `manifests/lolomo` and `manifests/tasks`, and the pins that overlays lack.

    Args:
        project: The project's folder.
        tasks: All tasks, built in and the project's own.

    Returns:
        The names of the tasks of its own.
    """
    namespace = namespace_of(project)
    built_in = {task.name for task in BUILT_IN}
    own = [task for task in tasks if task.name not in built_in]
    _copy_lolomo(project / "manifests" / "lolomo", namespace)
    with directory_written_whole(project / "manifests" / "tasks") as folder:
        _write_component(folder, project / "manifests" / "lolomo", own)
        patch = yaml.safe_dump(_graph_patch(tasks, namespace), sort_keys=False)
        (folder / "graph.yaml").write_text(patch)
    for overlay in sorted((project / "manifests" / "overlays").iterdir()):
        on_page = [task.name for task in tasks if task.row.on_page]
        _add_pins(overlay / RELEASES, on_page, namespace)
    return [task.name for task in own]


def namespace_of(project: Path) -> str:
    """Return the namespace that a project's `pyproject.toml` names; each tenant has its own."""
    settings = tomllib.loads((project / "pyproject.toml").read_text())
    return str(settings.get("tool", {}).get("lolomo", {}).get("namespace", "lolomo"))


def _copy_lolomo(target: Path, namespace: str) -> None:
    source = lolomo_manifests()
    with directory_written_whole(target) as staging:
        for part in KEPT:
            shutil.copytree(source / part, staging / part)
        for path in staging.rglob("*.yaml"):
            path.write_text(NAMESPACE.sub(namespace, path.read_text()))


def _write_component(folder: Path, lolomo: Path, own: Sequence[Task]) -> None:
    served = {
        entry["metadata"]["name"]: entry
        for part in ("serving", "training")
        for entry in Overlay(lolomo / part).render()
        if entry["kind"] in ("InferenceService", "CronJob")
    }
    resources = []
    for task in own:
        name = task.name.replace("_", "-")
        entries = [_launcher(served[f"train-{PATTERN}"], task)]
        if task.row.on_page:
            entries.append(_like(served[PATTERN], name))
        text = yaml.safe_dump_all(entries, sort_keys=False)
        (folder / f"{name}.yaml").write_text(f"# {task.question}\n{text}")
        resources.append(f"{name}.yaml")
    kustomization = {
        "apiVersion": "kustomize.config.k8s.io/v1alpha1",
        "kind": "Component",
        "resources": resources,
        "patches": [{"path": "graph.yaml", "target": {"kind": "InferenceGraph"}}],
        "replacements": [_replacement(task) for task in own if task.row.on_page],
    }
    text = (
        "# Written by `lolomo manifests`: the tasks that are not built in, and the graph of all.\n"
    )
    (folder / "kustomization.yaml").write_text(
        text + yaml.safe_dump(kustomization, sort_keys=False)
    )


def _like(pattern: Entry, name: str) -> Entry:
    """Return an object like another, of another task."""
    entry = copy.deepcopy(pattern)
    entry["metadata"]["name"] = name
    return entry


def _launcher(pattern: Entry, task: Task) -> Entry:
    entry = _like(pattern, f"train-{task.name.replace('_', '-')}")
    # Nightly, after the built-in tasks.
    entry["spec"]["schedule"] = "30 4 * * *"
    pod = entry["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    pod["containers"][0]["command"][-1] = task.name
    return entry


def _graph_patch(tasks: Iterable[Task], namespace: str) -> list[dict[str, Any]]:
    ranking = "top-picks-predictor"
    compiled = compile_graph(
        page_graph(tasks),
        f"{namespace}-graph",
        services={"context": ranking, "page": ranking},
        service_url=f"http://{{service}}.{namespace}.svc.cluster.local/v1/steps/{{step}}",
    )
    return [{"op": "replace", "path": "/spec/nodes", "value": compiled["spec"]["nodes"]}]


def _replacement(task: Task) -> dict[str, Any]:
    """Return what writes a task's pin into its storage URI, as `components/releases` does."""
    return {
        "source": {"kind": "ConfigMap", "name": "releases", "fieldPath": f"data.{task.name}"},
        "targets": [
            {
                "select": {"kind": "InferenceService", "name": task.name.replace("_", "-")},
                "fieldPaths": [STORAGE],
                "options": {"delimiter": "/", "index": 5},
            }
        ],
    }


def _add_pins(path: Path, names: Sequence[str], namespace: str) -> None:
    """Give an overlay's `releases.yaml` a line for each task that it lacks."""
    empty: Entry = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "releases", "namespace": namespace},
        "data": {},
    }
    entry = yaml.safe_load(path.read_text()) if path.exists() else empty
    data = {**dict.fromkeys(names, NOTHING), PINS: json.dumps({}), CANARIES: json.dumps({})}
    entry["data"] = {**data, **entry["data"]}
    write_atomically(path, HEADING + yaml.safe_dump(entry, sort_keys=False))
