"""Candidates: what several generators propose, merged for one ranker.

Training and serving merge with this one function, so that a ranker meets in a request what it met
in its training. Each proposal keeps its provenance as two features a source: the score that the
source gave, and the reciprocal of its rank, both 0 where the source did not propose the item.
"""

from collections.abc import Collection, Container, Mapping, Sequence
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
    every = list(chain.from_iterable(each.item_ids.tolist() for each in proposals.values()))
    place_of: dict[str, int] = {}  # where each is proposed first
    places = np.fromiter(map(place_of.setdefault, every, range(len(every))), np.int64)
    shown = np.zeros(len(every), bool)
    shown[places] = True
    shown[[place_of[item_id] for item_id in place_of.keys() & {"", *excluded}]] = False
    said = {name: np.zeros(len(every), np.float32) for name in source_features(sources)}
    fused = np.zeros(len(every))
    end = 0
    for source, proposal in proposals.items():
        start, end = end, end + len(proposal.item_ids)
        kept = shown[places[start:end]]
        found, scores = places[start:end][kept], proposal.scores[kept]
        ranks = np.arange(1, len(found) + 1)
        fused[found] += WEIGHTS.get(source, 1.0) / (FUSION_CONSTANT + ranks)
        if source in sources:
            said[f"{source}_score"][found] = scores
            said[f"{source}_reciprocal_rank"][found] = 1.0 / ranks
    best = _best(np.flatnonzero(shown), fused, every, limit)
    item_ids = np.array([every[place] for place in best.tolist()], object)
    return Candidates(item_ids, {name: column[best] for name, column in said.items()})


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


def _best(
    places: NDArray[np.int64], fused: NDArray[np.float64], item_ids: Sequence[str], limit: int
) -> NDArray[np.int64]:
    """Return the best of some places, best first, ties by item id. Only these are sorted."""
    if 0 < limit < len(places):
        values = fused[places]
        places = places[values >= np.partition(values, -limit)[-limit]]
    best = places[np.argsort(-fused[places], kind="stable")]
    values = fused[best]
    equal = np.concatenate([[False], values[1:] == values[:-1], [False]])
    tied = np.flatnonzero(equal[1:] | equal[:-1])
    names = np.array([item_ids[place] for place in best[tied].tolist()], str)
    best[tied] = best[tied[np.lexsort((names, -values[tied]))]]
    return best[:limit]
