"""The page in a terminal: a panel a row."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from rich.console import Console, Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from lolomo.serving.bentos.front import PageAnswer
    from lolomo.serving.bentos.search import SearchAnswer
    from lolomo.serving.steps.messages import Entry, PageRow


def print_page(
    answer: "PageAnswer | Mapping[str, Any]", console: Console | None = None, titles: int = 6
) -> None:
    """Print the first titles of each row, with why they are there.

    Args:
        answer: What the front answered, also as the JSON object that its clients get.
        console: Where to print; the terminal if None.
        titles: Most titles a row.
    """
    if isinstance(answer, Mapping):
        answer = _read(answer)
    console = console or Console()
    head = Text.assemble(
        ("Lolomo", "bold magenta"), "  for ", (answer.user_id, "bold"), f"  at {answer.timestamp}"
    )
    console.print(head)
    for part, reason in answer.degraded.items():
        console.print(Text(f"  degraded: {part} ({reason})", style="yellow"))
    for row in answer.rows:
        console.print(_row(row, titles))
    if not answer.rows:
        console.print(Text("  no rows: nothing is trained or released yet", style="yellow"))


def print_results(answer: "SearchAnswer", console: Console | None = None) -> None:
    """Print what a search found, best first."""
    console = console or Console()
    for part, reason in answer.degraded.items():
        console.print(Text(f"  degraded: {part} ({reason})", style="yellow"))
    table = Table(box=None, show_header=False, padding=(0, 1))
    for place, entry in enumerate(answer.results, start=1):
        genres = Text(" · ".join(entry["genres"][:3]), style="cyan")
        table.add_row(Text(str(place), style="dim"), Text(_title(entry)), genres)
    console.print(table if answer.results else Text("  nothing found", style="yellow"))


def _read(values: Mapping[str, Any]) -> "PageAnswer":
    from pydantic import TypeAdapter

    from lolomo.serving.bentos.front import PageAnswer

    return TypeAdapter(PageAnswer).validate_python(values)


def _row(row: "PageRow", titles: int) -> RenderableType:
    shown = row.entries[:titles]
    whys = {entry["why"] for entry in row.entries}
    table = Table(box=None, show_header=False, padding=(0, 1), expand=True)
    table.add_column(justify="right", style="dim", width=2)
    table.add_column(ratio=3, no_wrap=True, overflow="ellipsis")
    table.add_column(ratio=2, style="cyan", no_wrap=True, overflow="ellipsis")
    table.add_column(ratio=4, style="dim", no_wrap=True, overflow="ellipsis")
    for place, entry in enumerate(shown, start=1):
        why = _sources(entry) if len(whys) == 1 else _own_why(entry)
        table.add_row(str(place), Text(_title(entry)), Text(" · ".join(entry["genres"][:3])), why)
    more = len(row.entries) - len(shown)
    parts: list[RenderableType] = [table]
    if more > 0:
        parts.append(Text(f"   and {more} more", style="dim"))
    subtitle = Text(next(iter(whys)), style="dim italic") if len(whys) == 1 else None
    return Panel(
        Group(*parts),
        title=Text(row.title, style="bold"),
        title_align="left",
        subtitle=subtitle,
        subtitle_align="right",
        border_style="magenta",
    )


def _title(entry: "Entry") -> str:
    """Return the title with its year, once: some catalogues write it into the title."""
    year = entry["release_year"]
    has_year = year is None or str(year) in entry["title"]
    return entry["title"] if has_year else f"{entry['title']} ({year})"


def _own_why(entry: "Entry") -> Text:
    return Text(entry["why"].rpartition("; ")[2])


def _sources(entry: "Entry") -> Text:
    return Text(
        " + ".join(f"{origin['source']} #{origin['rank']}" for origin in entry["provenance"])
    )
