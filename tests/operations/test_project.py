"""`lolomo init` makes a company's project; a task that is added to it reaches its manifests."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from lolomo.core.errors import SettingsError
from lolomo.operations.cluster import Overlay
from lolomo.operations.project import create_project, write_manifests
from lolomo.tasks import BUILT_IN

SECOND_TASK = """

KIDS = Task(
    name="acme_kids",
    question="What does a child watch next?",
    label=Label(LabelKind.NEXT_ITEM),
    row=Row(title="For kids", why="for young ones"),
    features=("item_plays_7d",),
)
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project, to which a second task was added; installed beside Lolomo."""
    folder = tmp_path_factory.mktemp("company")
    lolomo(folder, "init", "acme", "--name", "acme")
    tasks = folder / "acme" / "acme" / "tasks.py"
    tasks.write_text(tasks.read_text() + SECOND_TASK)
    entry = 'acme_favourites = "acme.tasks:FAVOURITES"'
    settings = folder / "acme" / "pyproject.toml"
    added = f'{entry}\nacme_kids = "acme.tasks:KIDS"'
    settings.write_text(settings.read_text().replace(entry, added))
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation"]
    target = ["--target", str(folder / "site"), str(folder / "acme")]
    subprocess.run([*pip, *target], check=True, timeout=120)
    lolomo(folder, "manifests", "acme")
    return folder / "acme"


def lolomo(folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "lolomo.cli", *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(folder / "site")},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def objects(project: Path) -> dict[tuple[str, str], dict[str, Any]]:
    entries = Overlay(project / "manifests" / "overlays" / "dev").render()
    return {(entry["kind"], entry["metadata"]["name"]): entry for entry in entries}


@pytest.mark.parametrize("name", ["acme-favourites", "acme-kids"])
def test_a_task_of_its_own_is_trained_served_and_a_step_of_the_graph(
    name: str, objects: dict[tuple[str, str], dict[str, Any]]
) -> None:
    job = objects["CronJob", f"train-{name}"]["spec"]
    (container,) = job["jobTemplate"]["spec"]["template"]["spec"]["containers"]
    assert container["command"][-1] == name.replace("-", "_")
    assert job["suspend"] is True
    assert ("InferenceService", name) in objects
    steps = objects["InferenceGraph", "page"]["spec"]["nodes"]["candidates"]["steps"]
    assert name.replace("-", "_") in [step["name"] for step in steps]


def test_its_manifests_keep_the_security_of_the_built_in_ones(
    objects: dict[tuple[str, str], dict[str, Any]],
) -> None:
    own, built_in = (
        objects["InferenceService", name]["spec"]["predictor"]
        for name in ("acme-kids", "trending-now")
    )
    assert own == built_in


def test_a_pin_of_its_overlay_reaches_its_storage_uri(project: Path) -> None:
    path = project / "manifests" / "overlays" / "dev" / "releases.yaml"
    before, digest = path.read_text(), "ab" * 32
    entry = yaml.safe_load(before)
    entry["data"]["acme_kids"] = digest
    path.write_text(yaml.safe_dump(entry))
    rendered = Overlay(path.parent).render()
    path.write_text(before)
    (kids,) = (
        entry
        for entry in rendered
        if (entry["kind"], entry["metadata"]["name"]) == ("InferenceService", "acme-kids")
    )
    assert kids["spec"]["predictor"]["containers"][0]["env"][0]["value"].endswith(digest)


def test_writing_the_manifests_again_keeps_pins_and_overlays(project: Path) -> None:
    overlay = project / "manifests" / "overlays" / "dev"
    before = {path.name: path.read_text() for path in overlay.iterdir()}
    lolomo(project.parent, "manifests", "acme")
    assert {path.name: path.read_text() for path in overlay.iterdir()} == before


def test_its_python_files_keep_its_own_test(project: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(project.parent / "site")}
    test = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests"]
    done = subprocess.run(test, cwd=project, env=environment, capture_output=True, timeout=120)
    assert done.returncode == 0, done.stdout


def test_a_tenant_has_namespaces_of_its_own_and_names_no_other(tmp_path: Path) -> None:
    create_project(tmp_path / "shop", "shop", "shop")
    write_manifests(tmp_path / "shop", list(BUILT_IN))
    rendered = Overlay(tmp_path / "shop" / "manifests" / "overlays" / "dev").render()
    clusterwide = ("Namespace", "PriorityClass")
    namespaces = {
        entry["metadata"]["namespace"] for entry in rendered if entry["kind"] not in clusterwide
    }
    assert namespaces == {"shop", "shop-graph"}
    text = json.dumps(rendered)
    for other in ("lolomo.svc", "lolomo-graph", '"kubernetes.io/metadata.name": "lolomo"'):
        assert other not in text
    for kind in ("Namespace", "NetworkPolicy", "RoleBinding"):
        assert json.dumps([each for each in rendered if each["kind"] == kind]).count('"shop')


@pytest.mark.parametrize("name", ["Acme", "acme inc", "1st", ""])
def test_a_name_that_no_package_can_have_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="small letters"):
        create_project(tmp_path / "project", name)


def test_a_folder_with_something_in_it_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("keep me")
    with pytest.raises(SettingsError, match="not empty"):
        create_project(tmp_path, "acme")
