"""The OpenAPI document, made from the very models that requests are checked with."""

from functools import cache
from importlib.metadata import version
from typing import Any

from pydantic import TypeAdapter
from pydantic.json_schema import models_json_schema

from lolomo.serving.bentos.front import PageAnswer
from lolomo.serving.bentos.schema import (
    InferRequest,
    PageRequest,
    PredictRequest,
    SearchRequest,
)
from lolomo.serving.bentos.search import SearchAnswer

_REFERENCE = "#/components/schemas/{model}"
_OBJECT: dict[str, Any] = {"type": "object"}
_STEP = {
    "type": "object",
    "required": ["context"],
    "properties": {
        "context": {
            "type": "object",
            "required": ["request_id", "deadline_milliseconds", "timestamp", "user"],
            "properties": {
                "request_id": {"type": "string"},
                "deadline_milliseconds": {"type": "integer"},
                "timestamp": {"type": "integer"},
                "user": {
                    "type": "object",
                    "required": ["user_id"],
                    "properties": {"user_id": {"type": "string"}, "features": _OBJECT},
                },
            },
        }
    },
}
_PROBLEM = {
    "type": "object",
    "required": ["type", "title", "status", "received", "expected", "fix"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "received": {"type": "string"},
        "expected": {"type": "string"},
        "fix": {"type": "string"},
        "errors": {"type": "array", "items": _OBJECT},
    },
}


def openapi_document(tasks: list[str], steps: list[str]) -> dict[str, Any]:
    """Return the OpenAPI 3.1 document of a service.

    Args:
        tasks: Names of the tasks, as path parameters.
        steps: Names of the steps, as path parameters.
    """
    task = {"name": "task", "in": "path", "required": True, "schema": {"enum": tasks}}
    step = {"name": "step", "in": "path", "required": True, "schema": {"enum": steps}}
    user = {"name": "user", "in": "query", "schema": {"type": "string", "maxLength": 200}}
    text = {"name": "text", "in": "query", "schema": {"type": "string", "maxLength": 200}}
    problem, ready = ("408", "413"), ("503",)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Lolomo",
            "version": version("lolomo"),
            "description": "A streaming service's home page, and each task behind it.",
        },
        "paths": {
            "/": {"get": _operation("The page as HTML", [user, text], html=True)},
            "/v1/page": {
                "post": _operation("The page of a user", [], PageRequest, answer="PageAnswer")
            },
            "/v1/search": {
                "post": _operation(
                    "The titles that a user may mean", [], SearchRequest, answer="SearchAnswer"
                )
            },
            "/search.js": {"get": _operation("Search as one types, for the page as HTML", [])},
            "/v1/models": {"get": _operation("Tasks that are served", [])},
            "/v1/models/{task}": {"get": _operation("Is a task served?", [task], more=ready)},
            "/v1/models/{task}:predict": {
                "post": _operation("One task, KServe V1", [task], PredictRequest, more=problem)
            },
            "/v2": {"get": _operation("The server, KServe V2", [])},
            "/v2/health/live": {"get": _operation("Is the process alive?", [])},
            "/v2/health/ready": {"get": _operation("Is the service ready?", [], more=ready)},
            "/v2/models/{task}": {"get": _operation("A task, KServe V2", [task])},
            "/v2/models/{task}/ready": {"get": _operation("Is it served?", [task], more=ready)},
            "/v2/models/{task}/infer": {
                "post": _operation("One task, KServe V2", [task], InferRequest, more=problem)
            },
            "/v1/steps/{step}": {
                "post": _operation("One step of the graph", [step], "StepRequest")
            },
        },
        "components": {"schemas": _schemas()},
    }


@cache
def _schemas() -> dict[str, Any]:
    models = (PageRequest, SearchRequest, PredictRequest, InferRequest)
    requests = [(model, "validation") for model in models]
    _, document = models_json_schema(requests, ref_template=_REFERENCE)  # type: ignore[arg-type]
    definitions: dict[str, Any] = dict(document["$defs"])
    for answer in (PageAnswer, SearchAnswer):
        schema = TypeAdapter(answer).json_schema(ref_template=_REFERENCE, mode="serialization")
        definitions |= schema.pop("$defs", {}) | {answer.__name__: schema}
    return definitions | {"Problem": _PROBLEM, "StepRequest": _STEP}


def _operation(
    summary: str,
    parameters: list[dict[str, Any]],
    body: type | str | None = None,
    *,
    answer: str | None = None,
    html: bool = False,
    more: tuple[str, ...] = (),
) -> dict[str, Any]:
    """Return one operation, with the problems that any can answer."""
    schema = _reference(answer) if answer else _OBJECT
    kind = "text/html" if html else "application/json"
    content = {"schema": {"type": "string"} if html else schema}
    responses: dict[str, Any] = {"200": {"description": summary, "content": {kind: content}}}
    codes = ("400", "404", "405", "408", "413", "422", *more)
    for code in dict.fromkeys(codes):
        described = _reference("Problem") if code != "503" else _OBJECT
        media = "application/problem+json" if code != "503" else "application/json"
        responses[code] = {"description": "Problem", "content": {media: {"schema": described}}}
    operation: dict[str, Any] = {
        "summary": summary,
        "parameters": parameters,
        "responses": responses,
    }
    if body:
        name = body if isinstance(body, str) else body.__name__
        content = {"application/json": {"schema": _reference(name)}}
        operation["requestBody"] = {"required": True, "content": content}
    return operation


def _reference(model: str) -> dict[str, Any]:
    return {"$ref": _REFERENCE.format(model=model)}
