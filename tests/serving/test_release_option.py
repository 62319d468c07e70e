"""`lolomo serve --release`: releases in folders take the place of those pinned."""

import asyncio
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from click.testing import CliRunner

from lolomo import runtimes
from lolomo.cli import lolomo
from lolomo.core.errors import ReleaseError
from lolomo.core.release import Card, ReleaseStore
from lolomo.core.settings import Workspace
from lolomo.serving.bentos import Front, FrontOptions, PageRequest, server
from lolomo.serving.releases import Source, load_champions
from lolomo.serving.steps import Champion, Resources, StepRequest
from lolomo.tasks import all_tasks

NOTHING: dict[str, Any] = dict.fromkeys(
    ("runtime", "method", "data_fingerprint", "feature_service", "reward", "code_version"), ""
)


@pytest.fixture(autouse=True)
def _recommenders_are_names(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runtimes, "load", lambda release: release.name)
    monkeypatch.setattr(runtimes, "warm_up", lambda _: None)


def source(path: Path, *folders: Path) -> Source:
    """Return where a service finds its releases."""
    return Source(ReleaseStore(Workspace(path).releases), all_tasks(), folders)


@pytest.fixture
def store(tmp_path: Path) -> ReleaseStore:
    return ReleaseStore(Workspace(tmp_path).releases)


def publish(store: ReleaseStore, task: str, model: str) -> Path:
    """Return the folder of a release that holds nothing but its card and a file."""
    files = store.root.parent / "files"
    files.mkdir(exist_ok=True)
    (files / "model.txt").write_text(model)
    more: Any = {"inputs": (), "config": {}, "data_window": ("", ""), "metrics": {}, "gate": {}}
    return store.publish(files, Card(task=task, model=model, **NOTHING, **more)).path


def test_folders_are_served_and_pins_are_not(store: ReleaseStore, tmp_path: Path) -> None:
    store.pin("trending_now", publish(store, "trending_now", "pinned").name)
    folders = [publish(store, "next_play", "mine"), publish(store, "trending_now", "newer")]
    champions = load_champions(source(tmp_path, *folders))
    assert {task: champion.model for task, champion in champions.items()} == {
        "next_play": "mine",
        "trending_now": "newer",
    }


def test_no_pin_is_needed_beside_a_folder(store: ReleaseStore, tmp_path: Path) -> None:
    folder = publish(store, "next_play", "mine")
    (champion,) = load_champions(source(tmp_path, folder)).values()
    assert champion.digest == folder.name


@pytest.mark.parametrize("tasks", [["next_play", "next_play"], ["next_plai"]])
def test_folders_of_one_task_or_of_no_task_are_refused(
    tasks: list[str], store: ReleaseStore, tmp_path: Path
) -> None:
    folders = [publish(store, task, f"model_{place}") for place, task in enumerate(tasks)]
    with pytest.raises(ReleaseError, match="expected each folder to be of another of"):
        load_champions(source(tmp_path, *folders))


def test_a_changed_folder_is_refused(store: ReleaseStore, tmp_path: Path) -> None:
    folder = publish(store, "next_play", "mine")
    (folder / "model.txt").write_text("theirs")
    with pytest.raises(ReleaseError, match="does not match its card"):
        load_champions(source(tmp_path, folder))


def test_the_command_hands_over_every_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = SimpleNamespace()
    monkeypatch.setattr(server, "serve", lambda options, *_: asked.__setattr__("options", options))
    arguments = ["serve", "--release", "a", "--release", "b", "--graph-url", "http://router"]
    answer = CliRunner().invoke(lolomo, arguments, catch_exceptions=False)
    assert answer.exit_code == 0, answer.output
    assert isinstance(asked.options, FrontOptions)
    assert asked.options.releases == (Path("a"), Path("b"))
    assert asked.options.graph_url == "http://router"


@pytest.mark.parametrize("task", ["next_play", "because_you_watched", "trending_now", "top_picks"])
def test_a_front_of_one_release_is_ready_and_answers_its_steps(
    task: str, resources: Resources, champions: dict[str, Champion]
) -> None:
    front = Front(replace(resources, champions={task: champions[task]}), deadline_seconds=5.0)

    async def ask(step: str) -> Any:
        await front.warm_up()
        context = await front.context(PageRequest(user_id="ann"))
        return await front.steps[step](StepRequest(context))

    answer = asyncio.run(ask("page" if task == "top_picks" else task))
    assert front.ready
    assert task == "top_picks" or len(answer.proposal.item_ids)


def compile_graph(*arguments: str) -> Any:
    return CliRunner().invoke(lolomo, ["graph", "compile", *arguments])


def test_a_step_is_compiled_to_the_service_that_answers_it() -> None:
    answer = compile_graph("--service", "page=blender", "--service", "next_play=sequence")
    assert "http://blender.lolomo.svc.cluster.local/v1/steps/page\n" in answer.output
    assert "http://sequence.lolomo.svc.cluster.local/v1/steps/next_play\n" in answer.output
    assert "http://trending-now-predictor.lolomo.svc" in answer.output


@pytest.mark.parametrize("service", ["page", "page=", "=blender", "pages=blender"])
def test_a_service_of_no_step_is_refused(service: str) -> None:
    answer = compile_graph("--service", service)
    assert answer.exit_code == 2
    assert f"received '{service}': expected STEP=SERVICE" in " ".join(answer.output.split())
