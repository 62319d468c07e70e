"""A process that takes events in over HTTP and does nothing else: one to measure, and to kill.

    python events_process.py FOLDER

prints the port, then serves until it is stopped.
"""

import socket
import sys
from pathlib import Path

import uvicorn
from pydantic_core import to_json
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from lolomo.serving.bentos.body import read_body
from lolomo.serving.bentos.events import Ingestion, answer_of, rows_of
from lolomo.serving.bentos.problems import ProblemError
from lolomo.serving.bentos.schema import parse_json


def application(ingestion: Ingestion) -> Starlette:
    async def post_events(request: Request) -> Response:
        try:
            status, body = answer_of(
                await ingestion.take(rows_of(parse_json(await read_body(request))))
            )
        except ProblemError as problem:
            return problem.response()
        return Response(to_json(body), status, media_type="application/json")

    return Starlette(routes=[Route("/v1/events", post_events, methods=["POST"])])


def main() -> None:
    listening = socket.create_server(("127.0.0.1", 0))
    print(listening.getsockname()[1], flush=True)  # noqa: T201
    app = application(Ingestion(Path(sys.argv[1]), lambda events: None))
    uvicorn.Server(uvicorn.Config(app, log_level="error", access_log=False)).run([listening])


if __name__ == "__main__":
    main()
