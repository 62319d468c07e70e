"""What makes a graph sound, KServe's webhook checks and those that it leaves out.

The API server accepts a step to a node that does not exist, a cycle (which the router follows for
ever), a Switch that can never match, and a condition that GJSON cannot read. Here all are refused.
"""

import re
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter

from lolomo.core.errors import GraphError
from lolomo.serving.graph.declaration import ROOT, Graph, Node, Router
from lolomo.serving.graph.path import parse_path

_NAME = re.compile(r"[a-zA-Z0-9]([-_a-zA-Z0-9]*[a-zA-Z0-9])?")
_WHOLE = 100


def validate(graph: Graph) -> None:
    """Refuse a graph that would not run, or would not stop.

    Raises:
        GraphError: Listing everything that is wrong, each with what was expected.
    """
    found = faults(graph)
    if found:
        raise GraphError("the graph is malformed: " + "; ".join(found))


def faults(graph: Graph) -> list[str]:
    """Return everything that is wrong, each with what was expected; empty for a sound graph."""
    found = [
        fault for name, node in graph.nodes.items() for fault in _node_faults(graph, name, node)
    ]
    return [*found, *_shape_faults(graph)]


def _shape_faults(graph: Graph) -> Iterator[str]:
    """Yield what is wrong with how the nodes hang together."""
    if ROOT not in graph.nodes:
        yield f"it has no node {ROOT!r} but {sorted(graph.nodes)}: name the first node {ROOT!r}"
        return
    cycle = _cycle(graph)
    if cycle:
        yield f"nodes {' -> '.join(cycle)} form a cycle: a request would never end"
    unreachable = sorted(graph.nodes.keys() - _reachable(graph))
    if unreachable:
        yield f"no step leads to nodes {unreachable}: add one or remove them"


def _node_faults(graph: Graph, name: str, node: Node) -> Iterator[str]:
    if not _NAME.fullmatch(name):
        yield f"node name {name!r} is not letters, digits and inner dashes or underscores"
    if not node.steps:
        yield f"node {name!r} has no steps: expected at least one"
    named = [step.name for step in node.steps if step.name]
    repeated = sorted({step for step in named if named.count(step) > 1})
    if repeated:
        yield f"node {name!r} has more than one step called {repeated}: rename them"
    for index, step in enumerate(node.steps):
        where = f"step {step.name or index!r} of node {name!r}"
        if bool(step.service) == bool(step.node):
            yield f"{where} has service {step.service!r} and node {step.node!r}: give exactly one"
        if step.node and step.node not in graph.nodes:
            yield f"{where} leads to node {step.node!r}: expected one of {sorted(graph.nodes)}"
        if step.maps_predictions and node.router is not Router.SEQUENCE:
            yield f"{where} maps predictions, which a {node.router} ignores: leave it out"
    yield from _condition_faults(name, node)
    yield from _weight_faults(name, node)


def _condition_faults(name: str, node: Node) -> Iterator[str]:
    for index, step in enumerate(node.steps):
        where = f"step {step.name or index!r} of node {name!r}"
        if node.router is Router.SWITCH and not step.condition:
            yield f"{where} is in a Switch without a condition: it could never be chosen"
        if node.router in (Router.ENSEMBLE, Router.SPLITTER) and step.condition:
            yield f"{where} has a condition, which a {node.router} ignores: remove it"
        if node.router is Router.SEQUENCE and step.condition and index == 0:
            yield f"{where} has a condition but no previous answer to hold it against: remove it"
        if step.condition:
            try:
                parse_path(step.condition)
            except GraphError as error:
                yield f"{where}: {error}"


def _weight_faults(name: str, node: Node) -> Iterator[str]:
    weights = [step.weight for step in node.steps]
    if node.router is not Router.SPLITTER:
        if any(weight is not None for weight in weights):
            yield f"node {name!r} has weights {weights}, which a {node.router} ignores: remove them"
        return
    known = [weight for weight in weights if weight is not None]
    if len(known) < len(weights) or sum(known) != _WHOLE or min(known, default=0) < 0:
        yield f"splitter {name!r} has weights {weights}: expected non-negative, {_WHOLE} in all"


def _cycle(graph: Graph) -> list[str]:
    """Return the names along a cycle, the first also last; empty if there is none."""
    led_to = {
        name: {step.node for step in node.steps if step.node in graph.nodes}
        for name, node in graph.nodes.items()
    }
    try:
        TopologicalSorter(led_to).prepare()
    except CycleError as error:
        backwards: list[str] = error.args[1]
        return backwards[::-1]
    return []


def _reachable(graph: Graph) -> set[str]:
    found: set[str] = set()
    ahead = [ROOT]
    while ahead:
        name = ahead.pop()
        if name not in found and name in graph.nodes:
            found.add(name)
            ahead += [step.node for step in graph.nodes[name].steps if step.node]
    return found
