"""Captions: what members read of items, made once."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from lolomo.core.recommender import Ids
from lolomo.features import FeatureStore, captions
from lolomo.features.captions import NAMES, Caption, Captions


class Reader:
    """Reads of each item that it is called what it is, a drama of 1999; of "?" it knows nothing."""

    def __init__(self) -> None:
        self.asked: list[list[str]] = []

    def __call__(self, item_ids: Ids, names: Sequence[str]) -> Mapping[str, NDArray[Any]]:
        ids = item_ids.tolist()
        self.asked.append(ids)
        known = {item_id: (item_id.upper(), ["Drama", ""], 1999.0) for item_id in ids}
        rows = [known[each] if each != "?" else ("", ["", ""], np.nan) for each in ids]
        columns = zip(*rows, strict=True)
        return {
            name: np.array(column, float if name == NAMES[2] else object)
            for name, column in zip(NAMES, columns, strict=True)
        }


def test_an_item_of_which_nothing_is_known_is_called_by_its_id() -> None:
    found = Captions(Reader()).of(["a", "?"])
    assert found["a"] == Caption("A", ("Drama",), 1999)
    assert found["?"] == Caption("?", (), None)


def test_a_caption_is_read_once() -> None:
    reader = Reader()
    kept = Captions(reader)
    assert kept.of(["a", "b"])["b"] is kept.of(["b", "c"])["b"]
    assert reader.asked == [["a", "b"], ["c"]]


def test_the_number_of_captions_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(captions, "MOST", 3)
    kept = Captions(Reader())
    before = kept.of(["a", "b"])
    assert set(kept.of(["b", "c", "d"])) == {"b", "c", "d"}
    assert set(before) == {"a", "b"}


def test_captions_say_what_the_snapshot_says(store: FeatureStore) -> None:
    online, ids = store.online(), store.items_known.tolist()
    titles = online.items(ids, store.as_of, ("title",))["title"].tolist()
    found = online.captions([*ids, "?"])
    assert [found[item_id].title for item_id in ids] == [
        title or item_id for title, item_id in zip(titles, ids, strict=True)
    ]
    assert found["?"] == Caption("?", (), None)
