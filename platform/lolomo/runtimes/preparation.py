"""Rankers that have done beforehand what is the same at each call.

A generator ranks one catalogue again and again: its ids and counts change once a minute, the user
at each call. What rests on the items alone is a part of the graph, and is computed once.
"""

from collections.abc import Sequence
from typing import Any

from lolomo.core.recommender import Query, Scores
from lolomo.runtimes.frozen_graph import SCORES, FrozenGraph, tensors_of
from lolomo.runtimes.tensors import numbers, tensor_of


class PreparedRanker:
    """Ranks by what is left to be said: some inputs were given before.

    Args:
        graph: Of the signature `rank`.
        inputs: Those that are left.
        function: From these, and from what rests on the others alone, to scores.
        known: What rests on the others alone.
    """

    def __init__(
        self, graph: FrozenGraph, inputs: tuple[str, ...], function: Any, known: Sequence[Any]
    ) -> None:
        self.inputs = inputs
        self._graph, self._function, self._known = graph, function, known

    def rank(self, query: Query) -> Scores:
        """Score the candidates that were given. Shape: [batch, candidates]."""
        specs = self._graph.specs
        asked = [tensor_of(name, query[name], specs[name]) for name in self.inputs]
        return numbers(self._function(*asked, *self._known)[0])


class Preparation:
    """Splits a ranker into what rests on some inputs alone and the rest.

    Args:
        graph: Of the signature `rank`.
        given: Names of the inputs that will be given.
    """

    def __init__(self, graph: FrozenGraph, given: frozenset[str]) -> None:
        self._graph = graph
        self._given = tuple(sorted(given & graph.specs.keys()))
        self._left = tuple(name for name in graph.specs if name not in given)
        border = graph.border(self._given)
        self._before = graph.function(tensors_of(self._given), border)
        after = (*tensors_of(self._left), *border)
        self._after = graph.function(after, [graph.outputs[SCORES]])

    def __call__(self, query: Query) -> PreparedRanker:
        """Return the ranker of given inputs."""
        specs = self._graph.specs
        given = [tensor_of(name, query[name], specs[name]) for name in self._given]
        return PreparedRanker(self._graph, self._left, self._after, self._before(*given))
