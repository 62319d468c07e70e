"""What no rendered manifest may do, whatever its schema allows."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from lolomo.core import settings
from lolomo.serving.graph.doctor import Mode, diagnose

FOLDERS = [
    *("base", "features", "training", "serving", "observability"),
    *("overlays/dev", "overlays/gpu", "overlays/production"),
    # What `production` has not.
    *("components/auth", "components/feast-ray", "components/ingress", "components/multi-worker"),
]
POD_SPECS = {
    "Deployment": ("spec", "template", "spec"),
    "StatefulSet": ("spec", "template", "spec"),
    "TFJob": ("spec", "tfReplicaSpecs", "Worker", "template", "spec"),
    "CronJob": ("spec", "jobTemplate", "spec", "template", "spec"),
    "InferenceService": ("spec", "predictor"),
}
OTHERS_VARIABLES = {
    "HOME": "where libraries keep caches",
    "MLFLOW_TRACKING_URI": "read by MLflow",
    "REDIS_PASSWORD": "written into the command of Redis",
    "STORAGE_URI": "read, and replaced, by KServe",
}
SECRET = re.compile(r"password|passwd|secret|token|api_?key|credential", re.IGNORECASE)
IGNORED_PREDICTOR_FIELDS = ("canaryTrafficPercent", "timeout", "containerConcurrency")
"""Read by KServe for Knative alone: in Standard mode they are silently ignored."""
Objects = list[dict[str, Any]]
Render = Callable[[str], Objects]
Rule = Callable[[Objects], Iterator[str]]


def dig(entry: Any, *path: str) -> Any:
    for key in path:
        entry = entry.get(key, {})
    return entry


def pods(objects: Objects) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the name and pod spec of everything that starts pods, KServe's router apart."""
    for entry in objects:
        if entry["kind"] in POD_SPECS:
            name = f"{entry['kind']} {entry['metadata']['name']}"
            yield name, dig(entry, *POD_SPECS[entry["kind"]])


def containers(objects: Objects) -> Iterator[tuple[str, dict[str, Any]]]:
    for name, pod in pods(objects):
        for container in pod["containers"] + pod.get("initContainers", []):
            yield f"{name} container {container['name']}", container
    for entry in (entry for entry in objects if entry["kind"] == "ServingRuntime"):
        for container in entry["spec"]["containers"]:
            yield f"ServingRuntime container {container['name']}", container


def pipeline_steps(objects: Objects) -> Iterator[tuple[str, dict[str, Any]]]:
    for entry in (entry for entry in objects if entry["kind"] == "PipelineVersion"):
        executors = dig(entry, "spec", "pipelineSpec", "deploymentSpec", "executors")
        for name, executor in executors.items():
            yield f"{entry['metadata']['name']} step {name}", executor["container"]


def pod_labels(objects: Objects) -> list[dict[str, str]]:
    """Return the labels of the pods of everything that starts pods, as KServe labels its own."""
    found = [dig(entry, "spec", "template", "metadata", "labels") for entry in objects]
    services = [entry for entry in objects if entry["kind"] == "InferenceService"]
    found += [
        {"serving.kserve.io/inferenceservice": entry["metadata"]["name"]}
        | dig(entry, "spec", "predictor", "labels")
        for entry in services
    ]
    return [labels for labels in found if labels]


def is_selected(selector: dict[str, Any], objects: Objects) -> bool:
    """Whether a label selector selects a pod."""
    wanted = selector.get("matchLabels", {}).items()
    keys = {each["key"] for each in selector.get("matchExpressions", [])}
    return any(wanted <= labels.items() and keys <= set(labels) for labels in pod_labels(objects))


