"""The rungs of the ladder for rankers: which features a model of rankings may read.

Each rung has what the one before it has, and more; `absolute_time` stands beside the two rungs of
time: it has the context and the raw clock, whose values after the cut were never seen in training,
and which no other rung has. A feature that is not named here, such as a company's own, counts as
content if it is of items and as context otherwise.
"""

from collections.abc import Collection
from typing import Final

from lolomo.features import Feature
from lolomo.training.models.next_item_config import Rung

IDS: Final = frozenset({"item_plays_total", "user_plays_total"})
CLOCK: Final = "clock"
_COUNTED_IN = ("item_plays_", "user_plays_")
_CONTINUOUS = ("item_decayed_plays_", "item_trend", "item_age", "item_recency", "user_recency")
_DISCRETISED = ("hour", "weekday")
_DESCRIBING = ("number", "category", "categories", "text")
"""Types of features that describe; ids and times of the history are not among them."""
_ORDER: tuple[Rung, ...] = (
    "ids",
    "content",
    "context",
    "discretised_time",
    "continuous_time",
)


def readable(rung: Rung, features: Collection[Feature], names: Collection[str]) -> tuple[str, ...]:
    """Return those inputs of a ranking that a model on a rung may read, in their order.

    Args:
        rung: How much it may read.
        features: The task's features.
        names: The ranking's inputs. What is no feature, such as ids and the scores of candidates'
            sources, is on every rung.
    """
    of_items = {feature.name for feature in features if feature.entity == "item"}
    known = {feature.name for feature in features if feature.dtype in _DESCRIBING}
    return tuple(
        name for name in names if name not in known or _may_read(rung, name, name in of_items)
    )


def _may_read(rung: Rung, name: str, of_item: bool) -> bool:
    if name == CLOCK or rung == "absolute_time":
        return rung == "absolute_time" and (name == CLOCK or _may_read("context", name, of_item))
    return _ORDER.index(_lowest(name, of_item)) <= _ORDER.index(rung)


def _lowest(name: str, of_item: bool) -> Rung:
    """Return the lowest rung that has a feature."""
    if name in IDS:
        return "ids"
    if name.startswith(_CONTINUOUS):
        return "continuous_time"
    if name.startswith(_COUNTED_IN) or name in _DISCRETISED:
        return "discretised_time"
    return "content" if of_item and name != "item_mean_value" else "context"
