"""A ranker compiled for what a page asks: some hundred candidates of one user, in one shape."""

import os
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from lolomo.core.columns import Columns
from lolomo.core.errors import RequestError
from lolomo.core.recommender import Query, Scores
from lolomo.runtimes.frozen_graph import SCORES, FrozenGraph, tensors_of
from lolomo.runtimes.remembered import Remembered
from lolomo.runtimes.tensors import direct, numbers, tensor_of, tf

HISTORY: Final = "history_"
"""How the names of inputs begin whose second axis is the history; it is padded at the front."""
PLAIN_KERNELS: Final = "--xla_cpu_use_fusion_emitters=false"
"""XLA's older way to write kernels, which saves a second and 100 MB of compiling a deep ranker and
costs a thirtieth of a call. TensorFlow ends the process at a flag that it does not know.
"""


class CompiledRanking:
    """A ranker's signature for one query of one shape: texts are looked up, the rest is compiled.

    TensorFlow calls a kernel an operation, a thousand for a deep ranker, and most of a call's time
    goes there. XLA makes one of all those that compute with numbers. It does so for a fixed shape,
    so a shorter history or list is padded as in a batch. Numbers travel as two arrays, since fifty
    tensors would cost as much as the network. Scores differ from the signature's by rounding.

    Args:
        graph: Of the signature `rank`.
        num_candidates: Most candidates of a call.
        history_length: Longest history of a call.
    """

    def __init__(self, graph: FrozenGraph, num_candidates: int, history_length: int) -> None:
        self._graph = graph
        self._sizes = {True: history_length, False: num_candidates}
        texts = [name for name, spec in graph.specs.items() if spec.dtype == tf.string]
        border = graph.border_of_texts()
        inputs = {tensor: tensor.partition(":")[0] for tensor in tensors_of(graph.specs)}
        looked_up = [tensor for tensor in border if tensor not in inputs]
        self._texts = tuple(texts)
        self._look_up = self._remembered(graph.function(tensors_of(texts), looked_up), looked_up)
        read = [inputs[tensor] for tensor in border if tensor in inputs]
        self._of_query = [name for name in read if _is_number(graph.specs[name], axes=1)]
        self._of_candidates = [
            name
            for name in read
            if _is_number(graph.specs[name], axes=2) and not name.startswith(HISTORY)
        ]
        packed = {*self._of_query, *self._of_candidates}
        self._others = [name for name in read if name not in packed]
        feeds = [*tensors_of((*self._of_query, *self._of_candidates, *self._others)), *looked_up]
        self._score = self._compiled(feeds)

    def _remembered(self, function: Any, looked_up: Sequence[str]) -> Any:
        """Return a function of texts that asks only for new ones, if each answer reads one input.

        Others it asks each time.
        """
        specs, names = self._graph.specs, self._texts

        def look_up(texts: Sequence[NDArray[Any]]) -> list[NDArray[Any]]:
            given = [
                tensor_of(name, text, specs[name]) for name, text in zip(names, texts, strict=True)
            ]
            return [answer.numpy() for answer in function(*given)]

        reads = [self._graph.inputs_of(tensor) & set(names) for tensor in looked_up]
        if any(len(read) != 1 for read in reads):
            return look_up
        return Remembered(look_up, [names.index(min(read)) for read in reads])

    def _compiled(self, feeds: Sequence[str]) -> Any:
        run = self._graph.importer(feeds, [self._graph.outputs[SCORES]])

        def scores(of_query: Any, of_candidates: Any, *others: Any) -> Any:
            numbers_of_query = tf.split(of_query, len(self._of_query)) if self._of_query else []
            by_candidate = [of_candidates[row, None] for row in range(len(self._of_candidates))]
            return run(*numbers_of_query, *by_candidate, *others)[0]

        packed = (tf.TensorSpec([None], tf.float32), tf.TensorSpec([None, None], tf.float32))
        others = [self._graph.type_of(feed) for feed in feeds[self._num_packed :]]
        os.environ.setdefault("XLA_FLAGS", PLAIN_KERNELS)  # read when XLA is first used
        function = tf.function(scores, autograph=False, jit_compile=True)
        return direct(function.get_concrete_function(*packed, *others))

    @property
    def _num_packed(self) -> int:
        return len(self._of_query) + len(self._of_candidates)

    def fits(self, query: Query) -> bool:
        """Say whether a query is one that this was compiled for."""
        candidates = query[Columns.CANDIDATES] if Columns.CANDIDATES in query else np.empty((0, 0))
        history = query.get(Columns.HISTORY_ITEM_IDS)
        short = history is None or history.shape[1] <= self._sizes[True]
        return len(candidates) == 1 and candidates.shape[1] <= self._sizes[False] and short

    def __call__(self, query: Query) -> Scores:
        """Score the candidates of a query that fits. Shape: [1, candidates].

        Raises:
            RequestError: If an input is missing or has the wrong number of axes.
        """
        missing = sorted(self._graph.specs.keys() - query.keys())
        if missing:
            raise RequestError(f"the query lacks {missing}; expected {sorted(self._graph.specs)}")
        num_candidates = query[Columns.CANDIDATES].shape[1]
        found = self._look_up([self._widened(name, query[name]) for name in self._texts])
        of_query = np.array([query[name][0] for name in self._of_query], np.float32)
        of_candidates = np.zeros((len(self._of_candidates), self._sizes[False]), np.float32)
        for row, name in enumerate(self._of_candidates):
            of_candidates[row, :num_candidates] = query[name][0]
        packed = (tf.constant(of_query), tf.constant(of_candidates))
        specs = self._graph.specs
        others = (
            tensor_of(name, self._widened(name, query[name]), specs[name]) for name in self._others
        )
        scores = self._score(*packed, *others, *map(tf.constant, found))
        return numbers(scores[0])[:, :num_candidates]

    def _widened(self, name: str, array: NDArray[Any]) -> NDArray[Any]:
        """Return an input in the shape that was compiled."""
        of_history = name.startswith(HISTORY)
        missing = self._sizes[of_history] - array.shape[1] if array.ndim > 1 else 0
        if not missing:
            return array
        widths = [(0, 0)] * array.ndim
        widths[1] = (missing, 0) if of_history else (0, missing)
        return np.pad(array, widths, constant_values="" if array.dtype == object else 0)


def _is_number(spec: Any, axes: int) -> bool:
    return spec.dtype == tf.float32 and len(spec.shape) == axes
