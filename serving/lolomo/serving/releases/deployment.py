"""A deployment: the champions of all tasks, and the releases on trial beside some of them.

Which of the two answers a user is decided by the canary's salted hash of the user's id, so that a
user stays on one side. Users who meet the same releases share one `Serving`, made when first asked.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from lolomo.core.rollout import Canary
from lolomo.serving.experiments import Assignment
from lolomo.serving.releases.serving import Serving
from lolomo.serving.steps import Champion, Reason, Resources

NOBODYS = Assignment()


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
    servings: dict[frozenset[tuple[str, str]], Serving] = field(default_factory=dict, compare=False)
    """By the releases, task and digest, that answer beside the champions; filled as users come."""

    def assigned(self, user_id: str, timestamp: int) -> Assignment:
        """Return what a user takes part in; nothing where there are no experiments.

        Args:
            user_id: Whose page it is.
            timestamp: Of the request, in microseconds since 1970 UTC.
        """
        experiments = self.resources.experiments
        return NOBODYS if experiments is None else experiments.of(user_id, timestamp)

    def not_loaded(self, assigned: Assignment) -> dict[str, str]:
        """Return, by task, that a release of the user's arms could not be loaded."""
        wanted = {**assigned.interleaved, **assigned.releases}
        return {
            task: Reason.NO_CANARY.about(digest[:12])
            for task, digest in wanted.items()
            if (task, digest) not in self.resources.challengers
        }

    def serving_for(self, user_id: str, releases: Mapping[str, str] | None = None) -> Serving:
        """Return what answers a user.

        Args:
            user_id: Whose page it is.
            releases: By task, the digest that the user's arms of experiments ask for; one that is
                not loaded is answered by the champion, and stands before a canary otherwise.
        """
        tried = {
            task: trial.challenger
            for task, trial in self.trials.items()
            if trial.canary.takes(user_id)
        }
        for pair in (releases or {}).items():
            if pair in self.resources.challengers:
                tried[pair[0]] = self.resources.challengers[pair]
        return self.serving_with(tried)

    def serving_with(self, tried: Mapping[str, Champion]) -> Serving:
        """Return what answers with the challengers of some tasks and the champions of the rest."""
        key = frozenset((task, challenger.digest) for task, challenger in tried.items())
        serving = self.servings.get(key)
        if serving is None:
            resources = self.resources
            if tried:
                resources = replace(resources, champions={**resources.champions, **tried})
            serving = self.servings[key] = Serving.of(resources)
        return serving
