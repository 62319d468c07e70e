import dataclasses

import polars as pl
import pytest

from lolomo.core.errors import SettingsError
from lolomo.core.extensions import with_extensions
from lolomo.core.reward import INTERACTION
from lolomo.core.settings import Settings
from lolomo.tasks import TOP_PICKS, all_tasks, find_task


def test_every_task_is_found_by_name() -> None:
    for name in ("top_picks", "next_play", "because_you_watched", "trending_now"):
        assert find_task(name).name == name


def test_an_unknown_task_is_refused_with_the_known_ones() -> None:
    with pytest.raises(SettingsError, match="expected one of"):
        find_task("horoscope")


def test_the_sources_of_a_task_are_tasks() -> None:
    tasks = all_tasks()
    assert set(TOP_PICKS.candidates_from) <= tasks.keys()


def test_a_task_names_the_columns_it_misses() -> None:
    needy = dataclasses.replace(TOP_PICKS, needs=("duration_seconds", "title"))
    assert needy.missing(frozenset({"title"})) == ("duration_seconds",)


def test_impressions_earn_no_reward_and_missing_kinds_none_either() -> None:
    events = pl.DataFrame({"kind": ["play", "impression", None], "value": [1.0, 1.0, 1.0]})
    assert INTERACTION.of(events).to_list() == [1.0, 0.0, 0.0]


def test_two_parts_of_one_name_are_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    class Entry:
        name = value = "acme:TASK"

        def load(self) -> str:
            return "top_picks"

    monkeypatch.setattr("lolomo.core.extensions.entry_points", lambda group: [Entry()])
    with pytest.raises(SettingsError, match="rename it"):
        with_extensions("lolomo.tasks", ["top_picks"], str)


def test_settings_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOLOMO_HOME", "/somewhere")
    monkeypatch.setenv("LOLOMO_DATASET", "mine")
    monkeypatch.delenv("LOLOMO_DATA", raising=False)
    settings = Settings.from_environment()
    assert str(settings.workspace().root) == "/somewhere/mine"
    assert settings.data is None
