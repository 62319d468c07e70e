"""Releases that experiments compare with the champions: by arms, by interleaving, by shadows."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from serving.conftest import FakeRanker

from lolomo.core.experiment import Arm, Experiment, Mode, assign
from lolomo.core.experiment_store import Entry, ExperimentStore
from lolomo.core.settings import Workspace
from lolomo.events.journal_reading import Journal
from lolomo.events.journal_writer import JournalWriter
from lolomo.operations.challenged import preferences, shadowed
from lolomo.serving.bentos import Front, PageRequest
from lolomo.serving.bentos.front import PageAnswer
from lolomo.serving.experiments import Assignments
from lolomo.serving.experiments.shadowing import Shadows
from lolomo.serving.journal import Recorder
from lolomo.serving.journal.replaying import replay
from lolomo.serving.steps import Champion, PageRow
from lolomo.serving.telemetry import metrics

DIGEST = "f" * 64
USERS = [f"user-{number}" for number in range(12)]


@dataclass
class Trial:
    """A front whose workspace has an experiment about a second ranker of `top_picks`."""

    front: Front
    folder: Path
    experiment: Experiment
    answers: dict[str, PageAnswer] = field(default_factory=dict)

    def serve(self, *users: str) -> None:
        async def ask() -> None:
            await self.front.open()
            for user in users:
                self.answers[user] = await self.front.page(PageRequest(user_id=user))
            await self.front.close()

        asyncio.run(ask())

    def row(self, user: str) -> PageRow:
        return next(row for row in self.answers[user].rows if row.task == "top_picks")

    def records(self, journal: str = "journal") -> dict[str, Any]:
        found = Journal(self.folder / journal).latest(100)
        return {record["user_id"]: record for record in found}


@pytest.fixture
def trial(front: Front, tmp_path: Path) -> Callable[..., Trial]:
    def started(mode: Mode, challenger: FakeRanker | None, share: float = 1.0) -> Trial:
        arms = (Arm("control"), Arm("treatment", share, releases=f"top_picks={DIGEST}"))
        experiment = Experiment(name="sharper", arms=arms, mode=mode)
        store = ExperimentStore(tmp_path / "experiments")
        store.start(Entry(experiment=experiment, metrics=("plays",)))
        loaded = Champion(DIGEST, "deep_ranker", challenger) if challenger else None
        resources = replace(
            front.resources,
            experiments=Assignments(store.root),
            challengers={("top_picks", DIGEST): loaded} if loaded else {},
        )
        trying = Front(
            resources, front.clock, 5.0, journal=Recorder(JournalWriter(tmp_path / "journal"))
        )
        shadows = Recorder(JournalWriter(tmp_path / "shadows"))
        trying.shadows = Shadows(shadows, trying.admission)
        return Trial(trying, tmp_path, experiment)

    return started


def test_an_arm_with_a_release_is_answered_by_it(trial: Callable[..., Trial]) -> None:
    tried = trial(Mode.ARMS, FakeRanker("item_plays_7d"))
    tried.serve(*USERS)
    for user in USERS:
        treated = assign(user, tried.experiment) == "treatment"
        assert tried.row(user).release == (DIGEST if treated else "d" * 64)
        assert tried.records()[user]["releases"]["top_picks"] == tried.row(user).release


def test_a_release_that_is_not_loaded_leaves_the_champion_and_says_so(
    trial: Callable[..., Trial],
) -> None:
    tried = trial(Mode.ARMS, None, share=1e9)
    tried.serve("ann")
    assert tried.row("ann").release == "d" * 64
    assert tried.answers["ann"].degraded["top_picks"] == f"no-canary: {DIGEST[:12]}"


def test_interleaving_drafts_both_releases_into_everybodys_row(
    trial: Callable[..., Trial],
) -> None:
    tried = trial(Mode.INTERLEAVING, FakeRanker("item_plays_7d"))
    tried.serve("ann", *USERS)
    for user in ("ann", USERS[0]):
        row, record = tried.row(user), tried.records()[user]
        assert row.policy_id == "team_draft"
        assert {*row.teams[:2]} == {"champion", "challenger"}
        slots = [slot for slot in record["slots"] if slot["team"]]
        assert [slot["team"] for slot in slots] == [*row.teams]
        assert all(0 < slot["propensity"] <= 1 for slot in slots)
        assert record["releases"]["top_picks/challenger"] == DIGEST
        assert {r["task"] for r in record["rankings"]} >= {"top_picks", "top_picks/challenger"}


def test_an_interleaved_page_is_replayed_exactly(trial: Callable[..., Trial]) -> None:
    tried = trial(Mode.INTERLEAVING, FakeRanker("item_plays_7d"))
    tried.serve("ann")
    as_then = replace(tried.front.resources, experiments=None, interleaved={"top_picks": DIGEST})
    assert replay(tried.records()["ann"], as_then).differences == ()


def test_a_challenger_that_fails_leaves_the_champions_row(trial: Callable[..., Trial]) -> None:
    def fail() -> None:
        raise RuntimeError

    tried = trial(Mode.INTERLEAVING, FakeRanker(fail=fail))
    tried.serve("ann")
    assert tried.row("ann").policy_id == "greedy"
    assert tried.answers["ann"].degraded["top_picks/challenger"] == "failed: RuntimeError"


def test_a_shadow_answers_copies_that_nobody_sees(trial: Callable[..., Trial]) -> None:
    tried = trial(Mode.SHADOW, FakeRanker("item_plays_7d"), share=1e9)
    tried.serve("ann", "bob")
    assert tried.row("ann").release == "d" * 64
    served, shadows = tried.records()["ann"], tried.records("shadows")
    assert shadows.keys() == {"ann", "bob"}
    shadow = shadows["ann"]
    assert (shadow["request_id"], shadow["surface"]) == (served["request_id"], "shadow")
    assert (shadow["experiment"], shadow["arm"]) == ("sharper", "treatment")
    assert shadow["releases"]["top_picks"] == DIGEST
    assert shadow["user_features"] == served["user_features"]
    assert shadow["slots"] != served["slots"]


def test_a_shadow_that_fails_is_written_down_and_harms_nobody(
    trial: Callable[..., Trial],
) -> None:
    def fail() -> None:
        raise RuntimeError

    tried = trial(Mode.SHADOW, FakeRanker(fail=fail), share=1e9)
    tried.serve(*["ann"] * 8)
    assert tried.answers["ann"].degraded == {}
    assert tried.records("shadows")["ann"]["degraded"] == {"top_picks": "failed: RuntimeError"}


def test_a_slow_shadow_keeps_nobody_waiting_and_what_it_cannot_do_is_shed(
    trial: Callable[..., Trial],
) -> None:
    tried = trial(Mode.SHADOW, FakeRanker(fail=lambda: time.sleep(0.5)), share=1e9)
    shed = metrics.SHADOWS.labels("shed")
    before = shed._value.get()

    async def ask() -> float:
        await tried.front.open()
        began = time.perf_counter()
        for _ in range(10):
            await tried.front.page(PageRequest(user_id="ann"))
        took = time.perf_counter() - began
        await tried.front.close()
        return took

    assert asyncio.run(ask()) < 5 * 0.5
    assert shed._value.get() - before >= 3


def test_a_busy_service_sheds_shadows_first(trial: Callable[..., Trial]) -> None:
    tried = trial(Mode.SHADOW, FakeRanker(), share=1e9)
    tried.front.admission.in_flight = 9
    tried.serve("ann")
    assert tried.records("shadows") == {}


def test_without_experiments_no_thread_waits_for_shadows(front: Front, tmp_path: Path) -> None:
    front.shadows = Shadows(Recorder(JournalWriter(tmp_path / "shadows")), front.admission)
    asyncio.run(front.page(PageRequest(user_id="ann")))
    front.shadows.close()
    assert not (tmp_path / "shadows").exists()


def test_plays_of_an_interleaved_row_are_credited_to_who_picked_the_title(
    trial: Callable[..., Trial],
) -> None:
    tried = trial(Mode.INTERLEAVING, FakeRanker("item_plays_7d"))
    tried.serve("ann", "bob", *USERS)
    records = tried.records()
    picked = [
        (user, record["request_id"], slot["item_id"], record["timestamp"])
        for user, record in records.items()
        for slot in record["slots"]
        if slot["team"] == "challenger" and user != "bob"
    ]
    events = pl.DataFrame(
        [
            {"user_id": user, "request_id": request, "item_id": item, "kind": kind}
            | {"timestamp": time + later, "value": None}
            for user, request, item, time in picked
            for kind, later in (("play", timedelta(hours=1)), ("search", timedelta(days=3)))
        ],
        schema_overrides={"value": pl.Float64, "timestamp": pl.Datetime("us", "UTC")},
    ).sort("timestamp")
    found = preferences(Workspace(tried.folder), tried.experiment, events)["top_picks"]
    voters = {user for user, *_ in picked}
    assert (found.wins, found.losses) == (len(voters), 0)
    assert found.ties == found.num_lists - len(voters)
    assert "bob" in records


def test_a_shadows_answers_are_compared_with_those_served(trial: Callable[..., Trial]) -> None:
    tried = trial(Mode.SHADOW, FakeRanker("next_play_score"), share=1e9)
    tried.serve("ann", "bob")
    found = shadowed(Workspace(tried.folder), tried.experiment)["top_picks"]
    assert (found.num_requests, found.failed) == (2, 0.0)
    assert (found.overlap, found.rank_biased_overlap, found.same_first) == (1.0, 1.0, 1.0)
    assert found.rank_correlation == pytest.approx(1.0)
    assert found.latency_ratio > 0


def test_a_shadow_that_failed_is_counted_as_failed(trial: Callable[..., Trial]) -> None:
    def fail() -> None:
        raise RuntimeError

    tried = trial(Mode.SHADOW, FakeRanker(fail=fail), share=1e9)
    tried.serve("ann")
    assert shadowed(Workspace(tried.folder), tried.experiment)["top_picks"].failed == 1.0


def test_before_any_traffic_nothing_is_known(trial: Callable[..., Trial]) -> None:
    tried = trial(Mode.INTERLEAVING, FakeRanker())
    workspace = Workspace(tried.folder)
    found = preferences(workspace, tried.experiment, pl.DataFrame())["top_picks"]
    assert (found.num_lists, found.p_value) == (0, 1.0)
    assert shadowed(workspace, tried.experiment) == {}
