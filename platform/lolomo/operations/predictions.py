"""Predictions: what models answered to each query, so that anyone can recompute every figure.

Whoever mistrusts a leaderboard takes these files and computes it with other code.
"""

from collections.abc import Sequence
from pathlib import Path

import polars as pl

from lolomo.core.columns import Columns
from lolomo.evaluation import item_counts
from lolomo.evaluation.judging import TARGET_RANKS, TOP_ITEM_IDS
from lolomo.training.pipelines.contest import Judged
from lolomo.training.pipelines.context import StepContext

TARGET_ITEM_ID = "target_item_id"
TARGET_ITEM_IDS = "target_item_ids"
RANK = "rank"


def write_predictions(dataset: str, judged: Sequence[Judged], folder: Path) -> list[Path]:
    """Write a Parquet file an entrant, a row a query, so that anyone can recompute every figure.

    Columns: user_id ("" if the clock asks), timestamp, target_item_id and rank of the best ranked
    target (null if none is ranked), all targets with their ranks, gains and rewards as lists, and
    top_item_ids, up to a hundred items, best first. Beside them stands, a task and window, what
    competes: each known item with its interactions before the window.

    Args:
        dataset: The dataset's name.
        judged: Who answered.
        folder: Made if need be.
    """
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for each in judged:
        result = each.result
        parts = (result.task, each.name, result.window, result.freshness, f"seed-{result.seed}")
        paths.append(folder / f"{_file_name(*parts)}.parquet")
        predictions(each.judgements()).write_parquet(paths[-1])
        context = StepContext.open(result.task, dataset)
        window = result.window.split(",")[0]
        counts = item_counts(context.log.events(), getattr(context.folds, window))
        counts.write_parquet(folder / f"{_file_name('items', window)}.parquet")
    return paths


def predictions(judgements: pl.DataFrame) -> pl.DataFrame:
    """Return judgements as the rows that `write_predictions` documents."""
    best = pl.col(TARGET_RANKS).list.arg_min().fill_null(0)
    return judgements.select(
        Columns.USER_ID,
        Columns.TIMESTAMP,
        pl.col(Columns.TARGETS).list.get(best).alias(TARGET_ITEM_ID),
        pl.col(TARGET_RANKS).list.get(best).alias(RANK),
        pl.col(Columns.TARGETS).alias(TARGET_ITEM_IDS),
        TARGET_RANKS,
        Columns.GAINS,
        Columns.REWARDS,
        TOP_ITEM_IDS,
    )


def _file_name(*parts: str) -> str:
    return "-".join(parts).replace(", ", "-").replace(" ", "-")
