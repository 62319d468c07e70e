"""Typed queries: what a member might have typed before watching a title.

No public log says what was typed, so text is made up from the title that was watched: its first
letters, or some more of them with one slip of the finger (Damerau 1964: a letter swapped with its
neighbour, dropped or doubled, or the key beside it). A later word of the title is as good a start
as its first. Text is drawn by seed, in the order of the queries, and is *synthetic*, as the values
of `QueryKind` say wherever they are shown.
"""

import re
from collections.abc import Mapping
from typing import Final

import numpy as np
import polars as pl

from lolomo.core.columns import Columns, QueryKind

SEED: Final = 1964
SHARES: Final = {QueryKind.PREFIX: 0.4, QueryKind.TYPO: 0.4, QueryKind.PRE_QUERY: 0.2}
"""How many of the queries are of each kind."""
FIRST_WORD_SHARE: Final = 0.7
"""How often text begins at the title's first word, if it has others."""
LENGTHS: Final = {QueryKind.PREFIX: (2, 8), QueryKind.TYPO: (5, 16)}
"""Fewest and most characters of each kind, before the slip."""
_KEYBOARD: Final = ("1234567890", "qwertyuiop", "asdfghjkl", "zxcvbnm")
_WORDS: Final = re.compile(r"\w+")

ANSWERS = (Columns.TARGETS, Columns.GAINS, Columns.REWARDS)
"""Columns with an entry a target."""


def typed_queries(
    queries: pl.DataFrame, titles: Mapping[str, str | None], seed: int = SEED
) -> pl.DataFrame:
    """Give each query its `text` and `query_kind`.

    Args:
        queries: What `build_queries` returned. A typed query keeps one of its targets, drawn among
            those that have a title; a pre-query, and a query whose targets have none, keeps all.
        titles: Title by item id.
        seed: Of kinds, targets and slips.
    """
    rng = np.random.default_rng(seed)
    kinds = rng.choice(list(SHARES), len(queries), p=list(SHARES.values())).tolist()
    texts: list[str] = []
    kept: list[list[int]] = []
    for row, item_ids in enumerate(queries[Columns.TARGETS].to_list()):
        named = [place for place, item_id in enumerate(item_ids) if _words(titles.get(item_id))]
        if kinds[row] == QueryKind.PRE_QUERY or not named:
            kinds[row] = QueryKind.PRE_QUERY
            texts.append("")
            kept.append(list(range(len(item_ids))))
        else:
            meant = named[rng.integers(len(named))]
            texts.append(typed_text(titles[item_ids[meant]] or "", kinds[row], rng))
            kept.append([meant])
    places = pl.Series("kept", kept, pl.List(pl.UInt32))
    lists = [name for name in ANSWERS if name in queries.columns]
    return queries.with_columns(
        pl.Series(Columns.TEXT, texts, pl.String),
        pl.Series(Columns.QUERY_KIND, kinds, pl.String),
        *(queries[name].list.gather(places).alias(name) for name in lists),
    )


def typed_text(title: str, kind: str, rng: np.random.Generator) -> str:
    """Return a text that means a title.

    Args:
        title: With at least one word.
        kind: `QueryKind.PREFIX` or `QueryKind.TYPO`.
        rng: Draws the word to begin at, the length and the slip.
    """
    words = _words(title)
    later = len(words) > 1 and rng.random() >= FIRST_WORD_SHARE
    start = int(rng.integers(1, len(words))) if later else 0
    shortest, longest = LENGTHS[kind]
    text = " ".join(words[start:])[: rng.integers(shortest, longest + 1)].strip()
    return _with_slip(text, rng) if kind == QueryKind.TYPO else text


def _words(title: str | None) -> list[str]:
    return _WORDS.findall((title or "").lower())


def _with_slip(text: str, rng: np.random.Generator) -> str:
    """Return the text with one slip, not in its first letter, where it has a second."""
    place = int(rng.integers(1, max(len(text), 2)))
    before, letter, after = text[:place], text[place : place + 1], text[place + 1 :]
    match rng.integers(4):
        case 0 if len(before) > 1 and before[-1] != letter:
            return before[:-1] + letter + before[-1] + after
        case 1 if len(before) > 1:
            return before + after
        case 2:
            return before + _beside(letter, rng) + after
        case _:
            return before + letter + letter + after


def _beside(letter: str, rng: np.random.Generator) -> str:
    """Return a key beside a letter's; another letter where the keyboard has none."""
    for row in _KEYBOARD:
        place = row.find(letter) if letter else -1
        if place >= 0:
            near = row[max(place - 1, 0) : place] + row[place + 1 : place + 2]
            return near[rng.integers(len(near))]
    return "e"
