"""A page service whose releases can be told to hang or to fail, for `bench_faults`.

    python tests/load/faulty_service.py WORKSPACE CONTROL [--router URL] [--redis ADDRESS]

CONTROL is a file: each line `task stall` or `task fail` says what a release does from now on. With
`--as-router` it answers as KServe's router would, with this process's steps behind it.
"""

import argparse
import asyncio
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from lolomo.core.recommender import Ids, Query, Ranker, Retriever, Scores
from lolomo.serving.bentos import Front, FrontOptions, server
from lolomo.serving.bentos.load import load_front
from lolomo.serving.graph import Answer, page_graph, run_json
from lolomo.serving.graph.go_json import read_object, write
from lolomo.serving.steps.wire import request_from_json, response_to_json

STALL_SECONDS = 1.0
"""How long one call of a release that hangs takes."""


@dataclass(frozen=True, slots=True)
class Control:
    """What a release was told to do."""

    file: Path
    task: str

    def suffer(self) -> None:
        """Hang or fail, if told to."""
        told = dict(line.split() for line in self.file.read_text().splitlines())
        match told.get(self.task):
            case "stall":
                time.sleep(STALL_SECONDS)
            case "fail":
                raise RuntimeError(f"{self.task} was told to fail")
            case _:
                pass


@dataclass(frozen=True, slots=True)
class FaultyRanker:
    """Ranks as another, if it is not told otherwise."""

    ranker: Ranker
    control: Control

    @property
    def inputs(self) -> tuple[str, ...]:
        return self.ranker.inputs

    def rank(self, query: Query) -> Scores:
        self.control.suffer()
        return self.ranker.rank(query)


@dataclass(frozen=True, slots=True)
class FaultyRetriever:
    """Retrieves as another, if it is not told otherwise."""

    retriever: Retriever
    control: Control

    @property
    def inputs(self) -> tuple[str, ...]:
        return self.retriever.inputs

    @property
    def items(self) -> Ids:
        return self.retriever.items

    def scores(self, query: Query) -> Scores:
        self.control.suffer()
        return self.retriever.scores(query)

    def retrieve(self, query: Query, k: int) -> tuple[Ids, Scores]:
        self.control.suffer()
        return self.retriever.retrieve(query, k)


def faulty_front(options: FrontOptions, control: Path) -> Front:
    """Load a front whose releases can be told to suffer."""
    front = load_front(options)
    deployment = front.deployment
    champions = {}
    for task, champion in deployment.resources.champions.items():
        told = Control(control, task)
        loaded = champion.recommender
        faulty = (
            FaultyRanker(loaded, told)
            if isinstance(loaded, Ranker)
            else FaultyRetriever(loaded, told)
        )
        champions[task] = replace(champion, recommender=faulty)
    resources = replace(deployment.resources, champions=champions)
    front.deployment = replace(deployment, resources=resources, servings={})
    return front


async def serve_as_router(options: FrontOptions) -> None:
    """Answer as KServe's router does, at a port that is printed."""
    import uvicorn

    front = load_front(options)
    await front.warm_up()

    async def call(step: str, body: bytes) -> Answer[bytes]:
        response = await front.steps[step](request_from_json(read_object(body)))
        return Answer(200, write(response_to_json(response)))

    async def application(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        content, more = b"", True
        while more:
            message = await receive()
            content, more = content + message.get("body", b""), message.get("more_body", False)
        answer = await run_json(page_graph(front.resources.tasks.values()), call, content)
        headers = [(b"content-type", b"application/json")]
        await send({"type": "http.response.start", "status": answer.status, "headers": headers})
        await send({"type": "http.response.body", "body": answer.body})

    listening = server._listen(server.Address(port=0))
    print(f"http://127.0.0.1:{listening.getsockname()[1]}", flush=True)
    config = uvicorn.Config(application, lifespan="off", log_level="error", access_log=False)
    await uvicorn.Server(config).serve([listening])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("workspace", type=Path)
    parser.add_argument("control", type=Path)
    parser.add_argument("--as-router", action="store_true")
    parser.add_argument("--router")
    parser.add_argument("--deadline", type=float, default=0.5)
    parser.add_argument("--redis")
    given = parser.parse_args()
    options = FrontOptions(given.workspace, given.deadline, given.router, redis=given.redis)
    if given.as_router:
        asyncio.run(serve_as_router(replace(options, journal=False)))
        return
    vars(server)["load_front"] = lambda _: faulty_front(options, given.control)
    server.serve(options, server.Address(port=0), 1, lambda url: print(url, flush=True))


if __name__ == "__main__":
    main()
