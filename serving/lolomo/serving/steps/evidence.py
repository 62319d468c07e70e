"""Chooses how each title is put to the member: its pitch, drawn by `PITCH_POLICY` and logged.

Drawing a pitch changes no title's place, so the propensities of the page stand. A pitch is offered
only where it is true: that many watch a title is not said of one that few do. Randomness is seeded
by the request, as everywhere, so a replay puts the same title the same way.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

import numpy as np
from numpy.typing import NDArray

from lolomo.core.columns import Columns
from lolomo.core.errors import ReleaseError
from lolomo.core.policy import request_rng
from lolomo.core.recommender import Scores, ranks
from lolomo.features.shown import ITEM_AGE, ITEM_PLAYS, pitch_inputs
from lolomo.serving.steps.guard import attempt_on
from lolomo.serving.steps.messages import Context, Entry, PageRow
from lolomo.serving.steps.queries import user_query
from lolomo.serving.steps.resources import Champion, Resources
from lolomo.serving.steps.shown import shown_values
from lolomo.tasks import EVIDENCE
from lolomo.tasks.evidence import (
    BECAUSE_YOU_WATCHED,
    GENRE,
    PITCH_POLICY,
    PITCHES,
    WATCHED_BY_MANY,
    YEAR,
)

DEADLINE_SHARE: Final = 0.5
"""Of the time left once the rows are in order."""
MANY: Final = 20.0
"""From so many decayed plays of the last week on a title is watched by many."""


@dataclass(frozen=True, slots=True)
class Pitched:
    """The rows, each title with its pitch."""

    rows: tuple[PageRow, ...]
    degraded: str | None = None
    """Why titles keep the words of their rows, though there is a champion."""


async def choose_pitches(
    rows: tuple[PageRow, ...], context: Context, resources: Resources
) -> Pitched:
    """Return the rows with the pitch of each title as its `why`."""
    champion = resources.champions.get(EVIDENCE.name)
    entries = [entry for row in rows for entry in row.entries]
    if champion is None or not entries:
        return Pitched(rows)
    scoring = partial(_scores, champion, entries, context, resources)
    latest = context.deadline(DEADLINE_SHARE)
    scores, why = await attempt_on(resources.worker, champion.breaker, scoring, latest, "evidence")
    if scores is None:
        return Pitched(rows, why)
    pitched = iter(_drawn(entries, scores, context))
    return Pitched(
        tuple(replace(row, entries=tuple(next(pitched) for _ in row.entries)) for row in rows)
    )


def _scores(
    champion: Champion, entries: Sequence[Entry], context: Context, resources: Resources
) -> Scores:
    """Return a score for each pitch of each title, -inf where it is not true. [titles, pitches]."""
    ranker = champion.recommender
    if not ranks(ranker):
        raise ReleaseError(
            f"release {champion.digest[:12]} of {champion.model!r} retrieves: expected one that "
            "ranks pitches; promote another"
        )
    ids = np.array([entry["item_id"] for entry in entries], dtype=object)
    values = shown_values(ids, context, resources.features, ITEM_AGE)
    plays = values[ITEM_PLAYS]
    user = user_query(context, ranker.inputs)
    query = {name: np.repeat(value, len(ids), axis=0) for name, value in user.items()}
    query |= pitch_inputs(plays, values[ITEM_AGE], values["match"], len(PITCHES))
    query[Columns.CANDIDATES] = np.tile(np.array(PITCHES, dtype=object), (len(ids), 1))
    scores = np.asarray(ranker.rank(query), np.float32)
    return np.where(_offers(entries, plays), scores, np.float32(-np.inf))


def _offers(entries: Sequence[Entry], plays: Scores) -> NDArray[np.bool_]:
    """Return which pitches are true of which title. Shape: [titles, pitches]."""
    offers = {
        GENRE: [bool(entry["genres"]) for entry in entries],
        YEAR: [entry["release_year"] is not None for entry in entries],
        BECAUSE_YOU_WATCHED: [_has_seed(entry) for entry in entries],
        WATCHED_BY_MANY: (np.nan_to_num(plays) >= MANY).tolist(),
    }
    return np.array([offers[pitch] for pitch in PITCHES], bool).T


def _has_seed(entry: Entry) -> bool:
    return any(origin["source"] == BECAUSE_YOU_WATCHED for origin in entry["provenance"])


def _drawn(entries: Sequence[Entry], scores: Scores, context: Context) -> list[Entry]:
    """Return the titles with their pitches; one of which nothing is true keeps its words."""
    pitched = list(entries)
    some = np.flatnonzero(np.isfinite(scores).any(axis=1))
    if not len(some):
        return pitched
    rng = request_rng(context.request_id, EVIDENCE.name)
    ranking = PITCH_POLICY.rankings(scores[some], 1, rng)
    propensities = PITCH_POLICY.propensities(scores[some], ranking)[:, 0]
    for place, pitch, propensity in zip(some, ranking[:, 0], propensities, strict=True):
        entry = pitched[place]
        pitched[place] = {
            **entry,
            "why": _words(PITCHES[pitch], entry),
            "evidence": PITCHES[pitch],
            "evidence_propensity": float(propensity),
        }
    return pitched


def _words(pitch: str, entry: Entry) -> str:
    """Return a pitch in words that a member reads; a seed is named by the words of its row."""
    words = {
        GENRE: " · ".join(entry["genres"][:2]),
        YEAR: f"from {entry['release_year']}",
        WATCHED_BY_MANY: "watched by many this week",
    }
    return words.get(pitch, entry["why"])
