"""What a page is made of, beside the rows that tasks declare: knobs, all with a default."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """How candidates are blended and rows are laid out.

    A release is served in the order that was measured, so what moves titles within a row is off
    unless asked for.
    """

    seeds: int = 2
    """How many of the latest items get a row of their own."""
    genre_rows: int = 5
    """Most rows of one genre each, from what the ranker ranked; those the user watches most."""
    genre_title: str = "{genre} for you"
    """What such a row is called."""
    genre_why: str = "you watch {genre}"
    """Why an item is in it."""
    quotas: Mapping[str, int] = field(default_factory=dict)
    """By source, how many of its best are among the ranker's candidates whatever others propose;
    without quotas the candidates are those of training."""
    calibration: float = 0.0
    """From 0 to 1: how much a row's genres should mirror the history's instead of its scores
    (lambda of Steck, "Calibrated recommendations", RecSys 2018)."""
    diversity: float = 0.0
    """From 0 to 1: how much likeness to the titles before costs a title (1 - lambda of maximal
    marginal relevance, Carbonell & Goldstein 1998)."""
    pool: int = 100
    """How many of the best titles of a row calibration and diversity choose from."""
