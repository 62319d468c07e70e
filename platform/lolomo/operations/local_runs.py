"""Training on this machine: what the last run did, and how to have it run by itself."""

import re
import shlex
import sys
from dataclasses import dataclass
from pathlib import Path

from lolomo.core.errors import SettingsError
from lolomo.core.settings import Settings, Workspace

LOG = "pipeline.log"
COLOUR = re.compile(r"\x1b\[[0-9;]*m")
STEP = re.compile(r"Task '([^']+)' finished with status (\w+)")
STARTED = re.compile(r"Executing task '([^']+)'")
CRON = re.compile(r"(\S+\s+){4}\S+")


@dataclass(frozen=True, slots=True)
class LocalStep:
    """One step of the last run."""

    name: str
    state: str


def last_run(workspace: Workspace) -> list[LocalStep]:
    """Return the steps of the last run in the order they began; none before the first run.

    A step that began and did not end is running, or was killed.
    """
    states: dict[str, str] = {}
    for line in _lines(workspace):
        if started := STARTED.search(line):
            states.setdefault(started[1], "RUNNING")
        elif finished := STEP.search(line):
            states[finished[1]] = finished[2]
    return [LocalStep(name, state) for name, state in states.items()]


def last_lines(workspace: Workspace, num_lines: int) -> str:
    """Return the end of the last run's log.

    Raises:
        SettingsError: If nothing ever ran.
    """
    lines = _lines(workspace)
    if not lines:
        path = workspace.runs / LOG
        raise SettingsError(f"no run yet at {path}: start one with `lolomo pipelines submit`")
    return "\n".join(lines[-num_lines:])


def _lines(workspace: Workspace) -> list[str]:
    """Return the last run's log without its colours; empty before the first run."""
    path = workspace.runs / LOG
    return COLOUR.sub("", path.read_text()).splitlines() if path.exists() else []


def crontab_line(settings: Settings, dataset: str, task: str, cron: str) -> str:
    """Return the line of a crontab that trains a task; cron is this machine's scheduler.

    Raises:
        SettingsError: If `cron` is not five fields.
    """
    if not CRON.fullmatch(cron.strip()):
        raise SettingsError(
            f"received the schedule {cron!r}: expected five fields, minute to weekday, such as "
            "'0 4 * * *'"
        )
    command = [str(Path(sys.executable).parent / "lolomo"), "pipelines", "submit"]
    command += ["--task", task, "--dataset", dataset]
    home = shlex.quote(str(settings.home))
    return f"{cron} LOLOMO_HOME={home} {shlex.join(command)}"
