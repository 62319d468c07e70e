"""The loop, closed once on a world of few members: pages, events, training, trial, champion."""

import json
import os
from datetime import timedelta
from pathlib import Path

import pytest

from lolomo import runtimes
from lolomo.core.errors import DataError, SettingsError
from lolomo.core.progress import silent
from lolomo.core.settings import Settings, Workspace
from lolomo.events import EventLog
from lolomo.events.journal_reading import Journal
from lolomo.operations.loop import LoopPlan, LoopReport, run_loop
from lolomo.operations.loop.report import as_json, draw_loop
from lolomo.operations.monitoring import monitor

PLAN = LoopPlan(
    days=2,
    warm_up_days=22,
    members=60,
    items=110,
    retrain_days=1,
    visits_per_day=0.4,
    models={"trending_now": ("recent_popularity",)},
    exploration="trending_now=plackett_luce(temperature=0.2)",
)


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return Settings(tmp_path_factory.mktemp("home"), "loop", None)


@pytest.fixture(scope="module")
def report(settings: Settings) -> LoopReport:
    with pytest.MonkeyPatch.context() as patched:
        patched.setitem(os.environ, "LOLOMO_HOME", str(settings.home))
        # Other tests of this process may have started TensorFlow's threads.
        patched.setattr(runtimes, "limit_threads", lambda: None)
        return run_loop(settings, PLAN, silent)


def test_both_arms_serve_the_same_members_who_react(report: LoopReport) -> None:
    for arm in report.arms.values():
        assert (arm.outcomes.visits.sum(axis=1) > 0).all()
        assert arm.outcomes.plays.sum() > 0
        assert len(arm.outcomes.shown) == PLAN.days


def test_what_came_in_is_in_the_event_log_and_what_was_served_in_the_journal(
    report: LoopReport,
) -> None:
    arm = report.arms["learning"]
    impressions = EventLog(arm.workspace.events).events().filter(kind="impression")
    journal = Journal(arm.workspace.journal).query("SELECT request_id FROM journal")
    ours = impressions.join(journal, on="request_id")
    assert journal.height == arm.outcomes.visits.sum()
    assert ours.height == sum(shown.sum() for shown in arm.outcomes.shown)
    assert 0 < ours["propensity"].drop_nulls().min() < 1  # type: ignore[operator]


def test_only_the_learning_arm_changes_its_champions(report: LoopReport) -> None:
    verdicts = [change.verdict for change in report.changes if change.day >= 0]
    assert set(verdicts) <= {"kept", "on trial", "promoted", "withdrawn"}
    assert verdicts


def test_the_report_says_that_it_is_simulated(report: LoopReport, tmp_path: Path) -> None:
    answer = json.loads(as_json(report))
    assert answer["simulated"] is True
    assert answer["difference"]["low"] <= answer["difference"]["high"]
    assert draw_loop(report, tmp_path).stat().st_size > 10_000


def test_monitors_see_what_was_served(report: LoopReport) -> None:
    arm = report.arms["static"]
    found = monitor(arm.workspace, timedelta(days=1))
    assert found.requests_before + found.requests_now == arm.outcomes.visits.sum()
    assert 0 <= found.staleness_seconds < 2 * 86_400
    assert "user_plays_7d" in found.features
    assert "trending_now" in found.scores
    assert found.exposure_now is not None
    assert 0 < found.exposure_now.gini < 1
    assert found.settled_slots > 0
    assert 0 < found.play_rate < 1


def test_nothing_served_is_nothing_to_monitor(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="serve pages first"):
        monitor(Workspace(tmp_path), timedelta(days=1))


def test_a_plan_that_cannot_be_is_refused(settings: Settings) -> None:
    with pytest.raises(SettingsError, match="at least one day"):
        LoopPlan(days=0)
    with pytest.raises(SettingsError, match="LOLOMO_EXPLORATION"):
        run_loop(settings, PLAN, silent, over_http=True)
