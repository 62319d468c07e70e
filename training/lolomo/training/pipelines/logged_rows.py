"""Logged rows: what each contender would have earned where members were shown what was drawn.

A log that says how probable each title of a row was can be asked what another ranker would have
earned there: slot by slot, each below the titles that did stand above it (item-position IPS, Li et
al., KDD 2018). That is not the worth of its own list, but of all offline metrics it puts contenders
best into their online order (`lolomo report alignment`), so a gate asks it first. Where the overlap
guard refuses, it says why, and the gate takes its other metric.

A contender is taken as it would serve: greedy, over what was known before the window and shown in
the member's country, but for what they watched and what stands elsewhere on the page.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from lolomo.core.columns import Columns, Kind
from lolomo.core.recommender import Ids, Ranker, Retriever, Scores
from lolomo.core.task import LabelKind
from lolomo.evaluation import Fold, seen_items
from lolomo.evaluation.off_policy import Guard, Slates, Terms, diagnose, independent_ips
from lolomo.evaluation.queries import CLUSTER
from lolomo.features import all_features, query_inputs
from lolomo.training.pipelines.context import StepContext
from lolomo.training.rankings import BATCH_SIZE, Rankings

METRIC: Final = "logged_plays"
"""Plays a row, estimated from the log."""
MOST_ROWS: Final = 4_000
"""Of a window, drawn by a hash of their request."""
_SHOWN, _ELSEWHERE, _DRAWN, _PLAYED = "_shown", "_elsewhere", "_drawn", "_played"


@dataclass(frozen=True)
class LoggedRows:
    """The rows of one surface in a window, the earliest first."""

    context: StepContext
    fold: Fold
    rows: pl.DataFrame
    """A row a request: as queries are, with titles, propensities and plays by position."""
    available: Mapping[str, NDArray[np.bool_]]
    """Which known items were shown before the window, by country. Shape: [items]."""
    known: Ids

    @classmethod
    def of(cls, context: StepContext, fold: Fold) -> "LoggedRows | None":
        """Return the logged rows of a task, None if its log has none that could be weighed."""
        task, events = context.task, context.log.events()
        asks = task.label.kind in (LabelKind.NEXT_ITEM, LabelKind.COUNTS)
        if not asks or task.candidates_from or Columns.PROPENSITY not in events.columns:
            return None
        rows = _rows(fold.window_events(events), task.name)
        if rows.is_empty():
            return None
        known = context.known(fold)
        shown = fold.fit_events(events).filter(pl.col(Columns.KIND) == Kind.IMPRESSION)
        by_country = shown.group_by(Columns.COUNTRY).agg(pl.col(Columns.ITEM_ID).unique())
        available = {
            country: np.isin(known.astype(str), np.array(items, str))
            for country, items in by_country.iter_rows()
        }
        features = all_features()
        names = [name for name in task.features if features[name].entity != "item"]
        if names:
            rows = context.features.point_in_time(rows, names)
        return cls(context, fold, rows, available, known)

    def weigh(self, recommender: Retriever | Ranker) -> Terms:
        """Return what a recommender's rows would have earned, as terms a request."""
        drawn = np.array(self.rows[_DRAWN].to_list(), float)
        same = np.zeros(drawn.shape)
        start = 0
        for left in self._left(recommender):
            shown = self._codes(self.rows[_SHOWN].slice(start, len(left)).to_list())
            for slot in range(drawn.shape[1]):
                there = left.argmax(axis=1) == shown[:, slot]
                same[start : start + len(left), slot] = there
                np.put_along_axis(left, shown[:, slot, None], -np.inf, axis=1)
            start += len(left)
        log = Slates(
            rewards=np.array(self.rows[_PLAYED].to_list(), float),
            propensities=drawn,
            target_propensities=same,
            clusters=self.rows[Columns.USER_ID].rank("dense").cast(pl.Int64).to_numpy() - 1,
        )
        return independent_ips(log)

    def lists(self, recommender: Retriever | Ranker, length: int) -> NDArray[np.int64]:
        """Return a recommender's own rows, as places in `known`. Shape: [requests, length]."""
        found = [
            np.argsort(-left, axis=1, kind="stable")[:, :length] for left in self._left(recommender)
        ]
        return np.concatenate(found)

    def per_query(self, terms: Terms) -> pl.DataFrame:
        """Return the estimate's terms as the metric of each request."""
        return self.rows.select(
            pl.int_range(pl.len()).alias(Columns.QUERY_ID),
            Columns.USER_ID,
            Columns.TIMESTAMP,
            pl.col(Columns.USER_ID).alias(CLUSTER),
            pl.Series(METRIC, terms.values),
        )

    def _left(self, recommender: Retriever | Ranker) -> Iterator[NDArray[np.floating]]:
        """Yield scores of what may be shown, some requests after the other, -inf for the rest.

        The last column stands for titles that are not known. Shape of each: [batch, items + 1].
        """
        seen = seen_items(self.context.log.events(), self.rows)
        nowhere = np.zeros(len(self.known), bool)
        start = 0
        for scores in self._scores(recommender):
            part = self.rows.slice(start, len(scores))
            hidden = [[*seen.of(start + row), *part[_ELSEWHERE][row]] for row in range(len(part))]
            countries = part[Columns.COUNTRY].to_list()
            open_to = np.stack([self.available.get(country, nowhere) for country in countries])
            left = np.where(open_to, scores, -np.inf)
            left = np.concatenate([left, np.full((len(left), 1), -np.inf)], axis=1)
            np.put_along_axis(left, self._codes(hidden), -np.inf, axis=1)
            yield left
            start += len(part)

    def _codes(self, lists: list[list[str]]) -> NDArray[np.int64]:
        """Return where items stand among the known, past their end if nowhere. [rows, longest]."""
        place = self._places
        codes = np.full((len(lists), max([1, *map(len, lists)])), len(place))
        for row, items in enumerate(lists):
            codes[row, : len(items)] = [place.get(item, len(place)) for item in items]
        return codes

    @cached_property
    def _places(self) -> Mapping[str, int]:
        return {item: number for number, item in enumerate(self.known.tolist())}

    def _scores(self, recommender: Retriever | Ranker) -> Iterator[Scores]:
        """Yield scores of the known items for some requests after the other."""
        if isinstance(recommender, Retriever):
            column = {item: place for place, item in enumerate(recommender.items.tolist())}
            found = np.array([column.get(item, -1) for item in self.known])
            for part in self.rows.iter_slices(BATCH_SIZE):
                scores = recommender.scores(query_inputs(part, recommender.inputs))
                yield np.where(found >= 0, scores[:, found], -np.inf).astype(np.float32)
            return
        rankings = Rankings(
            self.context.task, self.rows, self.context.features, self.known, recommender.inputs
        )
        for batch in rankings():
            yield recommender.rank(batch.query)


