"""The `tensorflow` runtime: a SavedModel, asked through its signatures.

A signature is a concrete function, so a call traces nothing, whatever the batch. Each input is
converted to the dtype that the signature states; TensorFlow holds strings as UTF-8 bytes.

Who needs TensorFlow and not Keras imports `tf` from here.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lolomo.core.errors import ReleaseError, RequestError
from lolomo.core.imports import without
from lolomo.core.recommender import EXCLUDE, Ids, Query, Ranker, Retriever, Scores
from lolomo.runtimes import quiet_tensorflow

quiet_tensorflow()

# TensorFlow imports Keras if it is there, and through it scikit-learn, pandas and matplotlib: half
# of its import time, and nothing that a SavedModel needs. `import keras` works afterwards.
with without("keras"):
    import tensorflow as tf
    from tensorflow.python.framework.convert_to_constants import (
        convert_variables_to_constants_v2,
    )

__all__ = ["call", "load_saved_model", "numbers", "tf"]

_decode = np.frompyfunc(bytes.decode, 1, 1)


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
        signature = module.signatures["rank"]
        if works_without_inputs(signature):
            signature = folded(signature)
        return SavedModelRanker(module, inputs, signature)
    lines = (path / "assets" / "items.txt").read_text(encoding="utf-8").split("\n")
    retriever = SavedModelRetriever(module, inputs, np.array(lines[:-1], dtype=object))
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

    def scores(self, query: Query) -> Scores:
        """Score every known item. Shape: [batch, items]."""
        return numbers(call(self.module.signatures["scores"], self.inputs, query)["scores"])

    def retrieve(self, query: Query, k: int) -> tuple[Ids, Scores]:
        """Return the k best items, none of the history or of the optional input `exclude`.

        Args:
            query: The inputs, and perhaps `exclude`: ids `[batch, excluded]`, padded with "".
            k: How many; more than there are gives "" at the end.
        """
        batch = len(query[self.inputs[0]]) if self.inputs[0] in query else 0
        exclude = query.get(EXCLUDE, np.empty((batch, 0), dtype=object))
        answer = call(
            self.module.signatures["retrieve"],
            (*self.inputs, EXCLUDE),
            {**query, EXCLUDE: exclude},
            k=tf.constant(k, tf.int32),
        )
        ids: Ids = _decode(answer["item_ids"].numpy())
        return ids.astype(object), numbers(answer["scores"])

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

    def rank(self, query: Query) -> Scores:
        """Score the candidates of each query. Shape: [batch, candidates]."""
        return numbers(call(self.signature, self.inputs, query)["scores"])

    def blank_query(self, candidates: int, history_length: int) -> Query:
        """Return a query of the usual shape that says nothing."""
        return _blank(self.signature, candidates, history_length)


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
    """Return a signature whose weights are constants; it answers the same, but for rounding.

    What depends on no input, such as the vectors of a whole catalogue made from its content, is
    then computed at the first call and kept, where with variables each call computes it again.
    """
    specs = signature.structured_input_signature[1]
    constant = convert_variables_to_constants_v2(signature)
    names = [tensor.name.partition(":")[0] for tensor in constant.inputs]
    captured = signature.captured_inputs
    placeholders = [tensor.name.partition(":")[0] for tensor in signature.inputs]
    tables = dict(zip(placeholders[len(placeholders) - len(captured) :], captured, strict=True))
    outputs = sorted(signature.structured_outputs)

    def run(**query: Any) -> dict[str, Any]:
        answer = constant(*(query[name] if name in specs else tables[name] for name in names))
        return dict(zip(outputs, answer, strict=True))

    return tf.function(run, autograph=False).get_concrete_function(**specs)


def numbers(tensor: Any) -> Scores:
    """Return a tensor's values as an array of its own."""
    values: Scores = np.asarray(tensor.numpy(), np.float32)
    return values


def call(signature: Any, inputs: tuple[str, ...], query: Query, **more: Any) -> Mapping[str, Any]:
    """Call a signature with the arrays of a query.

    Raises:
        RequestError: If an input is missing or has the wrong number of axes.
    """
    specs = signature.structured_input_signature[1]
    missing = sorted(set(inputs) - query.keys())
    if missing:
        raise RequestError(f"the query lacks {missing}; expected the inputs {sorted(inputs)}")
    tensors = {name: _tensor(name, query[name], specs[name]) for name in inputs}
    answer: Mapping[str, Any] = signature(**tensors, **more)
    return answer


def _tensor(name: str, array: NDArray[Any], spec: Any) -> Any:
    """Return an array as a tensor of the dtype and number of axes of a spec."""
    if np.ndim(array) != len(spec.shape):
        raise RequestError(
            f"{name!r} has shape {list(np.shape(array))}; expected {len(spec.shape)} axes"
        )
    if spec.dtype == tf.string:
        return tf.constant(np.asarray(array, dtype=object), tf.string)
    return tf.constant(np.asarray(array, dtype=spec.dtype.as_numpy_dtype))


def _blank(signature: Any, candidates: int, history_length: int) -> dict[str, NDArray[Any]]:
    """Return zeros and empty strings for a batch of one, a history input being `length` long."""
    query: dict[str, NDArray[Any]] = {}
    for name, spec in signature.structured_input_signature[1].items():
        second = history_length if name.startswith("history_") else candidates
        shape = (1, second, 8)[: len(spec.shape)]
        text = spec.dtype == tf.string
        query[name] = np.full(shape, "" if text else 0, object if text else np.float32)
    return query
