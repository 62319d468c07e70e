"""The store: what was started is found again, and what was edited or would interfere is refused."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from lolomo.core.errors import SettingsError
from lolomo.core.experiment import Arm, Experiment, Guardrail
from lolomo.core.experiment_store import Entry, ExperimentStore, State, arms_of

START, LATER = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 9, tzinfo=UTC)


def entry(name: str = "rows-first", **changes: Any) -> Entry:
    arms = (Arm("control", 9.0), Arm("treatment"))
    values = {"name": name, "arms": arms, "start": START, **changes}
    return Entry(experiment=Experiment(**values), metrics=("plays",))


@pytest.fixture
def store(tmp_path: Path) -> ExperimentStore:
    return ExperimentStore(tmp_path / "experiments")


def test_what_is_started_is_found_again_as_it_was(store: ExperimentStore) -> None:
    started = entry(guardrails=(Guardrail("plays", 0.5, "down"),), holdout=0.1, layer="rank")
    store.start(started)
    assert ExperimentStore(store.root).entries() == {"rows-first": started}
    assert store.running(START) == [started.experiment]


def test_what_has_ended_runs_no_longer_and_says_why(store: ExperimentStore) -> None:
    store.start(entry())
    ended = store.end("rows-first", State.ROLLED_BACK, "plays fell", LATER)
    assert (ended.state, ended.reason, ended.experiment.stop) == (
        "rolled back",
        "plays fell",
        LATER,
    )
    assert store.running(START) == []
    assert store.end("rows-first", State.STOPPED, "again", LATER) == ended


@pytest.mark.parametrize(
    ("second", "message"),
    [
        (entry(), "running already"),
        (entry("other"), "expected no overlap"),
        (entry("../other", layer="rank"), "letters, digits"),
    ],
)
def test_what_would_interfere_is_not_started(
    store: ExperimentStore, second: Entry, message: str
) -> None:
    store.start(entry())
    with pytest.raises(SettingsError, match=message):
        store.start(second)
    assert list(store.entries()) == ["rows-first"]


def test_an_ended_experiment_frees_its_segment_but_not_its_name(store: ExperimentStore) -> None:
    store.start(entry())
    store.end("rows-first", State.STOPPED, "", LATER)
    store.start(entry("second"))
    with pytest.raises(SettingsError, match="stopped already"):
        store.start(entry())


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"holdout"', '"holdouts"'),
        ('"running"', '"asleep"'),
        ('"share": 9.0', '"share": "many"'),
        ("2026-01-01", "yesterday"),
        ("{", "["),
    ],
)
def test_a_file_that_was_edited_is_refused(store: ExperimentStore, old: str, new: str) -> None:
    store.start(entry())
    path = store.root / "rows-first.json"
    path.write_text(path.read_text().replace(old, new, 1))
    with pytest.raises(SettingsError, match="is no experiment"):
        store.entries()


def test_an_unknown_experiment_is_refused_by_name(store: ExperimentStore) -> None:
    with pytest.raises(SettingsError, match="no experiment is called 'absent'"):
        store.entry("absent")


def test_a_unit_has_an_arm_in_every_experiment_that_it_is_part_of() -> None:
    every = [entry("a").experiment, entry("b", layer="rank", segment=(0.0, 0.5)).experiment]
    arms = [arms_of(f"user-{number}", every) for number in range(200)]
    assert all(set(each) >= {"a"} for each in arms)
    assert 60 < sum("b" in each for each in arms) < 140
