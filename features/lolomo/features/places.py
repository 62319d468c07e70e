"""Places: where each item of a catalogue stands, found by its id.

To find hundreds of texts in a large dictionary is a good part of what a page reads features with.
So all who read features of items share one dictionary, ids are interned (a text that is the very
key need not be compared), and what was just asked about is remembered.
"""

import sys
from collections.abc import Sequence
from itertools import repeat

import numpy as np
from numpy.typing import NDArray

from lolomo.core.recommender import Ids


class Places:
    """Finds the place of an item in a catalogue.

    The last list of candidates and the last whole catalogue are known again, as long as they are
    the same array, which must not change: the readers of one request ask about the same candidates,
    and all requests about the same catalogue.

    Args:
        item_ids: The catalogue. Shape: [items].
    """

    def __init__(self, item_ids: Ids) -> None:
        ids = list(map(sys.intern, item_ids.tolist()))
        self.item_ids: Ids = np.array(ids, object)
        """The catalogue. Shape: [items]."""
        self._index = dict(zip(ids, range(len(ids)), strict=True))
        self._whole = self._last = (self.item_ids, _fixed(np.arange(len(ids))))

    def __len__(self) -> int:
        return len(self._index)

    def __call__(self, item_ids: Ids | Sequence[str]) -> NDArray[np.int64]:
        """Return each item's place, -1 where unknown. The same shape."""
        ids = np.asarray(item_ids, object)
        if ids.ndim > 1 and not ids.strides[0]:  # one list of candidates for all queries
            return np.broadcast_to(self(ids[0]), ids.shape)
        owner = ids if ids.base is None else ids.base
        if ids.ndim > 1 or ids.size != owner.size or not ids.flags.c_contiguous:
            return self.find(ids)
        for known, places in (self._whole, self._last):
            if known is owner:
                return places
        places = _fixed(self.find(ids))
        if len(ids) < len(self):
            self._last = owner, places
        else:
            self._whole = owner, places
        return places

    def find(self, item_ids: Ids) -> NDArray[np.int64]:
        """Return what a call does, of ids that will not be asked about again."""
        found = map(self._index.get, item_ids.ravel().tolist(), repeat(-1))
        return np.fromiter(found, np.int64, item_ids.size).reshape(item_ids.shape)


def _fixed(places: NDArray[np.int64]) -> NDArray[np.int64]:
    places.flags.writeable = False
    return places
