import keras
import numpy as np
import pytest

from lolomo.training.layers.continuous_time import (
    ClockEncoding,
    GapEncoding,
    days_between,
    log_gap,
)

DAY = 86_400_000_000
NOW = 1_700_000_000_000_000


@pytest.mark.parametrize(
    ("later", "earlier", "expected"),
    [
        (NOW, NOW, 0.0),
        (NOW - DAY, NOW, 0.0),
        (NOW, NOW - 3650 * DAY, 1.0),
        (NOW, 0, 1.0),
    ],
)
def test_log_gap_is_zero_for_no_time_and_one_from_ten_years_on(
    later: int, earlier: int, expected: float
) -> None:
    gap = log_gap(np.array([later]), np.array([earlier]))
    assert float(gap[0]) == pytest.approx(expected, abs=1e-6)


def test_log_gap_tells_seconds_apart_in_timestamps_that_float32_cannot_hold() -> None:
    gaps = np.asarray(log_gap(np.array([NOW]), NOW - np.arange(4) * 1_000_000))
    assert np.all(np.diff(gaps) > 0)


def test_gap_encoding_is_continuous() -> None:
    encode = GapEncoding(8)
    codes = np.asarray(encode(np.linspace(0, 1, 2001, dtype=np.float32)[None]))[0]
    assert codes.shape == (2001, 8)
    assert np.abs(np.diff(codes, axis=0)).max() < 0.5


def test_clock_encoding_knows_the_hour_the_weekday_and_the_week_but_not_the_year() -> None:
    keras.utils.set_random_seed(0)
    encode = ClockEncoding(8)
    offsets = np.array([0, DAY // 2, DAY, 7 * DAY, 28 * 13 * DAY])
    codes = np.asarray(encode(NOW - offsets[None]))[0]
    distances = np.abs(codes - codes[0]).max(axis=1)
    assert np.all(distances[1:4] > 1e-2)
    assert distances[4] < 1e-3


def test_days_between_are_never_negative() -> None:
    days = days_between(np.array([NOW, NOW]), np.array([NOW - 3 * DAY // 2, NOW + DAY]))
    np.testing.assert_allclose(np.asarray(days), [1.5, 0.0], atol=1e-5)
