"""Order within a row: scores, against how the row as a whole looks.

Both knobs are greedy: title after title, the one is taken that gains most in score and in what the
row so far lacks. *Calibration* compares the genres of the row with those of the history by their
Kullback-Leibler divergence (Steck 2018); *diversity* takes off the largest likeness to a title that
is in the row already (maximal marginal relevance, Carbonell & Goldstein 1998). Scores are brought
to 0..1 over the pool first, so that a knob means the same for every ranker.
"""

import numpy as np
from numpy.typing import NDArray

from lolomo.core.recommender import Scores

SMOOTHING = 0.01
"""Share of the history's genres that is mixed into the row's, as in evaluation."""

Floats = NDArray[np.float64]


def greedy_order(
    scores: Scores,
    genres: Floats,
    history: Floats,
    k: int,
    calibration: float = 0.0,
    diversity: float = 0.0,
) -> NDArray[np.int64]:
    """Return the places of `k` titles in the order in which they should stand.

    Args:
        scores: Best first or not. Shape: [pool].
        genres: Share of each genre in each title, rows of zeros where unknown. Shape: [pool,
            genres].
        history: Share of each genre in what the user watched; zeros for no calibration. Shape:
            [genres].
        k: How many titles the row has.
        calibration: From 0, scores alone, to 1, genres alone.
        diversity: From 0, scores alone, to 1, unlikeness alone.

    >>> same = np.array([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    >>> greedy_order(np.array([3.0, 2.9, 2.0]), same, np.zeros(2), 2, diversity=0.7).tolist()
    [0, 2]
    """
    relevance = _scaled(np.asarray(scores, np.float64))
    likeness = _likeness(genres)
    calibration = calibration if history.sum() > 0 else 0.0
    chosen: list[int] = []
    total = np.zeros(genres.shape[1])
    nearest = np.zeros(len(scores))
    for _ in range(min(k, len(scores))):
        gain = (1 - diversity) * relevance - diversity * nearest
        if calibration:
            gain = (1 - calibration) * gain - calibration * divergence(total + genres, history)
        gain[chosen] = -np.inf
        best = int(np.argmax(gain))
        chosen.append(best)
        total += genres[best]
        nearest = np.maximum(nearest, likeness[best])
    return np.array(chosen, np.int64)


def divergence(shown: Floats, history: Floats) -> Floats:
    """Return the Kullback-Leibler divergence of genres shown from the history's, 0 for equal.

    Args:
        shown: Weights of genres, of any total. Shape: [rows, genres].
        history: Shares of genres. Shape: [genres].
    """
    shares = shown / np.maximum(shown.sum(axis=1, keepdims=True), 1e-9)
    mixed = (1 - SMOOTHING) * shares + SMOOTHING * history
    ratio = np.divide(history, mixed, out=np.ones_like(mixed), where=history > 0)
    return np.asarray((history * np.log(ratio)).sum(axis=1))


def _scaled(scores: Floats) -> Floats:
    low, high = (scores.min(), scores.max()) if len(scores) else (0.0, 0.0)
    return (scores - low) / max(high - low, 1e-9)


def _likeness(genres: Floats) -> Floats:
    """Return the cosine between each two titles' genres. Shape: [pool, pool]."""
    lengths = np.sqrt((genres**2).sum(axis=1, keepdims=True))
    unit = genres / np.maximum(lengths, 1e-9)
    return np.asarray(unit @ unit.T)
