"""The routes: the page, each task in KServe's V1 and V2 protocols, each step, and the console."""

import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict
from typing import Any, TypeAlias

import orjson
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from lolomo.core.errors import RequestError
from lolomo.core.settings import Settings
from lolomo.core.task import Task
from lolomo.serving import telemetry
from lolomo.serving.bentos.auth import Authenticator, AuthMiddleware
from lolomo.serving.bentos.body import read_body
from lolomo.serving.bentos.events import answer_of, rows_of
from lolomo.serving.bentos.front import Front, PageAnswer
from lolomo.serving.bentos.openapi import openapi_document
from lolomo.serving.bentos.predict import infer, metadata, predict
from lolomo.serving.bentos.problems import ProblemError
from lolomo.serving.bentos.schema import (
    InferRequest,
    PageRequest,
    PredictRequest,
    SearchRequest,
    check,
    parse_json,
)
from lolomo.serving.bentos.search import search
from lolomo.serving.console import render_page, search_script
from lolomo.serving.releases import Swapper
from lolomo.serving.steps import Reason
from lolomo.serving.steps.guard import attempt
from lolomo.serving.steps.wire import request_from_json, response_to_json
from lolomo.serving.telemetry import metrics

Handler: TypeAlias = Callable[[Front, Request], Awaitable[Response]]
RESULTS = 10
"""How many titles the console shows of a search."""
_BROWSER_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; "
    "script-src 'self'; connect-src 'self'",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}


def json_response(value: Any, status: int = 200) -> Response:
    """Return plain values and dataclasses as JSON; NaN and infinities become null."""
    return Response(orjson.dumps(value), status, media_type="application/json")


async def post_page(front: Front, request: Request) -> Response:
    """Answer with a page."""
    asked = check(PageRequest, parse_json(await read_body(request)))
    async with front.admission.admitted():
        answer = await front.page(asked, request.headers.get("traceparent", "")[:100])
    count_page(answer)
    return json_response(answer)


async def post_search(front: Front, request: Request) -> Response:
    """Answer with the titles that a user may mean."""
    asked = check(SearchRequest, parse_json(await read_body(request)))
    async with front.admission.admitted():
        answer = await search(front, asked, request.headers.get("traceparent", "")[:100])
    count_degraded(answer.degraded)
    return json_response(answer)


async def get_search_script(front: Front, request: Request) -> Response:
    """Answer with the script that searches as one types."""
    return Response(search_script(), media_type="text/javascript")


async def get_console(front: Front, request: Request) -> Response:
    """Answer with the page as HTML."""
    fields = ("user_id", "device", "country", "timestamp")
    values = {name: request.query_params.get(name) for name in fields}
    values["user_id"] = request.query_params.get("user") or values["user_id"] or "guest"
    asked = check(PageRequest, {name: value for name, value in values.items() if value})
    async with front.admission.admitted():
        answer = await front.page(asked)
    count_page(answer)
    suggestions = sorted(front.resources.seen)[:40]
    text = request.query_params.get("text")
    found = None
    if text:
        wanted = {"text": text, "k": RESULTS, **asked.model_dump(exclude={"limits"})}
        found = await search(front, check(SearchRequest, wanted))
    html = render_page(answer, suggestions, found)
    return Response(html, headers=_BROWSER_HEADERS, media_type="text/html")


async def post_predict(front: Front, request: Request) -> Response:
    """Answer in KServe's V1 protocol."""
    task = _task(front, request)
    asked = check(PredictRequest, parse_json(await read_body(request)))
    async with front.admission.admitted():
        predictions = [await predict(front, task, instance) for instance in asked.instances]
    return json_response({"predictions": [asdict(prediction) for prediction in predictions]})


async def get_model(front: Front, request: Request) -> Response:
    """Say whether a task is served, in KServe's V1 protocol."""
    task = _task(front, request)
    ready = front.ready and task.name in front.resources.champions
    return json_response({"name": task.name, "ready": ready}, 200 if ready else 503)


async def post_infer(front: Front, request: Request) -> Response:
    """Answer in KServe's V2 protocol."""
    task = _task(front, request)
    asked = check(InferRequest, parse_json(await read_body(request)))
    async with front.admission.admitted():
        return json_response(await infer(front, task, asked))


async def get_metadata(front: Front, request: Request) -> Response:
    """Describe a task, in KServe's V2 protocol."""
    return json_response(metadata(front, _task(front, request)))


async def get_ready(front: Front, request: Request) -> Response:
    """Say whether the whole service is ready, in KServe's V2 protocol."""
    return json_response({"ready": front.ready}, 200 if front.ready else 503)


async def get_live(front: Front, request: Request) -> Response:
    """Say that the process answers, in KServe's V2 protocol."""
    return json_response({"live": True})


async def get_server(front: Front, request: Request) -> Response:
    """Describe the server, in KServe's V2 protocol."""
    return json_response({"name": "lolomo", "version": "1", "extensions": []})


async def get_models(front: Front, request: Request) -> Response:
    """List the tasks that are served, in KServe's V1 protocol."""
    return json_response({"models": sorted(front.resources.champions)})


