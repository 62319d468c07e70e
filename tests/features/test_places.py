"""Places of a catalogue: found by id, and known again."""

import numpy as np
import pytest

from lolomo.core.recommender import Ids
from lolomo.features.places import Places

ITEMS = np.array([f"i{number}" for number in range(6)], object)


@pytest.fixture
def places() -> Places:
    return Places(ITEMS)


def ids(*names: str) -> Ids:
    return np.array(names, object)


@pytest.mark.parametrize("shape", [(4,), (2, 2), (1, 4)])
def test_unknown_ids_and_padding_are_below_zero(places: Places, shape: tuple[int, ...]) -> None:
    found = places(ids("i3", "?", "", "i0").reshape(shape))
    np.testing.assert_array_equal(found, np.reshape([3, -1, -1, 0], shape))


def test_one_list_for_many_queries_has_their_shape(places: Places) -> None:
    shared = np.broadcast_to(ids("i2", "i1"), (3, 2))
    assert places(shared).tolist() == [[2, 1]] * 3


@pytest.mark.parametrize("asked", [ids("i4", "i2", "?"), ITEMS[::-1].copy(), ITEMS])
def test_a_part_or_another_order_of_what_was_asked_is_looked_up_anew(
    places: Places, asked: Ids
) -> None:
    whole = places(asked).tolist()
    assert places(asked[::-1]).tolist() == whole[::-1]
    assert places(asked[1:]).tolist() == whole[1:]
    assert places(asked).tolist() == places(asked[None])[0].tolist() == whole


def test_the_same_list_is_looked_up_once(places: Places) -> None:
    for asked in (ids("i4", "i2"), ids(*ITEMS, "?"), places.item_ids):
        assert places(asked) is places(asked)
