from collections.abc import Callable, Sequence
from datetime import timedelta

import polars as pl
import pytest

from lolomo.core.errors import DataError
from lolomo.evaluation import rolling_folds

MakeEvents = Callable[[Sequence[tuple[str, str, float]]], pl.DataFrame]


def test_folds_cut_at_fractions_of_rows_even_within_an_instant(make_events: MakeEvents) -> None:
    events = make_events([("u", str(i), 0.0) for i in range(20)])
    folds = rolling_folds(events)
    cut = (folds.warm_up, folds.stacking, folds.validation, folds.test)
    rows = [(fold.start_row, fold.end_row) for fold in cut]
    assert rows == [(12, 14), (14, 16), (16, 18), (18, 20)]
    assert folds.test.fit_events(events)["item_id"].to_list() == [str(i) for i in range(18)]
    assert folds.test.window_events(events)["item_id"].to_list() == ["18", "19"]


def test_a_window_ends_where_the_next_begins_and_the_last_just_after_the_last_event(
    make_events: MakeEvents,
) -> None:
    events = make_events([("u", str(i), float(i)) for i in range(10)])
    folds = rolling_folds(events)
    assert folds.stacking.end == folds.validation.start == folds.validation.fit_end
    assert folds.test.end == events["timestamp"][-1] + timedelta(microseconds=1)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda events: events[:5], "at least 10"),
        (lambda events: events.reverse(), "not ordered by time"),
    ],
)
def test_events_that_cannot_be_cut_are_refused(
    random_events: pl.DataFrame, spoil: Callable[[pl.DataFrame], pl.DataFrame], message: str
) -> None:
    with pytest.raises(DataError, match=message):
        rolling_folds(spoil(random_events))


def test_a_fold_refuses_a_table_that_it_was_not_cut_from(random_events: pl.DataFrame) -> None:
    fold = rolling_folds(random_events).test
    later = random_events.with_columns(pl.col("timestamp") + timedelta(days=1))
    for other in (random_events[:100], later):
        with pytest.raises(DataError, match="cut from another table"):
            fold.window_events(other)
