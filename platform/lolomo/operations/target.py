"""A target: where Lolomo runs, behind one set of verbs.

*Embedded* is this machine: releases in a folder, a page service in a process. *Cluster* is a
kustomize overlay and the Kubernetes cluster that it is applied to. Whoever knows `lolomo deploy`,
`status`, `promote`, `rollback` and `canary` on one knows them on the other: what differs is only
where a pin is written and how it takes effect.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from lolomo.core.errors import LolomoError
from lolomo.core.progress import Progress
from lolomo.core.promotions import Promotion, PromotionsLog
from lolomo.core.rollout import Canary


class DeployError(LolomoError):
    """What was to be deployed cannot be, or did not become ready; the message says what is seen."""


class Action(StrEnum):
    """What a deployment does to one thing."""

    CREATE = "create"
    CHANGE = "change"
    KEEP = "keep"
    DELETE = "delete"


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that a deployment would touch."""

    action: Action
    name: str
    """Kind, namespace and name, as people say them."""
    fields: tuple[str, ...] = ()
    """Paths of what changes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskStatus:
    """What serves one task; None stands for what this target cannot know."""

    task: str
    release: str = ""
    """Digest; "" if nothing serves it."""
    model: str = ""
    gate: str = ""
    """As `Card.gate_said`; "" where the card is not at hand."""
    replicas: int | None = None
    """How many are wanted."""
    ready: int | None = None
    traffic: float | None = None
    """Requests a second."""
    p99_milliseconds: float | None = None
    canary: Canary | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeployOptions:
    """How to deploy."""

    prune: bool = True
    """Whether to delete what an earlier deployment made and this one no longer has."""
    wait_seconds: float = 300.0
    """How long to wait until everything is ready; 0 not to wait."""


@dataclass(frozen=True, slots=True)
class Serves:
    """What a target is told to serve."""

    pins: Mapping[str, str] = field(default_factory=dict)
    """Digest by task."""
    canaries: Mapping[str, Canary] = field(default_factory=dict)


class Target(Protocol):
    """Where Lolomo runs."""

    @property
    def name(self) -> str:
        """What to call it in a table's title."""
        ...

    @property
    def log(self) -> PromotionsLog:
        """Every change of what serves a task."""
        ...

    def serves(self) -> Serves:
        """Return the pins and canaries that are written down."""
        ...

    def pin(self, promotion: Promotion) -> None:
        """Write a promotion or rollback down: the pin, the end of any canary, and the log."""
        ...

    def set_canary(self, promotion: Promotion, canary: Canary | None) -> None:
        """Write a canary, or its end, down, and log it."""
        ...

    def publish(self, message: str, *, commit: bool) -> str:
        """Make what was written take effect, and return what was done.

        Args:
            message: What was changed, for a commit.
            commit: Leave it to whoever watches the repository, such as Argo CD or Flux.
        """
        ...

    def plan(self) -> Sequence[Change]:
        """Return what `deploy` would do."""
        ...

    def deploy(self, options: DeployOptions, progress: Progress) -> None:
        """Make it run, and wait until it does.

        Raises:
            DeployError: If something is missing, refused or not ready in time.
        """
        ...

    def status(self) -> Sequence[TaskStatus]:
        """Return what serves each task now."""
        ...
