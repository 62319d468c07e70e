"""Texts that are made up from titles."""

import numpy as np
import polars as pl
import pytest

from lolomo.core.columns import Columns, QueryKind
from lolomo.evaluation import typed_queries, typed_text

TITLES = {"a": "The Godfather", "b": "Heat", "c": None, "d": "..."}


def queries(targets: list[list[str]]) -> pl.DataFrame:
    return pl.DataFrame({"targets": targets, "gains": [[1.0] * len(some) for some in targets]})


def draws(kind: str, title: str = "The Godfather") -> list[str]:
    rng = np.random.default_rng(1)
    return [typed_text(title, kind, rng) for _ in range(300)]


def test_a_prefix_begins_the_title_at_one_of_its_words() -> None:
    texts = draws(QueryKind.PREFIX)
    assert all("the godfather".startswith(text) or "godfather".startswith(text) for text in texts)
    assert {len(text) for text in texts} >= {2, 5, 8}
    assert max(map(len, texts)) == 8


def test_a_typo_is_one_slip_away() -> None:
    texts = draws(QueryKind.TYPO, "Godfather")
    assert all(text[0] == "g" for text in texts)
    wrong = [text for text in texts if not "godfather".startswith(text)]
    assert len(wrong) > 250
    assert {len(text) for text in wrong} >= {5, 8, 10}


@pytest.mark.parametrize("title", ["X", "Up", "11", "Æ"])
@pytest.mark.parametrize("kind", [QueryKind.PREFIX, QueryKind.TYPO])
def test_the_shortest_titles_are_typed_too(title: str, kind: str) -> None:
    assert all(draws(kind, title))


def test_a_typed_query_has_one_target_and_a_pre_query_all() -> None:
    typed = typed_queries(queries([["a", "b"]] * 200), TITLES)
    kinds = typed.group_by("query_kind").agg(pl.col("targets").list.len().unique())
    assert dict(kinds.iter_rows()) == {
        QueryKind.PREFIX: [1],
        QueryKind.TYPO: [1],
        QueryKind.PRE_QUERY: [2],
    }
    assert typed.filter(pl.col("text") == "")["query_kind"].unique().to_list() == ["pre-query"]


def test_what_has_no_title_is_not_typed() -> None:
    typed = typed_queries(queries([["c"], ["d"], ["unheard of"]] * 20), TITLES)
    assert typed["text"].unique().to_list() == [""]
    assert typed["query_kind"].unique().to_list() == [QueryKind.PRE_QUERY]


def test_the_same_seed_types_the_same() -> None:
    asked = queries([["a"], ["b"]] * 50)
    assert typed_queries(asked, TITLES).equals(typed_queries(asked, TITLES))
    assert not typed_queries(asked, TITLES).equals(typed_queries(asked, TITLES, seed=2))


def test_rewards_are_kept_along_with_their_targets() -> None:
    asked = queries([["a", "b"]] * 40).with_columns(pl.Series(Columns.REWARDS, [[0.0, 1.0]] * 40))
    typed = typed_queries(asked, {"a": "Alien", "b": "Brazil"})
    for row in typed.iter_rows(named=True):
        worth = {"a": 0.0, "b": 1.0}
        assert row[Columns.REWARDS] == [worth[item] for item in row[Columns.TARGETS]]
