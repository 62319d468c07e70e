"""Messages as JSON objects, for the edge of a process, and back.

A request is `{"context": {…}, "<step>": {…}, …}`: the context, and what earlier steps answered
under their names. The context step answers with the context itself, so what KServe's Ensemble makes
of its answers is a request again. An answer that cannot be read, such as the error body of a Soft
step that the router merged without a mark, counts as no candidates, with the reason.
"""

from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any

import numpy as np

from lolomo.core.errors import RequestError
from lolomo.features.candidates import Proposal
from lolomo.serving.steps.messages import (
    Context,
    Page,
    PageRow,
    Proposals,
    Seeded,
    StepRequest,
    StepResponse,
    User,
)
from lolomo.serving.steps.reasons import Reason

_CONTEXT = "context"
_CONTEXT_FIELDS: Mapping[str, tuple[type, ...]] = {
    "request_id": (str,),
    "deadline_milliseconds": (int, float),
    "timestamp": (int, float),
    "device": (str, type(None)),
    "country": (str, type(None)),
    "traceparent": (str,),
    "max_rows": (int, float, type(None)),
    "max_titles": (int, float, type(None)),
}
_PAGE_FIELDS = tuple(field.name for field in fields(Page))
_ROW_FIELDS = tuple(field.name for field in fields(PageRow))
_REQUIRED = ("request_id", "deadline_milliseconds", "timestamp", "user")
_WHOLE = ("deadline_milliseconds", "timestamp", "max_rows", "max_titles")
_FURTHEST = 2**53
"""Times beyond it lose digits in the router's float64."""


def request_to_json(request: StepRequest) -> dict[str, Any]:
    """Return a request as a JSON object."""
    answers = {name: response_to_json(answer) for name, answer in request.answers.items()}
    return {_CONTEXT: response_to_json(request.context)} | answers


def request_from_json(value: Any) -> StepRequest:
    """Read a request.

    Raises:
        RequestError: If it is no object with a readable context.
    """
    if not isinstance(value, dict) or not isinstance(value.get(_CONTEXT), dict):
        raise RequestError(
            f"a step request must be an object with an object {_CONTEXT!r}; received "
            f"{_shape(value)}: send {{'context': {{'request_id': …, 'user': …}}}}"
        )
    context = _context(value[_CONTEXT])
    answers = {name: _proposals(body) for name, body in value.items() if name != _CONTEXT}
    return StepRequest(context, answers)


def response_to_json(response: StepResponse) -> dict[str, Any]:
    """Return an answer as a JSON object."""
    match response:
        case Context():
            user = response.user
            values = {name: getattr(response, name) for name in _CONTEXT_FIELDS}
            seen = sorted(user.seen_item_ids)
            features = {name: _plain(feature) for name, feature in user.features.items()}
            known = {"user_id": user.user_id, "features": features, "seen_item_ids": seen}
            return values | {"user": known}
        case Proposals():
            return {
                "release": response.release,
                "degraded": response.degraded,
                **_proposal_to_json(response.proposal),
                "seeded": [
                    {"seed_item_id": seeded.seed_item_id, **_proposal_to_json(seeded.proposal)}
                    for seeded in response.seeded
                ],
            }
        case Page():
            page = {name: getattr(response, name) for name in _PAGE_FIELDS}
            rows = [{name: getattr(row, name) for name in _ROW_FIELDS} for row in response.rows]
            return page | {"rows": rows}


def _context(values: Mapping[str, Any]) -> Context:
    missing = [name for name in _REQUIRED if name not in values]
    wrong = [
        f"{name} is {_shape(values[name])}"
        for name, types in _CONTEXT_FIELDS.items()
        if name in values and (type(values[name]) not in types or not _bounded(values[name]))
    ]
    user = values.get("user")
    if missing or wrong or not isinstance(user, dict):
        raise RequestError(
            f"the context of a step request lacks {missing} and has wrong fields {wrong}: expected "
            "texts, whole numbers below 2^53 and an object 'user'"
        )
    fields = {name: values[name] for name in _CONTEXT_FIELDS if name in values}
    fields |= {name: int(fields[name]) for name in _WHOLE if fields.get(name) is not None}
    return Context(**fields, user=_user(user))


def _user(values: Mapping[str, Any]) -> User:
    features, seen = values.get("features", {}), values.get("seen_item_ids", [])
    readable = (
        isinstance(values.get("user_id"), str)
        and isinstance(features, dict)
        and all(_is_feature(feature) for feature in features.values())
        and _all_texts(seen)
    )
    if not readable:
        raise RequestError(
            f"the user of a step request is {_shape(values)}: expected a text 'user_id', an object "
            "'features' of numbers, texts and lists of these, and texts 'seen_item_ids'"
        )
    return User(values["user_id"], features, frozenset(seen))


def _proposals(body: Any) -> Proposals:
    """Read what a generator answered; anything else is empty, with the reason."""
    try:
        return Proposals(
            release=str(body["release"]),
            proposal=_proposal(body),
            seeded=tuple(
                Seeded(str(entry["seed_item_id"]), _proposal(entry)) for entry in body["seeded"]
            ),
            degraded=body["degraded"],
        )
    except (KeyError, TypeError, ValueError):
        return Proposals(degraded=Reason.UNREADABLE.value)


def _proposal(body: Mapping[str, Any]) -> Proposal:
    item_ids, scores = body["item_ids"], body["scores"]
    if not _all_texts(item_ids) or len(item_ids) != len(scores):
        raise ValueError("a proposal has texts 'item_ids' and as many 'scores'")
    return Proposal(np.array(item_ids, dtype=object), np.array(scores, dtype=np.float32))


def _proposal_to_json(proposal: Proposal) -> dict[str, Any]:
    return {"item_ids": proposal.item_ids.tolist(), "scores": proposal.scores.tolist()}


def _plain(value: Any) -> Any:
    """Return a feature as JSON has it: NaN is null, arrays are lists."""
    if isinstance(value, np.ndarray | np.generic):
        value = value.tolist()
    if isinstance(value, float) and not np.isfinite(value):
        return None
    return [_plain(part) for part in value] if isinstance(value, list | tuple) else value


def _bounded(value: Any) -> bool:
    return not isinstance(value, int | float) or abs(value) < _FURTHEST


def _is_feature(value: Any) -> bool:
    parts: Sequence[Any] = value if isinstance(value, list) else [value]
    return all(isinstance(part, str | int | float | None) for part in parts)


def _all_texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(part, str) for part in value)


def _shape(value: Any) -> str:
    """Say what a JSON value is, briefly."""
    if isinstance(value, dict):
        return f"an object with {sorted(map(str, value))[:8]}"
    return f"{type(value).__name__} {str(value)[:40]!r}"
