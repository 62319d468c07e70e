"""The `blend` runtime: several rankers whose scores are averaged, and a place for discovery.

`blend.json` says which members there are; the files of each lie in a folder of its own. Members
speak different units, so each one's scores are standardised over the candidates of a query before
they are averaged with the members' weights.

Accurate rankers show everybody much the same. The last place of the first `length` is therefore
kept for *discovery*: a candidate that few have watched, and of these the one that goes best with
what the user watched last, which is another one for everybody. It takes the place only where it is
not far behind what stands there, for that is where least is lost. What it costs and what coverage
it gives is measured like everything else, since the release does it itself.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any, Self, cast

import numpy as np
from numpy.typing import NDArray

from lolomo.core.columns import Columns
from lolomo.core.errors import ReleaseError
from lolomo.core.recommender import Factors, PosteriorRanker, Query, Ranker, Scores

DESCRIPTION = "blend.json"


@dataclass(frozen=True, slots=True)
class Member:
    """One ranker of a blend."""

    folder: str
    runtime: str
    inputs: tuple[str, ...]
    weight: float


@dataclass(frozen=True, slots=True)
class Discovery:
    """Which candidate takes the place that is kept for discovery."""

    counts: str
    """The feature that says how often a candidate was watched."""
    most: float
    """A candidate watched more often is no discovery."""
    place: int = 10
    """From 1; 0 for no such place."""
    gap: float = 1.5
    """How far it may be behind what would stand there, in standard deviations of the scores of the
    query's candidates."""
    by: str = ""
    """The feature by which one of those near enough is chosen; "" for the score."""

    @property
    def inputs(self) -> tuple[str, ...]:
        """Names of what it reads of the candidates."""
        return tuple(name for name in (self.counts, self.by) if name)


def describe_blend(path: Path, members: Sequence[Member], discovery: Discovery) -> None:
    """Write what a blend is into its folder, beside the folders of its members."""
    values = {"members": [asdict(member) for member in members], "discovery": asdict(discovery)}
    (path / DESCRIPTION).write_text(json.dumps(values, indent=1))


