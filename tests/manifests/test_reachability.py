"""The NetworkPolicies of `production`, against a table of which of our pods reach which."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

Render = Callable[[str], list[dict[str, Any]]]


@dataclass(frozen=True)
class Pod:
    namespace: str
    labels: dict[str, str] = field(default_factory=dict)
    namespace_labels: dict[str, str] = field(default_factory=dict)

    @property
    def all_namespace_labels(self) -> dict[str, str]:
        return {"kubernetes.io/metadata.name": self.namespace, **self.namespace_labels}


PODS = {
    "client": Pod("shop", namespace_labels={"lolomo/clients": "allowed"}),
    "stranger": Pod("shop"),
    "prometheus": Pod("monitoring", namespace_labels={"lolomo/monitoring": "allowed"}),
    "page": Pod("lolomo", {"app.kubernetes.io/name": "page", "lolomo/metrics": "http"}),
    "router": Pod("lolomo-graph", {"serving.kserve.io/inferencegraph": "page"}),
    "task": Pod(
        "lolomo", {"serving.kserve.io/inferenceservice": "top-picks", "lolomo/metrics": "http1"}
    ),
    "redis": Pod("lolomo", {"app.kubernetes.io/name": "redis"}),
    "feast": Pod("lolomo", {"feast.dev/name": "lolomo"}),
    "features": Pod("lolomo", {"app.kubernetes.io/name": "materialize-features"}),
    "launcher": Pod("lolomo", {"app.kubernetes.io/name": "launcher"}),
    "step": Pod("lolomo", {"pipelines.kubeflow.org/v2_component": "true"}),
    "dns": Pod("kube-system", {"k8s-app": "kube-dns"}),
    "pipelines": Pod("kubeflow", {"app": "ml-pipeline"}),
    "mlflow": Pod("mlflow"),
    "database": Pod("databases"),
}
OURS = ["page", "router", "task", "features", "launcher", "step", "redis", "feast"]
PORTS = {
    "page": 3000,
    "router": 8080,
    "task": 3000,
    "redis": 6379,
    "feast": 6570,
    "dns": 53,
    "pipelines": 8888,
    "mlflow": 5000,
    "database": 5432,
}
REACHES = {
    "client": {"page"},
    "stranger": set(),
    "prometheus": {"page", "task"},
    "page": {"router", "redis", "dns"},
    "router": {"task", "dns"},
    "task": {"redis", "dns"},
    "features": {"redis", "feast", "dns"},
    "launcher": {"pipelines", "dns"},
    "step": {"pipelines", "mlflow", "feast", "dns"},
    "redis": {"dns"},
    "feast": {"redis", "database", "dns"},
}


def matches(selector: dict[str, Any], labels: dict[str, str]) -> bool:
    wanted = selector.get("matchLabels", {}).items() <= labels.items()
    expressions = selector.get("matchExpressions", [])
    assert {entry["operator"] for entry in expressions} <= {"Exists", "In"}
    return wanted and all(
        labels.get(entry["key"], "") in entry.get("values", labels.values())
        for entry in expressions
    )


def is_peer(peer: dict[str, Any], pod: Pod, namespace: str) -> bool:
    in_namespace = (
        matches(peer["namespaceSelector"], pod.all_namespace_labels)
        if "namespaceSelector" in peer
        else pod.namespace == namespace
    )
    return in_namespace and matches(peer.get("podSelector", {}), pod.labels)


def rules(policies: list[dict[str, Any]], pod: Pod, direction: str) -> Iterator[tuple[str, Any]]:
    for policy in policies:
        namespace, spec = policy["metadata"]["namespace"], policy["spec"]
        if namespace == pod.namespace and matches(spec["podSelector"], pod.labels):
            assert direction.title() in spec["policyTypes"] or direction not in spec
            yield from ((namespace, rule) for rule in spec.get(direction, []))


def allows(policies: list[dict[str, Any]], pod: Pod, other: Pod, direction: str, port: int) -> bool:
    side = "from" if direction == "ingress" else "to"
    return any(
        ("ports" not in rule or port in [entry["port"] for entry in rule["ports"]])
        and (side not in rule or any(is_peer(peer, other, namespace) for peer in rule[side]))
        for namespace, rule in rules(policies, pod, direction)
    )


def reaches(policies: list[dict[str, Any]], source: str, target: str) -> bool:
    port = PORTS[target]
    leaves = source not in OURS or allows(policies, PODS[source], PODS[target], "egress", port)
    enters = target not in OURS or allows(policies, PODS[target], PODS[source], "ingress", port)
    return leaves and enters


@pytest.mark.parametrize("source", REACHES)
def test_a_pod_reaches_these_and_no_others(source: str, render: Render) -> None:
    policies = [
        entry for entry in render("overlays/production") if entry["kind"] == "NetworkPolicy"
    ]
    targets = PORTS if source in OURS else PORTS.keys() & OURS
    assert {target for target in targets if reaches(policies, source, target)} == REACHES[source]


@pytest.mark.parametrize("namespace", ["lolomo", "lolomo-graph"])
def test_a_namespace_denies_what_no_policy_allows(namespace: str, render: Render) -> None:
    everything = {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    policies = [
        entry for entry in render("overlays/production") if entry["kind"] == "NetworkPolicy"
    ]
    found = [entry["spec"] for entry in policies if entry["metadata"]["namespace"] == namespace]
    assert everything in found
