"""The inference graph: declared once in Python, run in process or compiled for KServe."""

from lolomo.serving.graph.compile import SERVICE_URL, compile_graph, graph_from_spec, graph_spec
from lolomo.serving.graph.declaration import RESPONSE, ROOT, Dependency, Graph, Node, Router, Step
from lolomo.serving.graph.doctor import Finding, Mode, Severity, diagnose
from lolomo.serving.graph.draw import mermaid, tree
from lolomo.serving.graph.engine import Answer, Carrier, Engine, RoutingError, StepUnreachableError
from lolomo.serving.graph.json_carrier import JsonCarrier, run_json
from lolomo.serving.graph.page import CANDIDATES, CONTEXT, PAGE, generators, page_graph
from lolomo.serving.graph.validate import validate

__all__ = [
    "CANDIDATES",
    "CONTEXT",
    "PAGE",
    "RESPONSE",
    "ROOT",
    "SERVICE_URL",
    "Answer",
    "Carrier",
    "Dependency",
    "Engine",
    "Finding",
    "Graph",
    "JsonCarrier",
    "Mode",
    "Node",
    "Router",
    "RoutingError",
    "Severity",
    "Step",
    "StepUnreachableError",
    "compile_graph",
    "diagnose",
    "generators",
    "graph_from_spec",
    "graph_spec",
    "mermaid",
    "page_graph",
    "run_json",
    "tree",
    "validate",
]
