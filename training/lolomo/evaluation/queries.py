"""Queries: what is asked in a window, and what answers it.

A query is a moment. A model sees what lies strictly before the query's `timestamp`; the targets lie
at or after it. Every query table has the columns query_id, user_id, timestamp, seed_item_id,
targets, gains, rewards and cluster, and is ordered by time. Gains are what the task's reward says;
rewards are how much the targets pleased by their ratings, for the reward-weighted metrics.

* `NEXT_ITEM`: one query per (user, t) of the window's rewarded events, where the user has at least
  two interactions strictly before t. Events tied in time are the targets of one query and never
  each other's history. The user's earlier items are not targets, since they are excluded from
  ranking.
* `SEARCH`: the same queries; `typed_queries`, which needs titles, gives each what was typed.
* `NEXT_ITEMS`: a rewarded event at t seeds the query at t + 1 µs ("having just watched"), so that
  the seed is history by the same strict rule as everywhere. Of tied seeds the last in source order
  is kept, which is what a store would hold. Targets are the items that the user first watches
  after t, within the horizon and within the window (a validation label never reads the test
  window). Seeds without a target are dropped.
* `RESUMED`: the first play of a session, as its id or else half an hour without any tells, if it
  goes on with an item that its user had left unfinished.
* `ROWS` and `EVIDENCE`: see `page_queries` and `evidence_queries`.
* `COUNTS`: the clock alone asks, every `GRID`, as long as the whole horizon fits in the window. The
  user is "", the cluster is the day, and the gains are the summed rewards of the horizon.

In all of them but `ROWS` and `EVIDENCE`, whose targets are no items, a target occurs at least once
before the window, and has a reward above 0.
"""

from datetime import timedelta
from typing import Literal, TypeAlias

import polars as pl

from lolomo.core.columns import Columns, Kind
from lolomo.core.errors import SettingsError
from lolomo.core.reward import SATISFACTION, Reward
from lolomo.core.task import MIN_HISTORY, Label, LabelKind
from lolomo.evaluation.evidence_queries import evidence_queries
from lolomo.evaluation.folds import Fold
from lolomo.evaluation.page_queries import page_queries
from lolomo.events.watching import SESSION_GAP, left_unfinished
from lolomo.tasks.evidence import PITCHES

Protocol: TypeAlias = Literal["as-of", "static"]
"""Whether a window's queries are asked each at its own time, or once a user at the cut."""
CLUSTER = "cluster"
"""What the bootstrap draws: a user, or a day for queries of the clock."""
NUM_PLAYS = "num_plays"
GRID = timedelta(hours=6)
MIN_STATIC_HISTORY = 3
TICK = timedelta(microseconds=1)

_REWARD = "_reward"
_SATISFACTION = "_satisfaction"
_WATCHED = "_watched"
_FIRST_WATCHED = "_first_watched"
_NUM_BEFORE = "_num_before"
_LEFT = "_left_unfinished"
_STARTS = "_starts_session"
_SEED_TIME = "_seed_time"


def build_queries(events: pl.DataFrame, label: Label, reward: Reward, fold: Fold) -> pl.DataFrame:
    """Cut the queries of a window and their targets from the events.

    Args:
        events: The table that the fold was cut from.
        label: What answers a query.
        reward: What an event is worth; the gain of a target.
        fold: The window, and the events that came before it.

    Returns:
        A row a query, ordered by time; possibly none. Each has at least one target.

    Raises:
        SettingsError: If the label needs a horizon and has none.
    """
    if label.kind is LabelKind.ROWS:
        return _numbered(page_queries(events, fold))
    if label.kind is LabelKind.EVIDENCE:
        return _numbered(evidence_queries(events, fold, PITCHES))
    if label.kind in (LabelKind.NEXT_ITEM, LabelKind.SEARCH):
        return _next_item(_with_past(events, reward), fold, item_counts(events, fold))
    if label.kind is LabelKind.RESUMED:
        return _resumed(_with_past(events, reward), fold, item_counts(events, fold))
    horizon = label.horizon
    if horizon is None or horizon <= timedelta(0):
        raise SettingsError(
            f"label {label.kind.value!r} needs a positive horizon; received {horizon}: set "
            "`Label(kind, horizon=timedelta(...))`"
        )
    if label.kind is LabelKind.NEXT_ITEMS:
        past = _with_past(events, reward)
        return _next_items(past, fold, item_counts(events, fold), horizon)
    return _counts(events, reward, fold, horizon)


