"""Our platform as a world sees it: visits in, pages out, events taken in; here or over HTTP."""

import asyncio
import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol

import httpx
import numpy as np
import polars as pl
import pyarrow as pa
from pydantic_core import to_jsonable_python

from lolomo.core.columns import Columns
from lolomo.core.settings import Workspace
from lolomo.events.world.behaviour import Slots
from lolomo.events.world.config import COUNTRIES, DEVICES
from lolomo.events.world.records import item_code, user_id
from lolomo.events.world.service import Pages, Service
from lolomo.events.world.visits import Visits
from lolomo.serving.bentos import Front, FrontOptions, load_front
from lolomo.serving.bentos.schema import PageRequest

ROWS, TITLES = 6, 8
"""How much of a page members look at."""
AT_ONCE = 8
"""Pages that are asked for side by side."""
DEADLINE_SECONDS = 5.0
"""Nobody waits here, and a page in full is to be judged."""
EVENTS_A_REQUEST = 1_000


class Platform(Service, Protocol):
    """What an arm of the loop runs on."""

    def take(self, events: pa.Table) -> None:
        """Take events in: on the disk, and known to the next page."""
        ...

    def reload(self) -> None:
        """Serve what is materialised and pinned now."""
        ...


@dataclass(slots=True)
class InProcess:
    """The page front of a workspace, in this process."""

    front: Front
    runner: asyncio.Runner

    @classmethod
    @contextlib.contextmanager
    def running(cls, workspace: Workspace, exploration: str) -> Iterator["InProcess"]:
        """Serve a workspace within the block."""
        front = load_front(
            FrontOptions(
                workspace=workspace.root,
                deadline_seconds=DEADLINE_SECONDS,
                exploration=exploration,
            )
        )
        with asyncio.Runner() as runner:
            runner.run(front.open())
            try:
                yield cls(front, runner)
            finally:
                runner.run(front.close())

    def pages(self, visits: Visits) -> Pages:
        """Return our pages."""
        return pages_of(self.runner.run(self._answers(requests_of(visits))))

    def take(self, events: pa.Table) -> None:
        """Take events in as the route does, and tell the features without waiting."""
        if self.front.ingestion is not None:
            self.runner.run(self.front.ingestion.take(rows_of(events)))
        self.front.resources.features.observe(pl.DataFrame(pl.from_arrow(events)))

    def reload(self) -> None:
        """Read features and pins again."""
        self.front.resources.features.refresh()
        if self.front.swapper is not None:
            self.runner.run(self.front.swapper.swap())

    async def _answers(self, requests: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        limit = asyncio.Semaphore(AT_ONCE)

        async def answer(request: Mapping[str, Any]) -> dict[str, Any]:
            async with limit:
                page = await self.front.page(PageRequest.model_validate(request))
            return dict(to_jsonable_python(page))

        return list(await asyncio.gather(*map(answer, requests)))


@dataclass(slots=True)
class OverHttp:
    """A running page service, asked as any client asks it."""

    client: httpx.Client

    @classmethod
    @contextlib.contextmanager
    def at(cls, url: str) -> Iterator["OverHttp"]:
        """Speak to a service within the block."""
        with httpx.Client(base_url=url, timeout=60) as client:
            yield cls(client)

    def pages(self, visits: Visits) -> Pages:
        """Return the service's pages."""
        answers = [self.client.post("/v1/page", json=request) for request in requests_of(visits)]
        return pages_of([answer.raise_for_status().json() for answer in answers])

    def take(self, events: pa.Table) -> None:
        """Post events."""
        rows = rows_of(events)
        for start in range(0, len(rows), EVENTS_A_REQUEST):
            body = {"events": rows[start : start + EVENTS_A_REQUEST]}
            self.client.post("/v1/events", json=body).raise_for_status()

    def reload(self) -> None:
        """Ask the service to look at its pins; features it refreshes by itself."""
        self.client.post("/v1/releases:reload").raise_for_status()


def requests_of(visits: Visits) -> list[dict[str, Any]]:
    """Return the request for each visit's page."""
    limits = {"rows": ROWS, "titles": TITLES}
    return [
        {
            "user_id": user_id(int(member)),
            "device": DEVICES[device],
            "country": COUNTRIES[country].code,
            "timestamp": datetime.fromtimestamp(int(time) / 1e6, UTC).isoformat(),
            "limits": limits,
        }
        for member, device, country, time in zip(
            visits.member, visits.device, visits.country, visits.timestamp, strict=True
        )
    ]


def pages_of(answers: Sequence[Mapping[str, Any]]) -> Pages:
    """Return answered pages as arrays; items that the world does not know are left out."""
    names = tuple(dict.fromkeys(row["task"] for page in answers for row in page["rows"]))
    items = np.full((len(answers), ROWS, TITLES), -1)
    propensities = np.full(items.shape, np.nan)
    order = np.zeros((len(answers), ROWS), np.int64)
    for number, page in enumerate(answers):
        for place, row in enumerate(page["rows"][:ROWS]):
            order[number, place] = names.index(row["task"])
            for position, entry in enumerate(row["entries"][:TITLES]):
                items[number, place, position] = item_code(entry["item_id"])
                known = entry["propensity"]
                propensities[number, place, position] = np.nan if known is None else known
    return Pages(
        items=items.reshape(len(answers), -1),
        propensities=propensities.reshape(len(answers), -1),
        slots=Slots.grid(ROWS, TITLES),
        row_names=names or ("none",),
        row_order=order,
        request_ids=tuple(page["request_id"] for page in answers),
    )


def rows_of(events: pa.Table) -> list[dict[str, Any]]:
    """Return events as a client sends them: what is unknown is left out, times are texts."""
    frame = pl.DataFrame(pl.from_arrow(events))
    text = pl.col(Columns.TIMESTAMP).dt.strftime("%Y-%m-%dT%H:%M:%S%.6fZ")
    rows = frame.with_columns(text).to_dicts()
    return [{name: value for name, value in row.items() if value is not None} for row in rows]
