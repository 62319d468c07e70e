import numpy as np
import pytest

from lolomo.features.candidates import PROPOSALS, Proposal, merge, not_hidden, source_features


def proposal(*item_ids: str) -> Proposal:
    """Return a proposal whose scores fall from the number of its items to 1."""
    scores = np.arange(len(item_ids), 0, -1, dtype=np.float32)
    return Proposal(np.array(item_ids, dtype=object), scores)


SOURCES = ("trending", "next")


def test_an_item_of_two_sources_comes_once_and_first() -> None:
    merged = merge({"trending": proposal("a", "b"), "next": proposal("b", "c")}, SOURCES)
    assert merged.item_ids.tolist() == ["b", "a", "c"]


def test_a_source_unlike_the_others_counts_twice() -> None:
    proposals = {"next": proposal("a", "b"), "because_you_watched": proposal("c", "d")}
    merged = merge(proposals, tuple(proposals))
    assert merged.item_ids.tolist() == ["c", "d", "a", "b"]


def test_provenance_is_kept_as_features_that_are_0_without_a_proposal() -> None:
    merged = merge({"trending": proposal("a", "b"), "next": proposal("b", "c")}, SOURCES)
    assert merged.features["trending_score"].tolist() == [1.0, 2.0, 0.0]
    assert merged.features["next_reciprocal_rank"].tolist() == [1.0, 0.0, 0.5]


def test_every_source_has_its_features_even_without_an_answer() -> None:
    merged = merge({"next": proposal("a")}, SOURCES)
    assert tuple(merged.features) == source_features(SOURCES)
    assert merged.features["trending_score"].tolist() == [0.0]


def test_ranks_are_counted_among_what_is_left_after_exclusion() -> None:
    merged = merge({"next": proposal("seen", "", "a")}, SOURCES, excluded={"seen"})
    assert merged.item_ids.tolist() == ["a"]
    assert merged.features["next_reciprocal_rank"].tolist() == [1.0]


@pytest.mark.parametrize("limit", [0, 1, 2])
def test_no_more_than_the_limit_come_back(limit: int) -> None:
    assert len(merge({"next": proposal("a", "b", "c")}, SOURCES, limit=limit).item_ids) == limit


def test_no_proposals_are_no_candidates() -> None:
    merged = merge({}, SOURCES)
    assert len(merged.item_ids) == 0
    assert all(len(column) == 0 for column in merged.features.values())


def test_ties_are_broken_by_item_id() -> None:
    merged = merge({"trending": proposal("b"), "next": proposal("a")}, SOURCES)
    assert merged.item_ids.tolist() == ["a", "b"]


def test_what_is_hidden_unreal_or_without_a_score_is_not_proposed() -> None:
    asked = Proposal(np.array(["a", "b", "", "c", "d"], object), np.array([4, np.nan, 3, 2, 1.0]))
    left = not_hidden(asked, {"c"})
    assert (left.item_ids.tolist(), left.scores.tolist()) == (["a", "d"], [4.0, 1.0])


def test_no_more_than_so_many_are_proposed() -> None:
    many = proposal(*(f"{number:04}" for number in range(PROPOSALS + 50)))
    hidden = {f"{number:04}" for number in range(10)}
    assert not_hidden(many, hidden).item_ids.tolist() == many.item_ids[10 : PROPOSALS + 10].tolist()
