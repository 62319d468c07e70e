"""What follows what: pairs of plays of one user, counted."""

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from lolomo.training.models.plays import Plays


def following(plays: Plays, window: int, worth: NDArray[np.float64]) -> sparse.csr_array:
    """Count how often one user watched the column within `window` plays after the row.

    Args:
        plays: In order of time.
        window: How many plays ahead to look.
        worth: What a pair counts whose later play is this one. Shape: [events].
    """
    by_user = np.argsort(plays.users, kind="stable")
    plays, worth = plays.part(by_user), worth[by_user]
    total = follows(plays, 1, worth)
    for lag in range(2, window + 1):
        total = total + follows(plays, lag, worth)
    return total


def follows(plays: Plays, lag: int, worth: NDArray[np.float64]) -> sparse.csr_array:
    """Count how often one user watched the column just `lag` plays after the row; as above."""
    order = np.argsort(plays.users, kind="stable")
    users, items, worth = plays.users[order], plays.items[order], worth[order]
    same = np.flatnonzero(users[lag:] == users[:-lag])
    pairs = (items[same], items[same + lag])
    shape = (plays.num_items, plays.num_items)
    return sparse.csr_array((worth[same + lag], pairs), shape=shape)
