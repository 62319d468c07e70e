"""What steps say to each other: frozen typed objects, JSON only at a process edge (see `wire`).

A step is `async (StepRequest) -> StepResponse`. A request carries its context, which is all that a
step may know of who asks, when, and until when an answer is worth anything; KServe's router drops
headers, so everything travels in the body. A step always answers: what it cannot provide is empty,
and `degraded` says why.
"""

import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
from typing_extensions import TypedDict

from lolomo.core.columns import Columns
from lolomo.features.candidates import Proposal


@dataclass(frozen=True, slots=True)
class User:
    """Who asks, as the front read them, once for the whole request."""

    user_id: str
    features: Mapping[str, Any] = field(default_factory=dict)
    """Features of the user and of the request by name: numbers, texts, lists or None."""
    seen_item_ids: frozenset[str] = frozenset()
    """Items that must not be proposed again."""

    @property
    def history(self) -> tuple[str, ...]:
        """Watched items, oldest first."""
        return tuple(self.features.get(Columns.HISTORY_ITEM_IDS) or ())


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """What travels with a request through every step."""

    request_id: str
    deadline_milliseconds: int
    """When the answer is needed, absolute, in milliseconds since 1970 UTC."""
    timestamp: int
    """The request's own time, in microseconds since 1970 UTC: features are read as of then."""
    user: User
    device: str | None = None
    country: str | None = None
    traceparent: str = ""
    """W3C trace context, empty if the request is not traced."""
    max_rows: int | None = None
    max_titles: int | None = None
    """Most titles in a row, where that is less than the task says."""

    def deadline(self, share: float = 1.0) -> float:
        """Return when to be done, in seconds since 1970, spending that share of the time left."""
        now = time.time()
        return now + (self.deadline_milliseconds / 1e3 - now) * share


@dataclass(frozen=True, slots=True)
class Seeded:
    """What goes with one item that the user watched."""

    seed_item_id: str
    proposal: Proposal


def no_proposal() -> Proposal:
    """Return a proposal of nothing."""
    return Proposal(np.empty(0, dtype=object), np.empty(0, dtype=np.float32))


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposals:
    """What a generator answers."""

    release: str = ""
    """Digest of the release that proposed; empty if none did."""
    proposal: Proposal = field(default_factory=no_proposal)
    """Candidates for the whole user, best first, none of them seen."""
    seeded: tuple[Seeded, ...] = ()
    """Of a task with seeds: what goes with each, the latest seed first."""
    degraded: str | None = None


class Origin(TypedDict):
    """One generator that proposed a title; the page's `releases` say which release it was."""

    source: str
    """The generator's task."""
    rank: int
    """1 for its best proposal."""
    score: float


class Entry(TypedDict):
    """One title on the page, the object that clients get.

    There are hundreds on a page: dataclasses would take five times as long to make and to encode.
    """

    item_id: str
    title: str
    genres: tuple[str, ...]
    release_year: int | None
    score: float
    """Of the release that ordered the row."""
    propensity: float | None
    """The probability with which the policy shows this title here, given those before it; None
    where it was moved after the policy had drawn."""
    why: str
    provenance: list[Origin]
    evidence: str
    """The pitch that `why` is, where a policy chose one; else empty."""
    evidence_propensity: float | None
    """The probability with which it did."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PageRow:
    """One row of titles."""

    task: str
    title: str
    release: str
    """Digest of the release that ordered it; empty if the blended order stands."""
    entries: tuple[Entry, ...]
    policy_id: str = "greedy"
    """Who drew the row."""
    propensity: float | None = 1.0
    """The probability with which the policy draws this very row; None where that is unknown."""
    propensity_errors: tuple[float, ...] = ()
    """Standard errors of its titles' propensities, where the policy can only estimate them."""
    teams: tuple[str, ...] = ()
    """Of an interleaved row, the arm whose release picked each title."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """What the `page` step answers."""

    rows: tuple[PageRow, ...]
    degraded: Mapping[str, str] = field(default_factory=dict)
    """Why, by the task or step that could not do its part."""
    num_candidates: Mapping[str, int] = field(default_factory=dict)
    """How many candidates each generator proposed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ComposedPage(Page):
    """A page with what the journal asks of it: what was ranked, and how long each part took.

    It stays in the process that composed it; other processes get the page alone.
    """

    rankings: Mapping[str, Proposals] = field(default_factory=dict)
    """By ranking task, its candidates in the order of their scores."""
    seconds: Mapping[str, float] = field(default_factory=dict)
    """By part of the work, such as `blend`, `rank` or `compose`."""


StepResponse: TypeAlias = Context | Proposals | Page
"""The context step answers with the context, so that its Ensemble's answer is a request again."""


@dataclass(frozen=True, slots=True)
class StepRequest:
    """What a step is asked."""

    context: Context
    answers: Mapping[str, StepResponse] = field(default_factory=dict)
    """What earlier steps answered, by step name."""


Step: TypeAlias = Callable[[StepRequest], Awaitable[StepResponse]]
