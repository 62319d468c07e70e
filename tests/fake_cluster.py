"""A stand-in for a Kubernetes API server, at the HTTP transport.

It has discovery, server-side apply with dry runs, lists by label, deletion, logs, the service
proxy, and errors as Kubernetes words them. There is no controller: a test says which objects are
ready. Our own client, and the `kubernetes` package below it, run unchanged.
"""

import copy
import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import yaml
from typing_extensions import override

Entry = dict[str, Any]
KINDS: dict[str, dict[str, tuple[str, bool]]] = {
    "v1": {
        "Namespace": ("namespaces", False),
        "Node": ("nodes", False),
        "ConfigMap": ("configmaps", True),
        "Event": ("events", True),
        "LimitRange": ("limitranges", True),
        "PersistentVolumeClaim": ("persistentvolumeclaims", True),
        "Pod": ("pods", True),
        "ResourceQuota": ("resourcequotas", True),
        "Service": ("services", True),
        "ServiceAccount": ("serviceaccounts", True),
    },
    "apps/v1": {"Deployment": ("deployments", True), "StatefulSet": ("statefulsets", True)},
    "autoscaling/v2": {"HorizontalPodAutoscaler": ("horizontalpodautoscalers", True)},
    "batch/v1": {"CronJob": ("cronjobs", True), "Job": ("jobs", True)},
    "networking.k8s.io/v1": {
        "NetworkPolicy": ("networkpolicies", True),
        "Ingress": ("ingresses", True),
    },
    "policy/v1": {"PodDisruptionBudget": ("poddisruptionbudgets", True)},
    "rbac.authorization.k8s.io/v1": {
        "Role": ("roles", True),
        "RoleBinding": ("rolebindings", True),
    },
    "scheduling.k8s.io/v1": {"PriorityClass": ("priorityclasses", False)},
    "storage.k8s.io/v1": {"StorageClass": ("storageclasses", False)},
    "metrics.k8s.io/v1beta1": {"PodMetrics": ("pods", True)},
    "serving.kserve.io/v1beta1": {"InferenceService": ("inferenceservices", True)},
    "serving.kserve.io/v1alpha1": {
        "InferenceGraph": ("inferencegraphs", True),
        "ServingRuntime": ("servingruntimes", True),
    },
    "pipelines.kubeflow.org/v2beta1": {
        "Pipeline": ("pipelines", True),
        "PipelineVersion": ("pipelineversions", True),
    },
    "feast.dev/v1": {"FeatureStore": ("featurestores", True)},
    "monitoring.coreos.com/v1": {
        "ServiceMonitor": ("servicemonitors", True),
        "PrometheusRule": ("prometheusrules", True),
    },
}


class FakeCluster:
    """What the API server holds, by API version, kind, namespace and name."""

    def __init__(self) -> None:
        self.kinds = copy.deepcopy(KINDS)
        self.objects: dict[tuple[str, str, str, str], Entry] = {}
        self.requests: list[tuple[str, str]] = []
        self.texts: dict[str, str] = {}
        """Answers of logs and of proxied services, by path without its query."""
        self.refused: dict[str, str] = {}
        """What an admission webhook says of objects, by name."""
        self.url = ""

    def put(self, entry: Entry, **status: Any) -> Entry:
        """Place an object as if it had been there, with a status."""
        metadata = entry["metadata"]
        key = entry["apiVersion"], entry["kind"], metadata.get("namespace", ""), metadata["name"]
        self.objects[key] = {**copy.deepcopy(entry), "status": status}
        return self.objects[key]

    def get(self, kind: str, name: str) -> Entry:
        (found,) = (
            entry for key, entry in self.objects.items() if (key[1], key[3]) == (kind, name)
        )
        return found

    def names(self, kind: str) -> set[str]:
        return {key[3] for key in self.objects if key[1] == kind}

    def make_ready(self) -> None:
        """Do what controllers do: everything that was applied runs."""
        for (_, kind, _, _), entry in self.objects.items():
            replicas = entry.get("spec", {}).get("replicas", 1)
            counts = ("updatedReplicas", "availableReplicas", "readyReplicas")
            ready = {"type": "Ready", "status": "True"}
            entry["status"] = dict.fromkeys(counts, replicas) | {
                "observedGeneration": entry["metadata"].get("generation", 0),
                "conditions": [ready] if kind not in ("Deployment", "StatefulSet") else [],
            }

    def apply(self, key: tuple[str, str, str, str], body: Entry, dry_run: bool) -> Entry:
        held = self.objects.get(key)
        merged: Entry = merge(copy.deepcopy(held or {}), body)
        metadata = merged["metadata"]
        metadata["managedFields"] = [{"manager": "lolomo"}]
        if held is None or merged.get("spec") != held.get("spec"):
            metadata["generation"] = metadata.get("generation", 0) + 1
        if not dry_run:
            self.objects[key] = merged
        return merged


def merge(held: Any, given: Any) -> Any:
    """Return a strategic merge, near enough: maps are merged, a list is replaced."""
    if isinstance(held, dict) and isinstance(given, dict):
        merged = {**held}
        for key, value in given.items():
            if value is None:
                merged.pop(key, None)
            else:
                merged[key] = merge(held.get(key), value)
        return merged
    return copy.deepcopy(given)


