"""`lolomo report alignment`: the log that it keeps, and the page that it writes, in small."""

import json
from pathlib import Path

import numpy as np
import pytest

from lolomo.core.errors import SettingsError
from lolomo.core.progress import silent
from lolomo.operations.alignment import (
    AlignmentPlan,
    Measured,
    measure_alignment,
    write_alignment,
)
from lolomo.operations.alignment.offline import OFFLINE
from lolomo.operations.alignment.online import online_value
from lolomo.operations.alignment.recording import Log, RecordedSimulation
from lolomo.operations.alignment.study import align
from lolomo.operations.alignment.variants import VARIANTS

PLAN = AlignmentPlan(
    worlds=("position-biased",),
    num_members=1500,
    num_items=150,
    warm_up_days=6,
    judged_days=4,
)


@pytest.fixture(scope="module")
def simulation() -> RecordedSimulation:
    return RecordedSimulation(PLAN.config("position-biased"), 3, PLAN.warm_up_days)


@pytest.fixture(scope="module")
def log(simulation: RecordedSimulation) -> Log:
    return simulation.run()


@pytest.fixture(scope="module")
def rows() -> list[Measured]:
    return measure_alignment(PLAN, silent)


def test_only_judged_days_are_kept_and_every_slot_has_its_probability(log: Log) -> None:
    assert (log.day.min(), log.day.max()) == (6, 9)
    assert np.all((log.propensities > 0) & (log.propensities <= 1))
    assert np.take_along_axis(log.there, log.ranking, axis=1).all()


def test_signals_are_on_one_scale_and_frozen_ones_fall_behind(log: Log) -> None:
    recent = np.where(log.there, log.signals[:, :, 0], np.nan)
    assert np.nanmean(recent) == pytest.approx(0.0, abs=1e-4)
    first, last = log.day == 6, log.day == 9
    behind = np.abs(log.signals[:, :, 0] - log.frozen[:, :, 0])
    assert behind[last].mean() > behind[first].mean()


def test_the_world_expects_what_was_really_played(simulation: RecordedSimulation, log: Log) -> None:
    expected = online_value(simulation.law, log, log.ranking)["plays"]
    error = log.plays.sum(axis=1).std() / len(log.day) ** 0.5
    assert log.plays.sum(axis=1).mean() == pytest.approx(expected, abs=2.5 * error)


def test_every_variant_is_measured_by_every_metric(rows: list[Measured]) -> None:
    assert len(rows) == len(VARIANTS) >= 30
    assert all(set(OFFLINE) <= set(row.offline) for row in rows)


def test_rankers_that_know_members_are_lifted_over_noise(rows: list[Measured]) -> None:
    lift = {row.variant: row.lift["plays"] for row in rows}
    assert lift["genre, greedy"] > lift["noise, greedy"]
    found = {(each.metric, each.truth): each.agreement for each in align(rows)}
    assert found["OPE, slot by slot", "plays"].correlation.mean > 0.5


def test_the_page_has_a_line_a_metric_and_is_labelled_simulated(
    rows: list[Measured], tmp_path: Path
) -> None:
    page = write_alignment(rows, PLAN, tmp_path).read_text()
    assert "(simulated)" in page.splitlines()[0]
    assert all(page.count(f"| {metric} |") == 2 for metric in OFFLINE)
    assert (tmp_path / "alignment-variants.png").read_bytes().startswith(b"\x89PNG")
    assert len(json.loads((tmp_path / "alignment.json").read_text())["measured"]) == len(rows)


def test_a_plan_without_days_is_refused() -> None:
    with pytest.raises(SettingsError, match="1 or more"):
        AlignmentPlan(judged_days=0)
