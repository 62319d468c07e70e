"""The whole road on small data: killed on its way, taken up again, and safe to repeat."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from mapping_files import play, write_dataset

from lolomo.core.release import ReleaseStore
from lolomo.core.settings import Workspace
from lolomo.events import EventLog
from lolomo.operations.skew import check_skew
from lolomo.operations.training import split_by_needs
from lolomo.tasks import TOP_PICKS, all_tasks

PATIENCE_SECONDS = 600


def _plays() -> Iterator[str]:
    """Yield plays of 60 users with one of two tastes, the newer items more often."""
    rng = np.random.default_rng(11)
    for number in range(2400):
        user = int(rng.integers(60))
        newest = 20 + number // 60
        item = newest - min(newest, int(rng.geometric(0.08)))
        item += (item % 2 != user % 2) & (rng.random() < 0.9)
        yield play(user, item, timedelta(minutes=20 * number))


@dataclass
class Road:
    """A folder with a company's data, and the demo over it."""

    folder: Path

    @property
    def workspace(self) -> Path:
        return self.folder / "home" / "small"

    def start(self) -> "subprocess.Popen[str]":
        """Start the demo in a session of its own."""
        return subprocess.Popen(
            [sys.executable, "-m", "lolomo.cli", "demo", "--dataset", "mapping.toml"],
            cwd=self.folder,
            env={**os.environ, "LOLOMO_HOME": str(self.folder / "home")},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def finish(self) -> str:
        """Run the demo to its end and return what it printed."""
        process = self.start()
        output, _ = process.communicate(timeout=PATIENCE_SECONDS)
        assert process.returncode == 0, output
        return output

    def kill_in_training(self) -> None:
        """Start the demo and kill it, children and all, while a model is being fitted."""
        process = self.start()
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not list(self.workspace.glob("runs/.fit-*")):
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.05)
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()

    def pins(self) -> dict[str, str]:
        return ReleaseStore(self.workspace / "releases").pins()


@pytest.fixture(scope="module")
def road(tmp_path_factory: pytest.TempPathFactory) -> Road:
    road = Road(tmp_path_factory.mktemp("road"))
    write_dataset(road.folder, "small", _plays())
    road.kill_in_training()
    assert road.pins() == {}
    road.finish()
    return road


def test_every_task_has_a_champion_whose_files_are_as_its_card_says(road: Road) -> None:
    store = ReleaseStore(road.workspace / "releases")
    pins = road.pins()
    columns = EventLog(road.workspace / "events").manifest.columns
    possible, _ = split_by_needs(list(all_tasks().values()), columns)
    assert pins.keys() == {task.name for task in possible}
    for task, digest in pins.items():
        card = store.open(digest).card
        assert card.task == task
        assert card.metrics["test"]


def test_the_candidates_of_a_ranker_come_from_every_source(road: Road) -> None:
    page = json.loads((road.workspace / "reports" / "page-someone-new.json").read_text())
    assert {row["task"] for row in page["rows"]} >= {"top_picks"}
    pages = [json.loads(path.read_text()) for path in road.workspace.glob("reports/page-u*.json")]
    sources = {
        origin["source"]
        for page in pages
        for row in page["rows"]
        for entry in row["entries"]
        for origin in entry["provenance"]
    }
    assert sources == set(TOP_PICKS.candidates_from)


def test_no_title_stands_twice_on_a_page(road: Road) -> None:
    for path in road.workspace.glob("reports/page-*.json"):
        page = json.loads(path.read_text())
        items = [entry["item_id"] for row in page["rows"] for entry in row["entries"]]
        assert len(items) == len(set(items))
        assert not page["degraded"]


def test_what_was_served_is_replayed_exactly_and_without_skew(road: Road) -> None:
    skew = check_skew(Workspace(road.workspace), 10)
    assert skew.requests >= 3
    assert (skew.mismatches, skew.examples) == ({}, [])
    command = [sys.executable, "-m", "lolomo.cli", "replay", "--latest", "3", "--dataset", "small"]
    environment = {**os.environ, "LOLOMO_HOME": str(road.folder / "home")}
    answer = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert answer.returncode == 0, answer.stdout + answer.stderr
    assert "3 pages computed again, 0 differ" in answer.stdout


def test_a_second_run_repeats_nothing_and_changes_nothing(road: Road) -> None:
    pins = road.pins()
    runs = sorted(path.name for path in (road.workspace / "runs").iterdir())
    started = time.monotonic()
    assert "Done in" in road.finish()
    assert road.pins() == pins
    again = sorted(path.name for path in (road.workspace / "runs").iterdir())
    assert [name for name in again if name.startswith("train")] == [
        name for name in runs if name.startswith("train")
    ]
    assert time.monotonic() - started < PATIENCE_SECONDS / 4
