"""Team-draft interleaving: fair, without repetition, and the same for one seed."""

import numpy as np
import pytest

from lolomo.core.interleaving import team_draft

FIRST, SECOND = list("abcd"), list("cbxy")


def test_a_list_holds_each_title_once_and_every_pick_is_its_rankers_best_left() -> None:
    drawn = team_draft(FIRST, SECOND, 6, np.random.default_rng(0))
    assert len(set(drawn.item_ids)) == len(drawn.item_ids) == 6
    for place, (item, team) in enumerate(zip(drawn.item_ids, drawn.teams, strict=True)):
        left = [each for each in (FIRST, SECOND)[team] if each not in drawn.item_ids[:place]]
        assert item == left[0]


def test_both_rankers_pick_once_a_round_and_each_begins_half_of_the_rounds() -> None:
    rng = np.random.default_rng(1)
    drafts = [team_draft(FIRST, SECOND, 4, rng).teams for _ in range(1000)]
    assert all({*teams[:2]} == {*teams[2:]} == {0, 1} for teams in drafts)
    assert np.mean([teams[0] for teams in drafts]) == pytest.approx(0.5, abs=0.05)


def test_a_draft_is_the_same_for_the_same_seed() -> None:
    one, other = (team_draft(FIRST, SECOND, 5, np.random.default_rng(3)) for _ in range(2))
    assert one == other


@pytest.mark.parametrize(("first", "second"), [([], []), ([], ["a"]), (["a"], ["a"])])
def test_short_rankings_make_short_lists(first: list[str], second: list[str]) -> None:
    drawn = team_draft(first, second, 5, np.random.default_rng(0))
    assert set(drawn.item_ids) == {*first, *second}


def test_points_go_to_who_picked_what_was_watched() -> None:
    drawn = team_draft(["a", "b"], ["x", "y"], 4, np.random.default_rng(0))
    assert drawn.points(["a", "b", "y", "elsewhere"]) == (2, 1)


@pytest.mark.parametrize("second", [list("cbxy"), list("abcd"), list("b"), []])
def test_propensities_are_those_of_the_draft(second: list[str]) -> None:
    rng = np.random.default_rng(5)
    drawn: dict[tuple[str, ...], tuple[int, float]] = {}
    for _ in range(4000):
        draft = team_draft(FIRST, second, 3, rng)
        joint = float(np.prod(draft.propensities))
        count, _ = drawn.get(draft.item_ids, (0, joint))
        drawn[draft.item_ids] = (count + 1, joint)
    assert sum(joint for _, joint in drawn.values()) == pytest.approx(1.0)
    for count, joint in drawn.values():
        assert count / 4000 == pytest.approx(joint, abs=0.03)
