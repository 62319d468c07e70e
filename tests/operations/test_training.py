import dataclasses

from lolomo.operations.training import split_by_needs
from lolomo.tasks import NEXT_PLAY, TOP_PICKS, TRENDING_NOW

COLUMNS = frozenset({"user_id", "item_id", "timestamp"})


def test_a_task_whose_needs_are_not_met_is_skipped_with_the_reason() -> None:
    needy = dataclasses.replace(NEXT_PLAY, needs=("duration_seconds",))
    possible, skipped = split_by_needs([needy, TRENDING_NOW], COLUMNS)
    assert [task.name for task in possible] == ["trending_now"]
    assert skipped == {"next_play": "it needs duration_seconds, which the data do not have"}


def test_a_task_without_one_of_its_sources_is_skipped_too() -> None:
    needy = dataclasses.replace(NEXT_PLAY, needs=("duration_seconds",))
    possible, skipped = split_by_needs([TOP_PICKS, needy], COLUMNS)
    assert possible == []
    assert skipped["top_picks"] == "its candidates come from next_play, which is skipped"


def test_tasks_without_needs_are_all_possible() -> None:
    tasks = [NEXT_PLAY, TRENDING_NOW]
    assert split_by_needs(tasks, COLUMNS) == (tasks, {})
