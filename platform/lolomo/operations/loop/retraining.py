"""How the learning arm changes its models: a gate decides, a canary proves, the champion changes.

What passes the gate offline is tried on a share of the members for a day. It becomes champion
unless that day shows it to be worse by what a service can see: plays from the page, a visit.
"""

from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from lolomo.core.progress import Progress, part_of
from lolomo.core.release import ReleaseStore
from lolomo.core.rollout import Canary, Rollout
from lolomo.core.settings import Workspace
from lolomo.evaluation.bootstrap import DEFAULT, Interval
from lolomo.events.world.records import user_id
from lolomo.operations.loop.plan import LoopPlan
from lolomo.operations.named_models import train_models
from lolomo.training.pipelines.train import FitOptions

Verdict: TypeAlias = Literal["kept", "on trial", "promoted", "withdrawn"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What became of one training of one task."""

    day: int
    task: str
    model: str
    """Of the release; that of the champion where nothing passed."""
    verdict: Verdict
    reason: str


def retrain(
    workspace: Workspace, dataset: str, plan: LoopPlan, day: int, progress: Progress
) -> list[Change]:
    """Train each task's models on all that is known, and put on trial what passes the gate."""
    store, changes = ReleaseStore(workspace.releases), []
    for number, (task, models) in enumerate(plan.models.items()):
        share = part_of(progress, number, len(plan.models), f"day {day}: {task}")
        before = store.pins().get(task, "")
        training = train_models(dataset, task, models, FitOptions(), share)
        best = training.outcomes[0]
        after, reason = store.pins().get(task, ""), best.decision.reason
        model = store.card(after).model if after else best.model
        if after == before:
            changes.append(_change(day, task, model, "kept", reason))
        elif not before:
            changes.append(_change(day, task, model, "promoted", reason))
        else:
            store.pin(task, before)
            salt = f"loop-{task}-{day}"
            canary = Canary(digest=after, percent=plan.canary_percent, salt=salt)
            Rollout(store.root).set_canary(task, canary)
            changes.append(_change(day, task, model, "on trial", reason))
    return changes


def conclude(
    workspace: Workspace, day: int, rewards: NDArray[np.float64], visits: NDArray[np.float64]
) -> list[Change]:
    """End the trials: promote what was not shown to be worse, withdraw the rest.

    Args:
        workspace: Of the arm.
        day: The day of the trial.
        rewards: What each member's plays were worth to the service. Shape: [members].
        visits: How often each came. Shape: [members].
    """
    rollout, store = Rollout(workspace.releases), ReleaseStore(workspace.releases)
    changes = []
    for task, canary in rollout.canaries().items():
        tried = np.array([canary.takes(user_id(code)) for code in range(len(visits))])
        difference = rate_difference(rewards, visits, tried)
        worse = difference.high < 0
        if not worse:
            store.pin(task, canary.digest)
        rollout.set_canary(task, None)
        model = store.card(canary.digest).model
        reason = f"reward a visit against the champion: {difference}"
        changes.append(_change(day, task, model, "withdrawn" if worse else "promoted", reason))
    return changes


def rate_difference(
    rewards: NDArray[np.float64], visits: NDArray[np.float64], tried: NDArray[np.bool_]
) -> Interval:
    """Return the reward a visit of those who tried minus that of the others, over members.

    Shapes: [members] each.
    """
    draws = np.concatenate(list(DEFAULT.draws(len(visits))))
    sides = []
    for side in (tried, ~tried):
        weights = np.vstack([np.ones(len(visits)), draws]) * side
        sides.append((weights @ rewards) / np.maximum(weights @ visits, 1e-9))
    difference = sides[0] - sides[1]
    return DEFAULT.interval(float(difference[0]), difference[1:])


def _change(day: int, task: str, model: str, verdict: Verdict, reason: str) -> Change:
    return Change(day=day, task=task, model=model, verdict=verdict, reason=reason)
