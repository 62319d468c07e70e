from pathlib import Path
from typing import Any

import pytest
import yaml

from lolomo.core.errors import SettingsError
from lolomo.tasks import all_tasks
from lolomo.training.models import models_for
from lolomo.training.pipelines import Accelerator, Placement, compile_pipeline, with_sources

IMAGE = "registry.example/lolomo@sha256:" + "0" * 64


def compiled(path: Path, placement: Placement, *, as_objects: bool = False) -> list[Any]:
    tasks = list(all_tasks().values())
    compile_pipeline(tasks, "lolomo", path, placement, as_objects=as_objects)
    return list(yaml.safe_load_all(path.read_text()))


@pytest.fixture(scope="module")
def documents(tmp_path_factory: pytest.TempPathFactory) -> list[Any]:
    path = tmp_path_factory.mktemp("pipelines") / "lolomo.yaml"
    return compiled(path, Placement(image=IMAGE))


def steps_of(spec: Any) -> dict[str, Any]:
    """Return the compiled steps by their display name."""
    tasks = spec["root"]["dag"]["tasks"]
    return {step["taskInfo"]["name"]: step for step in tasks.values()}


def test_every_task_has_its_stages_and_every_model_its_step(documents: list[Any]) -> None:
    steps = steps_of(documents[0])
    for name in all_tasks():
        for stage in ("prepare", "evaluate", "gate", "release"):
            assert f"{name}: {stage}" in steps
        trained = ", ".join(
            step.partition(": train ")[2] for step in steps if f"{name}: train" in step
        )
        assert sorted(trained.split(", ")) == sorted(model.name for model in models_for(name))


def test_a_ranker_waits_for_the_gates_of_its_sources(documents: list[Any]) -> None:
    steps = steps_of(documents[0])
    waits_for = steps["top_picks: prepare"]["dependentTasks"]
    names = {documents[0]["root"]["dag"]["tasks"][task]["taskInfo"]["name"] for task in waits_for}
    assert names == {f"{source}: gate" for source in all_tasks()["top_picks"].candidates_from}


def executors(documents: list[Any]) -> dict[str, tuple[Any, Any]]:
    """Return each step's container and its Kubernetes settings, by display name."""
    spec, platform = documents
    settings = platform["platforms"]["kubernetes"]["deploymentSpec"]["executors"]
    containers = spec["deploymentSpec"]["executors"]
    found = {}
    for name, step in steps_of(spec).items():
        label = spec["components"][step["componentRef"]["name"]]["executorLabel"]
        found[name] = (containers[label]["container"], settings[label])
    return found


def test_models_that_want_a_gpu_get_a_gpu_node_and_others_do_not(documents: list[Any]) -> None:
    steps = executors(documents)
    assert "next_play: train sasrec" in steps
    for name, (container, settings) in steps.items():
        wanted = any(
            name == f"{task}: train {model.name}" and model.wants_gpu
            for task in all_tasks()
            for model in models_for(task)
        )
        assert ("accelerator" in container["resources"]) == wanted, name
        assert ("nodeSelector" in settings) == wanted, name
        assert ("tolerations" in settings) == wanted, name


def test_every_step_runs_the_image_with_the_workspace_mounted(documents: list[Any]) -> None:
    for name, (container, settings) in executors(documents).items():
        assert container["image"] == IMAGE, name
        assert [mount["mountPath"] for mount in settings["pvcMount"]] == ["/var/lib/lolomo"], name
        assert {"name": "LOLOMO_HOME", "value": "/var/lib/lolomo"} in container["env"], name


def test_without_gpu_nothing_asks_for_one(tmp_path: Path) -> None:
    documents = compiled(tmp_path / "cpu.yaml", Placement(image=IMAGE, accelerator=None))
    assert "accelerator" not in yaml.safe_dump(documents)


def test_objects_for_kubectl_are_a_pipeline_and_a_version(tmp_path: Path) -> None:
    placement = Placement(image=IMAGE, accelerator=Accelerator(count=2))
    documents = compiled(tmp_path / "objects.yaml", placement, as_objects=True)
    assert [each["kind"] for each in documents] == ["Pipeline", "PipelineVersion"]
    assert documents[1]["spec"]["pipelineName"] == documents[0]["metadata"]["name"]


def test_the_named_tasks_bring_their_sources() -> None:
    names = [task.name for task in with_sources(["top_picks"])]
    assert set(names) == {"top_picks", *all_tasks()["top_picks"].candidates_from}
    assert [task.name for task in with_sources(["next_play"])] == ["next_play"]


def test_an_unknown_task_is_refused() -> None:
    with pytest.raises(SettingsError, match="no task is called"):
        with_sources(["horoscope"])
