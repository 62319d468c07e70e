"""What texts stand for, remembered: a table is asked once for each text and not once a request.

The texts of a ranking are few and always the same, ids and genres, but there are thousands in a
query, and TensorFlow copies each of them into a tensor of its own before it looks it up. A look-up
knows nothing but its text, so the answer for a text never changes.
"""

import math
from collections.abc import Callable, Sequence
from itertools import repeat
from threading import Lock
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
MOST_TEXTS: Final = 500_000
"""Of one input; with more of them everything is forgotten, since texts may come from clients."""


class Remembered:
    """Answers by look-ups, each of which reads one array of texts, text by text.

    An answer of another size than its texts rests on their shape alone, as a mask's shape does.

    Args:
        look_up: From arrays of texts to arrays of what they stand for.
        inputs: Of each answer, which of the arrays it reads.
    """

    def __init__(
        self, look_up: Callable[[Sequence[Array]], Sequence[Array]], inputs: Sequence[int]
    ) -> None:
        self._look_up, self._inputs = look_up, inputs
        self._shapes: list[tuple[int, ...]] = []
        self._places: list[dict[str, int]] = []
        """Of each array of texts, where each text stands in `_values`."""
        self._values: list[Array] = []
        """Of each answer."""
        self._forms: list[tuple[int, ...]] = []
        """Shapes of the answers."""
        self._lock = Lock()

    def __call__(self, texts: Sequence[Array]) -> Sequence[Array]:
        """Return what the texts stand for.

        Args:
            texts: Arrays of any shape.
        """
        with self._lock:  # a shadow asks the same ranker from a thread of its own
            shapes = [array.shape for array in texts]
            if shapes != self._shapes or max(map(len, self._places), default=0) > MOST_TEXTS:
                self._begin(texts)
            places = self._found(texts)
            if any(some.min(initial=0) < 0 for some in places):
                self._learn(texts)
                places = self._found(texts)
            return [
                values[places[read]].reshape(form)
                if math.prod(form) == places[read].size
                else values
                for values, form, read in zip(self._values, self._forms, self._inputs, strict=True)
            ]

    def _found(self, texts: Sequence[Array]) -> list[NDArray[np.int64]]:
        """Return where each text stands, -1 if it is a new one."""
        return [
            np.fromiter(map(known.get, array.ravel().tolist(), repeat(-1)), np.int64, array.size)
            for known, array in zip(self._places, texts, strict=True)
        ]

    def _begin(self, texts: Sequence[Array]) -> None:
        """Ask what texts of these shapes are answered with, and remember no text yet."""
        answers = self._look_up(texts)
        self._shapes, self._places = [array.shape for array in texts], [{} for _ in texts]
        self._forms = [answer.shape for answer in answers]
        self._values = [
            answer.ravel()[:0] if answer.size == texts[read].size else answer
            for answer, read in zip(answers, self._inputs, strict=True)
        ]

    def _learn(self, texts: Sequence[Array]) -> None:
        """Ask for the new texts alone, and remember the answers."""
        news = [
            [text for text in dict.fromkeys(array.ravel().tolist()) if text not in known]
            for known, array in zip(self._places, texts, strict=True)
        ]
        asked = [_in_a_row(new or [""], array.ndim) for new, array in zip(news, texts, strict=True)]
        for number, (answer, read) in enumerate(
            zip(self._look_up(asked), self._inputs, strict=True)
        ):
            if math.prod(self._forms[number]) == texts[read].size:
                more = answer.ravel()[: len(news[read])]
                self._values[number] = np.concatenate([self._values[number], more])
        for known, new in zip(self._places, news, strict=True):
            known |= zip(new, range(len(known), len(known) + len(new)), strict=True)


def _in_a_row(texts: Sequence[str], axes: int) -> Array:
    """Return texts as an array of so many axes, along the second if there is one."""
    shape = [1] * axes
    shape[min(1, axes - 1)] = len(texts)
    return np.array(texts, object).reshape(shape)
