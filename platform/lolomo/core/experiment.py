"""An experiment: which units get which arm, decided by a salted hash and by nothing else.

A unit (a user, a request, a pod's traffic) is mapped to a place in [0, 1) by `bucket`, and the
salt decides which of many independent such places is meant. Three of them make an assignment,
after Tang et al., "Overlapping experiment infrastructure" (KDD 2010):

- the *holdout*'s place says whether the unit is kept out of every experiment, so that what all of
  them did together can be measured;
- the *layer*'s place says which experiment of a layer has the unit: those of one layer hold
  disjoint stretches of [0, 1), so a unit is in at most one of them, while layers are independent;
- the *experiment*'s own place says which arm it gets.

Nothing is stored, so an assignment is sticky, the same in every process, and can be replayed.

>>> experiment = Experiment(name="rows-first", arms=(Arm("control"), Arm("treatment")))
>>> assign("user-7", experiment) == assign("user-7", experiment)
True
"""

import hashlib
import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from itertools import pairwise
from typing import Literal

from lolomo.core.errors import SettingsError
from lolomo.core.release import DIGEST

HOLDOUT = "holdout"
"""What `assign` answers for a unit that is kept out of every experiment."""
OUTSIDE = ""
"""What `assign` answers for a unit that the layer gives to another experiment, or to none."""

_MANTISSA_BITS = 53


class Mode(StrEnum):
    """How arms are compared."""

    ARMS = "arms"
    """Each member has one of them."""
    INTERLEAVING = "interleaving"
    """Every member has both: the rows of two releases are drafted into one, title by title."""
    SHADOW = "shadow"
    """Members have the control; requests of those who fall to the treatment are copied to its
    release, whose answer nobody sees."""


def bucket(unit_id: str, salt: str) -> float:
    """Return the place of a unit under a salt: uniform over [0, 1), the same for ever.

    Args:
        unit_id: Who or what is assigned, such as a user id.
        salt: Which of many independent places is meant.

    Returns:
        The first 53 bits of the sha256 of both, as a fraction.
    """
    digest = hashlib.sha256(f"{salt}\x00{unit_id}".encode()).digest()
    bits = int.from_bytes(digest[:8], "big") >> (64 - _MANTISSA_BITS)
    return math.ldexp(bits, -_MANTISSA_BITS)


@dataclass(frozen=True, slots=True)
class Arm:
    """One of the treatments that are compared."""

    name: str
    share: float = 1.0
    """How many of the experiment's units it gets, relative to the other arms."""
    policies: str = ""
    """How its members' rows are drawn, as `lolomo.core.policy.policies_from` reads it, such as
    `top_picks=plackett_luce(temperature=0.5)`; "" for as everybody's."""
    releases: str = ""
    """Which releases answer in place of champions, as `top_picks=<digest>, ...`; "" for none."""

    def __post_init__(self) -> None:
        self.releases_by_task()

    def releases_by_task(self) -> dict[str, str]:
        """Return the digest of the arm's release for each task that has one.

        Raises:
            SettingsError: If the text names no task, or what is no digest.
        """
        pairs = [part.partition("=") for part in self.releases.split(",") if part.strip()]
        found = {task.strip(): digest.strip() for task, _, digest in pairs}
        if not all(task and DIGEST.fullmatch(digest) for task, digest in found.items()):
            raise SettingsError(
                f"arm {self.name!r} has the releases {self.releases!r}; expected such as "
                "`top_picks=<digest>`, with a digest of 64 hexadecimal digits"
            )
        return found


