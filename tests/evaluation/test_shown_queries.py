"""Queries of what was shown: pages for the order of rows, impressions for their pitches."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import polars as pl
import pytest

from lolomo.core.columns import Columns
from lolomo.core.errors import DataError
from lolomo.core.reward import INTERACTION
from lolomo.core.task import Label, LabelKind
from lolomo.evaluation import Fold, build_queries
from lolomo.evaluation.judging import Judgements
from lolomo.evaluation.metrics import query_metrics
from lolomo.tasks.evidence import PITCHES

START = datetime(2026, 1, 1, tzinfo=UTC)
ROWS = ("picks", "trending")
NO_COUNTS = pl.DataFrame(schema={"item_id": pl.String, "num_plays": pl.Int64})


def events_of(pages: list[tuple[str, str]], played: str = "picks") -> pl.DataFrame:
    """Return pages of two rows of two titles each, whose second title of a row was played.

    Args:
        pages: For each, its rows from the top.
        played: From which row.
    """

    def happened() -> Iterator[dict[str, Any]]:
        for number, rows in enumerate(pages):
            for kind in ("impression", "play"):
                for place, row in enumerate(rows):
                    for position in range(2):
                        if kind == "impression" or (row == played and position == 1):
                            yield slot(number, kind, place, row, position)

    frame = pl.DataFrame(list(happened()))
    return frame.with_row_index("event_id").with_columns(pl.col("event_id").cast(pl.String))


def slot(number: int, kind: str, place: int, row: str, position: int) -> dict[str, Any]:
    return {
        "request_id": f"r{number}",
        "user_id": f"u{number}",
        "item_id": f"{row}{position}",
        "kind": kind,
        "timestamp": START + timedelta(hours=number, seconds=kind == "play"),
        "device": "tv",
        "country": None,
        "surface": row,
        "row": place,
        "position": position,
        "evidence": PITCHES[number % 4],
        "evidence_propensity": 0.25,
    }


def asked(events: pl.DataFrame, kind: LabelKind) -> pl.DataFrame:
    end = START + timedelta(days=9)
    fold = Fold("test", START, START, end, 0, len(events))
    return build_queries(events, Label(kind), INTERACTION, fold)


SHUFFLED = [ROWS, ROWS, ROWS, ROWS[::-1]]


def test_a_page_that_was_played_from_asks_for_its_rows() -> None:
    queries = asked(events_of(SHUFFLED), LabelKind.ROWS)
    assert queries[Columns.CANDIDATES].to_list() == [list(rows) for rows in SHUFFLED]
    assert queries[Columns.TARGETS].to_list() == [["picks"]] * 4
    assert queries["row_item_ids"][0].to_list() == [
        ["picks0", "picks1"],
        ["trending0", "trending1"],
    ]
    assert queries["target_columns"][0].to_list() == [[2]]


def test_a_play_counts_by_how_seldom_its_row_stood_there() -> None:
    gains = asked(events_of(SHUFFLED), LabelKind.ROWS)[Columns.GAINS].list.first().to_list()
    usual, seldom = 1 / (3 / 4 * 2), 1 / (1 / 4 * 2)
    column = 1 / 1.584962500721156  # log2(3)
    assert gains == pytest.approx([usual * column] * 3 + [seldom * column])


def test_rows_that_never_change_places_teach_nothing() -> None:
    with pytest.raises(DataError, match="shuffle the rows"):
        asked(events_of([ROWS] * 4), LabelKind.ROWS)


def test_a_page_that_nothing_was_played_from_asks_nothing() -> None:
    assert asked(events_of(SHUFFLED, played="nothing"), LabelKind.ROWS).is_empty()


@pytest.mark.parametrize(
    ("best", "metric", "expected"),
    [
        ("picks", "page_recall@1x2", 1.0),
        ("picks", "page_recall@1x1", 0.0),
        ("trending", "page_recall@1x2", 0.0),
        ("trending", "page_recall@2x2", 1.0),
    ],
)
def test_page_recall_counts_rows_and_columns(best: str, metric: str, expected: float) -> None:
    queries = asked(events_of(SHUFFLED), LabelKind.ROWS)
    judgements = Judgements(queries, np.array(ROWS, object))
    rows = np.array(queries[Columns.CANDIDATES].to_list(), object)
    judgements.add_candidates((rows == best).astype("float32"), rows)
    found = query_metrics(judgements.table(), [metric], NO_COUNTS)[metric]
    assert found.to_list() == [expected] * 4


def test_every_impression_is_a_decision_with_its_outcome() -> None:
    queries = asked(events_of(SHUFFLED), LabelKind.EVIDENCE)
    assert len(queries) == 4 * 4
    assert queries[Columns.CANDIDATES][0].to_list() == list(PITCHES)
    won = queries.filter(pl.col(Columns.REWARDS).list.first() == 1)
    assert won[Columns.ITEM_ID].to_list() == ["picks1"] * 4
    assert won[Columns.TARGETS].list.first().to_list() == list(PITCHES)
