"""Lints of an InferenceGraph: what KServe takes without a word and then ignores, or fails on.

KServe accepts many fields that only one of its deployment modes honours, and its webhook checks
less than a graph needs. `diagnose` reads the objects as they would be applied, and says of each
such field what happens instead and what to do. Sources: KServe v0.20, `pkg/controller/v1alpha1/
inferencegraph`, `pkg/apis/serving/v1alpha1/inference_graph_validation.go` and `cmd/router`.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, TypeAlias

from lolomo.core.errors import GraphError
from lolomo.serving.graph.compile import graph_from_spec
from lolomo.serving.graph.declaration import RESPONSE, ROOT, Graph, Node, Router
from lolomo.serving.graph.page import CONTEXT
from lolomo.serving.graph.validate import faults

Object: TypeAlias = Mapping[str, Any]


class Mode(StrEnum):
    """How KServe deploys."""

    STANDARD = "Standard"
    """A Deployment, a Service and an autoscaler; once called RawDeployment."""
    KNATIVE = "Knative"
    """A Knative Service; once called Serverless."""


class Severity(StrEnum):
    """How bad it is."""

    ERROR = "error"
    """It is refused, or requests fail."""
    WARNING = "warning"
    """It is ignored, or does something else than it seems to."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing to change."""

    severity: Severity
    where: str
    """The object, and the field or step in it."""
    what: str
    """What happens."""
    fix: str


Lint: TypeAlias = Callable[[Object, Mode], Iterator[Finding]]
_GRAPH_NAME: Final = re.compile(r"[a-z]([-a-z0-9]*[a-z0-9])?")
_MODE_ANNOTATION: Final = "serving.kserve.io/deploymentMode"
_OLD_MODES: Final = {"RawDeployment": Mode.STANDARD, "Serverless": Mode.KNATIVE}
_KNATIVE_METRICS: Final = ("concurrency", "rps")
_WRITE_SECONDS: Final = 60
"""The router's own limit on an answer, where `routerTimeouts.serverWrite` says nothing."""
_MUTABLE_URI: Final = re.compile(r"(^|[/:@])(latest|main|master|current|champion)(/|$)")


def diagnose(objects: Iterable[Object], mode: Mode) -> list[Finding]:
    """Return what is wrong with the objects of a cluster, errors first.

    Args:
        objects: As parsed from YAML; kinds that the doctor does not know are passed over.
        mode: How KServe deploys there.
    """
    found = [
        finding
        for value in objects
        for lint in _LINTS.get(str(value.get("kind")), ())
        for finding in lint(value, mode)
    ]
    return sorted(found, key=lambda finding: finding.severity)


def _warning(where: str, what: str, fix: str) -> Finding:
    return Finding(Severity.WARNING, where, what, fix)


def _error(where: str, what: str, fix: str) -> Finding:
    return Finding(Severity.ERROR, where, what, fix)


def _named(value: Object) -> str:
    return f"{value.get('kind')} {value.get('metadata', {}).get('name', '?')}"


def _soundness(value: Object, mode: Mode) -> Iterator[Finding]:
    """Yield what the router would fail on, or follow for ever."""
    where = _named(value)
    if not _GRAPH_NAME.fullmatch(str(value.get("metadata", {}).get("name", ""))):
        yield _error(where, "the webhook refuses the name", "use a-z, 0-9 and inner dashes")
    try:
        graph = graph_from_spec(value.get("spec", {}))
    except GraphError as error:
        yield _error(where, str(error), "see KServe's reference of InferenceGraph")
        return
    for fault in faults(graph):
        yield _error(where, fault, "KServe applies it as it is: change the graph")
    for name, node in graph.nodes.items():
        yield from _node(f"{where}, node {name}", name, node, graph)


def _node(where: str, name: str, node: Node, graph: Graph) -> Iterator[Finding]:
    for index, step in enumerate(node.steps):
        here = f"{where}, step {step.name or index}"
        if node.router is Router.ENSEMBLE and not step.name:
            yield _warning(
                here, f"its answer stands under the key {index!r}, its place", "name the step"
            )
        if step.data and (step.data != RESPONSE or node.router is not Router.SEQUENCE):
            yield _warning(
                here,
                f"data {step.data!r} counts as the node's input: only {RESPONSE!r} means more, "
                "and only in a Sequence",
                f"write {RESPONSE!r}, or leave it out",
            )
    if node.router is Router.SPLITTER:
        yield _warning(
            where,
            "a Splitter draws anew for each request: a user changes sides from page to page",
            "split by the user's hash, as `lolomo experiment` and canaries do",
        )
    if name == ROOT and node.router is Router.SEQUENCE:
        yield from _context_lost(where, node, graph)


