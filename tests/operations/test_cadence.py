import json

import pytest

from lolomo.core.errors import SettingsError
from lolomo.core.progress import silent
from lolomo.core.settings import Settings
from lolomo.operations.cadence import CadencePlan, CadenceRow, measure_cadences

CONFIG = {
    "inputs": "ids",
    "popularity_prior": False,
    "history_length": 5,
    "embedding_dim": 8,
    "epochs": 1,
    "continue_epochs": 1,
}
PLAN = CadencePlan(model="feed_forward", config=CONFIG, days=(3,))


@pytest.fixture(scope="module")
def rows(tiny: Settings) -> dict[str, CadenceRow]:
    return {row.label: row for row in measure_cadences("tiny", PLAN, silent)}


def test_each_way_to_train_is_measured(rows: dict[str, CadenceRow]) -> None:
    assert [*rows] == ["never again", "every 3 days, anew", "every 3 days, going on"]
    assert [row.num_fits for row in rows.values()] == [0, 1, 1]


def test_ways_begin_alike_and_part_at_the_first_new_fit(rows: dict[str, CadenceRow]) -> None:
    firsts = {row.by_segment[0] for row in rows.values()}
    assert len(firsts) == 1
    assert {len(row.by_segment) for row in rows.values()} == {2}


def test_old_tastes_are_measured_apart(rows: dict[str, CadenceRow]) -> None:
    for row in rows.values():
        assert 0 <= row.old_tastes.low <= row.old_tastes.high <= 1


def test_the_figures_are_kept(rows: dict[str, CadenceRow], tiny: Settings) -> None:
    path = tiny.workspace("tiny").reports / "cadence-next_play-feed_forward.json"
    assert [row["label"] for row in json.loads(path.read_text())] == [*rows]


def test_cadences_that_do_not_fit_into_each_other_are_refused() -> None:
    with pytest.raises(SettingsError, match="multiples of the shortest"):
        CadencePlan(days=(7, 30))
