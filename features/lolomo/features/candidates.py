"""Candidates: what several generators propose, merged for one ranker.

Training and serving merge with this one function, so that a ranker meets in a request what it met
in its training. Each proposal keeps its provenance as two features a source: the score that the
source gave, and the reciprocal of its rank, both 0 where the source did not propose the item.
"""

from collections.abc import Collection, Container, Mapping
from dataclasses import dataclass
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from lolomo.core.recommender import Ids, Scores
from lolomo.core.task import LabelKind, Task
from lolomo.events.watching import CANDIDATE_INPUTS
from lolomo.features.shown import ROW_INPUTS
from lolomo.tasks.evidence import PITCH_INPUTS

PROPOSALS = 800
"""How many items each source proposes to a ranker: recall comes from depth, even beyond `LIMIT`."""
LIMIT = 500
"""Most candidates that a ranker is given."""
FUSION_CONSTANT = 200
"""Added to ranks before they are inverted and summed; more than the usual 60, since what counts is
who is among `LIMIT`, and not who comes first."""
WEIGHTS = {"because_you_watched": 2.0}
"""Of sources in that sum, where it is not 1: the others follow what is watched now, and so propose
much the same."""
SEED_HISTORY = 10
"""How many of the latest items a seed-driven source is asked about when it feeds a ranker."""


@dataclass(frozen=True, slots=True)
class Proposal:
    """One generator's answer to one query, best first."""

    item_ids: Ids
    """Shape: [k]; "" where fewer than k were found."""
    scores: Scores
    """Shape: [k]."""


@dataclass(frozen=True, slots=True)
class Candidates:
    """The merged candidates of one query."""

    item_ids: Ids
    """Without duplicates, best blended position first. Shape: [candidates]."""
    features: Mapping[str, Scores]
    """`<source>_score` and `<source>_reciprocal_rank`, each of shape [candidates]."""


def source_features(sources: Collection[str]) -> tuple[str, ...]:
    """Return the names of the features that merging adds, in a fixed order.

    >>> source_features(["trending_now"])
    ('trending_now_score', 'trending_now_reciprocal_rank')
    """
    return tuple(f"{source}_{part}" for source in sources for part in ("score", "reciprocal_rank"))


def candidate_inputs(task: Task) -> tuple[str, ...]:
    """Return the names of what `prepare` says of each candidate of a task, beside its features."""
    said = {
        LabelKind.RESUMED: CANDIDATE_INPUTS,
        LabelKind.ROWS: ROW_INPUTS,
        LabelKind.EVIDENCE: PITCH_INPUTS,
    }
    return said.get(task.label.kind) or source_features(task.candidates_from)


def merge(
    proposals: Mapping[str, Proposal],
    sources: Collection[str],
    excluded: Collection[str] = (),
    limit: int = LIMIT,
) -> Candidates:
    """Merge what several sources propose into one list without duplicates.

    The order is that of reciprocal rank fusion (Cormack et al. 2009), ties by item id, so it is a
    sensible page order when no ranker answers.

    Args:
        proposals: By source name; a source without an answer may be absent.
        sources: Every source that the ranker knows, in a fixed order.
        excluded: Item ids that must not come back, such as those already watched.
        limit: Most candidates to return.
    """
    hidden = {"", *excluded}
    shown = {source: _shown(proposal, hidden) for source, proposal in proposals.items()}
    every = dict.fromkeys(chain.from_iterable(ids for ids, _ in shown.values()))
    position = dict(zip(every, range(len(every)), strict=True))
    placed = [
        (source, np.fromiter(map(position.__getitem__, ids), np.int64, len(ids)), scores)
        for source, (ids, scores) in shown.items()
    ]
    features = {name: np.zeros(len(every), np.float32) for name in source_features(sources)}
    fused = np.zeros(len(every))
    for source, places, scores in placed:
        ranks = np.arange(1, len(places) + 1)
        fused[places] += WEIGHTS.get(source, 1.0) / (FUSION_CONSTANT + ranks)
        if source in sources:
            features[f"{source}_score"][places] = scores
            features[f"{source}_reciprocal_rank"][places] = 1.0 / ranks
    merged: Ids = np.array(list(every), dtype=object)
    order = _best(merged, fused, limit)
    return Candidates(merged[order], {name: column[order] for name, column in features.items()})


def not_hidden(proposal: Proposal, hidden: Collection[str]) -> Proposal:
    """Return the first `PROPOSALS` items that are real and not hidden, in the order given.

    Training and serving propose with this one function, as they merge with one.

    Args:
        proposal: Best first.
        hidden: Item ids that must not come back.
    """
    left_out = {"", *hidden}
    best = slice(PROPOSALS + len(left_out))
    item_ids, scores = proposal.item_ids[best], proposal.scores[best]
    keep = np.flatnonzero(np.isfinite(scores) & ~are_in(item_ids.tolist(), left_out))[:PROPOSALS]
    return Proposal(item_ids[keep], scores[keep])


def are_in(item_ids: Collection[str], members: Container[str]) -> NDArray[np.bool_]:
    """Return which items are members. Shape: [items]."""
    return np.fromiter(map(members.__contains__, item_ids), bool, len(item_ids))


def _shown(proposal: Proposal, hidden: Container[str]) -> tuple[list[str], Scores]:
    """Return the ids and scores of what a source proposes and is not hidden."""
    item_ids, scores = proposal.item_ids, proposal.scores
    left_out = are_in(item_ids.tolist(), hidden)
    if left_out.any():
        item_ids, scores = item_ids[~left_out], scores[~left_out]
    return item_ids.tolist(), scores


def _best(item_ids: Ids, fused: NDArray[np.float64], limit: int) -> NDArray[np.int64]:
    """Return the places of the best, best first, ties by item id. Only these are sorted."""
    among = np.arange(len(fused))
    if 0 < limit < len(fused):
        least = np.partition(fused, len(fused) - limit)[len(fused) - limit]
        among = np.flatnonzero(fused >= least)
    order = np.lexsort((item_ids[among].astype(str), -fused[among]))[:limit]
    return np.asarray(among[order], np.int64)
