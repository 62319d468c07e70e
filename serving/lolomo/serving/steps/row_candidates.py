"""Row candidates: every row that a page might have, in the order in which rows stand.

First the rows that tasks declare, in the order of the tasks, a task with seeds one row a seed. Then
rows of one genre each: what a ranking task ranked, cut to the genres that the user watches most.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from lolomo.core.recommender import Factors
from lolomo.core.task import Task
from lolomo.features.candidates import Proposal
from lolomo.serving.steps.layout import Layout
from lolomo.serving.steps.messages import Context, Proposals
from lolomo.serving.steps.rank import Ranking
from lolomo.serving.steps.resources import Features


@dataclass(frozen=True, slots=True, kw_only=True)
class RowCandidate:
    """One row that the page might have."""

    task: Task
    name: str
    """Of its own on the page: what its random numbers are drawn by."""
    release: str
    """Digest of the release that ordered it; empty if the blended order stands."""
    proposal: Proposal
    seed: str = ""
    """The item that it goes with."""
    genre: str = ""
    """The one genre of its titles."""
    factors: Factors | None = None
    """How its scores may move together, if its policy asks. Shape: [rank, candidates]."""
    rival: Proposal | None = None
    """The same candidates as another release ranks them, to be drafted into the row."""


def row_candidates(
    tasks: Mapping[str, Task],
    answers: Mapping[str, Proposals],
    rankings: Mapping[str, Ranking],
) -> Iterator[RowCandidate]:
    """Yield the rows of all tasks that have one, in their order."""
    for task in tasks.values():
        if task.row.on_page:
            yield from rows_of(task, answers, rankings)


def rows_of(
    task: Task, answers: Mapping[str, Proposals], rankings: Mapping[str, Ranking]
) -> Iterator[RowCandidate]:
    """Yield the rows of one task: one, or one a seed."""
    answer = answers.get(task.name, Proposals())
    if task.name in rankings:
        ranking, rival = rankings[task.name], rankings[task.name].rival
        yield RowCandidate(
            task=task,
            name=task.name,
            release=ranking.release,
            proposal=ranking.proposal,
            factors=ranking.factors,
            rival=rival.proposal if rival is not None and rival.degraded is None else None,
        )
    elif answer.seeded:
        for seeded in answer.seeded:
            yield RowCandidate(
                task=task,
                name=f"{task.name}/{seeded.seed_item_id}",
                release=answer.release,
                proposal=seeded.proposal,
                seed=seeded.seed_item_id,
            )
    else:
        yield RowCandidate(
            task=task, name=task.name, release=answer.release, proposal=answer.proposal
        )


def genre_rows(
    tasks: Mapping[str, Task],
    rankings: Mapping[str, Ranking],
    context: Context,
    features: Features,
    layout: Layout,
) -> Iterator[RowCandidate]:
    """Yield rows of one genre each, the genre that the user watches most first."""
    watched = watched_genres(context, features)
    favourite = [genre for genre, _ in watched.most_common(layout.genre_rows)]
    for task in tasks.values():
        if task.name not in rankings or not task.row.on_page or not layout.genre_rows:
            continue
        ranking = rankings[task.name]
        ids, scores = ranking.proposal.item_ids, ranking.proposal.scores
        members = features.of_genres(ids, context.timestamp, favourite)
        for genre, own in zip(favourite, members, strict=True):
            places = np.flatnonzero(own)
            yield RowCandidate(
                task=task,
                name=f"{task.name}/{genre}",
                release=ranking.release,
                proposal=Proposal(ids[places], scores[places]),
                genre=genre,
                factors=None if ranking.factors is None else ranking.factors[:, places],
            )


def watched_genres(context: Context, features: Features) -> Counter[str]:
    """Return how much of the user's history is of each genre, an item's split among its own."""
    history = context.user.history
    captions = features.captions(history)
    watched: Counter[str] = Counter()
    for item_id in history:
        own = captions[item_id].genres
        for genre in own:
            watched[genre] += 1 / len(own)  # type: ignore[assignment]
    return watched
