"""Which experiments run: a folder of JSON files, written whole and read with each field checked.

Starting, stopping and rolling back write; assignment reads, and asks nobody else. What has ended is
kept, since its salt must not be used again while its units remember what they were shown.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Any, Self

from lolomo.core.errors import SettingsError
from lolomo.core.experiment import Arm, Experiment, Guardrail, Mode, assign, check_layers
from lolomo.core.files import write_atomically

LATER = frozenset({"mode", "releases"})
"""Fields that files of earlier versions lack."""


class State(StrEnum):
    """Where an experiment is in its life."""

    RUNNING = "running"
    STOPPED = "stopped"
    ROLLED_BACK = "rolled back"
    """A guardrail was crossed, and every unit is back with the control."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """An experiment, what it is judged by, and what became of it."""

    experiment: Experiment
    metrics: tuple[str, ...]
    """What it is about, first the one that it is decided by."""
    state: State = State.RUNNING
    reason: str = ""
    """Why it ended."""

    def to_json(self) -> str:
        """Return it as indented JSON."""
        return json.dumps(asdict(self), indent=2, default=_as_text)

    @classmethod
    def from_json(cls, text: str, origin: str) -> Self:
        """Parse what `to_json` wrote.

        Raises:
            SettingsError: If it is anything else; the message names `origin`.
        """
        try:
            values = _checked(cls, json.loads(text))
            inner = _checked(Experiment, values["experiment"])
            inner["arms"] = tuple(Arm(**_checked(Arm, arm)) for arm in inner["arms"])
            inner["guardrails"] = tuple(
                Guardrail(**_checked(Guardrail, each)) for each in inner["guardrails"]
            )
            inner["segment"] = tuple(inner["segment"])
            for end in ("start", "stop"):
                inner[end] = datetime.fromisoformat(inner[end]) if inner[end] else None
            if "mode" in inner:
                inner["mode"] = Mode(inner["mode"])
            values["experiment"] = Experiment(**inner)
            values["metrics"], values["state"] = tuple(values["metrics"]), State(values["state"])
            return cls(**values)
        except (ValueError, TypeError, KeyError) as error:
            raise SettingsError(
                f"{origin} is no experiment ({error}): it was edited or written by another version "
                "of Lolomo; remove it, and start the experiment again under another name"
            ) from error


class ExperimentStore:
    """The experiments of a workspace.

    Args:
        root: Their folder, such as `Workspace.experiments`.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    def entries(self) -> dict[str, Entry]:
        """Return every experiment by name.

        Raises:
            SettingsError: If a file is malformed.
        """
        paths = sorted(self.root.glob("*.json"))
        found = [Entry.from_json(path.read_text(), str(path)) for path in paths]
        return {entry.experiment.name: entry for entry in found}

    def entry(self, name: str) -> Entry:
        """Return one experiment.

        Raises:
            SettingsError: If there is none of that name.
        """
        entries = self.entries()
        if name not in entries:
            raise SettingsError(f"no experiment is called {name!r}; expected one of {[*entries]}")
        return entries[name]

    def running(self, now: datetime) -> list[Experiment]:
        """Return the experiments that count at an instant."""
        entries = self.entries().values()
        open_ones = [each.experiment for each in entries if each.state is State.RUNNING]
        return [each for each in open_ones if each.is_running(now)]

    def start(self, entry: Entry) -> None:
        """Begin an experiment.

        Raises:
            SettingsError: If its name is no file's or was used before, or it would share units with
                another that runs.
        """
        name = entry.experiment.name
        entries = self.entries()
        if not name.replace("-", "").replace("_", "").isalnum():
            raise SettingsError(f"an experiment is called {name!r}; expected letters, digits, -, _")
        if name in entries:
            raise SettingsError(
                f"experiment {name!r} is {entries[name].state} already: give another name, so that "
                "units are split anew"
            )
        others = [each.experiment for each in entries.values() if each.state is State.RUNNING]
        check_layers([*others, entry.experiment])
        self._write(entry)

    def end(self, name: str, state: State, reason: str, now: datetime) -> Entry:
        """Stop an experiment or roll it back; one that has ended already stays as it is.

        Raises:
            SettingsError: If there is none of that name.
        """
        entry = self.entry(name)
        if entry.state is not State.RUNNING:
            return entry
        start = entry.experiment.start
        stop = now if start is None or now > start else None
        ended = replace(entry.experiment, stop=stop)
        self._write(entry := replace(entry, experiment=ended, state=state, reason=reason))
        return entry

    def _write(self, entry: Entry) -> None:
        write_atomically(self.root / f"{entry.experiment.name}.json", entry.to_json())


def arms_of(unit_id: str, experiments: list[Experiment]) -> dict[str, str]:
    """Return the arm of a unit in each experiment that it is part of, by experiment."""
    arms = {each.name: assign(unit_id, each) for each in experiments}
    names = {each.name: each.shares() for each in experiments}
    return {name: arm for name, arm in arms.items() if arm in names[name]}


def _checked(kind: type, values: Any) -> dict[str, Any]:
    """Return the fields of a dataclass, refusing unknown and missing ones by name.

    Those that came later may be missing: files of the version before are read.
    """
    known = {field.name for field in fields(kind)}
    received = set(values) if isinstance(values, Mapping) else set()
    unknown, missing = sorted(received - known), sorted(known - received - LATER)
    if unknown or missing:
        raise ValueError(f"{kind.__name__} has unknown {unknown} and lacks {missing}")
    return dict(values)


def _as_text(value: object) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    raise TypeError(f"{value!r} has no place in an experiment's file")
