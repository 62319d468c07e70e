"""A signature as a graph that can be cut: what is known beforehand need not be computed again.

A SavedModel answers a call by walking from its inputs to its scores, whatever of it is the same as
last time. Here what rests on no input is computed once, and functions are made of parts of the
graph: from some of its tensors to others. A part that rests on given inputs alone is computed once
too; one that holds no texts can be compiled. The functions share what was computed, and copy none.

Nothing is computed otherwise than in the signature. Edges that only order operations are dropped:
they made tables wait for their content, which they have by now.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import cached_property
from graphlib import TopologicalSorter
from typing import Any, Final

from lolomo.runtimes.tensors import OptimizeGraph, direct, disable_lower_using_switch_merge, tf

Tensor = Any
"""A `tf.Tensor`; TensorFlow ships no types."""
SCORES: Final = "scores"
"""The output of a ranker."""
HANDLES: Final = (tf.resource, tf.variant)
"""Types of what stands for a variable, a table or a list."""


def tensors_of(inputs: Iterable[str]) -> tuple[str, ...]:
    """Return the tensors of inputs."""
    return tuple(f"{name}:0" for name in inputs)


class FrozenGraph:
    """The graph of a signature, what rests on no input computed, variables among it.

    Tensors are named as in TensorFlow, `input:0`.

    Args:
        signature: A concrete function with inputs and outputs by name.
    """

    def __init__(self, signature: Any) -> None:
        definition = _inlined(signature)
        self.specs: Mapping[str, Any] = signature.structured_input_signature[1]
        """By input, its dtype and axes."""
        names, captured = sorted(signature.structured_outputs), signature.captured_inputs
        self.outputs: Mapping[str, str] = {
            name: tensor.name for name, tensor in zip(names, signature.outputs, strict=True)
        }
        """By output, its tensor."""
        self._library, self._versions = definition.library, definition.versions
        self._reads = _reads(definition.node)
        nodes = {node.name: node for node in definition.node}
        self._nodes = {name: nodes[name] for name in self._reads}
        held = [tensor.name for tensor in signature.inputs][len(signature.inputs) - len(captured) :]
        self._values: dict[str, Tensor] = dict(zip(held, captured, strict=True))
        """By tensor, what is known: what stands for variables and tables, what needs no input."""
        variables = {id(variable.handle) for variable in signature.variables}
        self._tables = {
            name
            for name, value in self._values.items()
            if value.dtype in HANDLES and id(value) not in variables
        }
        unasked = self._unasked()
        self._values |= dict(zip(unasked, self.function((), unasked)(), strict=True))
        self._types = self._found_types()

    def _unasked(self) -> tuple[str, ...]:
        """Return the tensors that rest on variables, not on inputs, and that inputs meet."""
        asked = self._from(self.specs)
        known = self._from(tensor.partition(":")[0] for tensor in self._values) - asked
        known -= {name for name, node in self._nodes.items() if _of_handles(node)}
        return self._read_by(asked, lambda name: name in known)

    def _found_types(self) -> Mapping[str, Any]:
        """Return the dtype and shape of each tensor, as far as it is known before a call."""
        part = self._part(self._nodes)
        with tf.Graph().as_default() as graph:
            known = {
                name: tf.compat.v1.placeholder(value.dtype, value.shape, "known")
                for name, value in self._values.items()
                if value.dtype not in HANDLES
            }
            tf.graph_util.import_graph_def(part, input_map=known, name="")
        return {
            tensor.name: tf.TensorSpec(tensor.shape, tensor.dtype)
            for operation in graph.get_operations()
            for tensor in operation.outputs
        }

    def _part(self, names: Collection[str]) -> Any:
        """Return some nodes as a graph."""
        part = tf.compat.v1.GraphDef(library=self._library, versions=self._versions)
        for name, node in self._nodes.items():
            if name in names:
                copied = part.node.add()
                copied.CopyFrom(node)
                del copied.input[:]
                copied.input.extend(self._reads[name])
                copied.attr.pop("_class", None)  # beside which nodes it should run
        return part

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
        needed = self._behind(fetches, feeds)
        part = self._part(needed)
        used = {*fetches, *(tensor for name in needed for tensor in self._reads[name])}

        def run(*values: Tensor) -> Sequence[Tensor]:
            given = {
                name: tf.identity(value) for name, value in self._values.items() if name in used
            }
            fed = zip(feeds, values, strict=True)
            given |= {name: tensor for name, tensor in fed if name in used}
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
            if spec.dtype == tf.string
        }
        textual |= {
            name
            for name, read in self._reads.items()
            if any(
                tensor in self._tables or self._types[tensor].dtype == tf.string for tensor in read
            )
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
        """Return the nodes that tensors rest on, and theirs, up to what is fed or known."""
        found: set[str] = set()
        known = self._values.keys() | feeds
        waiting = [tensor for tensor in fetches if tensor not in known]
        while waiting:
            name = waiting.pop().partition(":")[0]
            if name not in found:
                found.add(name)
                waiting += [tensor for tensor in self._reads[name] if tensor not in known]
        return found


def _reads(nodes: Iterable[Any]) -> dict[str, tuple[str, ...]]:
    """Return the tensors that each node reads, in an order in which nodes can be computed.

    What stands for a variable or a table is read at first hand; edges that only order are left out.
    """
    read = {
        node.name: [
            name if ":" in name else f"{name}:0" for name in node.input if not name.startswith("^")
        ]
        for node in nodes
    }
    passed = {
        f"{node.name}:0": read[node.name][0]
        for node in nodes
        if node.op == "Identity" and _of_handles(node)
    }
    behind = {name: {tensor.partition(":")[0] for tensor in read[name]} for name in read}
    return {
        name: tuple(passed.get(tensor, tensor) for tensor in read[name])
        for name in TopologicalSorter(behind).static_order()
    }


def _of_handles(node: Any) -> bool:
    """Say whether a node hands on what stands for a variable or a table."""
    return any(attribute.type in HANDLES for attribute in node.attr.values())


def _inlined(signature: Any) -> Any:
    """Return the graph of a signature without calls of functions."""
    definition = disable_lower_using_switch_merge(signature.graph.as_graph_def())
    graph = tf.compat.v1.train.export_meta_graph(graph_def=definition, graph=signature.graph)
    kept = [tensor.name for tensor in (*signature.inputs, *signature.outputs)]
    graph.collection_def["train_op"].node_list.value.extend(kept)
    options = tf.compat.v1.ConfigProto()
    rewriting = options.graph_options.rewrite_options
    rewriting.min_graph_nodes = -1  # small graphs too
    rewriting.optimizers.append("function")
    return OptimizeGraph(options, graph)
