"""What the steps of one process share: releases, features as they are now, and a worker."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import polars as pl
from numpy.typing import NDArray

from lolomo.core.policy import Policy
from lolomo.core.recommender import Ids, Ranker, Retriever
from lolomo.core.task import Task
from lolomo.events.watching import Unfinished
from lolomo.features.captions import Caption
from lolomo.features.history_features import HistoryFeatures
from lolomo.serving.experiments import Assignments
from lolomo.serving.steps.breaker import Breaker
from lolomo.serving.steps.filters import FILTERS, Filter
from lolomo.serving.steps.layout import Layout
from lolomo.serving.steps.worker import Worker


class Features(Protocol):
    """What serving reads; `lolomo.features.OnlineFeatures` is one."""

    @property
    def item_ids(self) -> Ids:
        """The catalogue. Shape: [items]."""
        ...

    @property
    def counts_timestamp(self) -> int:
        """As of when the items' stored features are, in microseconds since 1970 UTC."""
        ...

    @property
    def version(self) -> str:
        """What items are read from: a snapshot, and how many events have changed it since."""
        ...

    def observe(self, events: pl.DataFrame) -> None:
        """Let the next reads know of events."""
        ...

    def refresh(self) -> bool:
        """Read what was materialised since; return whether there was anything."""
        ...

    def codes(self, item_ids: Ids) -> NDArray[np.int64]:
        """Return each item's row in the snapshot. Shape: [items]."""
        ...

    def user(
        self, user_id: str, timestamp: int, context: Mapping[str, str | None]
    ) -> Mapping[str, Any]:
        """Return the features of a user and of the request."""
        ...

    def title_keys(self, item_ids: Ids) -> NDArray[np.int64]:
        """Return equal numbers for items that are one title to a member. Shape: [items]."""
        ...

    def captions(self, item_ids: Sequence[str]) -> Mapping[str, Caption]:
        """Return what members read of items, by item; perhaps of others, too."""
        ...

    def of_genres(self, item_ids: Ids, timestamp: int, genres: Sequence[str]) -> NDArray[np.bool_]:
        """Return which items are of each genre. Shape: [genres, items]."""
        ...

    def items(
        self, item_ids: Ids, timestamp: int, features: Sequence[str]
    ) -> Mapping[str, NDArray[Any]]:
        """Return features of items, in order. Shape of each: [candidates] or more axes."""
        ...


@dataclass(frozen=True, slots=True)
class Champion:
    """The release that serves a task, loaded."""

    digest: str
    model: str
    recommender: Retriever | Ranker
    breaker: Breaker = field(default_factory=Breaker, compare=False)
    """Opens while the release is late or fails, so that pages do without it at once."""


@dataclass(frozen=True, slots=True)
class Resources:
    """What the steps of one process share."""

    tasks: Mapping[str, Task]
    """In the order of their rows."""
    champions: Mapping[str, Champion]
    """By task; a task without one degrades."""
    features: Features
    seen: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """By user, every item watched, where the event log is at hand."""
    unfinished: Mapping[str, tuple[Unfinished, ...]] = field(default_factory=dict)
    """By user, every item begun and not finished, where the event log is at hand."""
    history_features: HistoryFeatures | None = None
    """What histories say of candidates, where the event log is at hand."""
    layout: Layout = field(default_factory=Layout)
    """What a page is made of, beside the tasks."""
    policies: Mapping[str, Policy] = field(default_factory=dict)
    """By task, how its rows are drawn; greedily where there is none."""
    experiments: Assignments | None = None
    """Which arms members have, and how that changes what is drawn."""
    challengers: Mapping[tuple[str, str], Champion] = field(default_factory=dict)
    """By task and digest, the releases that experiments compare with the champions."""
    interleaved: Mapping[str, str] = field(default_factory=dict)
    """By task, the digest of the challenger that is drafted into everybody's row, for a replay."""
    turned_down: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """By user, every item that they said they do not want."""
    filters: tuple[Filter, ...] = FILTERS
    """What must not be proposed, beside what was seen or turned down."""
    worker: Worker = field(default_factory=lambda: Worker("compute"))
