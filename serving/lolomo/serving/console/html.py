"""The page as one HTML document, readable without a mouse, a script or any outside resource."""

import hashlib
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template

if TYPE_CHECKING:
    from lolomo.serving.bentos.front import PageAnswer
    from lolomo.serving.bentos.search import SearchAnswer

TEMPLATES = Path(__file__).parent / "templates"


def render_page(
    answer: "PageAnswer",
    suggestions: Sequence[str] = (),
    found: "SearchAnswer | None" = None,
    *,
    form: bool = True,
) -> str:
    """Return the page as HTML.

    Args:
        answer: What the front answered.
        suggestions: Some user ids to try.
        found: What was searched for, if anything was.
        form: Whether to ask for a user and a title; false in a saved file, which has no server.
    """
    return _template().render(answer=answer, suggestions=suggestions, found=found, form=form)


def search_script() -> str:
    """Return the script that searches as one types."""
    return (TEMPLATES / "search.js").read_text(encoding="utf-8")


def poster_style(title: str) -> str:
    """Return the CSS variables of a poster, the same for the same title.

    >>> poster_style("Fargo") == poster_style("Fargo") != poster_style("Contact")
    True
    """
    digest = hashlib.sha256(title.encode("utf-8", "replace")).digest()
    hue, spread = digest[0] * 360 // 256, 30 + digest[1] % 70
    angle, x, y = digest[2] * 360 // 256, digest[3] * 100 // 256, digest[4] * 60 // 256
    return (
        f"--hue:{hue};--hue2:{(hue + spread) % 360};--angle:{angle}deg;--x:{x}%;--y:{y}%;"
        f"--size:{34 + digest[5] % 30}%"
    )


def motif(title: str) -> int:
    """Return which of the motifs a poster has, from 0 to 3."""
    return hashlib.sha256(title.encode("utf-8", "replace")).digest()[6] % 4


def moment(timestamp: str) -> str:
    """Return an ISO 8601 time as people read it.

    >>> moment("1998-04-22T23:10:38+00:00")
    '22 April 1998, 23:10 UTC'
    """
    from datetime import datetime

    time = datetime.fromisoformat(timestamp)
    return f"{time.day} {time:%B %Y, %H:%M} UTC"


@cache
def _template() -> Template:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    filters = {"poster_style": poster_style, "motif": motif, "moment": moment, "label": _label}
    environment.filters |= filters
    return environment.get_template("page.html")


def _label(name: str) -> str:
    """Return a name of a task as words."""
    return name.replace("_", " ")
