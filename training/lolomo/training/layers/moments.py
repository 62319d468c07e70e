"""The moment that is predicted for, as an input: three ways to tell a network the time.

Each turns the clock of a query and the time since the last event into one vector. Which of them
helps is what the ladder of the case study measures: buckets, continuous values, or the raw
timestamp, which says when but must be extrapolated as soon as the model serves.
"""

from typing import Any

import keras
from keras import ops
from typing_extensions import override

from lolomo.training.layers.continuous_time import (
    MICROSECONDS_A_SECOND,
    SECONDS_A_DAY,
    ClockEncoding,
    GapEncoding,
    log_gap,
)

NUM_GAP_BUCKETS = 16
HOURS_A_DAY, DAYS_A_WEEK = 24, 7
DAY_OF_1970 = 3
"""1970-01-01 was a Thursday, three days after Monday."""


def bucketed(gaps: Any) -> Any:
    """Round scaled log gaps to the nearest of `NUM_GAP_BUCKETS` evenly spaced values."""
    return ops.round(gaps * (NUM_GAP_BUCKETS - 1)) / (NUM_GAP_BUCKETS - 1)


class DiscreteMoments(keras.layers.Layer):  # type: ignore[misc]
    """Embeds the hour of the day, the weekday and the bucket of the gap, all UTC.

    Args:
        dim: Size of the encoding.
    """

    def __init__(self, dim: int) -> None:
        super().__init__(autocast=False, name="moments")
        self.hour = keras.layers.Embedding(HOURS_A_DAY, dim, name="hour")
        self.weekday = keras.layers.Embedding(DAYS_A_WEEK, dim, name="weekday")
        self.gap = keras.layers.Embedding(NUM_GAP_BUCKETS, dim, name="gap")

    @override
    def build(self, input_shape: Any) -> None:
        for layer in (self.hour, self.weekday, self.gap):
            layer.build(input_shape)

    @override
    def call(self, clocks: Any, timestamps: Any) -> Any:
        """Encode moments after the last events, both int64 microseconds, as `[..., dim]`."""
        hours = clocks // (3600 * MICROSECONDS_A_SECOND)
        days = clocks // (SECONDS_A_DAY * MICROSECONDS_A_SECOND)
        buckets = ops.round(log_gap(clocks, timestamps) * (NUM_GAP_BUCKETS - 1))
        return (
            self.hour(ops.cast(ops.mod(hours, HOURS_A_DAY), "int32"))
            + self.weekday(ops.cast(ops.mod(days + DAY_OF_1970, DAYS_A_WEEK), "int32"))
            + self.gap(ops.cast(buckets, "int32"))
        )


class ContinuousMoments(keras.layers.Layer):  # type: ignore[misc]
    """Encodes the clock by waves of several periods, and the log gap by waves of several scales.

    Args:
        dim: Size of the encoding.
    """

    def __init__(self, dim: int) -> None:
        super().__init__(autocast=False, name="moments")
        self.gap = GapEncoding(dim, name="gap")
        self.clock = ClockEncoding(dim, name="clock")

    @override
    def build(self, input_shape: Any) -> None:
        self.gap.build(input_shape)
        self.clock.build(input_shape)

    @override
    def call(self, clocks: Any, timestamps: Any) -> Any:
        """Encode moments after the last events, both int64 microseconds, as `[..., dim]`."""
        return self.gap(log_gap(clocks, timestamps)) + self.clock(clocks)


class AbsoluteMoments(keras.layers.Layer):  # type: ignore[misc]
    """Projects the raw timestamp, 0 at an origin and -1 at the start of the training data.

    Args:
        dim: Size of the encoding.
        origin: Where time is 0, int64 microseconds: the cut.
        span_days: How many days before the origin are -1.
    """

    def __init__(self, dim: int, origin: int, span_days: float) -> None:
        super().__init__(autocast=False, name="moments")
        self.origin, self.span_days = origin, max(span_days, 1.0)
        self.project = keras.layers.Dense(dim, name="project")

    @override
    def build(self, input_shape: Any) -> None:
        self.project.build((*input_shape, 1))

    @override
    def call(self, clocks: Any, timestamps: Any) -> Any:
        """Encode moments, int64 microseconds, as `[..., dim]`; the last events do not matter."""
        micros = ops.cast(clocks - self.origin, "float32")
        days = micros / (SECONDS_A_DAY * MICROSECONDS_A_SECOND)
        return self.project((days / self.span_days)[..., None])
