"""A deployment: the champions of all tasks, and the releases on trial beside some of them.

Which of the two answers a user is decided by the canary's salted hash of the user's id, so that a
user stays on one side. Users who meet the same releases share one `Serving`, made when first asked.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from lolomo.core.rollout import Canary
from lolomo.serving.releases.serving import Serving
from lolomo.serving.steps import Champion, Resources


@dataclass(frozen=True, slots=True)
class Trial:
    """A release that some users get in place of the champion."""

    canary: Canary
    challenger: Champion


@dataclass(frozen=True, slots=True)
class Deployment:
    """All that one process serves from, replaced as a whole."""

    resources: Resources
    """With the champions."""
    trials: Mapping[str, Trial] = field(default_factory=dict)
    """By task."""
    degraded: Mapping[str, str] = field(default_factory=dict)
    """Tasks whose release on trial could not be loaded, and why."""
    servings: dict[frozenset[str], Serving] = field(default_factory=dict, compare=False)
    """By the tasks that a challenger answers; filled as users come."""

    def serving_for(self, user_id: str) -> Serving:
        """Return what answers a user."""
        return self.serving_with(
            frozenset(task for task, trial in self.trials.items() if trial.canary.takes(user_id))
        )

    def serving_with(self, tried: frozenset[str]) -> Serving:
        """Return what answers with the challengers of some tasks and the champions of the rest."""
        serving = self.servings.get(tried)
        if serving is None:
            resources = self.resources
            if tried:
                challengers = {task: self.trials[task].challenger for task in tried}
                resources = replace(resources, champions={**resources.champions, **challengers})
            serving = self.servings[tried] = Serving.of(resources)
        return serving
