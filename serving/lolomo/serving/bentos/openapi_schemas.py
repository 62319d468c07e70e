"""Schemas of the OpenAPI document: derived from our models, and a few plain objects."""

from functools import cache
from typing import Any, Final

from pydantic import TypeAdapter
from pydantic.json_schema import models_json_schema

from lolomo.events.incoming import Receipt
from lolomo.serving.bentos.events import MOST_EVENTS
from lolomo.serving.bentos.front import PageAnswer
from lolomo.serving.bentos.predict import Prediction
from lolomo.serving.bentos.schema import (
    InferRequest,
    PageRequest,
    PredictRequest,
    SearchRequest,
)
from lolomo.serving.bentos.search import SearchAnswer
from lolomo.serving.releases import Swap

_REFERENCE: Final = "#/components/schemas/{model}"
_REQUESTS: Final = (PageRequest, SearchRequest, PredictRequest, InferRequest)
_ANSWERS: Final = (PageAnswer, SearchAnswer, Prediction, Receipt, Swap)
_OBJECT: Final[dict[str, Any]] = {"type": "object"}
_TEXT: Final = {"type": "string"}
_NUMBER: Final = {"type": "number"}
_FLAG: Final = {"type": "boolean"}


def _object(**properties: Any) -> dict[str, Any]:
    """Return the schema of an object that has all of these."""
    return {"type": "object", "required": sorted(properties), "properties": properties}


def _list(schema: dict[str, Any], **limits: int) -> dict[str, Any]:
    return {"type": "array", "items": schema, **limits}


def reference(model: str) -> dict[str, Any]:
    """Return a reference to a schema of the document."""
    return {"$ref": _REFERENCE.format(model=model)}


_SHAPE: Final = _list({"type": "integer"})
_DESCRIBED: Final = _object(name=_TEXT, datatype=_TEXT, shape=_SHAPE)
_PLAIN: Final[dict[str, Any]] = {
    "Problem": _object(
        type=_TEXT,
        title=_TEXT,
        status={"type": "integer"},
        detail=_TEXT,
        received=_TEXT,
        expected=_TEXT,
        fix=_TEXT,
    ),
    "StepRequest": _object(
        context=_object(
            request_id=_TEXT,
            deadline_milliseconds={"type": "integer"},
            timestamp={"type": "integer"},
            user={
                "type": "object",
                "required": ["user_id"],
                "properties": {"user_id": _TEXT, "features": _OBJECT},
            },
        )
    ),
    "StepAnswer": _OBJECT,
    "Events": _object(events=_list(_OBJECT, minItems=1, maxItems=MOST_EVENTS))
    | {"additionalProperties": False},
    "Models": _object(models=_list(_TEXT)),
    "Model": _object(name=_TEXT, ready=_FLAG),
    "Predictions": _object(predictions=_list(reference("Prediction"))),
    "Server": _object(name=_TEXT, version=_TEXT, extensions=_list(_TEXT)),
    "Live": _object(live=_FLAG),
    "Ready": _object(ready=_FLAG),
    "Metadata": _object(
        name=_TEXT,
        versions=_list(_TEXT),
        platform=_TEXT,
        inputs=_list(_DESCRIBED),
        outputs=_list(_DESCRIBED),
    ),
    "InferAnswer": _object(
        model_name=_TEXT,
        model_version=_TEXT,
        outputs=_list(_object(name=_TEXT, datatype=_TEXT, shape=_SHAPE, data={"type": "array"})),
    ),
    "Releases": _object(
        releases=_OBJECT,
        canaries=_OBJECT,
        degraded=_OBJECT,
        since=_NUMBER,
        last_swap=reference("Swap"),
    ),
    "Document": _object(openapi=_TEXT, info=_OBJECT, paths=_OBJECT, components=_OBJECT),
}


@cache
def schemas() -> dict[str, Any]:
    """Return every schema by name."""
    requests = [(model, "validation") for model in _REQUESTS]
    _, document = models_json_schema(requests, ref_template=_REFERENCE)  # type: ignore[arg-type]
    definitions: dict[str, Any] = dict(document["$defs"])
    for answer in _ANSWERS:
        adapter: TypeAdapter[Any] = TypeAdapter(answer)
        schema = adapter.json_schema(ref_template=_REFERENCE, mode="serialization")
        definitions |= schema.pop("$defs", {}) | {answer.__name__: schema}
    return definitions | _PLAIN
