"""The compiled pipeline: never stale, and at home among the objects of `base`."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from lolomo.tasks import BUILT_IN
from lolomo.training.pipelines import Accelerator, Placement, compile_pipeline, with_sources

COMPILED = Path(__file__).parents[2] / "manifests" / "training" / "pipelines" / "lolomo.yaml"
IMAGE = "lolomo/training@sha256:" + "0" * 64
Render = Callable[[str], list[dict[str, Any]]]


@pytest.fixture(scope="module")
def version() -> dict[str, Any]:
    (found,) = (
        entry["spec"]
        for entry in yaml.safe_load_all(COMPILED.read_text())
        if entry["kind"] == "PipelineVersion"
    )
    return dict(found)


@pytest.fixture(scope="module")
def placed(version: dict[str, Any]) -> list[dict[str, Any]]:
    """What Kubernetes is told of each step."""
    kubernetes = version["platformSpec"]["platforms"]["kubernetes"]
    return list(kubernetes["deploymentSpec"]["executors"].values())


@pytest.fixture(scope="module")
def base(render: Render) -> dict[tuple[str, str], dict[str, Any]]:
    return {(entry["kind"], entry["metadata"]["name"]): entry for entry in render("base")}


def test_the_pipeline_is_the_compiled_one(tmp_path: Path) -> None:
    path, tasks = tmp_path / "lolomo.yaml", with_sources([task.name for task in BUILT_IN])
    compile_pipeline(tasks, "lolomo", path, Placement(image=IMAGE), as_objects=True)
    assert path.read_text() == COMPILED.read_text(), "it is stale: run `make manifests`"


def test_every_step_has_the_disk_and_the_settings_of_base(
    placed: list[dict[str, Any]], base: dict[tuple[str, str], dict[str, Any]]
) -> None:
    for step in placed:
        (mount,) = step["pvcMount"]
        assert ("PersistentVolumeClaim", mount["constant"]) in base
        for source in step["configMapAsEnv"]:
            settings = base["ConfigMap", source["configMapName"]]["data"]
            assert {entry["configMapKey"] for entry in source["keyToEnv"]} <= settings.keys()
            assert settings["LOLOMO_HOME"] == mount["mountPath"]


def test_every_step_writes_where_the_disk_is(version: dict[str, Any]) -> None:
    kubernetes = version["platformSpec"]["platforms"]["kubernetes"]["deploymentSpec"]["executors"]
    for name, executor in version["pipelineSpec"]["deploymentSpec"]["executors"].items():
        variables = {entry["name"]: entry["value"] for entry in executor["container"]["env"]}
        assert variables["LOLOMO_HOME"] == kubernetes[name]["pvcMount"][0]["mountPath"]


def test_the_gpu_overlay_limits_the_accelerator_that_steps_ask_for(render: Render) -> None:
    objects = render("overlays/gpu")
    (quota,) = (entry for entry in objects if entry["metadata"]["name"] == "gpus")
    assert set(quota["spec"]["hard"]) == {f"requests.{Accelerator().kind}"}
