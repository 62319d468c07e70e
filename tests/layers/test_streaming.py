from pathlib import Path

import numpy as np
import pytest

from lolomo.core.errors import ModelError
from lolomo.training import streaming
from lolomo.training.streaming import StoredRows


def _rows(num_rows: int = 23, num_parts: int = 3) -> StoredRows:
    place = np.arange(num_rows)
    table: dict[str, np.ndarray] = {
        "place": place,
        "pair": np.stack([place, -place], axis=1).astype(np.float32),
    }
    parts = np.array_split(place, num_parts)
    return StoredRows.write({name: table[name][part] for name in table} for part in parts)


def _epoch(batches: list[dict[str, np.ndarray]]) -> list[int]:
    return [int(place) for batch in batches for place in batch["place"]]


@pytest.mark.parametrize("drawn_whole", [streaming.DRAWN_WHOLE, 10])
def test_each_epoch_has_every_row_once_in_another_order(
    drawn_whole: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streaming, "DRAWN_WHOLE", drawn_whole)
    dataset = _rows().batches(5, seed=1)
    first, second = (_epoch(list(dataset.as_numpy_iterator())) for _ in range(2))
    assert sorted(first) == sorted(second) == list(range(23))
    assert len({tuple(first), tuple(second), tuple(range(23))}) == 3


def test_equal_seeds_give_equal_orders() -> None:
    first, again, other = (
        _epoch(list(_rows().batches(5, seed).as_numpy_iterator())) for seed in (1, 1, 2)
    )
    assert first == again != other


def test_rows_stay_together_and_batches_know_their_shape() -> None:
    dataset = _rows().batches(5, seed=0)
    assert dataset.element_spec["pair"].shape == (None, 2)
    assert len(dataset) == 5
    for batch in dataset.as_numpy_iterator():
        np.testing.assert_array_equal(batch["pair"], np.stack([batch["place"], -batch["place"]], 1))


def test_nothing_is_left_on_disk(tmp_path: Path) -> None:
    rows = StoredRows.write([{"x": np.arange(3)}], tmp_path / "scratch")
    assert rows.read(np.array([2, 0]))["x"].tolist() == [2, 0]
    assert not any(path.is_file() for path in tmp_path.rglob("*"))


@pytest.mark.parametrize("parts", [[], [{"x": np.zeros(2)}, {"x": np.zeros(2, np.int32)}]])
def test_no_parts_or_unequal_ones_are_an_error(parts: list[dict[str, np.ndarray]]) -> None:
    with pytest.raises(ModelError, match="part"):
        StoredRows.write(parts)


def test_without_a_seed_rows_come_in_their_order() -> None:
    assert _epoch(list(_rows().batches(5).as_numpy_iterator())) == list(range(23))
