"""What clients send: checked once, here, so that nothing behind it meets a malformed request."""

from datetime import UTC, datetime
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator
from pydantic_core import from_json

from lolomo.serving.bentos.problems import ProblemError

_EARLIEST, _LATEST = datetime(1970, 1, 2, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)
_MAX_INSTANCES = 32

Id = Annotated[str, Field(min_length=1, max_length=200)]
Label = Annotated[str, Field(max_length=64)]


class _Strict(BaseModel):
    """Unknown fields are refused by name; docstrings under fields describe them to clients."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


class Limits(_Strict):
    """How much of the page is wanted."""

    rows: Annotated[int, Field(ge=1, le=50, strict=True)] | None = None
    """Most rows."""
    titles: Annotated[int, Field(ge=1, le=100, strict=True)] | None = None
    """Most titles in a row, where that is less than the row's own length."""


class Visit(_Strict):
    """Who asks, when and on what."""

    user_id: Id
    """An unknown user gets a page as well."""
    device: Label | None = None
    """Such as `tv`."""
    country: Label | None = None
    """Such as `SE`."""
    timestamp: datetime | None = None
    """ISO 8601, UTC unless it says otherwise; now, by the data's clock, if left out."""

    @field_validator("timestamp", mode="before")
    @classmethod
    def _text_only(cls, value: Any) -> Any:
        """Refuse numbers: whether they are seconds or milliseconds cannot be known."""
        if isinstance(value, int | float):
            raise ValueError("expected an ISO 8601 text such as '1998-04-22T23:10:00Z'")
        return value

    @field_validator("timestamp")
    @classmethod
    def _utc(cls, value: datetime | None) -> datetime | None:
        """Read a time without a zone as UTC, and refuse what no event log holds."""
        if value is None:
            return None
        try:
            moment = value if value.tzinfo else value.replace(tzinfo=UTC)
            if _EARLIEST <= moment <= _LATEST:
                return moment.astimezone(UTC)
        except OverflowError:
            pass
        raise ValueError(f"expected a time from {_EARLIEST:%Y-%m-%d} to {_LATEST:%Y-%m-%d}")


class PageRequest(Visit):
    """A request for a page."""

    limits: Limits = Limits()


class SearchRequest(Visit):
    """A search, asked by the letter."""

    text: Annotated[str, Field(max_length=200)] = ""
    """What was typed so far; nothing yet asks for what the user may be about to look for."""
    k: Annotated[int, Field(ge=1, le=50, strict=True)] = 20
    """How many titles are wanted."""


class Instance(Visit):
    """One query to one task, as in KServe's V1 protocol."""

    k: Annotated[int, Field(ge=1, le=150, strict=True)] = 20
    """How many items are wanted."""
    history_item_ids: Annotated[list[Id], Field(max_length=500)] | None = None
    """What the user watched, oldest first, in place of what the feature store knows."""
    candidates: Annotated[list[Id], Field(min_length=1, max_length=1000)] | None = None
    """Item ids to rank, for a task that ranks; by default what the generators propose."""


class PredictRequest(_Strict):
    """KServe's V1 protocol."""

    instances: Annotated[list[Instance], Field(min_length=1, max_length=_MAX_INSTANCES)]


class Tensor(_Strict):
    """An input of KServe's V2 protocol."""

    name: str
    """`user_id`, `device` or `country` (BYTES), or `timestamp` (INT64, microseconds since 1970)."""
    shape: Annotated[list[Annotated[int, Field(ge=0)]], Field(min_length=1, max_length=2)]
    datatype: str
    data: Annotated[list[Any], Field(max_length=_MAX_INSTANCES)]
    parameters: dict[str, Any] | None = None


class InferParameters(BaseModel):
    """What is understood of the parameters; others are ignored, as the protocol asks."""

    k: Annotated[int, Field(ge=1, le=150, strict=True)] = 20


class InferRequest(BaseModel):
    """KServe's V2 protocol."""

    id: Annotated[str, Field(max_length=200)] | None = None
    inputs: Annotated[list[Tensor], Field(min_length=1, max_length=8)]
    parameters: InferParameters = InferParameters()


Model = TypeVar("Model", bound=BaseModel)


def parse_json(body: bytes) -> Any:
    """Parse a JSON body.

    Raises:
        ProblemError: 400 if it is not JSON (NaN and infinities are not), or is nested too deeply.
    """
    try:
        return from_json(body, allow_inf_nan=False, cache_strings="none")
    except ValueError as error:
        raise ProblemError(
            400,
            "The body is not JSON",
            f"received {len(body)} bytes that are not JSON: {error}",
            "a JSON object in UTF-8, without NaN or infinity",
            "check quotes, commas and encoding",
        ) from error


def check(model: type[Model], value: Any) -> Model:
    """Check a parsed body.

    Raises:
        ProblemError: 422 naming each field that is wrong, what was received and what is expected.
    """
    try:
        return model.model_validate(value)
    except ValidationError as error:
        faults = [
            {
                "field": ".".join(str(part) for part in fault["loc"])[:200] or "(body)",
                "received": _brief(fault["input"]),
                "expected": fault["msg"],
            }
            for fault in error.errors(include_url=False, include_context=False)[:20]
        ]
        names = ", ".join(dict.fromkeys(fault["field"] for fault in faults))
        raise ProblemError(
            422,
            "The request is malformed",
            f"received a body that is wrong in: {names}",
            f"a {model.__name__}; its fields are {sorted(model.model_fields)}",
            "correct the fields listed in `errors`; the schema is at /openapi.json",
            errors=faults,
        ) from error


def _brief(value: Any) -> str:
    """Return what was received, short and printable."""
    text = value if isinstance(value, str) else f"{type(value).__name__}"
    if isinstance(value, int | float | bool | None):
        text = str(value)[:60] if not isinstance(value, int) or abs(value) < 10**60 else "integer"
    return text[:60].encode("utf-8", "replace").decode()
