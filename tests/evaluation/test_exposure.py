"""Exposure: how unequal, and how far it feeds on itself."""

import numpy as np
import pytest

from lolomo.evaluation.exposure import exposure, loop_strength

RNG = np.random.default_rng(0)
DEMAND = RNG.gamma(0.5, size=400)


def test_equal_and_concentrated_exposure() -> None:
    equal, one = exposure(np.ones(200)), exposure(np.eye(200)[0])
    assert (equal.gini, equal.coverage, equal.top_share) == (0.0, 1.0, 0.01)
    assert one.gini == pytest.approx(0.995)
    assert (one.coverage, one.top_share) == (1 / 200, 1.0)


def test_exposure_that_follows_demand_is_no_loop() -> None:
    shown = [RNG.poisson(50 * DEMAND) for _ in range(5)]
    assert abs(loop_strength(shown, DEMAND)) < 0.15


def test_exposure_that_follows_exposure_is_one() -> None:
    whim = RNG.gamma(0.5, size=400)
    shown = [RNG.poisson(50 * whim) for _ in range(5)]
    assert loop_strength(shown, DEMAND) > 0.8


def test_nothing_varies() -> None:
    assert np.isnan(loop_strength([np.ones(4), np.ones(4)], np.arange(4.0)))
