"""Experiments on one machine: started, looked at, rolled back, stopped and reported.

Units are users. Their arms follow from the experiment alone, so nothing is logged to know them;
what they did comes from the event log. Those who count are users that were known when the
experiment began: an arm cannot change who they are, only what they do.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import polars as pl

from lolomo.core.columns import Columns, Kind
from lolomo.core.errors import ReleaseError, SettingsError
from lolomo.core.experiment import Mode, assign
from lolomo.core.experiment_store import Entry, ExperimentStore, State
from lolomo.core.policy import policies_from
from lolomo.core.release import ReleaseStore
from lolomo.core.reward import SATISFACTION
from lolomo.core.settings import Settings
from lolomo.evaluation.experiments import ARM, BEFORE, Analysis, Preference, Shadowed, analyse
from lolomo.events import EventLog
from lolomo.operations.challenged import preferences, shadowed
from lolomo.operations.happened import happened
from lolomo.tasks import all_tasks

PAST = timedelta(days=28)
"""How long before the start a user's habits are measured."""


def _plays(events: pl.DataFrame) -> pl.DataFrame:
    return _per_user(events, pl.len())


def _days(events: pl.DataFrame) -> pl.DataFrame:
    return _per_user(events, pl.col(Columns.TIMESTAMP).dt.date().n_unique())


def _satisfaction(events: pl.DataFrame) -> pl.DataFrame:
    worth = events.with_columns(SATISFACTION.of(events))
    return _per_user(worth, pl.col("reward").sum())


def _per_user(events: pl.DataFrame, value: pl.Expr) -> pl.DataFrame:
    watched = events.filter(pl.col(Columns.KIND).is_in(Kind.INTERACTIONS))
    return watched.group_by(Columns.USER_ID).agg(value.cast(pl.Float64).alias("value"))


METRICS: Mapping[str, Callable[[pl.DataFrame], pl.DataFrame]] = {
    "plays": _plays,
    "active_days": _days,
    "satisfaction": _satisfaction,
}
"""What an experiment can be judged by: a sum over a user's events, 0 for who did nothing."""


@dataclass(frozen=True, slots=True)
class Look:
    """An experiment, and what it shows now."""

    entry: Entry
    analysis: Analysis | None = None
    """Of arms that members have."""
    preferences: Mapping[str, Preference] = field(default_factory=dict)
    """By task, of releases that were interleaved."""
    shadows: Mapping[str, Shadowed] = field(default_factory=dict)
    """By task, of a release that answered copies."""


class Experiments:
    """The experiments of a dataset's workspace.

    Args:
        settings: Where the workspace is.
        dataset: The dataset's name; its events must be imported.
        now: The instant that counts as now; the log's last event in a historic set, else the clock.
    """

    def __init__(self, settings: Settings, dataset: str, now: datetime | None = None) -> None:
        workspace = self._workspace = settings.workspace(dataset)
        self._events = happened(workspace)
        self.store = ExperimentStore(workspace.experiments)
        is_live = EventLog(workspace.events).manifest.live
        clock = datetime.now(UTC) if is_live else self._events[Columns.TIMESTAMP][-1]
        self.clock = now or clock
        """What requests are told that the time is."""
        self.now = now or clock + timedelta(microseconds=1)

    def start(self, entry: Entry) -> None:
        """Begin an experiment.

        Raises:
            SettingsError: If a metric or policy is unknown, or it would interfere with another.
            ReleaseError: If a release is unknown, of another task, or was refused by its gate and
                members would see it.
        """
        guards = (guardrail.metric for guardrail in entry.experiment.guardrails)
        unknown = sorted({*entry.metrics, *guards} - METRICS.keys())
        if unknown or not entry.metrics:
            raise SettingsError(f"received metrics {unknown}; expected some of {sorted(METRICS)}")
        for arm in entry.experiment.arms:
            policies_from(arm.policies)
        for task, digest in entry.experiment.challengers.items():
            self._check_release(task, digest, entry.experiment.mode)
        self.store.start(entry)

    def digest(self, start: str) -> str:
        """Return the whole digest of the release whose digest starts so.

        Raises:
            ReleaseError: If there is none, or more than one.
        """
        return ReleaseStore(self._workspace.releases).find(start).digest

    def _check_release(self, task: str, digest: str, mode: Mode) -> None:
        release = ReleaseStore(self._workspace.releases).find(digest)
        if release.card.task != task:
            raise ReleaseError(
                f"{release.name} is of task {release.card.task!r}: expected one of {task!r}"
            )
        if mode is Mode.INTERLEAVING and not all_tasks()[task].candidates_from:
            raise SettingsError(
                f"{task!r} ranks nothing: expected a task that ranks what others propose, such as "
                "top_picks; compare generators by arms or by a shadow"
            )
        if release.card.failed_gate and mode is not Mode.SHADOW:
            raise ReleaseError(
                f"{release.name} failed its gate ({release.card.gate.get('reason', 'not judged')}):"
                " show members another, or try it as a shadow (--mode shadow)"
            )

    def look(self, name: str) -> Look:
        """Read one experiment as it stands, by its mode.

        Raises:
            SettingsError: If there is none of that name.
        """
        entry = self.store.entry(name)
        experiment = entry.experiment
        match experiment.mode:
            case Mode.ARMS:
                return Look(entry, analyse(experiment, self.units(entry), entry.metrics))
            case Mode.INTERLEAVING:
                past = self._events.filter(pl.col(Columns.TIMESTAMP) < self.now)
                return Look(entry, preferences=preferences(self._workspace, experiment, past))
            case Mode.SHADOW:
                return Look(entry, shadows=shadowed(self._workspace, experiment))

    def guard(self) -> list[Look]:
        """Read every experiment, and roll back those that have crossed a guardrail."""
        looks = []
        for name, entry in self.store.entries().items():
            look = self.look(name)
            if look.analysis and look.analysis.crossings and entry.state is State.RUNNING:
                reason = "; ".join(crossing.sentence for crossing in look.analysis.crossings)
                ended = self.store.end(name, State.ROLLED_BACK, reason, self.now)
                look = Look(ended, look.analysis)
            looks.append(look)
        return looks

    def units(self, entry: Entry) -> pl.DataFrame:
        """Return who takes part: user, `ARM`, and each metric during and before."""
        experiment = entry.experiment
        time = pl.col(Columns.TIMESTAMP)
        start = experiment.start or self._events[Columns.TIMESTAMP][0]
        end = min(self.now, experiment.stop or self.now)
        before = self._events.filter(time < start)
        users = before.select(pl.col(Columns.USER_ID).unique(maintain_order=True))
        arms = [assign(user, experiment) for user in users[Columns.USER_ID]]
        units = users.with_columns(pl.Series(ARM, arms, pl.String))
        units = units.filter(pl.col(ARM).is_in(list(experiment.shares())))
        during = self._events.filter(time >= start, time < end)
        past = before.filter(time >= start - PAST)
        guards = [guardrail.metric for guardrail in experiment.guardrails]
        for metric in dict.fromkeys([*entry.metrics, *guards]):
            for name, events in ((metric, during), (metric + BEFORE, past)):
                values = METRICS[metric](events).rename({"value": name})
                units = units.join(values, on=Columns.USER_ID, how="left", maintain_order="left")
                units = units.with_columns(pl.col(name).fill_null(0.0))
        return units
