"""A release's golden request: one query and its answer, kept in the release by whoever made it.

Before a release serves, the query is asked again. Another version of a framework, another machine
or a file that loads but computes something else then shows itself before a member sees it. The
query is drawn from shapes that the release itself states, over items that exist.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from lolomo.core.columns import Columns, Kind
from lolomo.core.errors import ReleaseError
from lolomo.core.recommender import EXCLUDE, Query, Ranker, Retriever

GOLDEN: Final = "golden.json"
"""Its file, beside the release's others."""
ITEMS: Final = 32
"""How many candidates are ranked, or items asked for."""
HISTORY: Final = 10
NOW: Final = 1_379_530_800_000_000
"""The query's time, microseconds since 1970 UTC."""
HOUR: Final = 3_600_000_000
TOLERANCE: Final = 1e-4
"""How far scores may be off, as a part of the largest."""
_IDS: Final = (Columns.CANDIDATES, Columns.HISTORY_ITEM_IDS, EXCLUDE)


def golden_of(recommender: Retriever | Ranker, item_ids: Sequence[str], seed: int = 0) -> bytes:
    """Return the content of a release's golden file.

    Args:
        recommender: The release's files, loaded.
        item_ids: Items that exist, to ask about.
        seed: Of what is drawn.
    """
    query = _query(recommender, item_ids, np.random.default_rng(seed))
    answer = {name: _to_json(array) for name, array in _ask(recommender, query).items()}
    asked = {name: _to_json(array) for name, array in sorted(query.items())}
    return json.dumps({"query": asked, "answer": answer}, sort_keys=True).encode()


def check_golden(folder: Path, recommender: Retriever | Ranker) -> bool:
    """Ask a release its golden request.

    Args:
        folder: Of the release.
        recommender: The release, loaded.

    Returns:
        Whether there is one: releases of earlier versions have none.

    Raises:
        ReleaseError: If the file cannot be read, or the answer is another.
    """
    path = folder / GOLDEN
    if not path.exists():
        return False
    try:
        values = json.loads(path.read_text())
        query, expected = (
            {name: _from_json(array) for name, array in values[part].items()}
            for part in ("query", "answer")
        )
    except (ValueError, KeyError, TypeError) as error:
        raise ReleaseError(f"{path} cannot be read ({error!r}): publish it again") from error
    received = _ask(recommender, query)
    fault = _difference(expected, received)
    if fault:
        raise ReleaseError(
            f"the release in {folder} answers its golden request otherwise than when it was made: "
            f"{fault}; serve it with the versions it was trained with, or train again"
        )
    return True


def _query(
    recommender: Retriever | Ranker, item_ids: Sequence[str], rng: np.random.Generator
) -> dict[str, NDArray[Any]]:
    blank: Query = getattr(recommender, "blank_query")(ITEMS, HISTORY)  # noqa: B009
    return {name: _filled(name, array, item_ids, rng) for name, array in sorted(blank.items())}


def _filled(
    name: str, blank: NDArray[Any], item_ids: Sequence[str], rng: np.random.Generator
) -> NDArray[Any]:
    """Return values in place of blanks, of the same shape."""
    if name in _IDS:
        drawn = rng.permutation(len(item_ids))[: blank.size]
        ids = [item_ids[place] for place in drawn] + [""] * (blank.size - len(drawn))
        return np.array(ids, object).reshape(blank.shape)
    if name == Columns.HISTORY_KINDS:
        return np.full(blank.shape, Kind.PLAY, object)
    if np.issubdtype(blank.dtype, np.integer):
        hours = np.arange(blank.size, 0, -1) if blank.size > 1 else np.zeros(1)
        return (NOW - HOUR * hours).astype(np.int64).reshape(blank.shape)
    if np.issubdtype(blank.dtype, np.floating):
        return rng.exponential(size=blank.shape).astype(np.float32)
    return blank


def _ask(recommender: Retriever | Ranker, query: Query) -> dict[str, NDArray[Any]]:
    if isinstance(recommender, Retriever):
        item_ids, scores = recommender.retrieve(query, ITEMS)
        return {"item_ids": item_ids, "scores": scores}
    return {"scores": recommender.rank(query)}


def _difference(expected: dict[str, NDArray[Any]], received: dict[str, NDArray[Any]]) -> str:
    """Say how two answers differ, "" if they do not; items of equal score may change places."""
    old, new = expected["scores"], received["scores"]
    if set(expected) != set(received) or old.shape != new.shape:
        return f"scores of shape {list(new.shape)}, expected {list(old.shape)}"
    finite = np.isfinite(old)
    slack = TOLERANCE * max(1.0, float(np.abs(old[finite]).max(initial=0.0)))
    if not np.array_equal(finite, np.isfinite(new)):
        return "scores that are not numbers"
    farthest = float(np.abs(old[finite] - new[finite]).max(initial=0.0))
    if farthest > slack:
        return f"scores off by up to {farthest:.3g}, expected at most {slack:.3g}"
    if "item_ids" in expected:
        moved = expected["item_ids"] != received["item_ids"]
        tied = np.abs(old - np.roll(old, 1, axis=-1)) <= slack
        tied |= np.abs(old - np.roll(old, -1, axis=-1)) <= slack
        if (moved & finite & ~tied).any():
            return f"{int(moved.sum())} other items"
    return ""


def _to_json(array: NDArray[Any]) -> dict[str, Any]:
    values = array.ravel().tolist()
    if np.issubdtype(array.dtype, np.floating):
        values = [float(f"{value:.7g}") for value in values]
    kind = "object" if array.dtype == object else str(array.dtype)
    return {"dtype": kind, "shape": list(array.shape), "values": values}


def _from_json(value: dict[str, Any]) -> NDArray[Any]:
    return np.array(value["values"], value["dtype"]).reshape(value["shape"])
