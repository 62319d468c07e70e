r"""Conditions: the part of GJSON's path syntax that means the same here and in KServe's router.

A path is keys and array indexes joined by dots, such as `context.user.history.0`; `\` takes the
special meaning from the next character; `#` as the last part is an array's length, so it exists for
every array. Wildcards, queries, modifiers, pipes and multipaths are refused rather than guessed at.

A path exists if a value stands there, `null` and `false` included.
"""

import json
from typing import Any, Final

from lolomo.core.errors import GraphError

_SPECIAL: Final = frozenset("*?|#@!{}[]()~")
_LENGTH: Final = "#"


def parse_path(path: str) -> tuple[str, ...]:
    r"""Split a path into its parts.

    >>> parse_path(r"scores.0"), parse_path(r"a\.b.c")
    (('scores', '0'), ('a.b', 'c'))

    Raises:
        GraphError: If the path is empty, has an empty part, or uses more of GJSON than is shared.
    """
    parts: list[str] = [""]
    body = path.removesuffix(_LENGTH) if path.endswith(f".{_LENGTH}") else path
    characters = iter(body)
    for character in characters:
        if character == ".":
            parts.append("")
        elif character == "\\":
            parts[-1] += next(characters, "")
        elif character in _SPECIAL:
            raise GraphError(
                f"condition {path!r} has {character!r}: expected keys and array indexes joined by "
                f"dots, such as 'items.0.id'; write \\{character} if it is part of a key"
            )
        else:
            parts[-1] += character
    parts[-1] += path[len(body) :]
    if not all(parts):
        raise GraphError(
            f"condition {path!r} has an empty part: expected keys and array indexes joined by dots"
        )
    return tuple(parts)


def path_exists(document: Any, path: str) -> bool:
    """Return whether a value stands at a path of a parsed JSON document.

    >>> path_exists({"items": [{"id": None}]}, "items.0.id")
    True
    """
    parts = parse_path(path)
    for position, part in enumerate(parts):
        if isinstance(document, dict) and part in document:
            document = document[part]
        elif isinstance(document, list) and part.isdecimal() and int(part) < len(document):
            document = document[int(part)]
        else:
            return isinstance(document, list) and parts[position:] == (_LENGTH,)
    return True


def parse_for_paths(body: bytes) -> Any:
    """Parse JSON as GJSON looks at it: of two equal keys the first counts, numbers stay text.

    Raises:
        ValueError: If the body is not JSON, or nested too deeply to look at.
    """

    def first_wins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        return dict(reversed(pairs))

    try:
        return json.loads(
            body.decode(errors="replace"),
            object_pairs_hook=first_wins,
            parse_int=str,
            parse_float=str,
            parse_constant=_refuse,
        )
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


def _refuse(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")
