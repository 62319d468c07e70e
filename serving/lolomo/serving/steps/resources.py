"""What the steps of one process share: releases, features as they are now, and a worker."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from numpy.typing import NDArray

from lolomo.core.recommender import Ids, Ranker, Retriever
from lolomo.core.task import Task
from lolomo.events.watching import Unfinished
from lolomo.features.covisitation import CoVisitation
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

    def user(
        self, user_id: str, timestamp: int, context: Mapping[str, str | None]
    ) -> Mapping[str, Any]:
        """Return the features of a user and of the request."""
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
    covisitation: CoVisitation | None = None
    """Counts of pairs of items, where the event log is at hand."""
    worker: Worker = field(default_factory=lambda: Worker("compute"))
