"""Writes what a model learned as a SavedModel that plain TensorFlow loads: no Python of ours.

Ids are strings at the boundary and the vocabulary is inside, so a release cannot be paired with the
wrong one. Signatures, with all axes but those of the vocabulary free:

- `scores(inputs…) → scores [batch, items]`;
- `retrieve(inputs…, k, exclude [batch, excluded]) → item_ids [batch, k], scores [batch, k]`, none
  of the history or of `exclude` among them, "" and -inf where fewer than k items are left;
- `rank(inputs…) → scores [batch, candidates]`;
- `posterior(inputs…) → scores [batch, candidates], factors [batch, rank, candidates]`, of a ranker
  that knows how sure it is: a draw from the posterior of its scores is scores + factorsᵀ z;
- `encode(inputs…) → vectors [batch, dim]` and `item_vectors() → vectors [items, dim]`, of a
  retriever whose scores are the products of the two; beside them an index of the items where they
  are too many to compare a query with each.

The module owns variables and tables, and no function: one that it owned would be written twice, and
loaded twice.

The vocabulary is `assets/items.txt`, one id a line, in the order of `scores`.

TensorFlow is imported inside the functions, since importing it takes seconds.
"""

import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from lolomo.core.columns import Columns
from lolomo.core.errors import ModelError
from lolomo.core.recommender import EXCLUDE, Ids
from lolomo.features.history_features import OF_QUERIES
from lolomo.runtimes import quiet_tensorflow
from lolomo.runtimes.item_index import APPROXIMATE_FROM, ItemIndex
from lolomo.training.models.model import Export

if TYPE_CHECKING:
    from lolomo.features import Feature

quiet_tensorflow()

Tensor: TypeAlias = Any
"""A `tf.Tensor`; TensorFlow ships no types."""
TensorFunction: TypeAlias = Callable[[Mapping[str, Tensor]], Tensor]


@dataclass(frozen=True, slots=True)
class InnerProduct:
    """Scores that are inner products of a query's vector and those of the items."""

    encode: TensorFunction
    """From inputs and `HISTORY_INDICES` to vectors `[batch, dim]`, traced once."""
    item_vectors: Tensor
    """A `tf.Variable`. Shape: [items, dim]."""
    index_from: int = APPROXIMATE_FROM
    """From how many items on an index is written for approximate search."""

    def __call__(self, query: Mapping[str, Tensor]) -> Tensor:
        """Return scores. Shape: [batch, items]."""
        from lolomo.runtimes.tensorflow import tf

        return tf.matmul(self.encode(query), self.item_vectors, transpose_b=True)


HISTORY_INDICES = "history_indices"
"""What a retriever's function gets beside its inputs: the history as int32 `[batch, length]`, item
i of the vocabulary as i + 1, and 0 where padded or unknown."""
_HISTORY = {
    Columns.HISTORY_ITEM_IDS: "string",
    Columns.HISTORY_TIMESTAMPS: "int64",
    Columns.HISTORY_KINDS: "string",
}
_EMPTY = {"string": "", "int64": 0}


def retriever_inputs(names: Sequence[str]) -> dict[str, Tensor]:
    """Return the tensor specs of the inputs that every retriever shares.

    Args:
        names: Some of `timestamp` and the columns of the history.
    """
    from lolomo.runtimes.tensorflow import tf

    specs = {
        name: tf.TensorSpec([None, None], dtype, name=name) for name, dtype in _HISTORY.items()
    }
    specs[Columns.TIMESTAMP] = tf.TensorSpec([None], tf.int64, name=Columns.TIMESTAMP)
    return {name: specs[name] for name in names}


