"""The doctor: what a cluster has, in which version, and how to get what it lacks."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from lolomo.operations.cluster.api import Entry, KubernetesApi, Reference


class Verdict(StrEnum):
    """What the doctor says of one part."""

    GOOD = "good"
    OLD = "old"
    MISSING = "missing"
    OPTIONAL = "not installed"


@dataclass(frozen=True, slots=True)
class Finding:
    """One part of a cluster."""

    part: str
    verdict: Verdict
    version: str
    advice: str = ""
    """What to do; "" where nothing is to be done."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Need:
    """One part that Lolomo builds on."""

    part: str
    api_version: str
    kind: str
    get_it: str
    """How to get it."""
    deployment: tuple[str, str] | None = None
    """Namespace and name of the Deployment whose image tag is the part's version."""
    at_least: tuple[int, int] | None = None
    optional: bool = False


NEEDS = (
    Need(
        part="KServe",
        api_version="serving.kserve.io/v1beta1",
        kind="InferenceService",
        deployment=("kserve", "kserve-controller-manager"),
        at_least=(0, 20),
        get_it="helm charts kserve-crd and kserve-resources (0.20 or later) with "
        "kserve.controller.deploymentMode=Standard; cert-manager first",
    ),
    Need(
        part="KServe InferenceGraph",
        api_version="serving.kserve.io/v1alpha1",
        kind="InferenceGraph",
        get_it="it comes with KServe's CRDs: install kserve-crd",
    ),
    Need(
        part="Kubeflow Pipelines",
        api_version="pipelines.kubeflow.org/v2beta1",
        kind="PipelineVersion",
        deployment=("kubeflow", "ml-pipeline"),
        at_least=(2, 14),
        get_it="kustomize env/cert-manager/platform-agnostic-k8s-native of kubeflow/pipelines, "
        "2.14 or later; without Kubernetes-native mode leave training/pipelines out of the overlay",
    ),
    Need(
        part="Feast operator",
        api_version="feast.dev/v1",
        kind="FeatureStore",
        deployment=("feast-operator-system", "feast-operator-controller-manager"),
        get_it="infra/feast-operator/dist/install.yaml of feast-dev/feast at v0.67.0",
        optional=True,
    ),
    Need(
        part="Prometheus operator",
        api_version="monitoring.coreos.com/v1",
        kind="ServiceMonitor",
        get_it="helm chart kube-prometheus-stack; without it leave observability out",
        optional=True,
    ),
    Need(
        part="KEDA",
        api_version="keda.sh/v1alpha1",
        kind="ScaledObject",
        deployment=("keda", "keda-operator"),
        get_it="helm chart keda; only for components/keda",
        optional=True,
    ),
    Need(
        part="Gateway API",
        api_version="gateway.networking.k8s.io/v1",
        kind="HTTPRoute",
        get_it="standard-install.yaml of kubernetes-sigs/gateway-api and a gateway; only for "
        "components/gateway",
        optional=True,
    ),
    Need(
        part="Kueue",
        api_version="kueue.x-k8s.io/v1beta1",
        kind="LocalQueue",
        get_it="helm chart kueue; only for components/kueue",
        optional=True,
    ),
    Need(
        part="Training operator",
        api_version="kubeflow.org/v1",
        kind="TFJob",
        get_it="kubeflow/training-operator 1.9; only for components/multi-worker",
        optional=True,
    ),
    Need(
        part="metrics server",
        api_version="metrics.k8s.io/v1beta1",
        kind="PodMetrics",
        get_it="components.yaml of kubernetes-sigs/metrics-server: autoscalers ask it",
    ),
)
OLDEST_KUBERNETES = (1, 31)


def examine(api: KubernetesApi) -> list[Finding]:
    """Return a finding a part."""
    findings = [_kubernetes(api), *(_part(api, need) for need in NEEDS)]
    return [*findings, _shared_disk(api), _gpus(api)]


def is_fit(findings: Sequence[Finding]) -> bool:
    """Return whether nothing that is needed is missing or too old."""
    return not any(each.verdict in (Verdict.OLD, Verdict.MISSING) for each in findings)


def _kubernetes(api: KubernetesApi) -> Finding:
    version = api.version()
    good = number_of(version) >= OLDEST_KUBERNETES
    advice = "" if good else "the manifests are checked against Kubernetes 1.31 and later: upgrade"
    return Finding("Kubernetes", Verdict.GOOD if good else Verdict.OLD, version, advice)


def _part(api: KubernetesApi, need: Need) -> Finding:
    if not api.knows(need.api_version, need.kind):
        verdict = Verdict.OPTIONAL if need.optional else Verdict.MISSING
        return Finding(need.part, verdict, "", need.get_it)
    version = _image_tag(api, need.deployment) if need.deployment else ""
    shown = version or need.api_version.rpartition("/")[2]
    if need.at_least and version and number_of(version) < need.at_least:
        wanted = ".".join(map(str, need.at_least))
        return Finding(need.part, Verdict.OLD, shown, f"{wanted} or later: {need.get_it}")
    return Finding(need.part, Verdict.GOOD, shown)


def _image_tag(api: KubernetesApi, deployment: tuple[str, str]) -> str:
    namespace, name = deployment
    found = api.get(Reference("apps/v1", "Deployment", name, namespace))
    if found is None:
        return ""
    images = [each["image"] for each in found["spec"]["template"]["spec"]["containers"]]
    tags = [re.search(r":(v?\d[\w.-]*)(?:@|$)", image) for image in images]
    return next((tag[1] for tag in tags if tag), "")


def _shared_disk(api: KubernetesApi) -> Finding:
    classes = api.find("storage.k8s.io/v1", "StorageClass", "")
    names = ", ".join(sorted(each["metadata"]["name"] for each in classes))
    advice = "one of them must offer ReadWriteMany; name it in the overlay's patch of lolomo-home"
    if not names:
        return Finding("storage class", Verdict.MISSING, "", f"install a CSI driver: {advice}")
    return Finding("storage class", Verdict.GOOD, names, advice)


def _gpus(api: KubernetesApi) -> Finding:
    total = sum(map(_num_gpus, api.find("v1", "Node", "")))
    advice = "" if total else "install the GPU operator, or train on CPUs with `--no-gpu`"
    verdict = Verdict.GOOD if total else Verdict.OPTIONAL
    return Finding("GPUs", verdict, str(total), advice)


def _num_gpus(node: Entry) -> int:
    allocatable = (node.get("status") or {}).get("allocatable") or {}
    return sum(int(count) for name, count in allocatable.items() if name.endswith("/gpu"))


def number_of(version: str) -> tuple[int, int]:
    """Return major and minor of a version.

    >>> number_of("v1.33.2+k3s1")
    (1, 33)
    """
    found = re.search(r"(\d+)\.(\d+)", version)
    return (int(found[1]), int(found[2])) if found else (0, 0)
