"""What texts stand for, remembered: a table is asked once for each text and not once a request.

The texts of a ranking are few and always the same, ids and genres, but there are thousands in a
query, and TensorFlow copies each of them into a tensor of its own before it looks it up. A look-up
knows nothing but its text, so the answer for a text never changes.
"""

import math
from collections.abc import Callable, Sequence
from itertools import repeat
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

    def __call__(self, texts: Sequence[Array]) -> Sequence[Array]:
        """Return what the texts stand for.

        Args:
            texts: Arrays of any shape.
        """
        if [array.shape for array in texts] != self._shapes:
            return self._learned(texts)
        places = [
            np.fromiter(map(known.get, array.ravel().tolist(), repeat(-1)), np.int64, array.size)
            for known, array in zip(self._places, texts, strict=True)
        ]
        if any(some.min(initial=0) < 0 for some in places):
            return self._learned(texts)
        return [
            values[places[read]].reshape(form) if math.prod(form) == places[read].size else values
            for values, form, read in zip(self._values, self._forms, self._inputs, strict=True)
        ]

    def _learned(self, texts: Sequence[Array]) -> Sequence[Array]:
        """Ask, and remember the answers."""
        answers = self._look_up(texts)
        shapes = [array.shape for array in texts]
        if shapes != self._shapes or max(map(len, self._places), default=0) > MOST_TEXTS:
            self._shapes, self._places = shapes, [{} for _ in texts]
            self._forms = [answer.shape for answer in answers]
            self._values = [answer.ravel()[:0] for answer in answers]
        news = [_news(known, array) for known, array in zip(self._places, texts, strict=True)]
        for number, (answer, read) in enumerate(zip(answers, self._inputs, strict=True)):
            if answer.size == texts[read].size:
                more = answer.ravel()[news[read]]
                self._values[number] = np.concatenate([self._values[number], more])
            else:
                self._values[number] = answer
        return answers


def _news(known: dict[str, int], texts: Array) -> list[int]:
    """Give texts that are not known a place, and return where they are among the texts."""
    places = []
    for place, text in enumerate(texts.ravel().tolist()):
        if text not in known:
            known[text] = len(known)
            places.append(place)
    return places
