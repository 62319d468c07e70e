"""A user's rows are those that Feast serves, as long as they are fresh enough."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from lolomo.features import FeatureStore
from lolomo.features.group import FeatureGroup
from lolomo.features.online import microseconds
from lolomo.features.transforms import USER_ACTIVITY, all_groups
from lolomo.features.user_rows import UserRows

GROUPS = [group for group in all_groups().values() if group.entity == "user"]
DAY = timedelta(days=1)


@pytest.fixture(scope="module")
def feast_store(store: FeatureStore) -> Any:
    return store.repository.open()


@pytest.mark.parametrize("user_id", [*(f"u{number}" for number in range(14)), "nobody"])
def test_each_view_by_itself_gives_what_feast_serves(
    feast_store: Any, cut: datetime, user_id: str
) -> None:
    references = [f"{group.name}:{item.name}" for group in GROUPS for item in group.stored]
    answer = feast_store.get_online_features(references, [{"user_id": user_id}]).to_dict()
    expected = {name: column[0] for name, column in answer.items() if name != "user_id"}
    assert UserRows(feast_store, GROUPS).read(user_id, microseconds(cut)) == expected


@pytest.mark.parametrize(("ttl", "known"), [(timedelta(0), True), (DAY, False), (900 * DAY, True)])
def test_what_is_older_than_its_time_to_live_is_missing(
    feast_store: Any, cut: datetime, ttl: timedelta, known: bool
) -> None:
    groups: list[FeatureGroup] = [replace(USER_ACTIVITY, ttl=ttl)]
    values = UserRows(feast_store, groups).read("u3", microseconds(cut + 400 * DAY))
    assert values.keys() == {item.name for item in USER_ACTIVITY.stored}
    assert (values["user_plays_total"] is not None) is known
