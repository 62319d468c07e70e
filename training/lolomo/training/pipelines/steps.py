"""Steps: what each stage of a pipeline does, as plain functions.

A step is known by its *key*: the digest of everything that decides its outcome, which is the data's
fingerprint, the code's version, its arguments and the keys of the steps before it. Its outcome is a
folder of that name, written whole or not at all, and a step whose folder exists has nothing to do.
So a killed pipeline goes on where it was when it is started again, and a change anywhere upstream
redoes just what depends on it. Steps hand each other keys, which are text and travel anywhere.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any

from lolomo.core.errors import LolomoError
from lolomo.core.files import digest_of, directory_written_whole
from lolomo.core.progress import Progress, part_of
from lolomo.core.settings import Workspace


class NotDoneError(LolomoError):
    """A step is not done yet, and may not be done now."""


def run_step(
    workspace: Workspace, name: str, inputs: dict[str, Any], write: Callable[[Path], None]
) -> str:
    """Write a step's outcome unless it is already there.

    Args:
        workspace: Whose `runs` folder holds the outcome.
        name: Stage and subject, such as `train-next_play-ease`, for people who list the folder.
        inputs: All that decides the outcome, as JSON values.
        write: Fills the folder that it is given.

    Returns:
        The step's key, which is the name of its folder in `workspace.runs`.

    Raises:
        NotDoneError: If it is not there, within `only_what_is_done`.
    """
    key = f"{name}-{digest_of(inputs)[:16]}"
    path = workspace.runs / key
    if path.is_dir():
        path.touch()  # so that it counts as the latest of its kind
        print_progress(1.0, "already done")
        return key
    if not _may_do.get():
        raise NotDoneError(f"{key} is not done yet: run it outside `only_what_is_done`")
    with directory_written_whole(path) as staging:
        write(staging)
    return key


@contextmanager
def only_what_is_done() -> Iterator[None]:
    """Let steps be read and none be done."""
    token = _may_do.set(False)
    try:
        yield
    finally:
        _may_do.reset(token)


def print_progress(fraction: float, message: str) -> None:
    """Tell whoever runs this step: on standard output, where the launcher turns it into a bar.

    Within `progress_to` it is told there instead.
    """
    _listener.get()(fraction, message)


@contextmanager
def progress_to(progress: Progress) -> Iterator[None]:
    """Run steps in this process, their progress told to `progress` rather than printed."""
    token = _listener.set(progress)
    try:
        yield
    finally:
        _listener.reset(token)


@contextmanager
def part_of_progress(index: int, total: int, subject: str = "") -> Iterator[None]:
    """Report what the block does as one part, counted from 0, of a whole of `total` parts."""
    with progress_to(part_of(_listener.get(), index, total, subject)):
        print_progress(0.0, "")
        yield


def _print(fraction: float, message: str) -> None:
    print(f"{PROGRESS_MARK}{fraction:.4f} {message}", flush=True)  # noqa: T201


PROGRESS_MARK = "::progress "
_listener: ContextVar[Progress] = ContextVar("listener", default=_print)
_may_do: ContextVar[bool] = ContextVar("may_do", default=True)
