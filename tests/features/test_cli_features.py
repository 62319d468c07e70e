from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from lolomo.cli.features import features
from lolomo.core.errors import FeatureError
from lolomo.features import FeatureStore


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, store: FeatureStore) -> Any:
    """Return a function that runs `lolomo features …` on the materialised store."""
    workspace = store.workspace.root
    monkeypatch.setenv("LOLOMO_HOME", str(workspace.parent))
    monkeypatch.setenv("LOLOMO_DATASET", workspace.name)
    monkeypatch.setenv("COLUMNS", "200")

    def command(*arguments: str) -> Result:
        return CliRunner().invoke(features, arguments)

    return command


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ((), ["item_popularity_at_query", "top_picks_v1", "kind=popularity", "Of all candidates"]),
        (("--task", "trending_now"), ["trending_now@v1#", "item_decayed_plays_3d", "Plays"]),
        (("--user", "u3"), ["User u3", "user_plays_total", "history_item_ids"]),
        (("--item", "i01"), ["Item i01", "Title 1", "release_year"]),
        (("--item", "i01", "--task", "trending_now"), ["item_trend"]),
    ],
)
def test_show_prints(run: Any, arguments: tuple[str, ...], expected: list[str]) -> None:
    result = run("show", *arguments)
    assert result.exit_code == 0, result.output
    assert all(part in result.output for part in expected)


def test_a_task_limits_the_values_that_are_shown(run: Any) -> None:
    assert "release_year" not in run("show", "--item", "i01", "--task", "trending_now").output


def test_materialize_says_as_of_when(run: Any, store: FeatureStore) -> None:
    before = store.as_of
    result = run("materialize", "--as-of", "2020-02-01T00:00:00")
    assert "2020-02-01T00:00:00+00:00" in result.output
    assert store.as_of.isoformat() == "2020-02-01T00:00:00+00:00"
    store.materialize(before)


def test_apply_builds_once_and_names_the_services(
    log: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOLOMO_HOME", str(tmp_path))
    monkeypatch.setattr("lolomo.events.EventLog", lambda path: log)
    first, second = (CliRunner().invoke(features, ["apply"]) for _ in range(2))
    assert "tables built" in first.output
    assert "top_picks@v1#" in first.output
    assert "up to date" in second.output


def test_nothing_applied_says_what_to_run(run: Any, tmp_path: Path) -> None:
    result = run("show", "--dataset", str(tmp_path))
    assert isinstance(result.exception, FeatureError)
    assert "lolomo features apply" in str(result.exception)


@pytest.mark.parametrize("command", ["apply", "materialize", "show"])
def test_every_command_helps_with_an_example(run: Any, command: str) -> None:
    result = run(command, "--help")
    assert "Example" in result.output
    assert f"lolomo features {command}" in result.output
