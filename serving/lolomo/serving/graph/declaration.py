"""A graph: named nodes, each of which routes a request through its steps.

The nouns and their meaning are those of KServe's `InferenceGraph`, so that one declaration runs in
process (`graph.engine`) and on a cluster (`graph.compile`). A step is answered either by a step
service, known here by its name alone, or by another node. The router of KServe treats them so:

- Sequence: one step after the other, each given the node's input, or the previous answer if its
  `data` is exactly `$response`. An unmet `condition` ends the sequence with the previous answer.
- Ensemble: all steps at once on the same input; the answers become one object, by step name.
- Switch: the first step whose `condition` exists in the input.
- Splitter: one step at random, by `weight`; never sticky. Where requests are typed objects, inside
  one process, ours places a user by hash instead, on one side for good.

A Soft step may answer with an error status, as long as it answers with an object. A Hard step that
does so ends its node. A step that does not answer at all fails the whole graph, Soft or Hard.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

ROOT: Final = "root"
"""The node where a request enters."""
RESPONSE: Final = "$response"
"""The one value of `Step.data` that means the previous step's answer."""


class Router(StrEnum):
    """How a node treats its steps."""

    SEQUENCE = "Sequence"
    ENSEMBLE = "Ensemble"
    SWITCH = "Switch"
    SPLITTER = "Splitter"


class Dependency(StrEnum):
    """Whether a node goes on after a step answered with an error status."""

    SOFT = "Soft"
    HARD = "Hard"


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One step of a node: answered by a service or by another node, exactly one of the two."""

    name: str = ""
    """Its key in the answer of an Ensemble; its index stands there if it has none."""
    service: str = ""
    """Name of the step service that answers."""
    node: str = ""
    """Name of the node that answers."""
    data: str = ""
    condition: str = ""
    """A path that must exist, see `graph.path`."""
    weight: int | None = None
    """Percent of the requests, in a Splitter only."""
    dependency: Dependency = Dependency.SOFT
    maps_predictions: bool = False
    """Whether the `predictions` of what it is given are handed to it as `instances`, and nothing
    else of it; in a Sequence only."""


@dataclass(frozen=True, slots=True)
class Node:
    """A router and the steps that it routes to, in order."""

    router: Router
    steps: tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class Graph:
    """Nodes by name; requests enter at `root`."""

    nodes: Mapping[str, Node]

    @property
    def services(self) -> tuple[str, ...]:
        """Names of all step services, each once, in order of appearance."""
        names = (step.service for node in self.nodes.values() for step in node.steps)
        return tuple(dict.fromkeys(name for name in names if name))
