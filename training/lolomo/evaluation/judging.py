"""Judging: at which rank does each target stand among all items that could be shown?

All items known before the window compete, minus those that the query's user has seen. Ranks are
exact. Equal scores are ordered by one fixed random permutation of the items, a hash of the id,
which neither the target nor the order of a model's vocabulary can bend. It costs no extra pass: a
score and its item's place in the permutation make one 64-bit key, and keys are never equal.

A target that a model does not score, or that is not among its candidates, is a miss (null rank).
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from hashlib import blake2b

import numpy as np
import polars as pl
from numpy.typing import NDArray

from lolomo.core.columns import Columns
from lolomo.core.errors import ModelError
from lolomo.core.recommender import Ids, Scores
from lolomo.evaluation.page_queries import TARGET_COLUMNS
from lolomo.evaluation.queries import CLUSTER
from lolomo.evaluation.seen import SeenItems

TARGET_RANKS = "target_ranks"
"""Rank of each target from 1, null where missed; a list as long as the targets."""
TOP_ITEM_IDS = "top_item_ids"
"""The best items, best first."""
NUM_TOP = 100

# The highest key of a score of -inf, see `_keys`: what is not above it is not ranked.
_ABSENT = np.int64(-2139095041) << 32
_ROWS_AT_ONCE = 64


def tie_order(item_ids: Iterable[str]) -> NDArray[np.int64]:
    """Return each item's place in the fixed random permutation: lower wins a tie. Shape: [items].

    >>> tie_order(["a", "b", "c"]).tolist() == tie_order(["c", "b", "a"]).tolist()[::-1]
    True
    """
    digests = [
        int.from_bytes(blake2b(item_id.encode(), digest_size=8).digest()) for item_id in item_ids
    ]
    order = np.argsort(np.array(digests, np.uint64), kind="stable")
    places = np.empty(len(order), np.int64)
    places[order] = np.arange(len(order))
    return places


@dataclass
class Judgements:
    """Accumulates the judgement of blocks of scores, in the order of the queries.

    Blocks of some hundred queries are a good size; all that is kept of one are ranks and top items.
    """

    queries: pl.DataFrame
    """What `build_queries` returned."""
    known: Ids
    """The items that compete. Shape: [items]."""
    seen: SeenItems | None = None
    """What is left out for each query; None for nothing."""
    _columns: dict[str, int] = field(init=False, repr=False)
    _places: NDArray[np.int64] = field(init=False, repr=False)
    _seen_columns: NDArray[np.int64] = field(init=False, repr=False)
    _targets: NDArray[np.int64] = field(init=False, repr=False)
    _target_rows: NDArray[np.int64] = field(init=False, repr=False)
    _ranks: list[NDArray[np.int64]] = field(init=False, repr=False, default_factory=list)
    _tops: list[NDArray[np.int64]] = field(init=False, repr=False, default_factory=list)
    _num_judged: int = field(init=False, default=0)
    _vocabulary: tuple[Ids, NDArray[np.int64]] | None = field(init=False, repr=False, default=None)

    def __post_init__(self) -> None:
        if self.seen is not None and len(self.seen) != len(self.queries):
            raise ModelError(
                f"`seen` speaks of {len(self.seen)} queries, expected {len(self.queries)}: make it "
                "with `seen_items(events, queries)`"
            )
        self._columns = {item_id: column for column, item_id in enumerate(self.known)}
        self._places = tie_order(self.known)
        seen_ids: Iterable[str] = self.seen.item_ids if self.seen is not None else []
        self._seen_columns = self._columns_of(seen_ids)
        targets = self.queries[Columns.TARGETS]
        self._targets = self._columns_of(targets.explode().to_list() if len(targets) else [])
        self._target_rows = np.repeat(np.arange(len(targets)), targets.list.len().to_numpy())

    def add(self, scores: Scores, item_ids: Ids) -> None:
        """Judge the next queries by scores of items; a score of -inf is no proposal.

        Args:
            scores: The higher the better. Shape: [batch, items].
            item_ids: The items of the scores, in any order; unknown ones do not compete.
        """
        self._check(scores, (len(scores), len(item_ids)))
        if self._vocabulary is None or self._vocabulary[0] is not item_ids:
            self._vocabulary = item_ids, self._columns_of(item_ids)
        columns = self._vocabulary[1]
        competing = columns >= 0
        for start in range(0, len(scores), _ROWS_AT_ONCE):
            block = scores[start : start + _ROWS_AT_ONCE]
            dense = np.full((len(block), len(self.known)), -np.inf, np.float32)
            dense[:, columns[competing]] = block[:, competing]
            self._judge(dense)

    def add_candidates(self, scores: Scores, candidates: Ids) -> None:
        """Judge the next queries by scores of their own candidates.

        Args:
            scores: The higher the better. Shape: [batch, candidates].
            candidates: Item ids, "" for padding. Shape: [batch, candidates].
        """
        self._check(scores, candidates.shape)
        columns = self._columns_of(candidates.ravel()).reshape(candidates.shape)
        for start in range(0, len(scores), _ROWS_AT_ONCE):
            block = columns[start : start + _ROWS_AT_ONCE]
            rows, slots = np.nonzero(block >= 0)
            dense = np.full((len(block), len(self.known)), -np.inf, np.float32)
            dense[rows, block[rows, slots]] = scores[start + rows, slots]
            self._judge(dense)

    @property
    def num_judged(self) -> int:
        """How many queries are judged so far."""
        return self._num_judged

    def table(self) -> pl.DataFrame:
        """Return a row a query: its targets with ranks, gains and rewards, and its best items.

        Raises:
            ModelError: If some queries have not been judged.
        """
        if self._num_judged != len(self.queries):
            raise ModelError(
                f"{self._num_judged} of {len(self.queries)} queries are judged: add the scores of "
                "every block, in the order of the queries"
            )
        return self.queries.select(
            Columns.QUERY_ID,
            Columns.USER_ID,
            Columns.TIMESTAMP,
            CLUSTER,
            Columns.TARGETS,
            self._ranks_column(),
            Columns.GAINS,
            *(name for name in (Columns.REWARDS, TARGET_COLUMNS) if name in self.queries.columns),
            self._tops_column(),
        )

    def _columns_of(self, item_ids: Iterable[str]) -> NDArray[np.int64]:
        find = self._columns.get
        return np.array([find(item_id, -1) for item_id in item_ids], np.int64)

    def _check(self, scores: Scores, expected: tuple[int, ...]) -> None:
        if scores.shape != expected:
            raise ModelError(f"scores have shape {scores.shape}, expected {expected}, as their ids")
        if np.isnan(scores).any():
            raise ModelError("scores hold NaN, expected numbers or -inf: the model diverged")
        if self._num_judged + len(scores) > len(self.queries):
            raise ModelError(
                f"received scores of {self._num_judged + len(scores)} queries, expected "
                f"{len(self.queries)}: add each query once"
            )

    def _judge(self, dense: Scores) -> None:
        first, last = self._num_judged, self._num_judged + len(dense)
        if self.seen is not None:
            for row in range(len(dense)):
                span = slice(self.seen.starts[first + row], self.seen.stops[first + row])
                seen = self._seen_columns[span]
                dense[row, seen[seen >= 0]] = -np.inf
        keys = _keys(dense, self._places)
        low, high = np.searchsorted(self._target_rows, (first, last))
        self._ranks.append(
            _ranks(keys, self._target_rows[low:high] - first, self._targets[low:high])
        )
        self._tops.append(_top(keys))
        self._num_judged = last

    def _ranks_column(self) -> pl.Series:
        flat = np.concatenate([*self._ranks, np.zeros(0, np.int64)])
        ranks = pl.Series(flat, dtype=pl.Int64)
        rows = pl.DataFrame({"row": self._target_rows, TARGET_RANKS: ranks.replace(0, None)})
        return rows.group_by("row", maintain_order=True).agg(TARGET_RANKS)[TARGET_RANKS]

    def _tops_column(self) -> pl.Series:
        width = min(NUM_TOP, len(self.known))
        flat = np.concatenate([*self._tops, np.zeros((0, width), np.int64)])
        known = pl.Series(self.known.tolist(), dtype=pl.String)
        picked = known.gather(pl.Series(flat.ravel(), dtype=pl.Int64).replace(-1, None))
        lists = picked.reshape((len(flat), width)).arr.to_list().list.drop_nulls()
        return lists.alias(TOP_ITEM_IDS)


def judge(
    scores: Scores,
    item_ids: Ids,
    queries: pl.DataFrame,
    known: Ids,
    seen: SeenItems | None = None,
) -> pl.DataFrame:
    """Judge all queries by one matrix of scores `[queries, items]`, as `Judgements` does."""
    judgements = Judgements(queries, known, seen)
    judgements.add(scores, item_ids)
    return judgements.table()


def _keys(scores: Scores, places: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return integers that order as (score, lower place); at most `_ABSENT` where it is -inf."""
    # Adding 0 turns -0 into 0; the flip makes the bits of negative floats order as integers.
    bits = (scores + np.float32(0)).view(np.int32)
    bits ^= (bits >> 31) & np.int32(0x7FFFFFFF)
    keys: NDArray[np.int64] = bits.astype(np.int64)
    keys <<= 32
    keys -= places
    return keys


def _ranks(
    keys: NDArray[np.int64], rows: NDArray[np.int64], columns: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Return the rank of each target from 1, and 0 where it is not ranked at all."""
    ranks = np.zeros(len(rows), np.int64)
    for start in range(0, len(rows), _ROWS_AT_ONCE):
        part = slice(start, start + _ROWS_AT_ONCE)
        own = np.where(columns[part] >= 0, keys[rows[part], columns[part]], _ABSENT)
        above = np.count_nonzero(keys[rows[part]] > own[:, None], axis=1)
        ranks[part] = np.where(own <= _ABSENT, 0, above + 1)
    return ranks


def _top(keys: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the columns of the best keys, best first, -1 where fewer are ranked."""
    width = min(NUM_TOP, keys.shape[1])
    if width == 0:
        return np.zeros((len(keys), 0), np.int64)
    best = np.argpartition(keys, keys.shape[1] - width, axis=1)[:, -width:]
    values = np.take_along_axis(keys, best, axis=1)
    order = np.argsort(-values, axis=1)
    columns = np.take_along_axis(best, order, axis=1)
    return np.where(np.take_along_axis(values, order, axis=1) <= _ABSENT, -1, columns)
