"""What is said of what is shown: of rows by the titles in them, of a title beside its pitches.

The tasks `row_order` and `evidence` choose among things that are no items, so what is known of
those comes from items: how much they are watched now, how old they are, and how well their genres
meet the user's history. Training and serving compute it with these functions.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from lolomo.core.recommender import Scores
from lolomo.tasks.evidence import SHOWN_AGE, SHOWN_MATCH, SHOWN_PLAYS

ITEM_PLAYS: Final = "item_decayed_plays_7d"
ITEM_AGE: Final = "item_age"
DEPTH: Final = 8
"""How many titles of a row speak for it."""

ROW_PLAYS: Final = "row_plays"
ROW_MATCH: Final = "row_match"
ROW_INPUTS: Final = (ROW_PLAYS, ROW_MATCH)
"""What is said of each row."""


def genre_profile(genres: Iterable[Sequence[str]]) -> Mapping[str, float]:
    """Return the share of each genre in a history.

    Args:
        genres: Of each item of the history; one without any says nothing.

    >>> genre_profile([["Drama", "War"], ["Drama"]])
    {'Drama': 0.75, 'War': 0.25}
    """
    shares: dict[str, float] = {}
    for some in genres:
        for genre in some:
            shares[genre] = shares.get(genre, 0.0) + 1 / len(some)
    total = sum(shares.values())
    return {genre: share / total for genre, share in shares.items()}


def genre_match(profile: Mapping[str, float], genres: Sequence[str]) -> float:
    """Return the mean share that an item's genres have in a profile; 0 without genres.

    >>> genre_match({"Drama": 0.75, "War": 0.25}, ["Drama", "Crime"])
    0.375
    """
    return sum(profile.get(genre, 0.0) for genre in genres) / max(len(genres), 1)


def row_inputs(plays: Scores, match: Scores) -> dict[str, Scores]:
    """Return what is said of rows.

    Args:
        plays: `ITEM_PLAYS` of each title, NaN where there is none. Shape: [batch, rows, columns].
        match: `genre_match` of each title, NaN where there is none. Shape: as `plays`.

    Returns:
        By name in `ROW_INPUTS`, [batch, rows]; 0 for an empty row.
    """
    return {
        ROW_PLAYS: _mean(np.log1p(np.maximum(plays[:, :, :DEPTH], 0.0))),
        ROW_MATCH: _mean(match[:, :, :DEPTH]),
    }


def pitch_inputs(plays: Scores, age: Scores, match: Scores, num_pitches: int) -> dict[str, Scores]:
    """Return what is said of titles, once for each pitch.

    Args:
        plays: `ITEM_PLAYS` of each title, NaN where unknown. Shape: [batch].
        age: `ITEM_AGE`, likewise.
        match: `genre_match`.
        num_pitches: How many pitches compete.

    Returns:
        By name in `PITCH_INPUTS`, [batch, pitches].
    """
    said = {
        SHOWN_PLAYS: np.log1p(np.maximum(np.nan_to_num(plays), 0.0)),
        SHOWN_AGE: np.nan_to_num(age),
        SHOWN_MATCH: match,
    }
    return {
        name: np.repeat(values.astype(np.float32)[:, None], num_pitches, axis=1)
        for name, values in said.items()
    }


def _mean(values: NDArray[np.floating]) -> Scores:
    """Return means over the last axis, of what is no NaN."""
    known = np.isfinite(values)
    total = np.where(known, values, 0.0).sum(axis=-1)
    mean: Scores = (total / np.maximum(known.sum(axis=-1), 1)).astype(np.float32)
    return mean
