"""A signature as a graph that can be cut: what is known beforehand need not be computed again.

A SavedModel answers a call by walking from its inputs to its scores, whatever of it is the same as
last time. Here variables become constants, and functions are made of parts of the graph: from some
of its tensors to others. A part that rests on given inputs alone is computed once; one that holds
no texts can be compiled.

Nothing is computed otherwise than in the signature. Edges that only order operations are dropped:
they made tables wait for their content, which they have by now.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import cached_property
from typing import Any, Final

from lolomo.runtimes.tensors import convert_variables_to_constants_v2, direct, tf

Tensor = Any
"""A `tf.Tensor`; TensorFlow ships no types."""
SCORES: Final = "scores"
"""The output of a ranker."""
TEXT_TYPES = (tf.string, tf.resource, tf.variant)
"""What only runs where it was written: texts, and the tables that they are looked up in."""


def tensors_of(inputs: Iterable[str]) -> tuple[str, ...]:
    """Return the tensors of inputs."""
    return tuple(f"{name}:0" for name in inputs)


class FrozenGraph:
    """The graph of a signature, its variables constant.

    Tensors are named as in TensorFlow, `input:0`.

    Args:
        signature: A concrete function with inputs and outputs by name.
    """

    def __init__(self, signature: Any) -> None:
        frozen = convert_variables_to_constants_v2(signature, lower_control_flow=False)
        definition = frozen.graph.as_graph_def()
        captured = signature.captured_inputs
        held = [tensor.name for tensor in signature.inputs][len(signature.inputs) - len(captured) :]
        self.specs: Mapping[str, Any] = signature.structured_input_signature[1]
        """By input, its dtype and axes."""
        names = sorted(signature.structured_outputs)
        self.outputs: Mapping[str, str] = {
            name: tensor.name for name, tensor in zip(names, frozen.outputs, strict=True)
        }
        """By output, its tensor."""
        self._library, self._versions = definition.library, definition.versions
        self._nodes = {node.name: node for node in definition.node}
        self._reads = {node.name: _data(node) for node in definition.node}
        left = {tensor.name for tensor in frozen.inputs}
        self._tables = {
            name: table for name, table in zip(held, captured, strict=True) if name in left
        }
        self._types = {
            tensor.name: tf.TensorSpec(tensor.shape, tensor.dtype)
            for operation in frozen.graph.get_operations()
            for tensor in operation.outputs
        }

    @cached_property
    def inputs(self) -> tuple[str, ...]:
        """The tensors of all inputs."""
        return tensors_of(self.specs)

    def type_of(self, tensor: str) -> Any:
        """Return the dtype and shape of a tensor."""
        return self._types[tensor]

    def signature(self) -> Any:
        """Return the whole graph as a signature again, with inputs and outputs by name."""
        run = self.importer(self.inputs, tuple(self.outputs.values()))

        def scores(**query: Tensor) -> dict[str, Tensor]:
            found = run(*(query[name] for name in self.specs))
            return dict(zip(self.outputs, found, strict=True))

        return tf.function(scores, autograph=False).get_concrete_function(**self.specs)

    def inputs_of(self, tensor: str) -> set[str]:
        """Return the names of the inputs that a tensor rests on."""
        return self._behind([tensor], ()) & self.specs.keys()

    def function(self, feeds: Sequence[str], fetches: Sequence[str]) -> Any:
        """Return a function from some tensors to others.

        Args:
            feeds: Tensors of whose values it takes, in order; what lies behind them is left out.
            fetches: Tensors whose values it returns, as a list.
        """
        run = self.importer(feeds, fetches)
        specs = [self._types[feed] for feed in feeds]
        return direct(tf.function(run, autograph=False).get_concrete_function(*specs))

    def importer(
        self, feeds: Sequence[str], fetches: Sequence[str]
    ) -> Callable[..., Sequence[Tensor]]:
        """Return what `function` makes a function of, to be called while tracing another."""
        part = tf.compat.v1.GraphDef(library=self._library, versions=self._versions)
        needed = self._behind(fetches, feeds)
        used = {*fetches}
        for name, node in self._nodes.items():
            if name in needed:
                copied = part.node.add()
                copied.CopyFrom(node)
                del copied.input[:]
                copied.input.extend(self._reads[name])
                used.update(self._reads[name])

        def run(*values: Tensor) -> Sequence[Tensor]:
            known = dict(zip(feeds, values, strict=True))
            known |= {
                name: tf.identity(table) for name, table in self._tables.items() if name in used
            }
            given = {name: tensor for name, tensor in known.items() if name in used}
            return list(
                tf.graph_util.import_graph_def(
                    part, input_map=given, return_elements=list(fetches), name=""
                )
            )

        return run

    def border(self, given: Collection[str]) -> tuple[str, ...]:
        """Return the tensors that rest on given inputs alone and that other inputs meet.

        Args:
            given: Names of inputs.
        """
        known = self._from(name for name in given)
        others = self._from(name for name in self.specs if name not in given)
        return self._read_by(others, lambda name: name in known and name not in others)

    def border_of_texts(self) -> tuple[str, ...]:
        """Return the tensors, inputs among them, from which on no text nor table is met."""
        textual = {
            tensor.partition(":")[0]
            for tensor, spec in self._types.items()
            if spec.dtype in TEXT_TYPES
        }
        textual |= {
            name
            for name, read in self._reads.items()
            if any(self._types[tensor].dtype in TEXT_TYPES for tensor in read)
        }
        needed = self._behind(self.outputs.values(), ())
        before = self._behind(tensors_of(textual & needed), ()) | set(self.specs)
        constant = {name for name in before if self._nodes[name].op == "Const"}
        rest = needed - before
        return self._read_by(rest, lambda name: name in before and name not in constant)

    def _read_by(self, readers: Collection[str], wanted: Callable[[str], bool]) -> tuple[str, ...]:
        """Return the wanted tensors that some nodes read, in a fixed order."""
        read = (tensor for name in self._nodes if name in readers for tensor in self._reads[name])
        return tuple(dict.fromkeys(tensor for tensor in read if wanted(tensor.partition(":")[0])))

    def _from(self, names: Iterable[str]) -> set[str]:
        """Return nodes and all that rests on them."""
        found = set(names)
        for name, read in self._reads.items():  # a node stands after those that it reads
            if any(tensor.partition(":")[0] in found for tensor in read):
                found.add(name)
        return found

    def _behind(self, fetches: Iterable[str], feeds: Collection[str]) -> set[str]:
        """Return the nodes that tensors rest on, and theirs, up to those that are fed."""
        found: set[str] = set()
        waiting = [tensor for tensor in fetches if tensor not in feeds]
        while waiting:
            name = waiting.pop().partition(":")[0]
            if name not in found:
                found.add(name)
                waiting += [tensor for tensor in self._reads[name] if tensor not in feeds]
        return found - {table.partition(":")[0] for table in self._tables}


def _data(node: Any) -> tuple[str, ...]:
    """Return the tensors that a node reads, without the edges that only order."""
    read = (name for name in node.input if not name.startswith("^"))
    return tuple(name if ":" in name else f"{name}:0" for name in read)
