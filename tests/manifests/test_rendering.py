import ast
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import click
import pytest
import yaml

from lolomo.cli import lolomo
from lolomo.core.release import PINS
from lolomo.core.rollout import CANARIES
from lolomo.core.task import Task
from lolomo.serving.graph import compile_graph, page_graph
from lolomo.tasks import BUILT_IN

MANIFESTS = Path(__file__).parents[2] / "manifests"
FOLDERS = sorted(
    path.parent.relative_to(MANIFESTS).as_posix()
    for path in MANIFESTS.rglob("kustomization.yaml")
    if "components" not in path.parts
)
FILES = sorted(
    path.relative_to(MANIFESTS).as_posix()
    for path in MANIFESTS.rglob("*.yaml")
    if path.name != "kustomization.yaml"
)
Render = Callable[[str], list[dict[str, Any]]]


def names(objects: list[dict[str, Any]], kind: str) -> set[str]:
    return {entry["metadata"]["name"] for entry in objects if entry["kind"] == kind}


@pytest.mark.parametrize("folder", FOLDERS)
def test_every_kustomization_renders_objects(folder: str, render: Render) -> None:
    assert render(folder)


@pytest.mark.parametrize("folder", FOLDERS)
def test_every_object_is_in_a_namespace_of_ours(folder: str, render: Render) -> None:
    clusterwide = ("Namespace", "PriorityClass")
    namespaced = [entry for entry in render(folder) if entry["kind"] not in clusterwide]
    assert {entry["metadata"].get("namespace") for entry in namespaced} <= {
        "lolomo",
        "lolomo-graph",
    }


@pytest.mark.parametrize("file", FILES)
def test_every_file_is_named_by_a_kustomization(file: str) -> None:
    path = MANIFESTS / file
    for folder in (path.parent, path.parent.parent):
        named = folder / "kustomization.yaml"
        if named.exists():
            relative = path.relative_to(folder).as_posix()
            assert re.search(rf"(?m)(- |path: ){re.escape(relative)}$", named.read_text())
            return
    pytest.fail("there is no kustomization.yaml beside it, nor one folder up")


# What is not on the page is no step of its graph: the front answers it.
STEPS = [task for task in BUILT_IN if task.row.on_page]


@pytest.mark.parametrize(
    ("kind", "prefix", "tasks"),
    [("InferenceService", "", STEPS), ("CronJob", "train-", BUILT_IN)],
    ids=["served", "trained"],
)
def test_every_task_is_trained_and_served(
    kind: str, prefix: str, tasks: Sequence[Task], render: Render
) -> None:
    expected = {prefix + task.name.replace("_", "-") for task in tasks}
    found = names(render("overlays/dev"), kind)
    assert {name for name in found if name.startswith(prefix)} - {
        "materialize-features"
    } == expected


def test_a_launcher_trains_the_task_that_it_is_named_for(render: Render) -> None:
    jobs = [entry for entry in render("training") if entry["kind"] == "CronJob"]
    for job in jobs:
        container = job["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"][0]
        task = container["command"][-1]
        assert job["metadata"]["name"] == "train-" + task.replace("_", "-")
        assert job["spec"]["suspend"] is True


def test_the_inference_graph_is_the_compiled_one(manifests: Path) -> None:
    compiled = compile_graph(
        page_graph(BUILT_IN),
        "lolomo-graph",
        services={"context": "top-picks-predictor", "page": "top-picks-predictor"},
        service_url="http://{service}.lolomo.svc.cluster.local/v1/steps/{step}",
    )
    assert (
        yaml.safe_load((manifests / "serving/graph/inference-graph.yaml").read_text()) == compiled
    )


def test_the_page_front_calls_the_graph(render: Render) -> None:
    objects = render("serving")
    (graph,) = (entry["metadata"] for entry in objects if entry["kind"] == "InferenceGraph")
    (front,) = (entry for entry in objects if entry["kind"] == "Deployment")
    command = front["spec"]["template"]["spec"]["containers"][0]["command"]
    url = command[command.index("--graph-url") + 1]
    assert url == f"http://{graph['name']}.{graph['namespace']}.svc.cluster.local"


def test_every_step_of_the_graph_is_answered_by_an_inference_service(render: Render) -> None:
    objects = render("serving")
    (graph,) = (entry for entry in objects if entry["kind"] == "InferenceGraph")
    hosts = re.findall(r"http://([\w-]+)-predictor\.lolomo\.svc\.cluster\.local/", str(graph))
    assert set(hosts) == names(objects, "InferenceService")


def test_an_overlay_pins_the_release_of_each_task(render: Render) -> None:
    objects = render("overlays/dev")
    pins = next(entry["data"] for entry in objects if entry["metadata"]["name"] == "releases")
    assert set(pins) == {*(task.name for task in STEPS), PINS, CANARIES}
    for entry in (entry for entry in objects if entry["kind"] == "InferenceService"):
        uri = entry["spec"]["predictor"]["containers"][0]["env"][0]["value"]
        assert uri.rpartition("/")[2] == pins[entry["metadata"]["name"].replace("-", "_")]


def commands(render: Render) -> set[tuple[str, ...]]:
    text = [str(entry) for entry in render("overlays/gpu")]
    found = (
        match for entry in text for match in re.findall(r"'command': (\['lolomo'.*?\])", entry)
    )
    return {tuple(ast.literal_eval(command)) for command in found}


def test_every_command_is_one_that_lolomo_understands(render: Render) -> None:
    for name, *arguments in commands(render):
        command: click.Command | None = lolomo
        while isinstance(command, click.Group):
            name, *arguments = arguments
            command = command.get_command(click.Context(command), name)
        assert command is not None, f"lolomo has no command {name}"
        command.make_context(name, arguments)