def pods_are_restricted(objects: Objects) -> Iterator[str]:
    for name, pod in pods(objects):
        security = pod.get("securityContext", {})
        if not security.get("runAsNonRoot") or not security.get("runAsUser"):
            yield f"{name} may run as root"
        if dig(security, "seccompProfile", "type") != "RuntimeDefault":
            yield f"{name} has no seccomp profile"
        if any(pod.get(field) for field in ("hostNetwork", "hostPID", "hostIPC")):
            yield f"{name} shares a namespace of the host"
        if any("hostPath" in volume for volume in pod.get("volumes", [])):
            yield f"{name} mounts a folder of the host"
        if pod.get("automountServiceAccountToken") is not False:
            yield f"{name} mounts a token of the Kubernetes API"
        if pod.get("serviceAccountName", "default") == "default":
            yield f"{name} has no identity of its own"
        if not pod.get("priorityClassName", "").startswith("lolomo-"):
            yield f"{name} does not say what may take its place"


def containers_are_restricted(objects: Objects) -> Iterator[str]:
    expected = {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    for name, container in containers(objects):
        if container.get("securityContext") != expected:
            yield f"{name} has security context {container.get('securityContext')}"


def containers_have_resources(objects: Objects) -> Iterator[str]:
    for name, container in containers(objects):
        requests = set(dig(container, "resources", "requests"))
        limits = set(dig(container, "resources", "limits"))
        if not {"cpu", "memory"} <= requests or "memory" not in limits:
            yield f"{name} requests {sorted(requests)} and limits {sorted(limits)}"


def images_are_digests(objects: Objects) -> Iterator[str]:
    for name, container in (*containers(objects), *pipeline_steps(objects)):
        if not re.fullmatch(r"[\w./:-]+@sha256:[0-9a-f]{64}", container["image"]):
            yield f"{name} runs {container['image']}, which is no digest"
        if ":latest" in container["image"]:
            yield f"{name} runs latest"


def launchers_submit_their_own_image(objects: Objects) -> Iterator[str]:
    for name, container in containers(objects):
        variables = {entry["name"]: entry.get("value") for entry in container.get("env", [])}
        submits = container.get("command", [])[1:3] == ["pipelines", "submit"]
        if submits and variables.get("LOLOMO_IMAGE") != container["image"]:
            yield f"{name} runs {container['image']}, its steps {variables.get('LOLOMO_IMAGE')}"
        if submits and not variables.get("KF_PIPELINES_ENDPOINT"):
            yield f"{name} would train in its own pod: set KF_PIPELINES_ENDPOINT"


def servers_have_probes(objects: Objects) -> Iterator[str]:
    for name, container in containers(objects):
        probes = {"readinessProbe": "/readyz", "livenessProbe": "/livez"}
        if not container["image"].startswith("lolomo/"):
            yield from (f"{name} has no {probe}" for probe in probes if probe not in container)
            continue
        if container["name"] == "tensorflow":
            continue
        for probe, path in probes.items():
            if container.get("ports") and dig(container, probe, "httpGet").get("path") != path:
                yield f"{name} has no {probe} on {path}"
        if container.get("ports") and not dig(container, "lifecycle", "preStop"):
            yield f"{name} stops before its traffic does"


def variables_are_known(objects: Objects) -> Iterator[str]:
    ours = set(re.findall(r'environ\.get\("([A-Z_]+)"\)', Path(settings.__file__).read_text()))
    for name, container in containers(objects):
        for variable in container.get("env", []):
            if variable["name"] not in ours | OTHERS_VARIABLES.keys():
                yield f"{name} sets {variable['name']}, which nobody reads"
    for entry in objects:
        if entry["metadata"]["name"] == "lolomo-settings":
            unknown = set(entry["data"]) - ours - OTHERS_VARIABLES.keys()
            yield from (f"ConfigMap sets {name}, which nobody reads" for name in sorted(unknown))


def secrets_are_references(objects: Objects) -> Iterator[str]:
    for name, container in containers(objects):
        for variable in container.get("env", []):
            path = variable["name"].endswith("_PATH")
            if SECRET.search(variable["name"]) and "value" in variable and not path:
                yield f"{name} has {variable['name']} in clear"
    for entry in objects:
        if entry["kind"] == "Secret":
            yield f"Secret {entry['metadata']['name']} is written in a manifest"
        if entry["kind"] == "ConfigMap" and SECRET.search(" ".join(entry.get("data", {}))):
            yield f"ConfigMap {entry['metadata']['name']} has a secret in clear"


def selectors_select(objects: Objects) -> Iterator[str]:
    for entry in objects:
        selector = dig(entry, "spec", "selector")
        match entry["kind"]:
            case "Service" if not is_selected({"matchLabels": selector}, objects):
                yield f"Service {entry['metadata']['name']} selects no pod"
            case "PodDisruptionBudget" | "PodMonitor" if not is_selected(selector, objects):
                # Monitors stand in a folder of their own, beside what they select.
                if entry["kind"] == "PodDisruptionBudget" or pod_labels(objects):
                    yield f"{entry['kind']} {entry['metadata']['name']} selects no pod"


def autoscalers_have_targets(objects: Objects) -> Iterator[str]:
    known = {(entry["kind"], entry["metadata"]["name"]): entry for entry in objects}
    for entry in (entry for entry in objects if entry["kind"] == "HorizontalPodAutoscaler"):
        spec = entry["spec"]
        target = known.get((spec["scaleTargetRef"]["kind"], spec["scaleTargetRef"]["name"]))
        if target is None:
            yield f"{entry['metadata']['name']} scales nothing"
        elif "replicas" in target["spec"]:
            yield f"{entry['metadata']['name']} and its target's `replicas` undo each other"
        if not 2 <= spec["minReplicas"] <= spec["maxReplicas"]:
            yield f"{entry['metadata']['name']} allows {spec['minReplicas']} replicas"
    for entry in (entry for entry in objects if entry["kind"] == "ScaledObject"):
        name, spec = entry["metadata"]["name"], entry["spec"]
        if ("HorizontalPodAutoscaler", spec["scaleTargetRef"]["name"]) in known:
            yield f"ScaledObject {name} and a HorizontalPodAutoscaler undo each other"
        if not 2 <= spec["minReplicaCount"] <= spec["maxReplicaCount"]:
            yield f"ScaledObject {name} allows {spec['minReplicaCount']} replicas"


def kserve_ignores_nothing(objects: Objects) -> Iterator[str]:
    for entry in objects:
        name = f"{entry['kind']} {entry['metadata']['name']}"
        spec, annotations = entry.get("spec", {}), entry["metadata"].get("annotations", {})
        if not entry["apiVersion"].startswith("serving.kserve.io/"):
            continue
        is_runtime = entry["kind"] == "ServingRuntime"
        if not is_runtime and annotations.get("serving.kserve.io/deploymentMode") != "Standard":
            yield f"{name} does not say that it is for Standard mode"
        yield from (f"{name} has {key}" for key in annotations if "knative" in key)
        if entry["kind"] == "InferenceGraph" and "timeout" in spec:
            yield f"{name} has timeout, which Standard mode ignores"
        predictor = spec.get("predictor", {})
        yield from (
            f"{name} has {field}, which Standard mode ignores"
            for field in IGNORED_PREDICTOR_FIELDS
            if field in predictor
        )
        if (predictor or spec).get("scaleMetric", "cpu") not in ("cpu", "memory"):
            yield f"{name} scales by a metric that Standard mode ignores"


def kserve_releases_are_immutable(objects: Objects) -> Iterator[str]:
    for entry in (entry for entry in objects if entry["kind"] == "InferenceService"):
        (container,) = entry["spec"]["predictor"]["containers"]
        uris = [item["value"] for item in container["env"] if item["name"] == "STORAGE_URI"]
        if container["name"] != "kserve-container" or len(uris) != 1:
            yield f"{entry['metadata']['name']} has {container['name']} with {uris}"
        elif not re.fullmatch(r"\w+://\S+/[0-9a-f]{64}", uris[0]):
            yield f"{entry['metadata']['name']} serves {uris[0]}, which is no digest"


def graph_steps_have_urls(objects: Objects) -> Iterator[str]:
    for entry in (entry for entry in objects if entry["kind"] == "InferenceGraph"):
        nodes = entry["spec"]["nodes"]
        for step in (step for node in nodes.values() for step in node["steps"]):
            if step.get("nodeName", "root") not in nodes:
                yield f"step {step['name']} goes to node {step['nodeName']}, which does not exist"
            if ("serviceUrl" in step) == ("nodeName" in step):
                yield f"step {step['name']} has {sorted(step)}: expected a serviceUrl or a nodeName"


def roles_are_least(objects: Objects) -> Iterator[str]:
    for entry in (entry for entry in objects if entry["kind"] in ("Role", "ClusterRole")):
        name = f"{entry['kind']} {entry['metadata']['name']}"
        for rule in entry["rules"]:
            if "*" in (*rule["apiGroups"], *rule["resources"], *rule["verbs"]):
                yield f"{name} allows everything of something"
            if {"secrets", "pods/exec", "serviceaccounts/token"} & set(rule["resources"]):
                yield f"{name} reaches into pods or Secrets"
    for entry in (entry for entry in objects if entry["kind"] == "RoleBinding"):
        if any(subject["kind"] != "Group" for subject in entry["subjects"]):
            yield f"RoleBinding {entry['metadata']['name']} is of one person or pod"


def only_the_front_is_exposed(objects: Objects) -> Iterator[str]:
    for entry in objects:
        name = f"{entry['kind']} {entry['metadata']['name']}"
        if entry["kind"] == "Service" and entry["spec"].get("type", "ClusterIP") != "ClusterIP":
            yield f"{name} is open to the outside"
        if entry["kind"] == "HTTPRoute":
            backends = [each for rule in entry["spec"]["rules"] for each in rule["backendRefs"]]
            yield from (
                f"{name} leads past the front" for each in backends if each["name"] != "page"
            )


def the_graph_doctor_finds_nothing(objects: Objects) -> Iterator[str]:
    for finding in diagnose(objects, Mode.STANDARD):
        # It holds for every graph; clients go to the front, which has a route.
        if "no Ingress or HTTPRoute is made for a graph" not in finding.what:
            yield f"{finding.where}: {finding.what}"


RULES: list[Rule] = [
    autoscalers_have_targets,
    containers_are_restricted,
    containers_have_resources,
    graph_steps_have_urls,
    images_are_digests,
    kserve_ignores_nothing,
    kserve_releases_are_immutable,
    launchers_submit_their_own_image,
    only_the_front_is_exposed,
    pods_are_restricted,
    roles_are_least,
    secrets_are_references,
    selectors_select,
    servers_have_probes,
    the_graph_doctor_finds_nothing,
    variables_are_known,
]


@pytest.mark.parametrize("folder", FOLDERS)
@pytest.mark.parametrize("rule", RULES)
def test_rendered_manifests_keep_the_rule(rule: Rule, folder: str, render: Render) -> None:
    assert list(rule(render(folder))) == []


def set_in(entry: dict[str, Any], path: str, value: Any) -> None:
    """Set a field, given its path with list indices as numbers."""
    *parents, last = path.split("/")
    target: Any = entry
    for key in parents:
        target = target[int(key)] if key.isdigit() else target[key]
    target[last] = value


PAGE = "Deployment", "spec/template/spec/"
JOB = "CronJob", "spec/jobTemplate/spec/template/spec/"
LAUNCHER = "CronJob train-next-play", JOB[1] + "containers/0/"
TASK = "InferenceService", "spec/predictor/"
PIPELINE = "PipelineVersion", "spec/pipelineSpec/deploymentSpec/executors/"
GRAPH = "InferenceGraph", "spec/"
SCALER = "HorizontalPodAutoscaler", "spec/"
REDIS = "StatefulSet", "spec/template/spec/"
PRODUCTION_KINDS = ("StatefulSet", "HTTPRoute", "ScaledObject")
BROKEN: list[tuple[Rule, tuple[str, str], str, Any]] = [
    (autoscalers_have_targets, SCALER, "minReplicas", 1),
    (autoscalers_have_targets, SCALER, "scaleTargetRef", {"kind": "Deployment", "name": "x"}),
    (autoscalers_have_targets, ("Deployment", "spec/"), "replicas", 2),
    (autoscalers_have_targets, ("ScaledObject", "spec/"), "minReplicaCount", 0),
    (containers_are_restricted, TASK, "containers/0/securityContext", {"privileged": True}),
    (containers_have_resources, JOB, "containers/0/resources", {}),
    (graph_steps_have_urls, GRAPH, "nodes/root/steps/0/nodeName", "nowhere"),
    (images_are_digests, PAGE, "containers/0/image", "lolomo/serving:latest"),
    (images_are_digests, PIPELINE, "exec-train/container/image", "lolomo/training:1.0"),
    (images_are_digests, TASK, "containers/0/image", "lolomo/serving:1.0"),
    (kserve_ignores_nothing, TASK, "canaryTrafficPercent", 10),
    (kserve_ignores_nothing, TASK, "containerConcurrency", 1),
    (kserve_ignores_nothing, TASK, "scaleMetric", "rps"),
    (kserve_ignores_nothing, TASK, "timeout", 1),
    (kserve_ignores_nothing, GRAPH, "timeout", 1),
    (kserve_releases_are_immutable, TASK, "containers/0/env/0/value", "pvc://home/champion"),
    (launchers_submit_their_own_image, LAUNCHER, "image", "lolomo/training@sha256:1"),
    (launchers_submit_their_own_image, LAUNCHER, "env", []),
    (pods_are_restricted, JOB, "securityContext", {"runAsUser": 0}),
    (only_the_front_is_exposed, ("Service", "spec/"), "type", "LoadBalancer"),
    (only_the_front_is_exposed, ("HTTPRoute", "spec/"), "rules/0/backendRefs/0/name", "redis"),
    (pods_are_restricted, PAGE, "hostNetwork", True),
    (pods_are_restricted, PAGE, "priorityClassName", ""),
    (pods_are_restricted, REDIS, "automountServiceAccountToken", True),
    (roles_are_least, ("Role", "rules/0/"), "verbs", ["*"]),
    (roles_are_least, ("Role", "rules/0/"), "resources", ["secrets"]),
    (pods_are_restricted, PAGE, "volumes/0/hostPath", {"path": "/"}),
    (secrets_are_references, PAGE, "containers/0/env", [{"name": "DB_PASSWORD", "value": "x"}]),
    (selectors_select, ("Service", "spec/"), "selector", {"app": "gone"}),
    (secrets_are_references, REDIS, "containers/0/env/0/value", "letmein"),
    (the_graph_doctor_finds_nothing, GRAPH, "routerTimeouts", {}),
    (servers_have_probes, TASK, "containers/0/readinessProbe", {}),
    (variables_are_known, PAGE, "containers/0/env", [{"name": "LOLOMO_TYPO", "value": "x"}]),
]


@pytest.mark.parametrize(("rule", "where", "path", "value"), BROKEN)
def test_the_rule_refuses(
    rule: Rule, where: tuple[str, str], path: str, value: Any, render: Render
) -> None:
    kind, prefix = where
    objects = render("overlays/production" if kind in PRODUCTION_KINDS else "overlays/dev")
    names = (f"{entry['kind']} {entry['metadata']['name']}" for entry in objects)
    place = next(place for place, name in enumerate(names) if f"{name} ".startswith(f"{kind} "))
    set_in(objects[place], prefix + path, value)
    assert list(rule(objects))
