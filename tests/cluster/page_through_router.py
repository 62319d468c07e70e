"""Makes pages through KServe's own router; runs in a network namespace of its own.

    unshare --map-root-user --net python page_through_router.py ROUTER > pages.json

The graph is compiled as for a cluster. Its steps are our own service, over HTTP; the front that
asks the router is the one that clients call. Prints the page as the embedded engine makes it, as it
comes through the router, and once more when the steps are gone.
"""

import asyncio
import importlib.util
import json
import socket
import sys
import threading
import time
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import uvicorn

sys.path.insert(0, str(Path(__file__).parents[1]))
from cluster.ask_router import ROUTER, raise_loopback, router

from lolomo.serving.bentos import Clock, Front, PageRequest, RemoteGraph
from lolomo.serving.bentos.routes import application
from lolomo.serving.graph import compile_graph, page_graph
from lolomo.serving.steps import Champion, Resources
from lolomo.tasks import all_tasks

FAKES = Path(__file__).parents[1] / "serving" / "conftest.py"
START_SECONDS = 20


def made_up_resources() -> Resources:
    """Return the small service of the serving tests: releases and features are numpy."""
    spec = importlib.util.spec_from_file_location("fakes", FAKES)
    assert spec is not None
    assert spec.loader is not None
    fakes: Any = importlib.util.module_from_spec(spec)
    sys.modules["fakes"] = fakes
    spec.loader.exec_module(fakes)
    champions = {
        "trending_now": Champion("a" * 64, "popularity", fakes.FakeRanker()),
        "because_you_watched": Champion("b" * 64, "item_knn", fakes.FakeRetriever()),
        "next_play": Champion("c" * 64, "sasrec", fakes.FakeRetriever()),
        "top_picks": Champion("d" * 64, "deep_ranker", fakes.FakeRanker("next_play_score")),
    }
    tasks = {name: task for name, task in all_tasks().items() if task.needs != ("progress",)}
    return Resources(tasks, champions, fakes.FakeFeatures())


def front(graph: RemoteGraph | None = None) -> Front:
    clock = Clock(datetime(1998, 4, 22, 23, 10, tzinfo=UTC))
    return Front(made_up_resources(), clock, deadline_seconds=5.0, graph=graph)


def main() -> None:
    raise_loopback()
    service = front()
    listening = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(application(lambda: service), log_level="error", lifespan="off")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, args=([listening],))
    thread.start()
    end = time.monotonic() + START_SECONDS
    while not server.started and time.monotonic() < end:
        time.sleep(0.02)
    steps = f"http://127.0.0.1:{listening.getsockname()[1]}/v1/steps/{{step}}"
    compiled = compile_graph(page_graph(all_tasks().values()), "any", service_url=steps)

    def stop_steps() -> None:
        server.should_exit = True
        thread.join()

    with router(compiled["spec"]):
        json.dump(asyncio.run(ask(stop_steps)), sys.stdout)


async def ask(stop_steps: Any) -> dict[str, Any]:
    embedded, remote = front(), front(RemoteGraph(ROUTER))
    for each in (embedded, remote):
        await each.warm_up()
    request = PageRequest(user_id="ann", timestamp=datetime(1998, 4, 22, 23, 10, tzinfo=UTC))
    pages = {"embedded": await embedded.page(request), "router": await remote.page(request)}
    await asyncio.to_thread(stop_steps)
    pages["without steps"] = await remote.page(request)
    return {name: asdict(page) for name, page in pages.items()}


if __name__ == "__main__":
    main()
