"""`lolomo experiment`: from start to rollback, on events in which one arm was harmed."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from releases import store_with_releases

from lolomo.cli.experiment import experiment
from lolomo.core.errors import LolomoError, SettingsError
from lolomo.core.experiment import Arm, Experiment, assign
from lolomo.core.release import Release
from lolomo.core.settings import Settings
from lolomo.events import find_dataset, import_dataset
from lolomo.serving.experiments import Assignments

ARMS = (Arm("control"), Arm("treatment"))
MAPPING = """\
name = "harmed"

[events]
path = "plays.csv"
kind = "play"

[events.columns]
user_id = "user"
item_id = "item"
timestamp = "time"
"""
NUM_USERS = 600
START = datetime(2026, 1, 15, tzinfo=UTC)
WORDS = ["start", "harm", "--arm", "control", "--arm", "treatment", "--from", "2026-01-15"]
GUARD = ["--guardrail", "plays:0.2"]


@pytest.fixture(scope="module")
def events(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A log in which members of the treatment stop watching when the experiment begins."""
    folder = tmp_path_factory.mktemp("harmed")
    split = Experiment(name="harm", arms=ARMS)
    lines = ["user,item,time"]
    for number in range(NUM_USERS):
        user = f"u{number}"
        lost = assign(user, split) == "treatment"
        days = [*range(10 + number % 3), *(() if lost else range(15, 19 + number % 4))]
        times = (datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=day, hours=1) for day in days)
        lines += [f"{user},i{number % 7},{time.isoformat()}" for time in times]
    (folder / "plays.csv").write_text("\n".join(lines) + "\n")
    (folder / "mapping.toml").write_text(MAPPING)
    import_dataset(find_dataset(str(folder / "mapping.toml")), Settings(folder / "home", "", None))
    return folder / "home"


@pytest.fixture
def run(events: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return what runs `lolomo experiment` with a folder of experiments of its own."""
    home = tmp_path / "home" / "harmed"
    home.mkdir(parents=True)
    (home / "events").symlink_to(events / "harmed" / "events")
    monkeypatch.setenv("LOLOMO_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("LOLOMO_DATASET", "harmed")

    def command(*words: str) -> str:
        done = CliRunner().invoke(experiment, list(words), catch_exceptions=False)
        assert done.exit_code == 0, done.output
        return done.output

    return command


def test_an_arm_that_harms_is_rolled_back_by_looking(run: Any) -> None:
    assert "control 50%, treatment 50%" in run(*WORDS, *GUARD)
    assert "harm is rolled back: treatment harms plays" in run("status")
    (found,) = json.loads(run("status", "--json"))
    assert found["state"] == "rolled back"
    assert found["experiment"]["stop"] is not None


def test_a_report_changes_nothing(run: Any) -> None:
    run(*WORDS, *GUARD)
    (found,) = json.loads(run("report", "harm", "--json"))
    assert found["state"] == "running"
    assert found["analysis"]["differences"][0]["difference"]["high"] < -0.2
    assert found["analysis"]["num_units"] == NUM_USERS
    assert not found["analysis"]["ratio"]["is_alarm"]


def test_nothing_is_known_on_the_first_day_and_nothing_is_rolled_back(run: Any) -> None:
    run(*WORDS, *GUARD)
    assert "harm is running" in run("status", "--at", "2026-01-15 00:30:00")


def test_without_a_guardrail_an_experiment_runs_until_it_is_stopped(run: Any) -> None:
    run(*WORDS)
    assert "harm is running" in run("status")
    assert "harm is stopped: enough" in run("stop", "harm", "--reason", "enough")


def test_no_experiment_is_said_to_be_none(run: Any) -> None:
    assert "no experiment was started" in run("status")


def test_a_watch_rolls_back_and_a_running_service_follows(run: Any, tmp_path: Path) -> None:
    assignments = Assignments(tmp_path / "home" / "harmed" / "experiments")
    moment = round(datetime(2026, 1, 16, tzinfo=UTC).timestamp() * 1e6)
    run(*WORDS, *GUARD)
    assert assignments.of("u1", moment).arms.keys() == {"harm"}
    said = run("watch", "--looks", "2", "--every", "0")
    assert said.count("harm is rolled back: treatment harms plays") == 1
    assert assignments.of("u1", moment).arms == {}


@pytest.fixture
def releases(run: Any, tmp_path: Path) -> dict[str, Release]:
    """Releases of the workspace, by how they fared at the gate, and one of another task."""
    return store_with_releases(tmp_path / "home" / "harmed" / "releases")


@pytest.mark.parametrize("mode", ["arms", "interleaving", "shadow"])
def test_releases_are_compared_by_the_start_of_their_digest(
    run: Any, releases: dict[str, Release], tmp_path: Path, mode: str
) -> None:
    digest = releases["passed"].digest
    said = run(*WORDS, "--release", f"treatment:top_picks={digest[:10]}", "--mode", mode)
    assert f"UTC{'' if mode == 'arms' else f', {mode}'}: control 50%" in said
    (found,) = json.loads(run("status", "--json"))
    assert found["experiment"]["arms"][1]["releases"] == f"top_picks={digest}"
    assert ("analysis" in found) is (mode == "arms")
    assert "harm is running" in run("report", "harm")


@pytest.mark.parametrize(
    ("gate", "task", "mode", "message"),
    [
        ("failed", "top_picks", "interleaving", "failed its gate"),
        ("failed", "top_picks", "arms", "failed its gate"),
        ("next_play", "top_picks", "arms", "is of task 'next_play'"),
        ("next_play", "next_play", "interleaving", "ranks nothing"),
    ],
)
def test_a_release_that_members_should_not_meet_is_refused(
    run: Any, releases: dict[str, Release], gate: str, task: str, mode: str, message: str
) -> None:
    words = ["--release", f"treatment:{task}={releases[gate].digest}", "--mode", mode]
    with pytest.raises(LolomoError, match=message):
        run(*WORDS, *words)


def test_what_failed_its_gate_may_be_tried_unseen(run: Any, releases: dict[str, Release]) -> None:
    wanted = f"treatment:top_picks={releases['failed'].digest}"
    assert "shadow" in run(*WORDS, "--release", wanted, "--mode", "shadow")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--mode", "shadow"], "one arm with releases"),
        (["--release", "absent:top_picks=ab"], "--release for 'absent'"),
        (["--metric", "hours"], "expected some of"),
        (["--guardrail", "plays:much"], "NAME:NUMBER"),
        (["--segment", "half"], "FROM:TO"),
        (["--draw", "treatment:top_picks=magic()"], "no policy 'magic'"),
        (["--draw", "absent:top_picks=greedy()"], "--draw for"),
    ],
)
def test_words_that_mean_nothing_are_refused(run: Any, words: list[str], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        run(*WORDS, *words)