def _context_lost(where: str, node: Node, graph: Graph) -> Iterator[Finding]:
    for before, step in zip(node.steps, node.steps[1:], strict=False):
        ensemble = graph.nodes.get(before.node)
        if step.data == RESPONSE and ensemble and ensemble.router is Router.ENSEMBLE:
            names = {each.name for each in ensemble.steps}
            if CONTEXT not in names:
                yield _warning(
                    f"{where}, step {step.name}",
                    f"it is given the answers of node {before.node!r} and nothing of the request: "
                    "who asks and until when is lost",
                    f"add a step {CONTEXT!r} to that node, which echoes the request's context",
                )


def _timeouts(value: Object, mode: Mode) -> Iterator[Finding]:
    spec, where = value.get("spec", {}), _named(value)
    timeouts = spec.get("routerTimeouts") or {}
    seconds = timeouts.get("serviceClient")
    if seconds is None:
        yield _error(
            f"{where}, spec.routerTimeouts.serviceClient",
            "there is none: a step that hangs holds its requests for ever, and the router drops "
            "none whose client has gone",
            "set it a little above the page's deadline",
        )
    longest = len(spec.get("nodes", {}).get(ROOT, {}).get("steps", ())) * (seconds or 0)
    if longest > (timeouts.get("serverWrite") or _WRITE_SECONDS):
        yield _warning(
            f"{where}, spec.routerTimeouts.serverWrite",
            f"steps in sequence may take {longest} s, but the answer is cut off before",
            f"set it to {longest} or more",
        )
    if mode is Mode.STANDARD and "timeout" in spec:
        yield _warning(
            f"{where}, spec.timeout",
            "ignored in Standard mode",
            "set spec.routerTimeouts; the deadline of a request travels in its context",
        )


def _scaling(value: Object, mode: Mode) -> Iterator[Finding]:
    spec, where = value.get("spec", {}), _named(value)
    if mode is Mode.KNATIVE:
        return
    if spec.get("minReplicas") == 0:
        yield _warning(
            f"{where}, spec.minReplicas",
            "0 counts as 1 in Standard mode, and nothing would wake it over HTTP",
            "set 1, or 2 to outlive a node",
        )
    if spec.get("scaleMetric") in _KNATIVE_METRICS:
        yield _error(
            f"{where}, spec.scaleMetric",
            f"{spec['scaleMetric']!r} becomes a resource metric that no pod has: the autoscaler "
            "never scales",
            "use cpu or memory, or autoscale the Deployment by its own metrics with KEDA",
        )


def _exposure(value: Object, mode: Mode) -> Iterator[Finding]:
    if mode is Mode.STANDARD:
        yield _warning(
            _named(value),
            "no Ingress or HTTPRoute is made for a graph in Standard mode, and Ready says nothing "
            "of the steps behind it",
            "let the page front call its Kubernetes Service, and expose the front",
        )


def _deployment_mode(value: Object, mode: Mode) -> Iterator[Finding]:
    annotations = value.get("metadata", {}).get("annotations") or {}
    written = annotations.get(_MODE_ANNOTATION)
    if written is not None and _OLD_MODES.get(written, written) != mode:
        yield _error(
            f"{_named(value)}, annotation {_MODE_ANNOTATION}",
            f"it says {written!r} on a cluster of {mode} mode; the mode of an object that exists "
            "cannot be changed",
            f"write {mode}, and make the object anew",
        )


def _service_names(value: Object, mode: Mode) -> Iterator[Finding]:
    for name, node in (value.get("spec", {}).get("nodes") or {}).items():
        for step in node.get("steps", ()):
            if step.get("serviceName"):
                yield _warning(
                    f"{_named(value)}, node {name}, step {step.get('name', '?')}",
                    f"serviceName {step['serviceName']!r} calls the V1 or V2 route of that "
                    "InferenceService, not a step's, and a changed URL goes unnoticed",
                    "give a serviceUrl, as `lolomo graph compile` does",
                )


def _canary(value: Object, mode: Mode) -> Iterator[Finding]:
    predictor = value.get("spec", {}).get("predictor") or {}
    if mode is Mode.STANDARD and "canaryTrafficPercent" in predictor:
        yield _error(
            f"{_named(value)}, spec.predictor.canaryTrafficPercent",
            "ignored in Standard mode: the new release gets all requests at once",
            "use `lolomo canary`, which splits by user and needs no mesh",
        )


def _storage(value: Object, mode: Mode) -> Iterator[Finding]:
    model = (value.get("spec", {}).get("predictor") or {}).get("model") or {}
    uri = str(model.get("storageUri", ""))
    if _MUTABLE_URI.search(uri):
        yield _error(
            f"{_named(value)}, spec.predictor.model.storageUri",
            f"{uri!r} names what changes: KServe never loads again what changed under one URI",
            "pin a release by its digest, as `lolomo promote` does",
        )


_LINTS: Final[Mapping[str, tuple[Lint, ...]]] = {
    "InferenceGraph": (
        _soundness,
        _timeouts,
        _scaling,
        _exposure,
        _deployment_mode,
        _service_names,
    ),
    "InferenceService": (_deployment_mode, _canary, _storage),
}
