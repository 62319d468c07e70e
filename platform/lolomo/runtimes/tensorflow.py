"""The `tensorflow` runtime: a SavedModel, asked through its signatures.

A signature is a concrete function, so a call traces nothing, whatever the batch. Each input is
converted to the dtype that the signature states; TensorFlow holds strings as UTF-8 bytes.
"""

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from lolomo.core.best_places import best_places
from lolomo.core.columns import Columns
from lolomo.core.errors import ReleaseError, RequestError
from lolomo.core.recommender import EXCLUDE, Ids, Query, Ranker, Retriever, Scores
from lolomo.runtimes.compiled_ranking import CompiledRanking
from lolomo.runtimes.frozen_graph import FrozenGraph
from lolomo.runtimes.given import GivenRanker
from lolomo.runtimes.preparation import Preparation
from lolomo.runtimes.tensors import numbers, tensor_of, tf

__all__ = ["call", "load_saved_model", "numbers", "tf"]


def load_saved_model(path: Path, method: str, inputs: tuple[str, ...]) -> Retriever | Ranker:
    """Load a SavedModel.

    Raises:
        ReleaseError: If there is none, or it lacks the method's signatures.
    """
    needed = {"retrieve": ("retrieve", "scores"), "rank": ("rank",)}.get(method)
    if needed is None:
        raise ReleaseError(f"received method {method!r}; expected 'retrieve' or 'rank'")
    try:
        module = tf.saved_model.load(str(path))
    except (OSError, ValueError, tf.errors.OpError) as error:
        raise ReleaseError(
            f"{path} holds no SavedModel that can be loaded ({error}): publish the release again"
        ) from error
    missing = sorted(set(needed) - set(module.signatures))
    if missing:
        raise ReleaseError(f"the SavedModel at {path} lacks the signatures {missing}")
    if method == "rank":
        signature, graph = module.signatures["rank"], None
        if works_without_inputs(signature):
            graph = FrozenGraph(signature)
            signature = graph.signature()
        if "posterior" in module.signatures:
            from lolomo.runtimes.posterior import SavedModelPosterior

            return SavedModelPosterior(module, inputs, signature, graph)
        return SavedModelRanker(module, inputs, signature, graph)
    lines = (path / "assets" / "items.txt").read_text(encoding="utf-8").split("\n")
    items = np.array([*map(sys.intern, lines[:-1])], dtype=object)
    retriever = SavedModelRetriever(module, inputs, items)
    if "encode" not in module.signatures:
        return retriever
    from lolomo.runtimes.embedding import with_vectors

    return with_vectors(retriever, path)


@dataclass(frozen=True, slots=True)
class SavedModelRetriever:
    """Finds items with the signatures `retrieve` and `scores`."""

    module: Any
    inputs: tuple[str, ...]
    items: Ids
    _places: dict[str, int] = field(default_factory=dict, init=False, compare=False, repr=False)
    """Of the items, once they were asked for."""

    def scores(self, query: Query) -> Scores:
        """Score every known item. Shape: [batch, items]."""
        return numbers(call(self.module.signatures["scores"], self.inputs, query)["scores"])

    def retrieve(self, query: Query, k: int) -> tuple[Ids, Scores]:
        """Return the k best items, none of the history or of the optional input `exclude`.

        Args:
            query: The inputs, and perhaps `exclude`: ids `[batch, excluded]`, padded with "".
            k: How many; more than there are gives "" at the end.
        """
        scores = self.scores(query)
        item_ids = np.full((len(scores), k), "", object)
        best = np.full((len(scores), k), -np.inf, np.float32)
        for row, own in enumerate(scores):
            own[self._excluded(query, row)] = -np.inf
            places = best_places(own, k)
            places = places[own[places] > -np.inf]
            item_ids[row, : len(places)] = self.items[places]
            best[row, : len(places)] = own[places]
        return item_ids, best

    def _excluded(self, query: Query, row: int) -> list[int]:
        """Return the places of what must not come back for a query."""
        if not self._places:
            self._places.update(zip(self.items.tolist(), range(len(self.items)), strict=True))
        lists = [query[name][row] for name in (Columns.HISTORY_ITEM_IDS, EXCLUDE) if name in query]
        found = (self._places.get(item_id) for ids in lists for item_id in ids.tolist())
        return [place for place in found if place is not None]

    def blank_query(self, candidates: int, history_length: int) -> Query:
        """Return a query of the usual shape that says nothing."""
        return _blank(self.module.signatures["scores"], candidates, history_length)


