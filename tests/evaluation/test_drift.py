"""Drift is measured as the textbooks have it, and raises alarm when somebody should look."""

import numpy as np
import pytest

from lolomo.evaluation.drift import drift

RNG = np.random.default_rng(0)
NORMAL = RNG.normal(size=4_000)


def test_the_stability_index_is_that_of_its_definition() -> None:
    before, now = np.repeat([0.0, 1.0], 500), np.repeat([0.0, 1.0], [250, 750])
    expected = (0.25 - 0.5) * np.log(0.25 / 0.5) + (0.75 - 0.5) * np.log(0.75 / 0.5)
    found = drift(before, now)
    assert found.stability_index == pytest.approx(expected, abs=2e-3)
    assert found.ks_distance == pytest.approx(0.25)


@pytest.mark.parametrize(
    ("now", "alarms"),
    [
        (RNG.normal(size=4_000), False),
        (NORMAL + 0.05, False),
        (NORMAL + 0.8, True),
        (NORMAL * 3, True),
        (np.where(RNG.random(4_000) < 0.5, np.nan, NORMAL), True),
    ],
    ids=["same", "a little", "moved", "spread", "missing"],
)
def test_alarm(now: np.ndarray[tuple[int], np.dtype[np.float64]], alarms: bool) -> None:
    assert drift(NORMAL, now).alarms is alarms


def test_nothing_known_is_no_number_and_an_alarm() -> None:
    found = drift(NORMAL, np.full(10, np.nan))
    assert np.isnan(found.stability_index)
    assert found.alarms
