"""Draws an interleaved row: two releases rank the same candidates and pick titles in turn.

The row that both fill is shown to a member who knows nothing of it, so what they watch is a vote
(`core.interleaving`). Only the first row of a task is drafted; what stands below it, such as its
rows of one genre, is the champion's.
"""

import numpy as np
from numpy.typing import NDArray

from lolomo.core.interleaving import TEAMS, team_draft
from lolomo.core.policy import request_rng
from lolomo.features.candidates import Proposal
from lolomo.serving.steps.describe import DrawnRow
from lolomo.serving.steps.row_candidates import RowCandidate

POLICY = "team_draft"
"""What the journal calls the policy of an interleaved row."""


def drafted(
    candidate: RowCandidate,
    rival: Proposal,
    fresh: NDArray[np.int64],
    length: int,
    request_id: str,
) -> DrawnRow:
    """Return a row that the champion and a challenger have picked in turn.

    Args:
        candidate: The champion's row.
        rival: The same candidates as the challenger ranks them.
        fresh: Places of the titles that the page does not show yet, in the champion's ranking.
        length: Of the row.
        request_id: What the coins are drawn by.
    """
    ids, scores = candidate.proposal.item_ids, candidate.proposal.scores
    places = dict(zip(ids[fresh].tolist(), fresh.tolist(), strict=True))
    rivals = dict(zip(rival.item_ids.tolist(), rival.scores.tolist(), strict=True))
    second = [item_id for item_id in rivals if item_id in places]
    rng = request_rng(request_id, f"{candidate.name}/{POLICY}")
    draft = team_draft([*places], second, length, rng)
    chosen = np.array([places[item_id] for item_id in draft.item_ids], np.int64)
    by_challenger = np.array(draft.teams, bool)
    theirs = np.array([rivals[item_id] for item_id in draft.item_ids], np.float32)
    return DrawnRow(
        candidate=candidate,
        item_ids=ids[chosen],
        scores=np.where(by_challenger, theirs, scores[chosen]),
        places=chosen,
        propensities=np.array(draft.propensities, np.float64),
        policy_id=POLICY,
        propensity=float(np.prod(draft.propensities)),
        teams=tuple(TEAMS[team] for team in draft.teams),
    )
