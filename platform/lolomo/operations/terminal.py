"""The terminal: one console, and progress bars for long work."""

from collections.abc import Iterator
from contextlib import contextmanager

from lolomo.core.progress import Progress


@contextmanager
def progress_bar(title: str) -> Iterator[Progress]:
    """Show a bar while the block runs, and yield what moves it: fraction done, and message."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (
        TextColumn("[bold]{task.fields[title]:<10}"),
        BarColumn(bar_width=30),
        TextColumn("{task.percentage:>3.0f} %"),
        TimeElapsedColumn(),
        TextColumn("[dim]{task.description}"),
    )
    with Progress(*columns, console=Console(stderr=True)) as bars:
        bar = bars.add_task("", total=1.0, title=title)

        def progress(fraction: float, message: str) -> None:
            bars.update(bar, completed=fraction, description=message[:70])

        yield progress
        bars.update(bar, completed=1.0, description="")
