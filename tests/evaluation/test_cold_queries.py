from collections.abc import Callable, Sequence

import polars as pl

from lolomo.core.reward import INTERACTION
from lolomo.evaluation import Fold, build_cold_queries, rolling_folds

MakeEvents = Callable[[Sequence[tuple[str, str, float]]], pl.DataFrame]
BEFORE = [("u", item, hour) for hour, item in enumerate("abcdefgh")] + [("v", "a", 8.0)]


def test_only_new_items_of_users_with_a_history_are_asked_for(make_events: MakeEvents) -> None:
    window = [("v", "new", 10.0), ("u", "new", 11.0), ("u", "newer", 12.0), ("u", "new", 13.0)]
    events = make_events([*BEFORE, *window, ("u", "i", 14.0), ("w", "new", 15.0)])
    fold = _window_from(events, len(BEFORE))
    queries = build_cold_queries(events, INTERACTION, fold)
    asked = list(zip(queries["user_id"], queries["targets"].to_list(), strict=True))
    assert asked == [("u", ["new"]), ("u", ["newer"]), ("u", ["i"])]


def test_without_new_items_nothing_is_asked(make_events: MakeEvents) -> None:
    events = make_events([*BEFORE, ("v", "b", 10.0), ("v", "c", 11.0)])
    assert build_cold_queries(events, INTERACTION, _window_from(events, len(BEFORE))).is_empty()


def _window_from(events: pl.DataFrame, row: int) -> Fold:
    time = events["timestamp"][row]
    return Fold("test", time, time, rolling_folds(events).test.end, row, len(events))
