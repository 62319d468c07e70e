"""What queries of row order and of evidence are told of the titles that were shown, in bulk."""

from collections.abc import Mapping, Sequence

import numpy as np
import polars as pl

from lolomo.core.columns import Columns
from lolomo.core.recommender import Ids, Scores
from lolomo.evaluation.page_queries import ROW_ITEM_IDS
from lolomo.features.shown import (
    DEPTH,
    ITEM_AGE,
    ITEM_PLAYS,
    ROW_INPUTS,
    genre_match,
    genre_profile,
    pitch_inputs,
    row_inputs,
)
from lolomo.tasks.evidence import PITCH_INPUTS
from lolomo.training.pipelines.context import StepContext

PAGES_AT_ONCE = 256


def with_row_inputs(context: StepContext, queries: pl.DataFrame) -> pl.DataFrame:
    """Replace the titles of each row by what is said of the row: list columns of `ROW_INPUTS`.

    Args:
        context: The task.
        queries: Of `page_queries`, in order of time, with the user's history.
    """
    timeline, genres = context.features.item_timeline(), _genres(context)
    columns: dict[str, list[list[float]]] = {name: [] for name in ROW_INPUTS}
    for pages in queries.iter_slices(PAGES_AT_ONCE):
        titles = _grid(pages[ROW_ITEM_IDS].to_list())
        flat = titles.reshape(len(pages), -1)
        timestamps = pages[Columns.TIMESTAMP].dt.epoch("us").to_numpy()
        plays = timeline.gather(timestamps, flat, [ITEM_PLAYS])[ITEM_PLAYS]
        plays = np.where(flat == "", np.nan, np.nan_to_num(plays))
        said = row_inputs(
            plays.reshape(titles.shape), _matches(pages, flat, genres).reshape(titles.shape)
        )
        widths = pages[Columns.CANDIDATES].list.len().to_list()
        for name, values in said.items():
            pairs = zip(values.tolist(), widths, strict=True)
            columns[name] += [row[:width] for row, width in pairs]
    lists = [pl.Series(name, values, pl.List(pl.Float32)) for name, values in columns.items()]
    return queries.drop(ROW_ITEM_IDS).with_columns(lists)


def with_pitch_inputs(context: StepContext, queries: pl.DataFrame) -> pl.DataFrame:
    """Add what is said of the title that is shown: list columns of `PITCH_INPUTS`.

    Args:
        context: The task.
        queries: Of `evidence_queries`, with the user's history.
    """
    known = context.features.point_in_time(queries, [ITEM_PLAYS, ITEM_AGE])
    items = queries[Columns.ITEM_ID].to_numpy().astype(object)[:, None]
    match = _matches(queries, items, _genres(context))[:, 0]
    plays, age = (known[name].cast(pl.Float32).to_numpy() for name in (ITEM_PLAYS, ITEM_AGE))
    num_pitches = int(queries[Columns.CANDIDATES].list.len().max() or 0)  # type: ignore[arg-type]
    said = pitch_inputs(plays, age, match, num_pitches)
    return queries.with_columns(
        pl.Series(name, said[name].tolist(), pl.List(pl.Float32)) for name in PITCH_INPUTS
    )


def _genres(context: StepContext) -> Mapping[str, Sequence[str]]:
    items = context.log.items()
    pairs = items.select(Columns.ITEM_ID, Columns.GENRES).iter_rows()
    return {item_id: genres or () for item_id, genres in pairs}


def _matches(queries: pl.DataFrame, items: Ids, genres: Mapping[str, Sequence[str]]) -> Scores:
    """Return how well items meet each query's history, NaN for "". Shapes: [batch, n], as it."""
    matches = np.full(items.shape, np.nan, np.float32)
    for row, history in enumerate(queries[Columns.HISTORY_ITEM_IDS].to_list()):
        profile = genre_profile(genres.get(item, ()) for item in history or ())
        matches[row] = [
            genre_match(profile, genres.get(item, ())) if item else np.nan for item in items[row]
        ]
    return matches


def _grid(pages: Sequence[Sequence[Sequence[str]]]) -> Ids:
    """Return the first titles of the rows of pages, "" where padded. [pages, rows, columns]."""
    grid: Ids = np.full((len(pages), max(map(len, pages), default=1), DEPTH), "", object)
    for page, rows in enumerate(pages):
        for place, items in enumerate(rows):
            titles = items[:DEPTH]
            grid[page, place, : len(titles)] = titles
    return grid
