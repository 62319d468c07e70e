import math
from datetime import timedelta

import numpy as np
import pytest

from lolomo.features.transforms.decay import decayed_count, half_lives, running_log2_sum

DAY = 86_400_000_000


def test_running_sums_restart_at_each_entity() -> None:
    exponents = np.array([0.0, 1.0, -np.inf, 2.0, 5.0, 5.0])
    entities = np.array([0, 0, 0, 0, 1, 1])
    expected = [math.log2(total) for total in (1, 3, 3, 7, 32, 64)]
    assert running_log2_sum(exponents, entities).tolist() == pytest.approx(expected)


def test_no_rows_make_no_sums() -> None:
    assert running_log2_sum(np.array([]), np.array([], np.int64)).tolist() == []


def test_a_long_run_equals_a_plain_loop() -> None:
    exponents = np.random.default_rng(0).normal(0, 30, 1000)
    expected = np.log2(np.cumsum(np.exp2(exponents)))
    np.testing.assert_allclose(running_log2_sum(exponents, np.zeros(1000, np.int64)), expected)


@pytest.mark.parametrize("years", [1, 10, 60])
def test_neither_decades_nor_short_half_lives_overflow(years: int) -> None:
    half_life = timedelta(hours=1)
    times = np.array([0.0, years * 365.0 * DAY, years * 365.0 * DAY + DAY / 24])
    sums = running_log2_sum(half_lives(times, half_life), np.zeros(3, np.int64))
    now = times[-1:].astype(np.int64)
    assert decayed_count(sums[-1:], now, half_life).tolist() == pytest.approx([1.5])


def test_without_a_sum_there_is_no_count() -> None:
    missing = decayed_count(np.array([np.nan]), np.array([0]), timedelta(days=1))
    assert np.isnan(missing).all()
