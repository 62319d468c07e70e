"""The conformance suite of feature groups: every group, built in or found, passes it."""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from importlib.metadata import EntryPoint, EntryPoints
from typing import Any

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from lolomo.core import extensions
from lolomo.core.errors import FeatureError
from lolomo.core.task import Label, LabelKind, Row, Task
from lolomo.features import Derived, Feature, FeatureGroup, FeatureStore, all_features, all_groups
from lolomo.features.transforms.clock import log_seconds_since

STORED = [group for group in all_groups().values() if group.stored]

pytestmark = pytest.mark.filterwarnings("error")


def tables_of(log: Any) -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]:
    return log.events(), log.items(), log.users()


def binge(events: pl.DataFrame, items: pl.DataFrame, users: pl.DataFrame) -> pl.DataFrame:
    """Return how many events a user has had, and when the last was."""
    later = pl.col("timestamp") + timedelta(microseconds=1)
    return events.sort("user_id", "timestamp").select(
        "user_id",
        later,
        pl.int_range(1, pl.len() + 1).over("user_id").alias("acme_events"),
        pl.col("timestamp").dt.epoch("us").alias("acme_last"),
    )


ACME = FeatureGroup(
    name="acme_binge",
    entity="user",
    description="A company's own group.",
    features=(Feature("acme_events", "user", "number", "Events ever."),),
    state=(Feature("acme_last", "user", "instant", "Last event."),),
    transform=binge,
    derived=(
        Derived(Feature("acme_idle", "user", "number", "Idle."), ("acme_last",), log_seconds_since),
    ),
    owner="acme",
)

ACME_TASK = Task(
    name="acme_task",
    question="What next?",
    label=Label(LabelKind.NEXT_ITEM),
    row=Row("Row", "why"),
    features=("acme_events", "acme_idle", "clock"),
)


@pytest.fixture
def installed(
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Callable[[FeatureGroup], None]]:
    """Return a function that makes a group an installed package's entry point."""

    def install(group: FeatureGroup) -> None:
        entry = EntryPoint("acme", "acme.features:GROUP", "lolomo.features")
        monkeypatch.setattr(EntryPoint, "load", lambda self: group)
        found = {"lolomo.features": EntryPoints([entry])}
        monkeypatch.setattr(
            extensions, "entry_points", lambda group: found.get(group, EntryPoints())
        )
        forget_groups()

    yield install
    monkeypatch.undo()
    forget_groups()


def forget_groups() -> None:
    all_groups.cache_clear()
    all_features.cache_clear()


@pytest.mark.parametrize("group", [*STORED, ACME], ids=lambda group: group.name)
class TestConformance:
    def test_has_one_row_an_entity_and_instant_in_the_order_of_time(
        self, group: FeatureGroup, log: Any
    ) -> None:
        table = group.change_table(*tables_of(log))
        assert not table.is_empty()
        assert not table.select(group.id_column, "timestamp").is_duplicated().any()
        assert table["timestamp"].is_sorted()
        assert dict(table.schema) == group.schema

    def test_rows_up_to_a_moment_do_not_depend_on_what_follows(
        self, group: FeatureGroup, log: Any, cut: datetime
    ) -> None:
        events, items, users = tables_of(log)
        past = group.change_table(events.filter(pl.col("timestamp") < cut), items, users)
        whole = group.change_table(events, items, users)
        until = pl.col("timestamp") <= cut
        assert_frame_equal(past.filter(until), whole.filter(until), check_exact=True)

    def test_is_the_same_every_time(self, group: FeatureGroup, log: Any) -> None:
        first, second = (group.change_table(*tables_of(log)) for _ in range(2))
        assert_frame_equal(first, second, check_exact=True)

    def test_no_events_make_no_error(self, group: FeatureGroup, log: Any) -> None:
        events, items, users = tables_of(log)
        table = group.change_table(events.head(0), items, users)
        assert dict(table.schema) == group.schema

    def test_everything_is_described(self, group: FeatureGroup, log: Any) -> None:
        assert group.description
        assert group.owner
        assert all(feature.description for feature in (*group.stored, *group.public))


def test_a_companys_group_and_task_go_all_the_way(
    installed: Callable[[FeatureGroup], None], log: Any, cut: datetime, tmp_path: Any
) -> None:
    from lolomo.core.settings import Workspace

    installed(ACME)
    store = FeatureStore(Workspace(tmp_path))
    store.build(log)
    store.apply([ACME_TASK])
    store.materialize(cut)
    rows = pl.DataFrame({"user_id": ["u1"], "timestamp": [cut]})
    offline = store.point_in_time(rows, ACME_TASK.features).to_dicts()[0]
    served = store.online().user("u1", cut)
    assert all(served[name] == offline[name] for name in ACME_TASK.features)
    assert offline["acme_events"] == len(
        log.events().filter(pl.col("user_id") == "u1", pl.col("timestamp") < cut)
    )


def test_two_features_of_one_name_are_refused(
    installed: Callable[[FeatureGroup], None],
) -> None:
    clash = FeatureGroup(
        name="acme",
        entity="user",
        description="Clashes.",
        features=(Feature("user_plays_1d", "user", "number", "Again."),),
        transform=binge,
    )
    installed(clash)
    with pytest.raises(FeatureError, match="user_plays_1d"):
        all_features()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"features": (Feature("x", "item", "number", "X."),)}, "another entity"),
        ({"transform": None}, "needs both"),
        ({"state": ()}, "acme_idle.*acme_last"),
    ],
)
def test_a_group_that_contradicts_itself_is_refused(changes: Any, message: str) -> None:
    from dataclasses import replace

    with pytest.raises(FeatureError, match=message):
        replace(ACME, **changes)


def test_a_transform_with_other_columns_is_refused_by_name(log: Any) -> None:
    from dataclasses import replace

    wrong = replace(ACME, transform=lambda *tables: binge(*tables).drop("acme_last"))
    with pytest.raises(FeatureError, match=r"acme_binge.*expected.*acme_last"):
        wrong.change_table(*tables_of(log))
