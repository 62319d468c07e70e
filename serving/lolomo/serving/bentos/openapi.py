"""The OpenAPI document, made from the very models that requests are checked with.

Each operation says which statuses it can answer and what stands in each body, so that a fuzzer can
hold the service to it; what it cannot answer is a fault.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import Any, Final

from lolomo.serving.bentos.openapi_schemas import reference, schemas

_JSON: Final = "application/json"
_PROBLEM: Final = "application/problem+json"
_BODY: Final = {
    "400": "The body is not JSON",
    "408": "The body did not arrive in time",
    "413": "The body is too large",
    "422": "The body is malformed",
}
"""What every operation with a body may answer."""
_BUSY: Final = {"503": "The service is busy; ask again after the seconds in Retry-After"}
_UNKNOWN: Final = {"404": "There is no such task or step"}
_NO_STORE: Final = {"404": "This service was started without one"}
_TOKEN: Final = {"401": "A bearer token is missing or not good enough"}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Operation:
    """One method of one path."""

    summary: str
    answer: str
    """Schema of the answer, or a media type that is not JSON."""
    method: str = "get"
    body: str = ""
    """Schema of the request."""
    parameters: tuple[str, ...] = ()
    status: str = "200"
    problems: Mapping[str, str] = field(default_factory=lambda: _UNKNOWN)
    """By status, what it means; the body is a problem."""
    also: Mapping[str, str] = field(default_factory=dict)
    """By status, the schema of other answers that are no problems."""


_OPERATIONS: Final[Mapping[str, _Operation]] = {
    "/": _Operation(
        summary="The page as HTML",
        answer="text/html",
        parameters=("user", "text"),
        problems={"422": "A parameter is malformed", **_BUSY},
    ),
    "/search.js": _Operation(
        summary="Search as one types, for the page as HTML", answer="text/javascript", problems={}
    ),
    "/v1/page": _Operation(
        summary="The page of a user",
        method="post",
        body="PageRequest",
        answer="PageAnswer",
        problems=_BODY | _BUSY,
    ),
    "/v1/search": _Operation(
        summary="The titles that a user may mean",
        method="post",
        body="SearchRequest",
        answer="SearchAnswer",
        problems=_BODY | _BUSY,
    ),
    "/v1/events": _Operation(
        summary="Take events in: safe on disk before the answer",
        method="post",
        body="Events",
        answer="Receipt",
        status="202",
        problems=_BODY | _TOKEN | _NO_STORE | _BUSY,
        also={"422": "Receipt"},
    ),
    "/v1/models": _Operation(summary="Tasks that are served", answer="Models", problems={}),
    "/v1/models/{task}": _Operation(
        summary="Is a task served? KServe V1",
        answer="Model",
        parameters=("task",),
        also={"503": "Model"},
    ),
    "/v1/models/{task}:predict": _Operation(
        summary="One task, KServe V1",
        method="post",
        body="PredictRequest",
        answer="Predictions",
        parameters=("task",),
        problems=_BODY | _UNKNOWN | _BUSY,
    ),
    "/v2": _Operation(summary="The server, KServe V2", answer="Server", problems={}),
    "/v2/health/live": _Operation(summary="Is the process alive?", answer="Live", problems={}),
    "/v2/health/ready": _Operation(
        summary="Is the service ready?", answer="Ready", problems={}, also={"503": "Ready"}
    ),
    "/v2/models/{task}": _Operation(
        summary="A task, KServe V2", answer="Metadata", parameters=("task",)
    ),
    "/v2/models/{task}/ready": _Operation(
        summary="Is a task served? KServe V2",
        answer="Model",
        parameters=("task",),
        also={"503": "Model"},
    ),
    "/v2/models/{task}/infer": _Operation(
        summary="One task, KServe V2",
        method="post",
        body="InferRequest",
        answer="InferAnswer",
        parameters=("task",),
        problems=_BODY | _UNKNOWN | _BUSY,
    ),
    "/v1/steps/{step}": _Operation(
        summary="One step of the graph: always an object, whatever is missing",
        method="post",
        body="StepRequest",
        answer="StepAnswer",
        parameters=("step",),
        problems=_BODY | _UNKNOWN,
    ),
    "/v1/releases": _Operation(
        summary="Which releases serve, and how the last swap went",
        answer="Releases",
        problems=_NO_STORE,
    ),
    "/v1/releases:reload": _Operation(
        summary="Look at the pins now, and swap what has changed",
        method="post",
        answer="Swap",
        problems=_NO_STORE | _TOKEN,
        also={"409": "Swap"},
    ),
    "/openapi.json": _Operation(summary="This document", answer="Document", problems={}),
}


def openapi_document(tasks: list[str], steps: list[str]) -> dict[str, Any]:
    """Return the OpenAPI 3.1 document of a service.

    Args:
        tasks: Names of the tasks, as path parameters.
        steps: Names of the steps, as path parameters.
    """
    text = {"type": "string", "maxLength": 200}
    parameters = {
        "task": {"name": "task", "in": "path", "required": True, "schema": {"enum": tasks}},
        "step": {"name": "step", "in": "path", "required": True, "schema": {"enum": steps}},
        "user": {"name": "user", "in": "query", "schema": text},
        "text": {"name": "text", "in": "query", "schema": text},
    }
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Lolomo",
            "version": version("lolomo"),
            "description": "A streaming service's home page, and each task behind it.",
        },
        "paths": {
            path: {operation.method: _described(operation, parameters)}
            for path, operation in _OPERATIONS.items()
        },
        "components": {"schemas": schemas()},
    }


def _described(operation: _Operation, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Return one operation as OpenAPI has it."""
    responses = {operation.status: _response(operation.summary, operation.answer)}
    for status, summary in operation.problems.items():
        responses[status] = _response(summary, "Problem", _PROBLEM)
    for status, schema in operation.also.items():
        described = responses.setdefault(status, {"description": "Otherwise", "content": {}})
        described["content"] |= _response("", schema)["content"]
    values: dict[str, Any] = {
        "summary": operation.summary,
        "parameters": [parameters[name] for name in operation.parameters],
        "responses": responses,
    }
    if operation.body:
        content = {_JSON: {"schema": reference(operation.body)}}
        values["requestBody"] = {"required": True, "content": content}
    return values


def _response(summary: str, answer: str, media: str = _JSON) -> dict[str, Any]:
    is_media = "/" in answer
    schema = {"type": "string"} if is_media else reference(answer)
    return {
        "description": summary,
        "content": {answer if is_media else media: {"schema": schema}},
    }