def ranker_inputs(features: "Sequence[Feature]", names: Sequence[str]) -> dict[str, Tensor]:
    """Return the tensor specs of a ranker's inputs.

    Numbers are float32, NaN where missing; categories are strings, "" where missing. Features of
    user and context are `[batch]`, those of items `[batch, candidates]`; a feature with many
    categories has one more axis, `values`, padded with "".

    Args:
        features: The task's features.
        names: Which inputs: of the features, of the history, `timestamp`, `counts_timestamp`,
            `candidates`, or of what merging the candidates and comparing them with the history adds
            (see `features.candidates.source_features` and `features.history_features`).
    """
    from lolomo.runtimes.tensorflow import tf

    specs = retriever_inputs([*_HISTORY, Columns.TIMESTAMP])
    specs[Columns.CANDIDATES] = tf.TensorSpec([None, None], tf.string, name=Columns.CANDIDATES)
    specs[Columns.COUNTS_TIMESTAMP] = tf.TensorSpec([None], tf.int64, name=Columns.COUNTS_TIMESTAMP)
    for feature in features:
        if feature.name in specs:
            continue
        axes = 1 + (feature.entity == "item") + (feature.dtype in ("categories", "ids"))
        dtype = tf.float32 if feature.dtype == "number" else tf.string
        specs[feature.name] = tf.TensorSpec([None] * axes, dtype, name=feature.name)
    added = {
        name: tf.TensorSpec([None] * (2 - (name in OF_QUERIES)), tf.float32, name=name)
        for name in names
        if name not in specs
    }
    return {name: (specs | added)[name] for name in names}


def export_retriever(
    path: Path,
    items: Ids,
    history_length: int,
    scores: TensorFunction | InnerProduct,
    inputs: Sequence[str] | Mapping[str, Tensor],
    variables: Sequence[Any] = (),
) -> Export:
    """Write a retriever, and the index of its items if it has vectors of enough of them.

    Args:
        path: An existing folder.
        items: The vocabulary. Shape: [items].
        history_length: How many of the latest history entries `scores` sees, always exactly so
            many: shorter histories are padded at the front, longer ones are cut there.
        scores: From inputs and `HISTORY_INDICES` to scores `[batch, items]`, traced once.
        inputs: Names that `retriever_inputs` knows, or tensor specs from `ranker_inputs`;
            `history_item_ids` must be one.
        variables: Every `tf.Variable` that `scores` reads (`variable.value` of Keras ones).

    Raises:
        ModelError: If the vocabulary is empty, or an id is empty or spans lines.
    """
    from lolomo.runtimes.tensorflow import tf

    specs = dict(inputs) if isinstance(inputs, Mapping) else retriever_inputs(inputs)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "items.txt"
        _write_vocabulary(file, items)
        module = tf.Module()
        module.variables_read = list(variables)
        module.index, module.item = _lookup_tables(str(file))

        def score(query: Mapping[str, Tensor]) -> Tensor:
            return scores(_with_indices(query, module.index, history_length))

        def retrieve(**query: Tensor) -> dict[str, Tensor]:
            k, exclude = query.pop("k"), query.pop(EXCLUDE)
            hidden = tf.concat([query[Columns.HISTORY_ITEM_IDS], exclude], axis=1)
            return _best(score(query), module.index.lookup(hidden), k, module.item)

        scored = tf.function(lambda **query: {"scores": score(query)}, autograph=False)
        retrieved = tf.function(retrieve, autograph=False)
        more = {
            "k": tf.TensorSpec([], tf.int32, name="k"),
            EXCLUDE: tf.TensorSpec([None, None], tf.string, name=EXCLUDE),
        }
        signatures = {
            "scores": scored.get_concrete_function(**specs),
            "retrieve": retrieved.get_concrete_function(**specs, **more),
        }
        if isinstance(scores, InnerProduct):
            signatures |= _vector_signatures(module, scores, specs, history_length)
        tf.saved_model.save(module, str(path), signatures)
    if isinstance(scores, InnerProduct) and len(items) >= scores.index_from:
        ItemIndex.build(scores.item_vectors.numpy()).save(path)
    return Export("tensorflow", "retrieve", tuple(inputs))


def export_ranker(
    path: Path,
    scores: TensorFunction,
    inputs: Mapping[str, Tensor],
    variables: Sequence[Any] = (),
    posterior: Callable[[Mapping[str, Tensor]], tuple[Tensor, Tensor]] | None = None,
) -> Export:
    """Write a ranker.

    Args:
        path: An existing folder.
        scores: From inputs to scores `[batch, candidates]`, traced once.
        inputs: Tensor specs, from `ranker_inputs`.
        variables: Every `tf.Variable` and lookup table that `scores` and `posterior` read.
        posterior: From inputs to scores and factors, of a ranker that has a posterior.
    """
    from lolomo.runtimes.tensorflow import tf

    module = tf.Module()
    module.variables_read = list(variables)
    rank = tf.function(lambda **query: {"scores": scores(query)}, autograph=False)
    signatures = {"rank": rank.get_concrete_function(**inputs)}
    if posterior is not None:
        names = ("scores", "factors")
        known = tf.function(
            lambda **query: dict(zip(names, posterior(query), strict=True)), autograph=False
        )
        signatures["posterior"] = known.get_concrete_function(**inputs)
    tf.saved_model.save(module, str(path), signatures)
    return Export("tensorflow", "rank", tuple(inputs))


