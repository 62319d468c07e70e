"""Time as numbers that a network can read, without buckets.

The case study finds that deep models gain most from continuous timestamps. Two views matter: how
long ago (a *gap*, whose meaning is multiplicative: a minute, an hour, a month), and when (a
*clock*, with its rounds of several lengths). Both become a few smooth numbers, and a dense layer
learns what to make of them, as in the time encodings of Xu et al. (2019) and Time2Vec.
"""

import math
from typing import Any

import keras
from keras import ops
from typing_extensions import override

MICROSECONDS_A_SECOND = 1_000_000
SECONDS_A_DAY = 86_400
PERIODS_DAYS = (1, 7, 28)
"""Of the clock: a day, a week, four weeks."""
LONGEST_LOG_GAP = math.log1p(10 * 365 * SECONDS_A_DAY)
"""log1p of ten years in seconds: the end of the scale."""


def log_gap(later: Any, earlier: Any) -> Any:
    """Return log1p of the seconds between int64 microseconds, scaled to [0, 1] over ten years.

    The difference is taken in integers, since float32 has no room for a timestamp. Negative gaps
    count as 0. Shapes broadcast.
    """
    seconds = ops.cast(ops.maximum(later - earlier, 0), "float32") / MICROSECONDS_A_SECOND
    return ops.minimum(ops.log1p(seconds) / LONGEST_LOG_GAP, 1.0)


def days_between(later: Any, earlier: Any) -> Any:
    """Return the days between int64 microseconds as float32, 0 where negative; shapes broadcast."""
    gap = ops.cast(ops.maximum(later - earlier, 0), "float32")
    return gap / (SECONDS_A_DAY * MICROSECONDS_A_SECOND)


class GapEncoding(keras.layers.Layer):  # type: ignore[misc]
    """Encodes a scaled log gap by sines and cosines of several scales, and a dense layer.

    Args:
        dim: Size of the encoding.
        num_scales: How many frequencies, each twice the last.
    """

    def __init__(self, dim: int, num_scales: int = 6, **kwargs: Any) -> None:
        super().__init__(autocast=False, **kwargs)
        self.frequencies = [math.pi * 2**scale for scale in range(num_scales)]
        self.project = keras.layers.Dense(dim, name="project")

    @override
    def build(self, input_shape: Any) -> None:
        self.project.build((*input_shape, 1 + 2 * len(self.frequencies)))

    @override
    def call(self, gaps: Any) -> Any:
        """Encode gaps from `log_gap`, `[...]`, as `[..., dim]`."""
        waves = [wave(gaps * f) for f in self.frequencies for wave in (ops.sin, ops.cos)]
        return self.project(ops.stack([gaps, *waves], axis=-1))


class ClockEncoding(keras.layers.Layer):  # type: ignore[misc]
    """Encodes instants by sines and cosines of periods from half a day to four weeks.

    Args:
        dim: Size of the encoding.
        num_harmonics: How many overtones of each period.
    """

    def __init__(self, dim: int, num_harmonics: int = 2, **kwargs: Any) -> None:
        super().__init__(autocast=False, **kwargs)
        self.harmonics = range(1, num_harmonics + 1)
        self.project = keras.layers.Dense(dim, name="project")

    @override
    def build(self, input_shape: Any) -> None:
        self.project.build((*input_shape, 2 * len(PERIODS_DAYS) * len(self.harmonics)))

    @override
    def call(self, timestamps: Any) -> Any:
        """Encode int64 microseconds, `[...]`, as `[..., dim]`."""
        features = []
        for period_days in PERIODS_DAYS:
            period = period_days * SECONDS_A_DAY * MICROSECONDS_A_SECOND
            phase = ops.cast(ops.mod(timestamps, period), "float32") * (2 * math.pi / period)
            features += [w(phase * h) for h in self.harmonics for w in (ops.sin, ops.cos)]
        return self.project(ops.stack(features, axis=-1))
