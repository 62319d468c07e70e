"""A graph as KServe's `InferenceGraph`, and back.

Only fields that KServe honours in Standard deployment mode are written: `spec.timeout`, for one, is
silently ignored there, so the deadline travels in each request's context instead.
"""

from collections.abc import Mapping
from typing import Any, Final

from lolomo.core.errors import GraphError
from lolomo.serving.graph.declaration import Dependency, Graph, Node, Router, Step
from lolomo.serving.graph.validate import validate

SERVICE_URL: Final = "http://{service}.{namespace}.svc.cluster.local/v1/steps/{step}"
"""Where a step answers: `{service}` is the Kubernetes Service, `{step}` the step's name."""
_TIMEOUTS_SECONDS: Final = {"serverRead": 5, "serverWrite": 5, "serviceClient": 2}
"""The last bounds every step; each answers within its own, shorter deadline."""


def compile_graph(
    graph: Graph,
    namespace: str,
    name: str = "page",
    services: Mapping[str, str] | None = None,
    service_url: str = SERVICE_URL,
) -> dict[str, Any]:
    """Return the `InferenceGraph` object of a graph.

    Args:
        graph: Any sound graph.
        namespace: Where the graph and its services live.
        name: The object's name.
        services: Kubernetes Service by step service. One that is not listed is that of the
            InferenceService of the same name: `next_play` at `next-play-predictor`.
        service_url: Template with `{service}`, `{namespace}` and `{step}`.

    Raises:
        GraphError: If the graph is malformed or the template has an unknown placeholder.
    """
    validate(graph)
    known = services or {}
    try:
        urls = {
            step: service_url.format(
                service=known.get(step, f"{step.replace('_', '-')}-predictor"),
                namespace=namespace,
                step=step,
            )
            for step in graph.services
        }
    except (KeyError, IndexError) as error:
        raise GraphError(
            f"service URL template {service_url!r} has an unknown placeholder {error}: expected "
            "{service}, {namespace} and {step}"
        ) from error
    return {
        "apiVersion": "serving.kserve.io/v1alpha1",
        "kind": "InferenceGraph",
        "metadata": {
            "name": name,
            "namespace": namespace,
            "labels": {"app.kubernetes.io/part-of": "lolomo", "app.kubernetes.io/name": name},
        },
        "spec": {**graph_spec(graph, urls), "routerTimeouts": dict(_TIMEOUTS_SECONDS)},
    }


def graph_spec(graph: Graph, urls: Mapping[str, str]) -> dict[str, Any]:
    """Return `nodes` as the router's flag `--graph-json` takes them.

    Args:
        graph: A sound graph.
        urls: URL by step service.
    """
    return {
        "nodes": {
            name: {
                "routerType": str(node.router),
                "steps": [_step_spec(step, urls) for step in node.steps],
            }
            for name, node in graph.nodes.items()
        }
    }


def graph_from_spec(spec: Mapping[str, Any]) -> Graph:
    """Return the graph of an `InferenceGraph`'s spec, a step's service being its URL or name.

    Raises:
        GraphError: If a router, a dependency or a field is unknown, or a step is no object.
    """
    try:
        return Graph(
            {
                name: Node(Router(node["routerType"]), tuple(_step(step) for step in node["steps"]))
                for name, node in spec["nodes"].items()
            }
        )
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise GraphError(
            f"this is no InferenceGraph spec ({type(error).__name__}: {error}): expected 'nodes' "
            "by name, each with 'routerType' and 'steps'"
        ) from error


_FIELDS: Final = {
    "name": "name",
    "serviceUrl": "service",
    "serviceName": "service",
    "nodeName": "node",
    "data": "data",
    "condition": "condition",
    "weight": "weight",
    "dependency": "dependency",
    "mapPredictionsToInstances": "maps_predictions",
}
"""KServe's name of each field that a step may have, and ours."""


def _step_spec(step: Step, urls: Mapping[str, str]) -> dict[str, Any]:
    """Return a step's fields, leaving out what has its default."""
    values: dict[str, Any] = {"name": step.name}
    if step.service:
        values["serviceUrl"] = urls[step.service]
    optional = {
        "nodeName": step.node,
        "data": step.data,
        "condition": step.condition,
        "weight": step.weight,
        "dependency": str(step.dependency) if step.dependency is Dependency.HARD else "",
        "mapPredictionsToInstances": step.maps_predictions or None,
    }
    return {key: value for key, value in (values | optional).items() if value not in ("", None)}


def _step(values: Mapping[str, Any]) -> Step:
    unknown = sorted(values.keys() - _FIELDS.keys())
    if unknown:
        raise ValueError(f"unknown step fields {unknown}; known: {sorted(_FIELDS)}")
    fields = {_FIELDS[key]: value for key, value in values.items()}
    fields["dependency"] = Dependency(fields.get("dependency", Dependency.SOFT))
    return Step(**fields)