def _vector_signatures(
    module: Any, product: InnerProduct, specs: Mapping[str, Tensor], history_length: int
) -> dict[str, Any]:
    """Return the signatures `encode` and `item_vectors`."""
    from lolomo.runtimes.tensorflow import tf

    def encode(**query: Tensor) -> dict[str, Tensor]:
        known = _with_indices(query, module.index, history_length)
        return {"vectors": product.encode(known)}

    vectors = tf.function(lambda: {"vectors": tf.identity(product.item_vectors)}, autograph=False)
    return {
        "encode": tf.function(encode, autograph=False).get_concrete_function(**specs),
        "item_vectors": vectors.get_concrete_function(),
    }


def _write_vocabulary(file: Path, items: Ids) -> None:
    """Write one id a line."""
    wrong = [item for item in items if not item or "\n" in item or "\r" in item]
    if wrong or not len(items):
        raise ModelError(
            f"received a vocabulary of {len(items)} items with unusable ids {wrong[:3]}: expected "
            "at least one id, none empty and none with a line break"
        )
    file.write_bytes(("\n".join(items) + "\n").encode())


def _lookup_tables(file: str) -> tuple[Any, Any]:
    """Return tables from id to index, -1 if unknown, and from index to id, "" if none."""
    from lolomo.runtimes.tensorflow import tf

    whole, number = tf.lookup.TextFileIndex.WHOLE_LINE, tf.lookup.TextFileIndex.LINE_NUMBER
    to_index = tf.lookup.TextFileInitializer(file, tf.string, whole, tf.int64, number)
    to_item = tf.lookup.TextFileInitializer(file, tf.int64, number, tf.string, whole)
    return tf.lookup.StaticHashTable(to_index, -1), tf.lookup.StaticHashTable(to_item, "")


def _with_indices(
    query: Mapping[str, Tensor], index: Any, history_length: int
) -> dict[str, Tensor]:
    """Return a query with its latest history, and the indices of that."""
    from lolomo.runtimes.tensorflow import tf

    latest = latest_history(query, history_length)
    known = index.lookup(latest[Columns.HISTORY_ITEM_IDS])
    return {**latest, HISTORY_INDICES: tf.cast(known + 1, tf.int32)}


def latest_history(query: Mapping[str, Tensor], history_length: int) -> dict[str, Tensor]:
    """Return a query whose history is cut or padded at the front to `history_length`."""
    from lolomo.runtimes.tensorflow import tf

    latest = dict(query)
    for name in _HISTORY.keys() & query.keys():
        column = query[name][:, -history_length:]
        missing = history_length - tf.shape(column)[1]
        column = tf.pad(column, [[0, 0], [missing, 0]], constant_values=_EMPTY[_HISTORY[name]])
        latest[name] = tf.ensure_shape(column, [None, history_length])
    return latest


def _best(scores: Tensor, hidden: Tensor, k: Tensor, item: Any) -> dict[str, Tensor]:
    """Return the k best items that are not hidden, by index `[batch, hidden]`, -1 for none."""
    from lolomo.runtimes.tensorflow import tf

    items = tf.shape(scores)[1]
    rows = tf.broadcast_to(tf.range(tf.shape(hidden)[0])[:, None], tf.shape(hidden))
    places = tf.boolean_mask(tf.stack([rows, tf.cast(hidden, tf.int32)], axis=2), hidden >= 0)
    masked = tf.tensor_scatter_nd_min(
        scores, places, tf.fill([tf.shape(places)[0]], tf.constant(-float("inf")))
    )
    best, indices = tf.math.top_k(masked, tf.minimum(k, items))
    nothing = tf.constant(-1, tf.int64)
    found = tf.where(best == -float("inf"), nothing, tf.cast(indices, tf.int64))
    short = [[0, 0], [0, k - tf.shape(best)[1]]]
    return {
        "item_ids": item.lookup(tf.pad(found, short, constant_values=-1)),
        "scores": tf.pad(best, short, constant_values=-float("inf")),
    }
