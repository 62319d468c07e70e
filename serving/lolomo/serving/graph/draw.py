"""Draws a graph: as a tree for the terminal, and as a Mermaid diagram for documents.

A step to a node that stands above it is not followed, so an unsound graph can be looked at too.
"""

from collections.abc import Iterator

from lolomo.serving.graph.declaration import RESPONSE, ROOT, Dependency, Graph, Router, Step


def tree(graph: Graph) -> str:
    """Return the graph as an indented tree, the steps of each node in order.

    >>> from lolomo.serving.graph.declaration import Node
    >>> print(tree(Graph({"root": Node(Router.SEQUENCE, (Step(name="a", service="a"),))})))
    root  Sequence
    └─ a  → a
    """
    return "\n".join([_title(graph, ROOT), *_branches(graph, ROOT, "", (ROOT,))])


def _title(graph: Graph, name: str) -> str:
    node = graph.nodes.get(name)
    return f"{name}  {node.router}" if node else f"{name}  (there is no such node)"


def _branches(graph: Graph, name: str, indent: str, above: tuple[str, ...]) -> Iterator[str]:
    node = graph.nodes.get(name)
    steps = node.steps if node else ()
    for index, step in enumerate(steps):
        last = index == len(steps) - 1
        label = step.name or str(index)
        target = _title(graph, step.node) if step.node else step.service
        again = step.node in above
        notes = [*_notes(step), *(["a cycle"] if again else [])]
        said = f"  [{', '.join(notes)}]" if notes else ""
        yield f"{indent}{'└─' if last else '├─'} {label}  → {target}{said}"
        if step.node and not again:
            below = indent + ("   " if last else "│  ")
            yield from _branches(graph, step.node, below, (*above, step.node))


def _notes(step: Step) -> list[str]:
    notes = {
        "Hard": step.dependency is Dependency.HARD,
        "given the answers before it": step.data == RESPONSE,
        "given predictions as instances": step.maps_predictions,
        f"if {step.condition} exists": bool(step.condition),
        f"{step.weight} %": step.weight is not None,
    }
    return [note for note, holds in notes.items() if holds]


def mermaid(graph: Graph) -> str:
    """Return the graph as a Mermaid flow chart, from the request to the answer."""
    lines = ["flowchart LR", "  request([request])", "  answer([answer])"]
    for name, node in graph.nodes.items():
        lines.append(f'  subgraph {name}["{name}: {node.router}"]')
        lines.append("    direction LR")
        lines += [f"    {_box(name, step, index)}" for index, step in enumerate(node.steps)]
        lines.append("  end")
    lines += [f"  request --> {ROOT}", f"  {ROOT} --> answer"]
    for name, node in graph.nodes.items():
        for index, step in enumerate(node.steps):
            here = f"{name}_{index}"
            if node.router is Router.SEQUENCE and index:
                arrow = "-->" if step.data == RESPONSE else "-.->"
                lines.append(f"  {name}_{index - 1} {arrow} {here}")
            if step.node:
                lines.append(f"  {here} --- {step.node}")
    return "\n".join(lines) + "\n"


def _box(node: str, step: Step, index: int) -> str:
    said = "".join(f"<br/>{note}" for note in _notes(step)).replace('"', "'")
    return f'{node}_{index}["{step.name or index}{said}"]'