def build_static_queries(events: pl.DataFrame, reward: Reward, fold: Fold) -> pl.DataFrame:
    """Return one query a user at the cut: which known, unseen items come in the window?

    The user has at least three interactions before the window, as the protocol's static table asks.
    """
    past = _with_past(events, reward)
    regulars = (
        fold.fit_events(past)
        .filter(_WATCHED)
        .group_by(Columns.USER_ID)
        .len()
        .filter(pl.col("len") >= MIN_STATIC_HISTORY)
    )
    rows = (
        _rewarded(past, fold, item_counts(events, fold))
        .filter(pl.col(_FIRST_WATCHED) >= fold.start)
        .join(regulars, on=Columns.USER_ID, how="semi")
        .with_columns(
            pl.lit(fold.start).cast(past.schema[Columns.TIMESTAMP]).alias(Columns.TIMESTAMP)
        )
    )
    return _as_queries(rows, pl.col(Columns.USER_ID))


def build_cold_queries(events: pl.DataFrame, reward: Reward, fold: Fold) -> pl.DataFrame:
    """Return the next-item queries that `build_queries` leaves out: answered by a new item.

    A target was first watched within the window, by anybody. As there, the query is at the event's
    own time, and its user has a history.
    """
    window = fold.window_events(events).select(Columns.ITEM_ID).unique()
    new = window.join(item_counts(events, fold), on=Columns.ITEM_ID, how="anti")
    return _next_item(_with_past(events, reward), fold, new)


def _numbered(queries: pl.DataFrame) -> pl.DataFrame:
    """Give queries of users their numbers, in their order."""
    return queries.with_row_index(Columns.QUERY_ID).with_columns(
        pl.lit(None, pl.String).alias(Columns.SEED_ITEM_ID),
        pl.col(Columns.USER_ID).alias(CLUSTER),
    )


def item_counts(events: pl.DataFrame, fold: Fold) -> pl.DataFrame:
    """Return the items known before the window and their interactions: [item_id, num_plays]."""
    return (
        fold.fit_events(events)
        .filter(pl.col(Columns.KIND).is_in(Kind.INTERACTIONS))
        .group_by(Columns.ITEM_ID)
        .agg(pl.len().cast(pl.Int64).alias(NUM_PLAYS))
        .sort(Columns.ITEM_ID)
    )


def num_evaluable_users(events: pl.DataFrame, queries: pl.DataFrame, fold: Fold) -> int:
    """Return how many users a table of queries speaks for.

    For queries of the clock, these are the users with an event in the window.
    """
    asking = queries.filter(pl.col(Columns.USER_ID) != "")[Columns.USER_ID].n_unique()
    if asking or queries.is_empty():
        return asking
    return fold.window_events(events)[Columns.USER_ID].n_unique()


def _with_past(events: pl.DataFrame, reward: Reward) -> pl.DataFrame:
    """Append each event's reward, what its user watched strictly before, and when it was new."""
    time, watched = pl.col(Columns.TIMESTAMP), pl.col(_WATCHED)
    user, item = Columns.USER_ID, Columns.ITEM_ID
    rows = events.with_columns(
        reward.of(events).alias(_REWARD),
        SATISFACTION.of(events).alias(_SATISFACTION),
        pl.col(Columns.KIND).is_in(Kind.INTERACTIONS).alias(_WATCHED),
    )
    rows = rows.with_columns(
        (watched.cast(pl.Int64).cum_sum() - watched.cast(pl.Int64)).over(user).alias(_NUM_BEFORE),
        pl.when(watched).then(time).min().over(user, item).fill_null(time).alias(_FIRST_WATCHED),
    )
    # The first of a group of tied events has counted only what is strictly earlier.
    return rows.with_columns(pl.col(_NUM_BEFORE).min().over(user, Columns.TIMESTAMP))


def _rewarded(past: pl.DataFrame, fold: Fold, known: pl.DataFrame) -> pl.DataFrame:
    """Return the window's events that can be targets: rewarded, of a known item."""
    rows = fold.window_events(past).filter(pl.col(_REWARD) > 0)
    return rows.join(known, on=Columns.ITEM_ID, how="semi", maintain_order="left")


def _next_item(past: pl.DataFrame, fold: Fold, known: pl.DataFrame) -> pl.DataFrame:
    rows = _rewarded(past, fold, known).filter(
        pl.col(_NUM_BEFORE) >= MIN_HISTORY,
        pl.col(_FIRST_WATCHED) >= pl.col(Columns.TIMESTAMP),
    )
    return _as_queries(rows, pl.col(Columns.USER_ID))


