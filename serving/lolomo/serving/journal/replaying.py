"""Replay: a page computed again from its row of the journal, and how it differs from the one shown.

With the releases, the item snapshot and the user vector of the row, the same code gives the same
page: items, order and propensities equal, scores within `SCORE_TOLERANCE`, since chance is seeded
by the request's id. What was missing then is left out again, so that a degraded page is replayed as
it was.
"""

import asyncio
import json
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from lolomo.core.columns import Columns
from lolomo.core.errors import DataError
from lolomo.events.watching import Unfinished
from lolomo.serving.releases import Serving, Trace
from lolomo.serving.steps import Context, Page, Reason, Resources, User

SCORE_TOLERANCE: Final = 1e-5
"""Of scores, relative to the larger one or to 1."""
PATIENT_SECONDS: Final = 600.0
ANSWERED: Final = frozenset({Reason.NO_CANARY, Reason.NO_POSTERIOR})
"""Reasons of parts that answered all the same."""
_FRONT: Final = "front"

Record = Mapping[str, Any]
"""A row of the journal as plain values."""


@dataclass(frozen=True, slots=True)
class Replay:
    """A page computed again."""

    page: Page
    differences: tuple[str, ...]
    """What is not as it was shown; empty if nothing."""


def replay(record: Record, resources: Resources) -> Replay:
    """Compute a page again.

    Args:
        record: A row of the journal.
        resources: With the releases and the item snapshot that the row names.

    Raises:
        DataError: If the page was not computed: everybody's was shown.
    """
    if record[Columns.SURFACE] == "search":
        raise DataError(
            f"request {record[Columns.REQUEST_ID]} was a search: expected a page; ask "
            "`lolomo search` again with the text of its user_features"
        )
    if is_everybodys(record):
        raise DataError(
            f"request {record[Columns.REQUEST_ID]} was answered with everybody's page "
            f"({record['degraded'][_FRONT]}): there is no page of its own to compute again"
        )
    serving = Serving.of(_as_it_was(record, resources))
    trace = Trace()
    page = asyncio.run(serving.page(context_of(record), trace))
    differences = [*_differences(record, page)]
    for ranked in record["rankings"]:
        rankings = getattr(page, "rankings", {})
        again = rankings.get(ranked["task"])
        differences += _of_ranking(ranked, again.proposal if again else None)
    return Replay(page, tuple(differences))


def is_everybodys(record: Record) -> bool:
    """Return whether a request was answered with the page made ahead for everybody."""
    return _FRONT in record["degraded"]


def context_of(record: Record) -> Context:
    """Return the context of a request of the journal, without its deadline."""
    features = json.loads(record["user_features"])
    user = User(record[Columns.USER_ID], features)
    seen = frozenset(record["seen_item_ids"]) | set(user.history)
    return Context(
        request_id=record[Columns.REQUEST_ID],
        deadline_milliseconds=int((time.time() + PATIENT_SECONDS) * 1e3),
        timestamp=_microseconds(record[Columns.TIMESTAMP]),
        user=replace(user, seen_item_ids=seen),
        device=record[Columns.DEVICE],
        country=record[Columns.COUNTRY],
        max_rows=record["max_rows"],
        max_titles=record["max_titles"],
    )


def _as_it_was(record: Record, resources: Resources) -> Resources:
    """Return the resources with what was known of the user, and without what was missing."""
    missing = {
        task
        for task, why in record["degraded"].items()
        if task in resources.champions and Reason.of(why) not in ANSWERED
    }
    user_id = record[Columns.USER_ID]
    left = tuple(
        Unfinished(each[Columns.ITEM_ID], each[Columns.PROGRESS], each["since"])
        for each in record["unfinished"] or ()
    )
    return replace(
        resources,
        champions={
            task: champion for task, champion in resources.champions.items() if task not in missing
        },
        unfinished={user_id: left},
        turned_down={user_id: frozenset(record["turned_down"] or ())},
    )


def _differences(record: Record, page: Page) -> Iterator[str]:
    """Say slot by slot what is not as it was shown."""
    shown = [(slot[Columns.ROW], slot[Columns.POSITION]) for slot in record["slots"]]
    made = {
        (place, position): (row, entry)
        for place, row in enumerate(page.rows, start=1)
        for position, entry in enumerate(row.entries, start=1)
    }
    if len(shown) != len(made):
        yield f"{len(made)} titles in {len(page.rows)} rows, shown were {len(shown)}"
    for place, slot in zip(shown, record["slots"], strict=True):
        where = f"row {place[0]}, title {place[1]}"
        if place not in made:
            yield f"{where}: nothing, shown was {slot[Columns.ITEM_ID]}"
            continue
        row, entry = made[place]
        pairs = {
            "task": (row.task, slot["task"]),
            "item": (entry["item_id"], slot[Columns.ITEM_ID]),
            "propensity": (entry["propensity"], slot[Columns.PROPENSITY]),
            "team": (row.teams[place[1] - 1] if row.teams else None, slot[Columns.TEAM]),
        }
        for name, (now, then) in pairs.items():
            if now != then:
                yield f"{where}: {name} {now}, shown was {then}"
        if not _close(entry["score"], slot["score"]):
            yield f"{where}: score {entry['score']:.6g}, shown was {slot['score']:.6g}"


def _of_ranking(then: Record, now: Any) -> list[str]:
    """Compare all that a ranker ordered, shown or not."""
    item_ids: Sequence[str] = [] if now is None else now.item_ids.tolist()
    task, before = then["task"], then["item_ids"]
    if item_ids != before:
        moved = sum(a != b for a, b in zip(item_ids, before, strict=False))
        return [
            f"ranking of {task}: {len(item_ids)} candidates, {moved} in other places, were "
            f"{len(before)}"
        ]
    scores = zip(now.scores.tolist(), then["scores"], strict=True) if before else ()
    wrong = sum(not _close(a, b) for a, b in scores)
    return [f"ranking of {task}: {wrong} other scores"] if wrong else []


def _close(one: float, other: float) -> bool:
    return abs(one - other) <= SCORE_TOLERANCE * max(1.0, abs(one), abs(other))


def _microseconds(moment: datetime) -> int:
    return round(moment.timestamp() * 1e6)
