"""Queries of row order: pages that were shown, and the rows that members played from.

A page is asked about if something on it was played. Its rows compete, and a row's gain is the sum
over the plays from it of 1 / log2(1 + column): so the NDCG of an order of rows is that of the page,
with a discount by row and one by column.

What stands higher is looked at more, and a log in which each row has its usual place cannot tell
the row from the place. So each play counts by one over how often its row stood where it stood
(inverse propensity, Horvitz and Thompson 1952): weighted so, every row stood everywhere equally
often. A row's places are assumed to have been drawn whatever the context, as they are where a
service shuffles the rows of some requests. Where rows never change places, nothing can be learned.
"""

import polars as pl

from lolomo.core.columns import Columns, Kind
from lolomo.core.errors import DataError
from lolomo.evaluation.folds import Fold

ROW_ITEM_IDS = "row_item_ids"
"""The titles of each candidate row, as shown from the left; a list as long as the candidates."""
TARGET_COLUMNS = "target_columns"
"""The columns, from 1, that were played of each target row; a list as long as the targets."""
MAX_WEIGHT = 10.0
"""Where a row stood less often than once in so many times its share, plays do not count more."""
MAX_PAGES = 20_000
"""Of a larger window, so many pages, drawn by a hash of their requests, are asked about."""
USUAL = 0.99
"""A row that stood in one place more often than this has not been tried elsewhere."""

_PLAYED = "_played"
_PAGE = (Columns.REQUEST_ID, Columns.SURFACE)


def page_queries(events: pl.DataFrame, fold: Fold) -> pl.DataFrame:
    """Return the pages of a window that something was played from.

    Args:
        events: The table that the fold was cut from; `surface` names the row.
        fold: The window.

    Returns:
        user_id, timestamp, device, country, and the lists candidates and `row_item_ids`, and
        targets, gains, rewards and `target_columns`; in no order.

    Raises:
        DataError: If no row was ever shown in another place than its usual one.
    """
    window = fold.window_events(events).filter(
        pl.all_horizontal(pl.col(*_PAGE, Columns.ROW, Columns.POSITION).is_not_null())
    )
    rows = _rows(window.filter(pl.col(Columns.KIND) == Kind.IMPRESSION))
    plays = _plays(window.filter(pl.col(Columns.KIND).is_in(Kind.INTERACTIONS)))
    played = rows.join(plays.select(Columns.REQUEST_ID).unique(), on=Columns.REQUEST_ID, how="semi")
    chosen = _some(played[Columns.REQUEST_ID].unique())
    weighed = played.join(_place_weights(rows), on=[Columns.SURFACE, Columns.ROW], how="left")
    return _pages(weighed.join(chosen, on=Columns.REQUEST_ID, how="semi"), plays)


def _rows(shown: pl.DataFrame) -> pl.DataFrame:
    """Return a row of the page each, with its titles."""
    return (
        shown.sort(Columns.POSITION)
        .group_by(_PAGE)
        .agg(
            pl.col(Columns.ROW).first(),
            pl.col(Columns.ITEM_ID).alias(ROW_ITEM_IDS),
            pl.col(Columns.USER_ID, Columns.DEVICE, Columns.COUNTRY).first(),
            pl.col(Columns.TIMESTAMP).min(),
        )
    )


def _plays(played: pl.DataFrame) -> pl.DataFrame:
    """Return what was played of each row: the worth of it all, and the columns."""
    column = pl.col(Columns.POSITION) + 1
    return (
        played.unique([*_PAGE, Columns.POSITION])
        .group_by(_PAGE)
        .agg((1 / (1 + column).log(2)).sum().alias(_PLAYED), column.sort().alias(TARGET_COLUMNS))
    )


def _place_weights(rows: pl.DataFrame) -> pl.DataFrame:
    """Return what a play counts by row and place."""
    counts = rows.group_by(Columns.SURFACE, Columns.ROW).len()
    share = pl.col("len") / pl.col("len").sum().over(Columns.SURFACE)
    if len(counts) and counts.select((share.max().over(Columns.SURFACE) > USUAL).all()).item():
        raise DataError(
            "every row was shown in its usual place alone, so nothing can be learned of another "
            "order: shuffle the rows of some requests first, and log where they stood"
        )
    num_places = counts[Columns.ROW].n_unique()
    weight = (1 / (share * num_places)).clip(upper_bound=MAX_WEIGHT)
    return counts.select(Columns.SURFACE, Columns.ROW, weight.alias("_weight"))


def _some(requests: pl.Series) -> pl.DataFrame:
    hashed = requests.to_frame().sort(pl.col(Columns.REQUEST_ID).hash(seed=0))
    return hashed.head(MAX_PAGES)


def _pages(rows: pl.DataFrame, plays: pl.DataFrame) -> pl.DataFrame:
    """Gather rows into pages, from the top down."""
    worth = rows.join(plays, on=_PAGE, how="left").with_columns(
        (pl.col(_PLAYED) * pl.col("_weight")).alias(Columns.GAINS)
    )
    answers = pl.col(_PLAYED).is_not_null()
    return (
        worth.sort(Columns.ROW, Columns.SURFACE)
        .group_by(Columns.REQUEST_ID)
        .agg(
            pl.col(Columns.USER_ID, Columns.DEVICE, Columns.COUNTRY).first(),
            pl.col(Columns.TIMESTAMP).min(),
            pl.col(Columns.SURFACE).alias(Columns.CANDIDATES),
            pl.col(ROW_ITEM_IDS),
            pl.col(Columns.SURFACE).filter(answers).alias(Columns.TARGETS),
            pl.col(Columns.GAINS, TARGET_COLUMNS).filter(answers),
            pl.lit(1.0).repeat_by(answers.sum()).first().alias(Columns.REWARDS),
        )
        .filter(pl.col(Columns.TARGETS).list.len() > 0)  # a page that the window's start cuts apart
        .sort(Columns.TIMESTAMP, Columns.REQUEST_ID)
        .drop(Columns.REQUEST_ID)
    )
