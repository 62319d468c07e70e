"""Gives each member the arms of the experiments that run, by the workspace's own files.

Starting or stopping an experiment needs no restart: the folder is looked at again when it has
changed, which costs a microsecond. Files that cannot be read leave what ran before; the log says
so, and nobody's page fails for it.
"""

import ast
import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from lolomo.core.errors import SettingsError
from lolomo.core.experiment import Experiment, Mode
from lolomo.core.experiment_store import ExperimentStore, State, arms_of
from lolomo.core.policy import Policy, policies_from

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Assignment:
    """What a member takes part in, and how their rows are drawn for it."""

    arms: Mapping[str, str] = field(default_factory=dict)
    """By experiment."""
    rows: Mapping[str, str] = field(default_factory=dict)
    """By row, the policy that draws it, as text; that of a later experiment, by name, stands."""
    policies: Mapping[str, Policy] = field(default_factory=dict)
    """The same, made."""
    releases: Mapping[str, str] = field(default_factory=dict)
    """By task, the digest of the release that answers in place of the champion."""
    interleaved: Mapping[str, str] = field(default_factory=dict)
    """By task, the digest of the release whose titles are drafted into the champion's row."""
    shadows: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """By experiment, the digest of the release, by task, that gets a copy of the request."""

    @property
    def experiment(self) -> str | None:
        """Names of the experiments, for the journal; None without any."""
        return ",".join(self.arms) or None

    @property
    def arm(self) -> str | None:
        """Names of the arms, in the order of `experiment`."""
        return ",".join(self.arms.values()) or None

    def exploration(self, everybodys: str) -> str:
        """Return by which policies the member's rows are drawn, so that a replay draws the same.

        Args:
            everybodys: What rows are drawn by without any experiment.
        """
        if not self.rows:
            return everybodys
        rows = {**rows_of(everybodys), **self.rows}
        return ", ".join(f"{row}={policy}" for row, policy in rows.items())


def _given(experiment: Experiment) -> Iterator[tuple[str, Assignment]]:
    """Yield each arm of an experiment with what it gives its members."""
    for arm in experiment.arms:
        releases = arm.releases_by_task()
        match experiment.mode:
            case Mode.ARMS:
                given = Assignment(
                    rows=rows_of(arm.policies),
                    policies=policies_from(arm.policies),
                    releases=releases,
                )
            case Mode.INTERLEAVING:  # whoever takes part has both
                given = Assignment(interleaved=experiment.challengers)
            case Mode.SHADOW:
                given = Assignment(shadows={experiment.name: releases} if releases else {})
        yield arm.name, given


def rows_of(policies: str) -> dict[str, str]:
    """Return the text of each row's policy.

    >>> rows_of("top_picks=plackett_luce(temperature=0.5), trending_now=greedy()")
    {'top_picks': 'plackett_luce(temperature=0.5)', 'trending_now': 'greedy()'}

    Raises:
        SettingsError: If the text is not what `policies_from` reads.
    """
    names = policies_from(policies)
    call = ast.parse(f"rows({policies})", mode="eval").body
    keywords = call.keywords if isinstance(call, ast.Call) else []
    return {name: ast.unparse(row.value) for name, row in zip(names, keywords, strict=True)}


class Assignments:
    """The experiments of a folder, as they are now.

    Args:
        root: Where experiments are, such as `Workspace.experiments`; it need not be there yet.
    """

    def __init__(self, root: Path) -> None:
        self._store = ExperimentStore(root)
        self._seen = -1
        self._experiments: list[Experiment] = []
        self._arms: dict[tuple[str, str], Assignment] = {}

    def of(self, user_id: str, timestamp: int) -> Assignment:
        """Return what a member takes part in.

        Args:
            user_id: Whose page it is.
            timestamp: Of the request, in microseconds since 1970 UTC.
        """
        self._refresh()
        if not self._experiments:
            return Assignment()
        now = _EPOCH + timedelta(microseconds=timestamp)
        arms = arms_of(user_id, [each for each in self._experiments if each.is_running(now)])
        given = [self._arms[pair] for pair in sorted(arms.items())]
        rows, policies, releases, interleaved, shadows = (
            {key: value for each in given for key, value in getattr(each, name).items()}
            for name in ("rows", "policies", "releases", "interleaved", "shadows")
        )
        return Assignment(arms, rows, policies, releases, interleaved, shadows)

    def _refresh(self) -> None:
        try:
            changed = self._store.root.stat().st_mtime_ns
        except FileNotFoundError:
            return
        if changed == self._seen:
            return
        self._seen = changed
        try:
            entries = self._store.entries().values()
            running = [each.experiment for each in entries if each.state is State.RUNNING]
            arms = {(each.name, arm): given for each in running for arm, given in _given(each)}
        except SettingsError:
            _log.exception("experiments cannot be read; those that ran before go on")
            return
        self._experiments, self._arms = running, arms
