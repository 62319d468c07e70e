import os
from pathlib import Path

import pytest

from lolomo.core.settings import Workspace
from lolomo.training.pipelines.steps import NotDoneError, only_what_is_done, run_step


def fill(folder: Path) -> None:
    (folder / "outcome").write_text("done")


def refuse(folder: Path) -> None:
    (folder / "half").write_text("x")
    raise RuntimeError("killed")


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path)


def test_a_step_that_is_done_is_not_done_again(workspace: Workspace) -> None:
    key = run_step(workspace, "train-x", {"data": 1}, fill)
    assert run_step(workspace, "train-x", {"data": 1}, refuse) == key


def test_whatever_decides_the_outcome_makes_another_step(workspace: Workspace) -> None:
    first = run_step(workspace, "train-x", {"data": 1}, fill)
    assert run_step(workspace, "train-x", {"data": 2}, fill) != first


def test_a_killed_step_leaves_nothing_and_is_done_anew(workspace: Workspace) -> None:
    with pytest.raises(RuntimeError):
        run_step(workspace, "train-x", {}, refuse)
    assert list(workspace.runs.iterdir()) == []
    key = run_step(workspace, "train-x", {}, fill)
    assert (workspace.runs / key / "outcome").read_text() == "done"


def test_a_step_found_done_counts_as_the_latest(workspace: Workspace) -> None:
    old = workspace.runs / run_step(workspace, "gate-x", {"data": 1}, fill)
    os.utime(old, (1, 1))
    new = workspace.runs / run_step(workspace, "gate-x", {"data": 2}, fill)
    os.utime(new, (2, 2))
    run_step(workspace, "gate-x", {"data": 1}, refuse)
    assert old.stat().st_mtime > new.stat().st_mtime


def test_where_nothing_may_be_done_what_is_done_is_read(workspace: Workspace) -> None:
    key = run_step(workspace, "train-x", {"data": 1}, fill)
    with only_what_is_done():
        assert run_step(workspace, "train-x", {"data": 1}, refuse) == key
        with pytest.raises(NotDoneError, match="train-x"):
            run_step(workspace, "train-x", {"data": 2}, fill)
    run_step(workspace, "train-x", {"data": 2}, fill)
