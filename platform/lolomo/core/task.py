"""A task: one question that a streaming service asks of its recommender.

There is not one recommendation problem but many, and each has its own query, candidates, label and
best architecture. A `Task` states them once; Feast FeatureServices, pipelines, the inference graph
and the rows of the page are derived from the list of tasks, and nothing is listed twice.
"""

from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum

from lolomo.core.reward import INTERACTION, Reward

MIN_HISTORY = 2
"""Who has watched less has no history to speak of: rankers are neither trained nor measured on it,
and do not order their rows."""


class LabelKind(StrEnum):
    """What answers a query."""

    NEXT_ITEM = "next_item"
    """Each rewarded event is a query at its own time; its item is the target."""
    NEXT_ITEMS = "next_items"
    """Each rewarded event seeds a query; the user's next new items within the horizon answer it."""
    COUNTS = "counts"
    """The clock alone is the query; what everybody watches within the horizon answers it."""
    SEARCH = "search"
    """Each rewarded event is a typed query; the item whose title was typed is the target."""
    RESUMED = "resumed"
    """Each session's start is a query; the unfinished item that the user goes on with answers it.
    What was started is what competes, so nothing is left out for having been seen."""
    ROWS = "rows"
    """Each page that was shown is a query; the rows that were played from answer it."""
    EVIDENCE = "evidence"
    """Each title that was shown with a pitch, or artwork, is a decision among several; whether it
    was played is known of the one that was taken, and of no other: a contextual bandit."""


@dataclass(frozen=True, slots=True)
class Label:
    """How queries and their targets are cut from the event log."""

    kind: LabelKind
    horizon: timedelta | None = None
    """How far ahead targets may lie; None for the very next item."""


@dataclass(frozen=True, slots=True)
class Gate:
    """What a challenger must show, on validation, before it may serve.

    It must be superior to the strongest simple baseline, and not inferior to the champion, both by
    a paired bootstrap.
    """

    metric: str = "ndcg@10"
    off_policy: bool = False
    """Whether to ask first what the contenders' rows would have earned by the log of the task's
    own row, if it says how probable each title was; where it refuses, `metric` decides."""
    non_inferiority_margin: float = 0.01
    """How much of the champion's metric may be lost, as a fraction of it."""
    confidence: float = 0.95


@dataclass(frozen=True, slots=True)
class Row:
    """How a task's answer stands on the page."""

    title: str
    """What the row is called; `{seed}` becomes the title of the seed item."""
    why: str
    """Why an item is in it, in words a member understands; `{seed}` as above."""
    why_new: str = ""
    """The same for a member who has watched nothing yet, where that cannot be the reason."""
    length: int = 20
    """Most items in the row."""
    shortest: int = 3
    """Fewest items in it; with fewer it is left out."""
    on_page: bool = True
    """False for an answer that is asked for by itself, as search is by what was typed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One recommendation task, from question to row."""

    name: str
    question: str
    """What is asked, in one sentence."""
    label: Label
    row: Row
    features: tuple[str, ...]
    """Names of the features that its models may read; a FeatureService is derived from them."""
    reward: Reward = INTERACTION
    needs: tuple[str, ...] = ()
    """Columns of the canonical tables without which the task is skipped."""
    candidates_from: tuple[str, ...] = ()
    """Tasks whose answers are this task's candidates; empty for the whole catalogue."""
    gate: Gate = field(default_factory=Gate)
    metrics: tuple[str, ...] = ("ndcg@10", "hr@10", "ndcg@100", "mrr", "ipw_ndcg@10", "coverage@10")
    version: int = 1

    @property
    def has_candidates(self) -> bool:
        """Whether each query has candidates of its own, rather than the whole catalogue."""
        return (
            bool(self.candidates_from)
            or self.label.kind is LabelKind.RESUMED
            or not self.answers_with_items
        )

    @property
    def answers_with_items(self) -> bool:
        """Whether what competes are items of the catalogue, rather than rows or pitches."""
        return self.label.kind not in (LabelKind.ROWS, LabelKind.EVIDENCE)

    def missing(self, available: frozenset[str]) -> tuple[str, ...]:
        """Return the needed columns that a dataset does not have."""
        return tuple(column for column in self.needs if column not in available)
