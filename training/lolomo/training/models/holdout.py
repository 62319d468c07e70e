"""A small question paper cut from the last events before the cut, for models of ids alone.

Item-item models choose their settings on it: they are fitted on what lies before `start`, and asked
what came after. As in the evaluation, a query of a next-item task is one event with the history
before it; a query of a next-items task is one event and nothing else, to be answered by the user's
new items within the horizon.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from lolomo.core.recommender import Scores
from lolomo.core.task import LabelKind, Task
from lolomo.training.models.plays import Plays

DEPTH = 10
HISTORY_LENGTH = 50


@dataclass(frozen=True, slots=True)
class Blend:
    """How a query is scored from the weights."""

    half_life_days: float
    """An entry of the history so much older than the latest counts half; inf for all alike."""
    prior_weight: float
    """What the popularity of the last days counts beside the history."""


@dataclass(frozen=True, slots=True)
class Holdout:
    """Queries with histories and targets as index lists."""

    start: float
    """Day, since 1970, before which to fit."""
    histories: tuple[NDArray[np.int64], ...]
    """What each query may look at, oldest first."""
    ages: tuple[NDArray[np.float64], ...]
    """How many days before the latest each entry lies."""
    seen: sparse.csr_array
    """Above 0 where an item was watched before, and cannot be asked for. [queries, items]."""
    targets: sparse.csr_array
    """1 where an item answers the query. [queries, items]."""

    def __len__(self) -> int:
        return len(self.histories)

    def ndcg(self, weights: sparse.csr_array, prior: Scores, blend: Blend) -> float:
        """Return the mean NDCG@10 of an item-item model; 0 without queries."""
        if not len(self):
            return 0.0
        scores = (self._votes(blend.half_life_days) @ weights).toarray()
        scores += blend.prior_weight * prior
        scores[self.seen.nonzero()] = -np.inf
        best = np.argpartition(-scores, min(DEPTH, scores.shape[1] - 1), axis=1)[:, :DEPTH]
        order = np.argsort(-np.take_along_axis(scores, best, axis=1), axis=1, kind="stable")
        best = np.take_along_axis(best, order, axis=1)
        discount = 1.0 / np.log2(np.arange(2, best.shape[1] + 2))
        reached = np.take_along_axis(self.targets.toarray(), best, axis=1) @ discount
        wanted = np.minimum(np.diff(self.targets.indptr), best.shape[1])
        return float(np.mean(reached / np.cumsum(discount)[wanted - 1]))

    def _votes(self, half_life_days: float) -> sparse.csr_array:
        """Return how much each history entry counts. [queries, items]."""
        counts = [len(history) for history in self.histories]
        rows = np.repeat(np.arange(len(counts)), counts)
        recency = 2.0 ** (-np.concatenate(self.ages) / half_life_days)
        entries = (recency.astype(np.float32), (rows, np.concatenate(self.histories)))
        return sparse.csr_array(entries, shape=self.targets.shape)


def hold_out(
    plays: Plays, task: Task, rng: np.random.Generator, share: float = 0.15, limit: int = 1000
) -> Holdout:
    """Cut queries from the last events.

    Args:
        plays: All that lies before the cut.
        task: Says what a query sees, and how far ahead its targets lie.
        rng: Draws the queries where there are more than `limit`.
        share: Of the events, the last so many are asked about.
        limit: Most queries.
    """
    start = plays.days[round((len(plays.days) - 1) * (1 - share))]
    late = rng.permutation(np.flatnonzero(plays.days >= start))
    known = np.bincount(plays.before(start).items, minlength=plays.num_items) > 0
    rows_of = _rows_by_user(plays)
    questions = []
    for row in late:
        question = _question(plays, rows_of[plays.users[row]], int(row), task)
        if question is not None and known[question[2]].any():
            history, ages, targets, seen = question
            questions.append((history, ages, targets[known[targets]], seen))
        if len(questions) == limit:
            break
    targets = _indicator([question[2] for question in questions], plays.num_items)
    seen = _indicator([question[3] for question in questions], plays.num_items)
    return Holdout(
        float(start), tuple(q[0] for q in questions), tuple(q[1] for q in questions), seen, targets
    )


def _question(
    plays: Plays, mine: NDArray[np.int64], row: int, task: Task
) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.int64], NDArray[np.int64]] | None:
    """Return history, ages, targets and seen items of the query at one event, if it is one."""
    now = plays.days[row]
    before = mine[plays.days[mine] < now]
    if task.label.kind == LabelKind.NEXT_ITEMS:
        horizon = (task.label.horizon or timedelta(days=7)) / timedelta(days=1)
        ahead = mine[(plays.days[mine] > now) & (plays.days[mine] <= now + horizon)]
        history = np.array([row])
        seen = np.unique(plays.items[mine[plays.days[mine] <= now]])
    else:
        ahead = np.array([row])
        history = before[-HISTORY_LENGTH:]
        seen = np.unique(plays.items[before])
    targets = np.setdiff1d(plays.items[ahead], seen)
    if not len(history) or not len(targets) or len(before) < 2:
        return None
    ages = plays.days[history[-1]] - plays.days[history]
    return plays.items[history], ages, targets, seen


def _rows_by_user(plays: Plays) -> list[NDArray[np.int64]]:
    """Return each user's rows, in order of time."""
    order = np.argsort(plays.users, kind="stable")
    return np.split(order, np.cumsum(np.bincount(plays.users))[:-1])


def _indicator(lists: Sequence[NDArray[np.int64]], num_items: int) -> sparse.csr_array:
    """Return 1 where a list names an item. [lists, items]."""
    rows = np.repeat(np.arange(len(lists)), [len(some) for some in lists])
    columns = np.concatenate([*lists, np.empty(0, np.int64)])
    ones = np.ones(len(rows), np.float32)
    return sparse.csr_array((ones, (rows, columns)), shape=(len(lists), num_items))


def choose(
    choices: Mapping[str, Sequence[float]], quality: Callable[[Mapping[str, float]], float]
) -> dict[str, float]:
    """Return the best settings found by changing one at a time, in order, twice.

    Args:
        choices: Values of each setting, the one to begin with first.
        quality: What is to be large.
    """
    best = {name: values[0] for name, values in choices.items()}
    known: dict[tuple[float, ...], float] = {}

    def rated(settings: Mapping[str, float]) -> float:
        key = tuple(settings.values())
        if key not in known:
            known[key] = quality(settings)
        return known[key]

    for name in (*choices, *choices):
        tried = [best | {name: value} for value in (best[name], *choices[name])]
        best = max(tried, key=rated)
    return best
