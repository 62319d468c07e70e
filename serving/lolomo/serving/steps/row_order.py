"""Orders the rows of a composed page by the champion of `row_order`, where there is one.

What a row holds is settled before: the rows were composed one after the other, so that no title
stands twice, and change places whole. Without a champion, or too late, they stand as the tasks do.
"""

from dataclasses import dataclass
from functools import partial
from typing import Final

import numpy as np

from lolomo.core.columns import Columns
from lolomo.core.errors import ReleaseError
from lolomo.core.recommender import Ids, Scores, ranks
from lolomo.features.shown import DEPTH, ITEM_PLAYS, row_inputs
from lolomo.serving.steps.guard import attempt_on
from lolomo.serving.steps.messages import Context, PageRow
from lolomo.serving.steps.queries import user_query
from lolomo.serving.steps.resources import Champion, Resources
from lolomo.serving.steps.shown import shown_values
from lolomo.tasks import ROW_ORDER

DEADLINE_SHARE: Final = 0.5
"""Of the time left once the page is composed."""


@dataclass(frozen=True, slots=True)
class Ordered:
    """The rows in the order in which they are shown."""

    rows: tuple[PageRow, ...]
    degraded: str | None = None
    """Why they stand as the tasks do, though there is a champion."""


async def order_rows(rows: tuple[PageRow, ...], context: Context, resources: Resources) -> Ordered:
    """Return the rows, best first; those of equal scores in the order given."""
    champion = resources.champions.get(ROW_ORDER.name)
    if champion is None or len(rows) < 2:
        return Ordered(rows)
    scoring = partial(_scores, champion, rows, context, resources)
    latest = context.deadline(DEADLINE_SHARE)
    scores, why = await attempt_on(resources.worker, champion.breaker, scoring, latest, "row order")
    if scores is None:
        return Ordered(rows, why)
    return Ordered(tuple(rows[place] for place in np.argsort(-scores, kind="stable")))


def _scores(
    champion: Champion, rows: tuple[PageRow, ...], context: Context, resources: Resources
) -> Scores:
    """Return a score for each row. Shape: [rows]."""
    ranker = champion.recommender
    if not ranks(ranker):
        raise ReleaseError(
            f"release {champion.digest[:12]} of {champion.model!r} retrieves: expected one that "
            "ranks rows; promote another"
        )
    titles = _titles(rows)
    there = titles != ""
    values = shown_values(titles[there], context, resources.features)
    plays, match = (np.full(titles.shape, np.nan, np.float32) for _ in range(2))
    plays[there], match[there] = np.nan_to_num(values[ITEM_PLAYS]), values["match"]
    query = user_query(context, ranker.inputs) | dict(row_inputs(plays[None], match[None]))
    query[Columns.CANDIDATES] = np.array([[row.task for row in rows]], dtype=object)
    return np.asarray(ranker.rank(query)[0], np.float32)


def _titles(rows: tuple[PageRow, ...]) -> Ids:
    """Return the first titles of each row, "" where there are fewer. Shape: [rows, columns]."""
    titles: Ids = np.full((len(rows), DEPTH), "", dtype=object)
    for place, row in enumerate(rows):
        first = [entry["item_id"] for entry in row.entries[:DEPTH]]
        titles[place, : len(first)] = first
    return titles