async def post_step(front: Front, request: Request) -> Response:
    """Answer as one step of a graph; always an object, never a 5xx."""
    name = request.path_params["step"]
    if name not in front.steps:
        raise _unknown("step", name, sorted(front.steps))
    message = request_from_json(parse_json(await read_body(request)))
    steps = front.serving_for(message.context.user.user_id).steps
    with telemetry.step(name, message.context.traceparent) as outcome:
        answer, why = await attempt(steps[name](message), f"step {name}")
        outcome.degraded = bool(why or getattr(answer, "degraded", None))
    return json_response(response_to_json(answer) if answer else {"degraded": why})


async def post_events(front: Front, request: Request) -> Response:
    """Take events in."""
    if front.ingestion is None:
        raise _unknown("event log", "(none)", [])
    rows = rows_of(parse_json(await read_body(request)))
    status, body = answer_of(await front.ingestion.take(rows))
    return json_response(body, status)


async def get_releases(front: Front, request: Request) -> Response:
    """Say which releases serve, which are on trial, and how the last swap went."""
    return json_response(_swapper(front).describe())


async def post_reload(front: Front, request: Request) -> Response:
    """Look at the pins now, and swap what has changed; 409 if the new releases are refused."""
    swap = await _swapper(front).swap()
    return json_response(swap, 409 if swap.error else 200)


async def get_openapi(front: Front, request: Request) -> Response:
    """Describe the service."""
    return json_response(openapi_document(sorted(front.resources.tasks), sorted(front.steps)))


ROUTES: tuple[tuple[str, str, Handler], ...] = (
    ("GET", "/", get_console),
    ("GET", "/search.js", get_search_script),
    ("POST", "/v1/page", post_page),
    ("POST", "/v1/search", post_search),
    ("GET", "/v1/models", get_models),
    ("POST", "/v1/models/{task}:predict", post_predict),
    ("GET", "/v1/models/{task}", get_model),
    ("GET", "/v2", get_server),
    ("GET", "/v2/health/live", get_live),
    ("GET", "/v2/health/ready", get_ready),
    ("GET", "/v2/models/{task}", get_metadata),
    ("GET", "/v2/models/{task}/ready", get_model),
    ("POST", "/v2/models/{task}/infer", post_infer),
    ("POST", "/v1/steps/{step}", post_step),
    ("POST", "/v1/events", post_events),
    ("GET", "/v1/releases", get_releases),
    ("POST", "/v1/releases:reload", post_reload),
    ("GET", "/openapi.json", get_openapi),
)


def count_page(answer: PageAnswer) -> None:
    """Count what a page was made from, and what was missing."""
    for source, num_candidates in answer.num_candidates.items():
        metrics.CANDIDATES.labels(source).observe(num_candidates)
    count_degraded(answer.degraded)


def count_degraded(degraded: Mapping[str, str]) -> None:
    """Count what was missing."""
    for part, reason in degraded.items():
        metrics.DEGRADED.labels(part, Reason.of(reason)).inc()


def application(front: Callable[[], Front]) -> Starlette:
    """Return the ASGI application.

    Args:
        front: Called at each request, since the service makes its front when it starts.
    """
    routes = [
        Route(path, _endpoint(path, handler, front), methods=[method], name=handler.__name__)
        for method, path, handler in ROUTES
    ]
    handlers: Any = {HTTPException: _http_problem}
    authenticator = Authenticator.from_settings(Settings.from_environment())
    middleware = [Middleware(AuthMiddleware, authenticator=authenticator)] if authenticator else []
    return Starlette(routes=routes, exception_handlers=handlers, middleware=middleware)


def _endpoint(
    path: str, handler: Handler, front: Callable[[], Front]
) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        started = time.perf_counter()
        try:
            response = await handler(front(), request)
        except ProblemError as problem:
            response = problem.response()
        except RequestError as error:
            response = ProblemError(
                422, "The request is malformed", str(error), "see `received`", "correct it"
            ).response()
        metrics.REQUESTS.labels(path, str(response.status_code)).inc()
        metrics.SECONDS.labels(path).observe(time.perf_counter() - started)
        return response

    return endpoint


async def _http_problem(request: Request, error: HTTPException) -> Response:
    """Answer an unknown path or a wrong method as a problem too."""
    known = sorted({f"{method} {path}" for method, path, _ in ROUTES})
    problem = ProblemError(
        error.status_code,
        error.detail,
        f"received {request.method} {request.url.path[:200]}",
        f"one of {known}",
        "see /openapi.json",
    )
    problem.headers |= error.headers or {}
    return problem.response()


def _task(front: Front, request: Request) -> Task:
    name = request.path_params["task"]
    if name not in front.resources.tasks:
        raise _unknown("task", name, sorted(front.resources.tasks))
    return front.resources.tasks[name]


def _swapper(front: Front) -> Swapper:
    if front.swapper is None:
        raise _unknown("release store", "(none)", [])
    return front.swapper


def _unknown(kind: str, name: str, known: list[str]) -> ProblemError:
    return ProblemError(
        404,
        f"There is no such {kind}",
        f"received {kind} {name[:100]!r}",
        f"one of {known}",
        f"use a name of a {kind} that is served here",
    )
