"""JSON as Go's `encoding/json` reads and writes it, as KServe's router does to what it merges.

Numbers pass through float64, so integers above 2^53 lose digits there; keys come out sorted; `<`,
`>` and `&` are escaped. Ids are strings for the first reason.
"""

import json
import math
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

_TYPE_NAMES = {list: "array", str: "string", float: "number", bool: "bool"}
_ESCAPES = {
    "<": "\\u003c",
    ">": "\\u003e",
    "&": "\\u0026",
    "\u2028": "\\u2028",
    "\u2029": "\\u2029",
}


def read_object(body: bytes) -> dict[str, Any] | None:
    """Read what Go unmarshals into a map: an object, or `null` as None.

    Raises:
        ValueError: If it is anything else, in Go's words where they are the same for all bodies.
    """
    if not body.strip():
        raise ValueError("unexpected end of JSON input")
    try:
        value = json.loads(
            body.decode(errors="replace"),
            parse_int=_number,
            parse_float=_number,
            parse_constant=_refuse,
        )
    except RecursionError as error:
        raise ValueError("exceeded max depth") from error
    if value is None or isinstance(value, dict):
        return value
    raise ValueError(
        f"json: cannot unmarshal {_TYPE_NAMES[type(value)]} into Go value of type "
        "map[string]interface {}"
    )


def instances_of_predictions(body: bytes) -> bytes:
    r"""Return `{"instances": …}` of a body's `predictions`; any body without them as it is.

    Go matches the names of fields whatever their case.

    >>> instances_of_predictions(b'{"Predictions": [1.0], "id": 7}')
    b'{"instances":[1]}'
    """
    try:
        values = {key.casefold(): value for key, value in (read_object(body) or {}).items()}
    except ValueError:
        return body
    predictions, instances = values.get("predictions"), values.get("instances")
    if not isinstance(predictions, list) or not isinstance(instances, list | None):
        return body
    return write({"instances": predictions}) if predictions else body


def write(value: Any) -> bytes:
    r"""Write a value of dicts, lists, strings, numbers, booleans and None as Go marshals it.

    >>> write({"b": 1e21, "a": ["<", 2.0, 1e-7]})
    b'{"a":["\\u003c",2,1e-7],"b":1e+21}'
    """
    return _text(value).encode("utf-8", "replace")


def _text(value: Any) -> str:
    if isinstance(value, str):
        return _string(value)
    if value is None or isinstance(value, bool):
        return json.dumps(value)
    if isinstance(value, int | float):
        return _float(float(value))
    if isinstance(value, Mapping):
        return "{" + ",".join(f"{_string(k)}:{_text(value[k])}" for k in sorted(value)) + "}"
    return "[" + ",".join(_text(part) for part in value) + "]"


def _string(value: str) -> str:
    if any("\ud800" <= character <= "\udfff" for character in value):
        value = value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    text = json.dumps(value, ensure_ascii=False)
    for character, escape in _ESCAPES.items():
        text = text.replace(character, escape)
    return text


def _float(value: float) -> str:
    """Return the shortest digits that give the value back, exponents only at the extremes."""
    if value == 0:
        return "-0" if math.copysign(1, value) < 0 else "0"
    digits = Decimal(repr(value))
    if 1e-6 <= abs(value) < 1e21:
        text = format(digits, "f")
        return text.rstrip("0").rstrip(".") if "." in text else text
    mantissa, _, exponent = format(digits.normalize(), "e").partition("e")
    return f"{mantissa}e{int(exponent):+d}"


def _number(text: str) -> float:
    value = float(text)
    if math.isinf(value):
        raise ValueError(f"json: cannot unmarshal number {text} into Go value of type float64")
    return value


def _refuse(name: str) -> Any:
    raise ValueError(f"invalid character {name[0]!r} looking for beginning of value")
