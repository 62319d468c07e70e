"""Our platform as a world sees it: requests, pages and events keep their meaning on the way."""

from typing import Any

import numpy as np
import polars as pl
from events.world.tiny_world import small

from lolomo.core.policy import Greedy
from lolomo.events.incoming import IncomingLog, read_incoming
from lolomo.events.world.records import item_id
from lolomo.events.world.simulation import Simulation
from lolomo.operations.loop.platforms import ROWS, TITLES, pages_of, requests_of, rows_of
from lolomo.serving.bentos.schema import PageRequest


def page(*rows: tuple[str, list[tuple[str, float | None]]]) -> dict[str, Any]:
    return {
        "request_id": "r1",
        "rows": [
            {
                "task": task,
                "entries": [{"item_id": item, "propensity": known} for item, known in entries],
            }
            for task, entries in rows
        ],
    }


def test_a_page_is_what_members_see() -> None:
    answers = [
        page(("next_play", [(item_id(7), 0.5), ("tt42", None)]), ("trending_now", [])),
        page(("trending_now", [(item_id(3), 1.0)])),
    ]
    pages = pages_of(answers)
    assert pages.items.shape == (2, ROWS * TITLES)
    assert pages.items[0, :3].tolist() == [7, -1, -1]
    assert np.isnan(pages.propensities[0, 1])
    assert pages.row_names == ("next_play", "trending_now")
    assert pages.row_order[:, 0].tolist() == [0, 1]
    assert pages.items[1, 0] == 3


def test_requests_are_those_that_our_service_takes() -> None:
    world = Simulation(small(), 0)
    visits = next(iter(world.parts(world.service(Greedy()), 0))).visits
    requests = [PageRequest.model_validate(request) for request in requests_of(visits)]
    assert len(requests) == len(visits)
    moments = [request.timestamp for request in requests if request.timestamp]
    assert [int(each.timestamp() * 1e6) for each in moments] == visits.timestamp.tolist()


def test_events_come_in_as_they_happened(tmp_path: Any) -> None:
    world = Simulation(small(), 0)
    part = next(iter(world.parts(world.service(Greedy()), 0)))
    events = world.records.by_time([part.events])
    log = IncomingLog(tmp_path)
    receipt = log.take([rows_of(events)])[0]
    log.close()
    assert (receipt.accepted, receipt.refused) == (len(events), ())
    key = "event_id"
    assert read_incoming(tmp_path).sort(key).equals(pl.DataFrame(pl.from_arrow(events)).sort(key))
