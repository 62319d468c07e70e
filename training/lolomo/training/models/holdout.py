"""A small question paper cut from the last events before the cut, for models of ids alone.

Models choose their settings on it: they are fitted on what lies before `start`, and asked what came
after. As in the evaluation, a query of a next-item task is one event with the history
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
class Holdout:
    """Queries with what each may look at, and what answers it."""

    start: float
    """Day, since 1970, before which to fit."""
    histories: NDArray[np.int32]
    """What each query may look at, oldest first: item i as i + 1, padded with 0 at the front.
    Shape: [queries, length]."""
    ages: NDArray[np.float64]
    """How many days before the latest each entry lies, 0 where padded. [queries, length]."""
    seen: sparse.csr_array
    """Above 0 where an item was watched before, and cannot be asked for. [queries, items]."""
    targets: sparse.csr_array
    """1 where an item answers the query. [queries, items]."""

    def __len__(self) -> int:
        return len(self.histories)

    def recency(self, half_life_days: float) -> NDArray[np.float32]:
        """Return how much each entry of the histories counts. Shape: [queries, length]."""
        recency = np.where(self.histories > 0, 2.0 ** (-self.ages / half_life_days), 0.0)
        return recency.astype(np.float32)

    def ndcg(self, scores: Scores) -> float:
        """Return the mean NDCG@10 of scores `[queries, items]`; 0 without queries."""
        if not len(self):
            return 0.0
        scores = scores.copy()
        scores[self.seen.nonzero()] = -np.inf
        best = np.argpartition(-scores, min(DEPTH, scores.shape[1]) - 1, axis=1)[:, :DEPTH]
        order = np.argsort(-np.take_along_axis(scores, best, axis=1), axis=1, kind="stable")
        best = np.take_along_axis(best, order, axis=1)
        discount = 1.0 / np.log2(np.arange(2, best.shape[1] + 2))
        reached = np.take_along_axis(self.targets.toarray(), best, axis=1) @ discount
        wanted = np.minimum(np.diff(self.targets.indptr), best.shape[1])
        return float(np.mean(reached / np.cumsum(discount)[wanted - 1]))


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
    histories, ages = _padded([question[:2] for question in questions])
    return Holdout(float(start), histories, ages, seen, targets)


def _padded(
    histories: Sequence[tuple[NDArray[np.int64], NDArray[np.float64]]],
) -> tuple[NDArray[np.int32], NDArray[np.float64]]:
    """Return items + 1 and ages as arrays `[queries, length]`."""
    items = np.zeros((len(histories), HISTORY_LENGTH), np.int32)
    ages = np.zeros(items.shape)
    for row, (some_items, some_ages) in enumerate(histories):
        items[row, HISTORY_LENGTH - len(some_items) :] = some_items + 1
        ages[row, HISTORY_LENGTH - len(some_ages) :] = some_ages
    return items, ages


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
        tried = [best | {name: value} for value in dict.fromkeys((best[name], *choices[name]))]
        best = max(tried, key=rated) if len(tried) > 1 else best
    return best
