"""Options that several commands share."""

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from lolomo.core.errors import SettingsError

if TYPE_CHECKING:
    from lolomo.training.models import Space

CHANGES = click.option(
    "--config",
    "changes",
    multiple=True,
    metavar="KEY=VALUE",
    help="Change a field of the model's config; may be repeated. A list is written [1, 2].",
)
WORKING_DATASET = click.option(
    "--dataset", metavar="NAME", help="Name, or path of a mapping file.  [default: $LOLOMO_DATASET]"
)


def parse_changes(changes: Sequence[str]) -> dict[str, Any]:
    """Return fields of a config from words such as `epochs=3`, `sizes=[1, 2]` or `loss=bce`.

    Raises:
        SettingsError: If a word has no `=`.
    """
    return {key: _value(text) for key, text in _pairs(changes, "--config").items()}


def parse_spaces(spaces: Sequence[str]) -> "dict[str, Space]":
    """Return where to look from words such as `dim=16:128`, `rate=1e-4:1e-2:log` or `loss=a,b`.

    Raises:
        SettingsError: If a word is none of these.
    """
    return {key: _space(text) for key, text in _pairs(spaces, "--space").items()}


def _space(text: str) -> "Space":
    from lolomo.training.models import Choice, Range

    low, *rest = text.split(":")
    if not rest:
        return Choice(tuple(_value(word) for word in text.split(",")))
    high, scale = rest[0], rest[1:]
    ends = _value(low), _value(high)
    if scale not in ([], ["log"]) or not all(isinstance(end, int | float) for end in ends):
        raise SettingsError(f"received the range {text!r}: expected LOW:HIGH or LOW:HIGH:log")
    return Range(*ends, log=bool(scale))


def _pairs(words: Sequence[str], option: str) -> dict[str, str]:
    pairs = {}
    for word in words:
        key, equals, text = word.partition("=")
        if not key or not equals:
            raise SettingsError(f"received {option} {word!r}: expected KEY=VALUE")
        pairs[key.strip()] = text.strip()
    return pairs


def _value(text: str) -> Any:
    """Return what JSON makes of a text, or the text."""
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return text