@dataclass(frozen=True, slots=True)
class Guardrail:
    """What an arm must not harm, whatever it gains: crossing it rolls the arm back."""

    metric: str
    max_loss: float = 0.0
    """How far below the control an arm may lie, in the metric's own unit; 0 or more."""
    good: Literal["up", "down"] = "up"
    """Whether more of the metric is better, as of retention, or less, as of latency."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Experiment:
    """A comparison of arms over a stretch of a layer's units; the first arm is the control."""

    name: str
    arms: tuple[Arm, ...]
    salt: str = ""
    """Of the split into arms; the name unless given. Another salt shuffles the units again."""
    layer: str = "default"
    """Experiments of one layer have no unit in common; those of two are independent."""
    segment: tuple[float, float] = (0.0, 1.0)
    """The stretch [from, to) of the layer's places that is this experiment's."""
    holdout: float = 0.0
    """Share of all units kept out; of two experiments' holdouts the smaller lies in the larger."""
    start: datetime | None = None
    """When it begins to count; None for at once."""
    stop: datetime | None = None
    """When it no longer counts; None for not yet known."""
    guardrails: tuple[Guardrail, ...] = ()
    mode: Mode = Mode.ARMS

    def __post_init__(self) -> None:
        names = [arm.name for arm in self.arms]
        low, high = self.segment
        wrong = {
            "a name": not self.name,
            "two or more arms": len(names) < 2,
            "arms with different names": len(set(names)) < len(names),
            "arms not called '' or 'holdout'": not {OUTSIDE, HOLDOUT}.isdisjoint(names),
            "shares above 0": not all(0 < arm.share < math.inf for arm in self.arms),
            "a segment within [0, 1]": not 0.0 <= low < high <= 1.0,
            "a holdout of at least 0 and below 1": not 0.0 <= self.holdout < 1.0,
            "guardrails that allow a loss of 0 or more": not all(
                0 <= guardrail.max_loss < math.inf for guardrail in self.guardrails
            ),
            f"a control and one arm with releases, to be one of {self.mode}": self.mode
            is not Mode.ARMS
            and [bool(arm.releases) for arm in self.arms] != [False, True],
            "no policies in an arm of which nobody is shown a row of its own": self.mode
            is not Mode.ARMS
            and any(arm.policies for arm in self.arms),
            "a stop after its start": self.start is not None
            and self.stop is not None
            and self.stop <= self.start,
        }
        for expected, is_wrong in wrong.items():
            if is_wrong:
                raise SettingsError(f"an experiment needs {expected}; received {self}")

    @property
    def control(self) -> str:
        """The arm that the others are compared to."""
        return self.arms[0].name

    @property
    def challengers(self) -> dict[str, str]:
        """The digest of the last arm's release by task: what the champions are compared with."""
        return self.arms[-1].releases_by_task()

    def shares(self) -> dict[str, float]:
        """Return each arm's share of the experiment's units; they sum to 1."""
        total = math.fsum(arm.share for arm in self.arms)
        return {arm.name: arm.share / total for arm in self.arms}

    def is_running(self, now: datetime) -> bool:
        """Return whether what happens at `now` counts."""
        return (self.start is None or self.start <= now) and (self.stop is None or now < self.stop)


def assign(unit_id: str, experiment: Experiment) -> str:
    """Return the name of a unit's arm, `HOLDOUT` or `OUTSIDE`; the same at any time.

    Whether the experiment is running is not asked: a unit that comes back after the stop would
    have had the same arm.
    """
    if bucket(unit_id, "holdout") < experiment.holdout:
        return HOLDOUT
    low, high = experiment.segment
    if not low <= bucket(unit_id, f"layer:{experiment.layer}") < high:
        return OUTSIDE
    place = bucket(unit_id, f"experiment:{experiment.salt or experiment.name}")
    reached = 0.0
    for name, share in experiment.shares().items():
        reached += share
        if place < reached:
            return name
    return experiment.arms[-1].name


def check_layers(experiments: Iterable[Experiment]) -> None:
    """Refuse experiments that would share units within a layer, or the way they are split.

    Raises:
        SettingsError: If two have one name or one salt, or their segments of a layer overlap.
    """
    running = list(experiments)
    for what, values in {
        "name": Counter(each.name for each in running),
        "salt": Counter(each.salt or each.name for each in running),
    }.items():
        value, count = values.most_common(1)[0] if values else ("", 0)
        if count > 1:
            raise SettingsError(f"{count} experiments have the {what} {value!r}: change one")
    ordered = sorted(running, key=lambda each: (each.layer, each.segment))
    for one, other in pairwise(ordered):
        if one.layer == other.layer and other.segment[0] < one.segment[1]:
            raise SettingsError(
                f"{one.name!r} has {one.segment} of layer {one.layer!r} and {other.name!r} has "
                f"{other.segment}; expected no overlap: move one to another segment or layer"
            )