class RefusedError(Exception):
    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


def _handler(cluster: FakeCluster) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        # One packet an answer: two of them wait 40 ms for each other.
        wbufsize = 1 << 16
        disable_nagle_algorithm = True

        def do_GET(self) -> None:
            self.answer("GET")

        def do_PATCH(self) -> None:
            self.answer("PATCH")

        def do_POST(self) -> None:
            self.answer("POST")

        def do_DELETE(self) -> None:
            self.answer("DELETE")

        def answer(self, method: str) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(length) or b"null")
            url = urlsplit(self.path)
            cluster.requests.append((method, self.path))
            query = {name: values[0] for name, values in parse_qs(url.query).items()}
            try:
                self.send(200, respond(cluster, method, unquote(url.path), query, body))
            except RefusedError as error:
                status = {"kind": "Status", "message": str(error), "code": error.code}
                self.send(error.code, status)

        def send(self, code: int, value: Any) -> None:
            content = value if isinstance(value, str) else json.dumps(value)
            self.send_response(code)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content.encode())))
            self.end_headers()
            self.wfile.write(content.encode())

        @override
        def log_message(self, format: str, *arguments: Any) -> None:
            pass

    return Handler


def respond(cluster: FakeCluster, method: str, path: str, query: dict[str, str], body: Any) -> Any:
    if path == "/version":
        return {"gitVersion": "v1.33.2"}
    if path in cluster.texts:
        return cluster.texts[path]
    version, rest = _version(cluster, path)
    if not rest:
        return _discovery(cluster, version)
    namespace = ""
    if rest[0] == "namespaces" and len(rest) > 2:
        namespace, rest = rest[1], rest[2:]
    plurals = {plural: kind for kind, (plural, _) in cluster.kinds[version].items()}
    if rest[0] not in plurals or len(rest) > 2:
        raise RefusedError(404, "the server could not find the requested resource")
    kind = plurals[rest[0]]
    if len(rest) == 1:
        if method == "POST":
            rest = [rest[0], body["metadata"]["name"]]
        else:
            return _listed(cluster, version, kind, namespace, query)
    key = version, kind, namespace, rest[1]
    return _object(cluster, method, key, query, body)


def _version(cluster: FakeCluster, path: str) -> tuple[str, list[str]]:
    parts = path.strip("/").split("/")
    if parts[0] == "api":
        return "v1", parts[2:]
    version = "/".join(parts[1:3])
    if version not in cluster.kinds:
        raise RefusedError(404, "the server could not find the requested resource")
    return version, parts[3:]


def _discovery(cluster: FakeCluster, version: str) -> Entry:
    resources = [
        {"name": plural, "kind": kind, "namespaced": namespaced}
        for kind, (plural, namespaced) in cluster.kinds[version].items()
    ]
    status = [{**each, "name": f"{each['name']}/status"} for each in resources]
    return {"kind": "APIResourceList", "resources": resources + status}


def _listed(
    cluster: FakeCluster, version: str, kind: str, namespace: str, query: dict[str, str]
) -> Entry:
    wanted = dict(
        pair.split("=") for pair in query.get("labelSelector", "").split(",") if "=" in pair
    )
    items = [
        {name: value for name, value in entry.items() if name not in ("apiVersion", "kind")}
        for key, entry in cluster.objects.items()
        if key[:3] == (version, kind, namespace)
        and wanted.items() <= entry["metadata"].get("labels", {}).items()
    ]
    return {"kind": f"{kind}List", "items": items}


def _object(
    cluster: FakeCluster,
    method: str,
    key: tuple[str, str, str, str],
    query: dict[str, str],
    body: Any,
) -> Entry:
    _, kind, namespace, name = key
    if method in ("PATCH", "POST"):
        _admit(cluster, kind, namespace, name, query)
        return cluster.apply(key, body, query.get("dryRun") == "All")
    if key not in cluster.objects:
        raise RefusedError(404, f'{kind.lower()}s "{name}" not found')
    return cluster.objects.pop(key) if method == "DELETE" else cluster.objects[key]


def _admit(
    cluster: FakeCluster, kind: str, namespace: str, name: str, query: dict[str, str]
) -> None:
    if namespace and namespace not in cluster.names("Namespace"):
        raise RefusedError(404, f'namespaces "{namespace}" not found')
    if name in cluster.refused:
        raise RefusedError(403, f"admission webhook denied the request: {cluster.refused[name]}")
    if query.get("fieldManager") != "lolomo":
        raise RefusedError(400, "fieldManager is required for apply patch")


@contextmanager
def fake_cluster(folder: Path) -> Iterator[FakeCluster]:
    """Run a fake cluster on loopback, and write `kubeconfig` for it into a folder."""
    cluster = FakeCluster()
    with ThreadingHTTPServer(("127.0.0.1", 0), _handler(cluster)) as server:
        cluster.url = f"http://127.0.0.1:{server.server_port}"
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "fake",
            "clusters": [{"name": "fake", "cluster": {"server": cluster.url}}],
            "users": [{"name": "fake", "user": {"token": "let me in"}}],
            "contexts": [{"name": "fake", "context": {"cluster": "fake", "user": "fake"}}],
        }
        (folder / "kubeconfig").write_text(yaml.safe_dump(config))
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        yield cluster
        server.shutdown()