def load_blend(path: Path, method: str, inputs: tuple[str, ...]) -> "BlendRanker":
    """Load a blend and its members.

    Raises:
        ReleaseError: If the method is not `rank`, or the description or a member is damaged.
    """
    from lolomo.runtimes import load_files

    if method != "rank":
        raise ReleaseError(f"received method {method!r}; expected 'rank', all that a blend does")
    try:
        values = json.loads((path / DESCRIPTION).read_text())
        described = [_from(Member, member) for member in values["members"]]
        discovery = _from(Discovery, values["discovery"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ReleaseError(
            f"{path / DESCRIPTION} cannot be read ({error!r}): publish the release again"
        ) from error
    members = []
    for member in described:
        folder = path / member.folder
        ranker = load_files(folder, member.runtime, "rank", member.inputs)
        assert isinstance(ranker, Ranker)  # noqa: S101 - for the type checker; `rank` was asked for
        members.append((ranker, member.weight))
    knows = any(isinstance(ranker, PosteriorRanker) for ranker, _ in members)
    blend = PosteriorBlendRanker if knows else BlendRanker
    return blend(tuple(members), discovery, inputs)


def _from(cls: type[Any], values: dict[str, Any]) -> Any:
    unknown = sorted(set(values) - {entry.name for entry in fields(cls)})
    if unknown:
        raise ValueError(f"unknown {unknown}")
    lists = {name: tuple(value) for name, value in values.items() if isinstance(value, list)}
    return cls(**{**values, **lists})


@dataclass(frozen=True, slots=True)
class BlendRanker:
    """Scores candidates by several rankers."""

    members: tuple[tuple[Ranker, float], ...]
    discovery: Discovery
    inputs: tuple[str, ...]

    def rank(self, query: Query) -> Scores:
        """Score the candidates of each query. Shape: [batch, candidates]."""
        return self._blended([ranker.rank(query) for ranker, _ in self.members], query)

    def compiled(self, num_candidates: int, history_length: int) -> Self:
        """Return the blend of members that are compiled for one query at a time."""
        from lolomo import runtimes

        members = tuple(
            (cast("Ranker", runtimes.compiled(ranker, num_candidates, history_length)), weight)
            for ranker, weight in self.members
        )
        return replace(self, members=members)

    def _blended(self, scores: Sequence[Scores], query: Query) -> Scores:
        """Return what the members' scores make together. Shape: [batch, candidates]."""
        present = query[Columns.CANDIDATES] != ""
        total = np.zeros(present.shape, np.float32)
        for own, (_, weight) in zip(scores, self.members, strict=True):
            total += weight * standardised(own, present)
        if not self.discovery.place or present.shape[1] < self.discovery.place:
            return total
        by = query[self.discovery.by] if self.discovery.by else total
        counts = query[self.discovery.counts]
        return with_discovery(total, Rarity(counts, by), present, self.discovery)

    def blank_query(self, candidates: int, history_length: int) -> Query:
        """Return a query of the usual shape that says nothing."""
        query: dict[str, NDArray[Any]] = {}
        for ranker, _ in self.members:
            query |= getattr(ranker, "blank_query")(candidates, history_length)  # noqa: B009
        return query


@dataclass(frozen=True, slots=True)
class PosteriorBlendRanker(BlendRanker):
    """A blend of which a member knows how sure it is; the others are taken at their word.

    The blend's deviations are that member's, in the blend's unit and by its weight, so they are too
    small by what the others do not know of themselves.
    """

    def rank_with_factors(self, query: Query) -> tuple[Scores, Factors]:
        """Score the candidates of each query.

        Returns:
            Scores `[batch, candidates]` and factors `[batch, rank, candidates]`.
        """
        present = query[Columns.CANDIDATES] != ""
        scores, factors = [], []
        for ranker, weight in self.members:
            if not isinstance(ranker, PosteriorRanker):
                scores.append(ranker.rank(query))
                continue
            own, moves = ranker.rank_with_factors(query)
            unit = np.maximum(_moments(own, present)[1], 1e-9)
            factors.append(weight * moves / unit[:, None])
            scores.append(own)
        return self._blended(scores, query), np.concatenate(factors, axis=1)


def standardised(scores: Scores, present: NDArray[np.bool_]) -> Scores:
    """Return scores in standard deviations of each query's present candidates, same shape."""
    mean, deviation = _moments(scores, present)
    centred = np.where(present, scores - mean, 0.0)
    standard: Scores = (centred / np.maximum(deviation, 1e-9)).astype(np.float32)
    return standard


@dataclass(frozen=True, slots=True)
class Rarity:
    """What a discovery is chosen by. Shape of each: [batch, candidates]."""

    counts: Scores
    """How often each candidate was watched, NaN for never."""
    by: Scores
    """The highest of those that are rare and near enough is the discovery."""


def with_discovery(
    scores: Scores, rarity: Rarity, present: NDArray[np.bool_], discovery: Discovery
) -> Scores:
    """Return the scores with one discovery of each query raised to the place that is kept for it.

    It is chosen among the candidates from that place on whose count is small enough; a query whose
    rare candidates are too far behind, or that has none, is left as it is. Shapes:
    [batch, candidates].
    """
    ranked = np.where(present, scores, -np.inf)
    order = np.argsort(-ranked, axis=1, kind="stable")
    above, below = order[:, discovery.place - 2], order[:, discovery.place - 1 :]
    rows = np.arange(len(scores))[:, None]
    farthest = discovery.gap * _moments(scores, present)[1]
    near = ranked[rows, below] >= ranked[rows, below[:, :1]] - farthest
    rare = near & present[rows, below] & ~(rarity.counts[rows, below] > discovery.most)
    found = np.flatnonzero(rare.any(axis=1))
    wanted = np.where(rare[found], rarity.by[found[:, None], below[found]], -np.inf)
    chosen = below[found, wanted.argmax(axis=1)]
    raised = scores.copy()
    before, after = scores[found, above[found]], scores[found, below[found, 0]]
    raised[found, chosen] = np.maximum(after, (before + after) / 2)
    first = chosen == below[found, 0]
    raised[found[first], chosen[first]] = after[first]
    return raised


def _moments(scores: Scores, present: NDArray[np.bool_]) -> tuple[Scores, Scores]:
    """Return mean and standard deviation of the present scores. Shape of each: [batch, 1]."""
    count = np.maximum(present.sum(axis=1, keepdims=True), 1)
    mean: Scores = np.where(present, scores, 0.0).sum(axis=1, keepdims=True) / count
    centred = np.where(present, scores - mean, 0.0)
    return mean, np.sqrt((centred**2).sum(axis=1, keepdims=True) / count)
