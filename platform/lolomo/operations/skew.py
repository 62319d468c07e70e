"""Skew: whether the features that pages were made with are those that training would compute.

Each request of the journal says which user vector it was served with, and from which snapshot its
candidates' features came. Offline the same features are computed again from the event log, as of
the time that the service knew: users by the join that training sets are made with, items by the
timeline that evaluation walks. What differs is skew, and each difference is named.
"""

import json
import math
from collections import Counter
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from lolomo.core.columns import Columns
from lolomo.core.progress import Progress, silent
from lolomo.core.settings import Workspace
from lolomo.events.journal_reading import Journal
from lolomo.features import FeatureStore, OnlineFeatures, query_inputs
from lolomo.features.transforms import all_features

TOLERANCE: Final = 1e-5
"""Of numbers, relative to the larger one or to 1."""
ITEMS_A_REQUEST: Final = 10
"""Of how many of a page's titles all features are compared."""
EXAMPLES: Final = 20
_LATENESS: Final = "_lateness"
_CHUNK: Final = 1_000
"""Requests compared at a time."""


@dataclass(slots=True)
class Skew:
    """What the comparison found."""

    requests: int = 0
    unread: int = 0
    """Requests whose user could not be read when they were served: not compared."""
    values: int = 0
    """How many single features were compared."""
    mismatches: Counter[str] = field(default_factory=Counter)
    """By feature."""
    examples: list[str] = field(default_factory=list)
    """The first differences, for people."""

    def compare(self, name: str, who: str, served: Any, offline: Any) -> None:
        """Count one feature, and the difference if there is one."""
        self.values += 1
        if not _equal(served, offline):
            self.mismatches[name] += 1
            if len(self.examples) < EXAMPLES:
                self.examples.append(f"{name} of {who}: served {served!r}, offline {offline!r}")


def check_skew(workspace: Workspace, requests: int, progress: Progress = silent) -> Skew:
    """Compare the features of the latest requests with those that training would compute.

    Args:
        workspace: Whose journal.
        requests: How many requests, the latest.
        progress: Told how far it got.

    Raises:
        FeatureError: If a snapshot of the journal is gone.
    """
    skew, store, done = Skew(), FeatureStore(workspace), 0
    table = _latest(Journal(workspace.journal), requests)
    skew.unread = int((table["user_features"] == "{}").sum())
    read = table.filter(pl.col("user_features") != "{}")
    for part in read.partition_by("snapshot_version", Columns.COUNTS_TIMESTAMP):
        online = store.online(part["snapshot_version"][0])
        for chunk in part.iter_slices(_CHUNK):
            progress(done / len(read), "comparing features")
            rows = chunk.with_columns(_lateness(chunk))
            _compare_users(store, rows, skew)
            _compare_items(store, online, rows, skew)
            done += len(chunk)
    skew.requests = done
    progress(1.0, "compared")
    return skew


def _latest(journal: Journal, requests: int) -> pl.DataFrame:
    return journal.query(
        """
        SELECT request_id, user_id, timestamp, counts_timestamp, device, country, snapshot_version,
            user_features, list_transform(slots, lambda slot: slot.item_id) AS item_ids
        FROM journal ORDER BY received_at DESC LIMIT ?
        """,
        [requests],
    )


def _lateness(rows: pl.DataFrame) -> pl.Expr:
    """Return how long before each request what the service knew was known.

    Events that were observed since the last materialisation are known at once.
    """
    observed = "+" in rows["snapshot_version"][0]
    late = pl.col(Columns.TIMESTAMP) - pl.col(Columns.COUNTS_TIMESTAMP)
    return (pl.lit(timedelta(0)) if observed else late).alias(_LATENESS)


def _compare_users(store: FeatureStore, rows: pl.DataFrame, skew: Skew) -> None:
    names = [name for name, feature in all_features().items() if feature.entity != "item"]
    asked = rows.select(
        Columns.REQUEST_ID,
        Columns.USER_ID,
        Columns.TIMESTAMP,
        Columns.DEVICE,
        Columns.COUNTRY,
        _LATENESS,
        "user_features",
    )
    known = [name for name in names if name not in (Columns.DEVICE, Columns.COUNTRY)]
    for row in store.point_in_time(asked, known, pl.col(_LATENESS)).iter_rows(named=True):
        served = json.loads(row["user_features"])
        who = f"user {row[Columns.USER_ID]} in {row[Columns.REQUEST_ID][:12]}"
        for name in known:
            skew.compare(name, who, served.get(name), row[name])


def _compare_items(
    store: FeatureStore, online: OnlineFeatures, rows: pl.DataFrame, skew: Skew
) -> None:
    names = [name for name, feature in all_features().items() if feature.entity == "item"]
    items = rows.select(
        Columns.REQUEST_ID,
        Columns.TIMESTAMP,
        _LATENESS,
        pl.col("item_ids").list.head(ITEMS_A_REQUEST).alias(Columns.ITEM_ID),
    ).explode(Columns.ITEM_ID, empty_as_null=False)
    offline = query_inputs(store.point_in_time(items, names, pl.col(_LATENESS)), names)
    start = 0
    for (request_id,), part in items.group_by(Columns.REQUEST_ID, maintain_order=True):
        ids = part[Columns.ITEM_ID].to_numpy().astype(object)
        served = online.items(ids, part[Columns.TIMESTAMP][0], names)
        end = start + len(part)
        for name in names:
            _compare_columns(name, request_id, (served[name], offline[name][start:end]), skew)
        start = end


def _compare_columns(
    name: str, request_id: object, pair: tuple[NDArray[Any], NDArray[Any]], skew: Skew
) -> None:
    """Count a feature of several items at once; look at each only where something differs."""
    served, offline = pair
    number = served.dtype != object
    same = (
        np.allclose(served, offline, TOLERANCE, TOLERANCE, equal_nan=True)
        if number
        else np.array_equal(served, offline)
    )
    if same:
        skew.values += len(served)
        return
    for now, then in zip(served.tolist(), offline.tolist(), strict=True):
        skew.compare(name, f"an item in {str(request_id)[:12]}", _unpadded(now), _unpadded(then))


def _unpadded(value: Any) -> Any:
    return [part for part in value if part] if isinstance(value, list) else value


def _equal(served: Any, offline: Any) -> bool:
    """Say whether two values of a feature are one; an empty list, "" and NaN are missing."""
    one, other = (
        None if value in ([], "") or value != value else value for value in (served, offline)
    )
    if isinstance(one, int | float) and isinstance(other, int | float):
        return math.isclose(one, other, rel_tol=TOLERANCE, abs_tol=TOLERANCE)
    return bool(one == other)
