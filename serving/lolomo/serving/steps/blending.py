"""Blends what the sources of a task proposed into one list of candidates.

Which sources there are follows from the task's `candidates_from`. Their scores speak different
units, so they are calibrated by what they share, their places (reciprocal rank fusion, Cormack et
al. 2009): the order is sensible by itself when no ranker answers, and the ranker sees every
source's own score and place beside it, as in training.

A source may have a quota: so many of its best are kept whatever the others propose.
"""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from lolomo.core.task import Task
from lolomo.features.candidates import LIMIT, Candidates, merge
from lolomo.serving.steps.layout import Layout
from lolomo.serving.steps.messages import Context, Proposals


def blend(
    task: Task,
    answers: Mapping[str, Proposals],
    context: Context,
    layout: Layout | None = None,
) -> Candidates:
    """Merge the candidates of a task's sources, without duplicates and without what was seen."""
    sources = task.candidates_from
    proposals = {source: answers[source].proposal for source in sources if source in answers}
    quotas = {source: layout.quotas.get(source, 0) for source in sources} if layout else {}
    if not any(quotas.values()):
        return merge(proposals, sources, context.user.seen_item_ids)
    whole = merge(
        proposals,
        sources,
        context.user.seen_item_ids,
        limit=sum(len(proposal.item_ids) for proposal in proposals.values()),
    )
    kept = np.sort(within_quotas(whole, quotas))
    return Candidates(
        whole.item_ids[kept], {name: column[kept] for name, column in whole.features.items()}
    )


def within_quotas(
    whole: Candidates, quotas: Mapping[str, int], limit: int = LIMIT
) -> NDArray[np.int64]:
    """Return the places of the candidates to keep: each source's quota first, then the best.

    Args:
        whole: All candidates, best first.
        quotas: By source, how many of its best to keep.
        limit: Most candidates in all; quotas beyond it are filled in the order of the sources.
    """
    reserved: dict[int, None] = {}
    for source, quota in quotas.items():
        inverse_ranks = whole.features[f"{source}_reciprocal_rank"]
        best = np.argsort(-inverse_ranks, kind="stable")[:quota]
        reserved |= dict.fromkeys(best[inverse_ranks[best] > 0].tolist())
    chosen = [*reserved, *(place for place in range(len(whole.item_ids)) if place not in reserved)]
    return np.array(chosen[:limit], np.int64)
