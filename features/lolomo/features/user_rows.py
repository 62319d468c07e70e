"""What Feast's online store holds of one user.

Feast's `get_online_features` reads any features of any entities, and spends more on preparing that,
and on wrapping up what it found, than on one user's rows. So each view is read by itself with
`online_read`, which every online store of Feast's has and which gives the same values.

Redis alone is asked by `get_online_features`: that sends the reads of all views at once, and to
wait once instead of once a view is worth more than what is saved.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeAlias

from lolomo.core.columns import Columns
from lolomo.features.group import FeatureGroup
from lolomo.features.transforms.static import ALWAYS

if TYPE_CHECKING:
    import feast

Row: TypeAlias = tuple[datetime | None, Mapping[str, Any]]
"""From when a view's values of a user are, and the values by name; None and nothing if missing."""


class UserRows:
    """Reads the stored features of users.

    Args:
        store: Feast's own.
        groups: Feature groups of users.
    """

    def __init__(self, store: "feast.FeatureStore", groups: Sequence[FeatureGroup]) -> None:
        self._store, self._groups = store, groups
        self._rows = self._at_once if store.config.online_store.type == "redis" else self._by_view

    def read(self, user_id: str, timestamp: int) -> dict[str, Any]:
        """Return a user's stored features; None where there are none, or they are stale.

        Args:
            user_id: May be unknown.
            timestamp: When it is asked, in microseconds since 1970 UTC.
        """
        values: dict[str, Any] = {}
        for group, (since, found) in zip(self._groups, self._rows(user_id), strict=True):
            kept = {} if _is_stale(group, since, timestamp) else found
            values |= {item.name: kept.get(item.name) for item in group.stored}
        return values

    @cached_property
    def _views(self) -> list[Any]:
        return [self._store.get_feature_view(group.name) for group in self._groups]

    def _by_view(self, user_id: str) -> Iterator[Row]:
        from feast.protos.feast.types.EntityKey_pb2 import EntityKey
        from feast.protos.feast.types.Value_pb2 import Value
        from feast.type_map import feast_value_type_to_python_type as plain

        key = EntityKey(join_keys=[Columns.USER_ID], entity_values=[Value(string_val=user_id)])
        provider, config = self._store._get_provider(), self._store.config
        for view in self._views:
            [(since, values)] = provider.online_read(config, view, [key])
            yield since, {name: plain(value) for name, value in (values or {}).items()}

    def _at_once(self, user_id: str) -> Iterator[Row]:
        answer = self._store.get_online_features(
            [f"{group.name}:{item.name}" for group in self._groups for item in group.stored],
            [{Columns.USER_ID: user_id}],
        )
        names, values = list(answer.proto.metadata.feature_names.val), answer.to_dict()
        for group in self._groups:
            first = answer.proto.results[names.index(group.stored[0].name)]
            since = first.event_timestamps[0].ToDatetime(UTC)
            yield since, {item.name: values[item.name][0] for item in group.stored}


def _is_stale(group: FeatureGroup, since: datetime | None, timestamp: int) -> bool:
    """Say whether a row is older than its group's time to live, which Feast does not apply."""
    if since is None or not group.ttl:
        return False
    return timedelta(microseconds=timestamp) - (since - ALWAYS) > group.ttl