def _resumed(past: pl.DataFrame, fold: Fold, known: pl.DataFrame) -> pl.DataFrame:
    user, item, time = Columns.USER_ID, Columns.ITEM_ID, pl.col(Columns.TIMESTAMP)
    gap = time - time.shift(1).over(user, _WATCHED)
    starts = gap.is_null() | (gap >= SESSION_GAP)
    if Columns.SESSION_ID in past.columns:
        session = pl.col(Columns.SESSION_ID)
        is_first = pl.int_range(pl.len()).over(user, session, _WATCHED) == 0
        starts = pl.when(session.is_null()).then(starts).otherwise(is_first)
    events = past.with_columns(
        left_unfinished().shift(1).over(user, item, _WATCHED).fill_null(value=False).alias(_LEFT),
        starts.alias(_STARTS),
    )
    rows = _rewarded(events, fold, known).filter(pl.col(_LEFT), pl.col(_STARTS))
    return _as_queries(rows, pl.col(user))


def _next_items(
    past: pl.DataFrame, fold: Fold, known: pl.DataFrame, horizon: timedelta
) -> pl.DataFrame:
    seeds = (
        fold.window_events(past)
        .filter(pl.col(_REWARD) > 0)
        .unique([Columns.USER_ID, Columns.TIMESTAMP], keep="last", maintain_order=True)
        .select(
            Columns.USER_ID,
            pl.col(Columns.TIMESTAMP).alias(_SEED_TIME),
            pl.col(Columns.ITEM_ID).alias(Columns.SEED_ITEM_ID),
        )
    )
    targets = _rewarded(past, fold, known).drop(Columns.SEED_ITEM_ID, strict=False)
    time, seed_time = pl.col(Columns.TIMESTAMP), pl.col(_SEED_TIME)
    rows = (
        seeds.lazy()
        .join(targets.lazy(), on=Columns.USER_ID, maintain_order="left_right")
        .filter(time > seed_time, time <= seed_time + horizon, pl.col(_FIRST_WATCHED) > seed_time)
        .with_columns((seed_time + TICK).alias(Columns.TIMESTAMP))
        .collect()
    )
    return _as_queries(rows, pl.col(Columns.USER_ID))


def _counts(events: pl.DataFrame, reward: Reward, fold: Fold, horizon: timedelta) -> pl.DataFrame:
    past = events.with_columns(
        reward.of(events).alias(_REWARD), SATISFACTION.of(events).alias(_SATISFACTION)
    )
    steps = pl.DataFrame({"_step": range(-(-horizon // GRID) + 1)})
    time, clock = pl.col(Columns.TIMESTAMP), pl.col("_clock")
    rows = (
        _rewarded(past, fold, item_counts(events, fold))
        .join(steps, how="cross", maintain_order="left_right")
        .with_columns((time.dt.truncate(GRID) - pl.col("_step") * GRID).alias("_clock"))
        .filter(clock > time - horizon, clock >= fold.start, clock + horizon <= fold.end)
        .group_by("_clock", Columns.ITEM_ID, maintain_order=True)
        .agg(pl.col(_REWARD, _SATISFACTION).sum())
        .rename({"_clock": Columns.TIMESTAMP})
        .with_columns(pl.lit("").alias(Columns.USER_ID))
    )
    return _as_queries(rows, time.dt.strftime("%Y-%m-%d"))


def _as_queries(rows: pl.DataFrame, cluster: pl.Expr) -> pl.DataFrame:
    """Gather target rows into queries; an item that is a target twice counts at its best."""
    if Columns.SEED_ITEM_ID not in rows.columns:
        rows = rows.with_columns(pl.lit(None, pl.String).alias(Columns.SEED_ITEM_ID))
    query = [Columns.USER_ID, Columns.TIMESTAMP, Columns.SEED_ITEM_ID]
    queries = (
        rows.group_by([*query, Columns.ITEM_ID], maintain_order=True)
        .agg(pl.col(_REWARD, _SATISFACTION).max())
        .group_by(query, maintain_order=True)
        .agg(
            pl.col(Columns.ITEM_ID).alias(Columns.TARGETS),
            pl.col(_REWARD).alias(Columns.GAINS),
            pl.col(_SATISFACTION).alias(Columns.REWARDS),
        )
        .sort(Columns.TIMESTAMP, maintain_order=True)
        .with_row_index(Columns.QUERY_ID)
    )
    return queries.with_columns(cluster.alias(CLUSTER))
