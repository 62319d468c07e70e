"""The only place where a feature is computed: pure functions, one module a feature group.

Adding a group is one module here, one test and one line below; its Feast views, its place in the
FeatureServices, the timeline and the online reads follow from it.
"""

from collections.abc import Iterable, Mapping
from functools import cache
from types import MappingProxyType

from lolomo.core.errors import FeatureError
from lolomo.core.extensions import with_extensions
from lolomo.features.group import Feature, FeatureGroup
from lolomo.features.transforms.item_content import ITEM_CONTENT
from lolomo.features.transforms.item_popularity import ITEM_POPULARITY
from lolomo.features.transforms.request_context import REQUEST_CONTEXT
from lolomo.features.transforms.user_activity import USER_ACTIVITY
from lolomo.features.transforms.user_attributes import USER_ATTRIBUTES
from lolomo.features.transforms.user_history import USER_HISTORY

__all__ = [
    "ITEM_CONTENT",
    "ITEM_POPULARITY",
    "REQUEST_CONTEXT",
    "USER_ACTIVITY",
    "USER_ATTRIBUTES",
    "USER_HISTORY",
    "all_features",
    "all_groups",
    "groups_of",
]

BUILT_IN = (
    USER_ACTIVITY,
    USER_HISTORY,
    USER_ATTRIBUTES,
    ITEM_POPULARITY,
    ITEM_CONTENT,
    REQUEST_CONTEXT,
)


@cache
def all_groups() -> Mapping[str, FeatureGroup]:
    """Return every feature group by name: built in first, then those found through entry points.

    Found once a process.

    Raises:
        FeatureError: If two groups have a value of one name.
        SettingsError: If two groups have one name.
    """
    groups = with_extensions("lolomo.features", BUILT_IN, lambda group: group.name)
    owner: dict[str, str] = {}
    for group in groups.values():
        for feature in (*group.public, *group.state):
            if feature.name in owner:
                raise FeatureError(
                    f"feature {feature.name!r} is in groups {owner[feature.name]!r} and "
                    f"{group.name!r}: rename one"
                )
            owner[feature.name] = group.name
    return MappingProxyType(groups)


@cache
def all_features() -> Mapping[str, Feature]:
    """Return every feature that a task may name, by name."""
    groups = all_groups().values()
    return MappingProxyType({item.name: item for group in groups for item in group.public})


def groups_of(names: Iterable[str]) -> dict[str, tuple[FeatureGroup, tuple[Feature, ...]]]:
    """Return the groups that hold the named features, with those features, by group name.

    Raises:
        FeatureError: If a name is no feature.
    """
    wanted = tuple(dict.fromkeys(names))
    unknown = sorted(set(wanted) - all_features().keys())
    if unknown:
        raise FeatureError(
            f"unknown features {unknown}; expected names among {sorted(all_features())}"
        )
    found = {}
    for group in all_groups().values():
        features = tuple(feature for feature in group.public if feature.name in wanted)
        if features:
            found[group.name] = (group, features)
    return found