def refusal(terms: Terms) -> str:
    """Return why nothing can be said; "" if something can."""
    if not terms.weights.any():
        return "it would show nothing that was shown"
    return "; ".join(Guard().reasons(diagnose(terms)))


def _rows(window: pl.DataFrame, surface: str) -> pl.DataFrame:
    """Return the rows of a surface whose every slot was drawn with a known probability."""
    place = [Columns.REQUEST_ID, Columns.SURFACE, Columns.POSITION]
    played = window.filter(pl.col(Columns.KIND).is_in(Kind.INTERACTIONS)).select(place).unique()
    shown = window.filter(
        pl.col(Columns.KIND) == Kind.IMPRESSION, pl.col(Columns.REQUEST_ID).is_not_null()
    )
    mine = pl.col(Columns.SURFACE) == surface
    asking = (Columns.USER_ID, Columns.DEVICE, Columns.COUNTRY)
    there = [name for name in asking if name in shown.columns]
    elsewhere = shown.filter(~mine).group_by(Columns.REQUEST_ID)
    rows = (
        shown.filter(mine)
        .join(played.with_columns(pl.lit(1.0).alias(_PLAYED)), on=place, how="left")
        .sort(Columns.POSITION)
        .group_by(Columns.REQUEST_ID)
        .agg(
            pl.col(*there).first(),
            pl.col(Columns.TIMESTAMP).min(),
            pl.col(Columns.ITEM_ID).alias(_SHOWN),
            pl.col(Columns.PROPENSITY).alias(_DRAWN),
            pl.col(_PLAYED).fill_null(0.0),
        )
        .join(
            elsewhere.agg(pl.col(Columns.ITEM_ID).alias(_ELSEWHERE)),
            on=Columns.REQUEST_ID,
            how="left",
        )
    )
    length = pl.col(_DRAWN).list.len()
    whole = (length == length.max()) & ~pl.col(_DRAWN).list.eval(pl.element().is_null()).list.any()
    some = rows.filter(whole).sort(pl.col(Columns.REQUEST_ID).hash(seed=0)).head(MOST_ROWS)
    return some.sort(Columns.TIMESTAMP, Columns.REQUEST_ID).with_columns(
        pl.col(_ELSEWHERE).fill_null([]),
        pl.lit([], pl.List(pl.String)).alias(Columns.TARGETS),
        pl.lit([], pl.List(pl.Float64)).alias(Columns.GAINS),
    )
