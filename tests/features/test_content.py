import numpy as np
import polars as pl
import pytest

from lolomo.features.content import MAX_TOKENS, NUM_TOKEN_IDS, item_content, title_tokens
from lolomo.features.content_affinity import ContentAffinity

ITEMS = pl.DataFrame(
    {
        "item_id": ["a", "b", "c", "d"],
        "title": ["Iron Man", "Iron Man 2", "The Hobbit", None],
        "genres": [["Action"], ["Action", "Comedy"], ["Fantasy"], None],
        "release_year": [2008, 2010, 2013, None],
    }
)
IDS = np.array(["a", "b", "c", "d", "unlisted"], object)


def test_content_follows_the_order_of_the_ids_and_is_zero_where_nothing_is_known() -> None:
    content = item_content(ITEMS, IDS[::-1], 2012)
    assert len(content) == 5
    assert not content.tokens[:2].any()
    assert not content.genres[:2].any()
    assert not content.release[:2].any()
    assert content.genres[2:, 0].tolist() == [3, 1, 1]
    assert content.release[2:, 2].tolist() == [1.0, 0.0, 0.0]
    assert 0 < content.release[3, 1] < content.release[4, 1] < 1


def test_a_catalogue_of_ids_alone_has_no_content() -> None:
    content = item_content(ITEMS.select("item_id"), IDS, 2012)
    assert (content.num_genres, content.tokens.shape, content.genres.shape) == (1, (5, 1), (5, 1))
    assert not content.release.any()


@pytest.mark.parametrize(
    ("one", "other"), [("Amélie", "AMELIE"), ("WALL·E", "wall e"), ("Go!", "go"), ("", "?!")]
)
def test_case_accents_and_punctuation_do_not_matter(one: str, other: str) -> None:
    assert title_tokens(one) == title_tokens(other)


def test_titles_that_differ_little_share_most_tokens() -> None:
    hobbit, hobbits = set(title_tokens("Hobbit")), set(title_tokens("Hobbits"))
    assert len(hobbit & hobbits) >= len(hobbit) / 2
    assert not hobbit & set(title_tokens("Amélie"))


def test_tokens_are_bounded_in_number_and_in_range() -> None:
    tokens = title_tokens(" ".join(f"word{number}" for number in range(99)))
    assert len(tokens) == MAX_TOKENS
    assert all(0 < token < NUM_TOKEN_IDS for token in tokens)


def test_a_history_is_near_items_of_its_genres_and_words() -> None:
    affinity = ContentAffinity.of(item_content(ITEMS, IDS, 2012))
    found = affinity(np.array([[-1, 0], [-1, -1]]))
    assert np.argsort(-found["title"][0])[:2].tolist() == [0, 1]
    assert found["genres"][0, 1] > found["genres"][0, 2] == 0
    assert not found["title"][1].any()
