"""What a variant would have earned: the world is asked, which answers with probabilities.

The same visits, with the same tastes and the same past, are given the variant's page instead. What
a better page would have changed later, moods, habits, who comes back, is not counted.
"""

import numpy as np

from lolomo.core.policy import Ranking
from lolomo.events.world.behaviour import Behaviour, Slots, with_effects
from lolomo.operations.alignment.recording import Log

TRUTHS = ("plays", "satisfaction")
"""Expected plays a visit, and what they leave: from -1, all regretted, to 1 each."""


def online_value(law: Behaviour, log: Log, ranking: Ranking) -> dict[str, float]:
    """Return what lists would have earned a visit, by `TRUTHS`.

    Args:
        law: How members decide.
        log: The visits.
        ranking: What would have been shown, as places in the candidates. Shape: [visits, k].
    """
    slots = Slots.grid(1, ranking.shape[1])
    plays, pleasure = 0.0, 0.0
    for day in np.unique(log.day):
        of_day = log.day == day
        items = np.take_along_axis(log.candidates[of_day], ranking[of_day], axis=1)
        tastes = log.tastes[of_day]
        unseen = np.zeros(items.shape, bool)
        attraction = law.attraction(tastes, log.profiles[of_day], unseen, items, float(day))
        effects = np.take_along_axis(log.effects[of_day], ranking[of_day], axis=1)
        chance = law.chances(with_effects(attraction, effects), slots)
        plays += float(chance.sum())
        pleasure += float((chance * (2.0 * law.mean_satisfaction(tastes, items) - 1.0)).sum())
    return dict(zip(TRUTHS, (plays / len(log.day), pleasure / len(log.day)), strict=True))
