"""What a model may learn from: events before a cut, and queries of the last days before it.

A model that learns from ids alone reads `TrainingData.events`. One that learns how to weigh
features reads `TrainingData.rankings()`: batches of past queries, each with its candidates, their
features as they were at that instant, and the gain of each candidate. All lies before the cut.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import polars as pl
from numpy.typing import NDArray

from lolomo.core.columns import Columns
from lolomo.core.errors import ModelError
from lolomo.core.progress import Progress, silent
from lolomo.core.recommender import Ids, Query, Scores
from lolomo.core.task import Task

if TYPE_CHECKING:
    from lolomo.features import Feature
    from lolomo.training.models.model import Fitted

ItemValues: TypeAlias = Callable[
    [NDArray[np.int64], Sequence[str]], Mapping[str, NDArray[np.float32]]
]
HistoryValues: TypeAlias = Callable[[Query, Collection[str]], Mapping[str, NDArray[np.float32]]]


@dataclass(frozen=True, slots=True)
class RankingBatch:
    """Past queries with their candidates, in order of time."""

    query: Query
    """User and context inputs `[batch]`, such as `timestamp` in int64 microseconds; `candidates`
    `[batch, candidates]`, "" where padded; item inputs and source features `[batch, candidates]`,
    `genres` `[batch, candidates, values]`; history inputs `[batch, length]`."""
    gains: Scores
    """What each candidate was worth, 0 for most and where padded. Shape: [batch, candidates]."""
    values: Scores | None = None
    """How each candidate that has a gain was valued, from 0 to 1 (`core.reward.SATISFACTION`), NaN
    where nobody said; None where no query says it. Shape: [batch, candidates]."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingData:
    """Everything that a model may see, none of it at or after the cut."""

    task: Task
    events: pl.DataFrame
    """Interactions before the cut, with the columns of `tables.EVENTS`, in order of time."""
    items: pl.DataFrame
    """The catalogue, with the columns of `tables.ITEMS`."""
    cut: datetime
    """The instant, UTC, before which everything lies."""
    rankings: Callable[[], Iterator[RankingBatch]] | None = None
    """Starts a pass over the batches, in order of time; None where the data allows none. Without
    `candidates_from` in the task the candidates are the whole catalogue, so keep no batch."""
    features: "tuple[Feature, ...]" = ()
    """The features that the task's models may read."""
    users: pl.DataFrame | None = None
    """What is known of users, with columns of `tables.USERS`; None where nothing is."""
    item_values: ItemValues | None = None
    """From times, int64 microseconds, ascending, `[times]`, and names of item features that are
    numbers, to their values for the items of `item_ids()`, float32 `[times, items]`, NaN where
    missing; so a model that needs the counts of the past computes no feature itself."""
    history_values: HistoryValues | None = None
    """From past queries and names of features to what their histories say of their candidates, see
    `features.history_features.HistoryFeatures.of`, whose counts are those of `counts_timestamp`."""
    impressions: Callable[[], pl.DataFrame] | None = None
    """Returns what was shown before the cut, in order of time; None where the log does not say."""
    progress: Progress = silent
    scratch: Path | None = None
    """A folder of this run alone, where a long fit saves itself and, killed, goes on from."""
    continue_from: Path | None = None
    """What the same model exported before, checked, to go on from; None to begin anew. Only models
    that say `continues` are given one; what they keep for themselves stands in `state/`."""

    fitted: "Callable[[str], Fitted] | None" = None
    """From the name of another model of the task to its fit on these very data, with its default
    config; so that what is made of models fits none of them twice. None where nobody keeps fits."""

    earlier: "Callable[[], Fitted | None] | None" = None
    """Fits the same model before the window that ends at the cut, and returns that fit, which knows
    nothing of the window; None before the first. None where nobody keeps fits."""

    def item_ids(self) -> Ids:
        """Return the items that were interacted with, by id. Shape: [items].

        Raises:
            ModelError: If there are no events.
        """
        if self.events.is_empty():
            raise ModelError(
                f"received no events before {self.cut:%Y-%m-%d %H:%M} for task {self.task.name!r}: "
                "expected some interactions; choose a later cut or import more data"
            )
        return self.events[Columns.ITEM_ID].unique().sort().to_numpy().astype(object)


def places_in(values: Sequence[str] | pl.Series, column: pl.Series) -> NDArray[np.int32]:
    """Return the place of each text of a column among some values, -1 where it is none of them.

    It needs a few bytes an entry, where texts as Python objects need a hundred.
    """
    places = column.cast(pl.Enum(values), strict=False).to_physical().cast(pl.Int32)
    return places.fill_null(-1).to_numpy()
