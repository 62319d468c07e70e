"""Experiments while serving: arms by the workspace's files, followed without a restart."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from lolomo.core.experiment import Arm, Experiment, assign
from lolomo.core.experiment_store import Entry, ExperimentStore, State
from lolomo.core.policy import Greedy, PlackettLuce, policies_from
from lolomo.events.journal_reading import Journal
from lolomo.events.journal_writer import JournalWriter
from lolomo.serving.bentos import Front, PageRequest
from lolomo.serving.experiments import Assignment, Assignments
from lolomo.serving.journal import Recorder
from lolomo.serving.journal.replaying import replay

NOW = datetime(2026, 1, 5, tzinfo=UTC)
MICROSECONDS = round(NOW.timestamp() * 1e6)
ARMS = (Arm("control"), Arm("treatment", policies="top_picks=plackett_luce(temperature=0.5)"))
EXPLORE = Experiment(name="explore", arms=ARMS, start=datetime(2026, 1, 1, tzinfo=UTC))
USERS = [f"user-{number}" for number in range(40)]


@pytest.fixture
def store(tmp_path: Path) -> ExperimentStore:
    return ExperimentStore(tmp_path / "experiments")


def test_without_experiments_nobody_takes_part(store: ExperimentStore) -> None:
    found = Assignments(store.root).of("user-1", MICROSECONDS)
    assert found == Assignment()
    assert (found.experiment, found.arm) == (None, None)


def test_each_member_has_the_arm_that_the_hash_says_and_its_policies(
    store: ExperimentStore,
) -> None:
    store.start(Entry(experiment=EXPLORE, metrics=("plays",)))
    assignments = Assignments(store.root)
    for user in USERS:
        found = assignments.of(user, MICROSECONDS)
        assert (found.experiment, found.arm) == ("explore", assign(user, EXPLORE))
        drawn = {"top_picks": PlackettLuce(0.5)} if found.arm == "treatment" else {}
        assert found.policies == drawn


def test_what_a_page_was_drawn_by_is_said_for_its_replay(store: ExperimentStore) -> None:
    store.start(Entry(experiment=EXPLORE, metrics=("plays",)))
    assignments = Assignments(store.root)
    everybodys = "top_picks=greedy(), next_play=epsilon_greedy(epsilon=0.1)"
    for user in USERS:
        found = assignments.of(user, MICROSECONDS)
        drawn = policies_from(found.exploration(everybodys))
        assert drawn == {**policies_from(everybodys), **found.policies}


def test_starting_and_stopping_are_followed_without_a_restart(store: ExperimentStore) -> None:
    assignments = Assignments(store.root)
    assert assignments.of("user-1", MICROSECONDS).arms == {}
    store.start(Entry(experiment=EXPLORE, metrics=("plays",)))
    assert assignments.of("user-1", MICROSECONDS).arms.keys() == {"explore"}
    store.end("explore", State.ROLLED_BACK, "harm", NOW)
    assert assignments.of("user-1", MICROSECONDS).arms == {}


def test_before_its_start_an_experiment_has_nobody(store: ExperimentStore) -> None:
    store.start(Entry(experiment=EXPLORE, metrics=("plays",)))
    assert Assignments(store.root).of("user-1", 0).arms == {}


def test_a_broken_file_leaves_what_ran_before(store: ExperimentStore) -> None:
    store.start(Entry(experiment=EXPLORE, metrics=("plays",)))
    assignments = Assignments(store.root)
    before = assignments.of("user-1", MICROSECONDS)
    (store.root / "broken.json").write_text("{")
    assert assignments.of("user-1", MICROSECONDS) == before


def test_experiments_of_several_layers_are_all_journalled(store: ExperimentStore) -> None:
    greedy = (Arm("control", policies="trending_now=greedy()"), Arm("treatment"))
    other = Experiment(name="order", arms=greedy, layer="rows")
    for experiment in (EXPLORE, other):
        store.start(Entry(experiment=experiment, metrics=("plays",)))
    found = [Assignments(store.root).of(user, MICROSECONDS) for user in USERS]
    assert {each.experiment for each in found} == {"explore,order"}
    assert {each.arm for each in found} >= {"control,control", "treatment,treatment"}
    assert any(each.policies.get("trending_now") == Greedy() for each in found)


def test_a_page_is_drawn_by_the_members_arm_and_the_journal_says_so(
    front: Front, store: ExperimentStore, tmp_path: Path
) -> None:
    explore = Arm("treatment", 1e9, "top_picks=plackett_luce(temperature=5.0)")
    started = Experiment(name="explore", arms=(Arm("control"), explore))
    store.start(Entry(experiment=started, metrics=("plays",)))
    resources = replace(front.resources, experiments=Assignments(store.root))
    trying = Front(resources, front.clock, 5.0, journal=Recorder(JournalWriter(tmp_path / "j")))

    async def serve() -> None:
        await trying.open()
        for _ in range(4):
            await trying.page(PageRequest(user_id="ann"))
        await trying.close()

    asyncio.run(serve())
    records = Journal(tmp_path / "j").latest(4)
    assert {(each["experiment"], each["arm"]) for each in records} == {("explore", "treatment")}
    assert 0 < records[0]["slots"][0]["propensity"] < 1
    policies = policies_from(records[0]["exploration"])
    assert replay(records[0], replace(front.resources, policies=policies)).differences == ()