@dataclass(frozen=True, slots=True)
class SavedModelRanker:
    """Scores candidates with the signature `rank`."""

    module: Any
    inputs: tuple[str, ...]
    signature: Any
    """`rank`, folded where that pays."""
    graph: FrozenGraph | None = None
    """Of `rank`, where folding pays."""
    one: CompiledRanking | None = None
    """What answers one query at a time, where that was asked for."""
    _preparations: dict[frozenset[str], Preparation] = field(
        default_factory=dict, init=False, compare=False, repr=False
    )

    def rank(self, query: Query) -> Scores:
        """Score the candidates of each query. Shape: [batch, candidates]."""
        if self.one is not None and self.one.fits(query):
            return self.one(query)
        return numbers(call(self.signature, self.inputs, query)["scores"])

    def compiled(self, num_candidates: int, history_length: int) -> Self:
        """Return a ranker that is compiled for one query at a time; others it answers as before.

        Args:
            num_candidates: Most candidates of such a query.
            history_length: Longest history of such a query.
        """
        signature = self.module.signatures["rank"]
        if self.graph is None and not multiplies_matrices(signature):
            return self
        graph = self.graph or FrozenGraph(signature)
        return replace(self, one=CompiledRanking(graph, num_candidates, history_length))

    def prepared(self, given: Query) -> Ranker:
        """Return a ranker that needs no more to be told what is given here."""
        if self.graph is None:
            return GivenRanker(self, given)
        names = frozenset(given)
        if names not in self._preparations:
            self._preparations[names] = Preparation(self.graph, names)
        return self._preparations[names](given)

    def blank_query(self, candidates: int, history_length: int) -> Query:
        """Return a query of the usual shape that says nothing."""
        return _blank(self.signature, candidates, history_length)


def multiplies_matrices(signature: Any) -> bool:
    """Say whether there is enough to compute in a call for compiling it to pay."""
    functions = signature.graph.as_graph_def().library.function
    return any(node.op == "MatMul" for function in functions for node in function.node_def)


def works_without_inputs(signature: Any) -> bool:
    """Say whether a call multiplies matrices that depend on none of its inputs.

    Such work is the same at each call, and `folded` saves it; where there is none, folding would
    only make loading slower.
    """
    given = signature.structured_input_signature[1].keys()
    for function in signature.graph.as_graph_def().library.function:
        reached = given & {argument.name for argument in function.signature.input_arg}
        parents = {
            node.name: {name.lstrip("^").partition(":")[0] for name in node.input}
            for node in function.node_def
        }
        grown = True
        while reached and grown:
            found = {name for name, inputs in parents.items() if inputs & reached} - reached
            reached, grown = reached | found, bool(found)
        if reached and any(
            node.op == "MatMul" and node.name not in reached for node in function.node_def
        ):
            return True
    return False


def folded(signature: Any) -> Any:
    """Return a signature that reads no variable; it answers the same, but for rounding.

    What depends on no input, such as the vectors of a whole catalogue made from its content, was
    computed once, where with variables each call computes it again.
    """
    return FrozenGraph(signature).signature()


def call(signature: Any, inputs: tuple[str, ...], query: Query, **more: Any) -> Mapping[str, Any]:
    """Call a signature with the arrays of a query.

    Raises:
        RequestError: If an input is missing or has the wrong number of axes.
    """
    specs = signature.structured_input_signature[1]
    missing = sorted(set(inputs) - query.keys())
    if missing:
        raise RequestError(f"the query lacks {missing}; expected the inputs {sorted(inputs)}")
    tensors = {name: tensor_of(name, query[name], specs[name]) for name in inputs}
    answer: Mapping[str, Any] = signature(**tensors, **more)
    return answer


def _blank(signature: Any, candidates: int, history_length: int) -> dict[str, NDArray[Any]]:
    """Return zeros and empty strings for a batch of one, a history input being `length` long."""
    query: dict[str, NDArray[Any]] = {}
    for name, spec in signature.structured_input_signature[1].items():
        second = history_length if name.startswith("history_") else candidates
        shape = (1, second, 8)[: len(spec.shape)]
        text = spec.dtype == tf.string
        query[name] = np.full(shape, "" if text else 0, object if text else np.float32)
    return query
