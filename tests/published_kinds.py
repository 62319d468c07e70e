"""The kinds that our manifests use and no package describes, as their projects publish them.

Only the fields that we use, each with its type; any other is refused, as an API server with strict
field validation refuses it. Kubernetes' own types within them are checked for shape alone.
"""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

Duration = Annotated[str, Field(pattern=r"^\d+(ms|s|m|h|d)$")]
Labels = dict[str, str]
Port = Annotated[int, Field(ge=1, le=65535)]


class Fields(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, alias_generator=to_camel)


class Requirement(Fields):
    key: str
    operator: Literal["Exists", "DoesNotExist", "In", "NotIn"]
    values: list[str] | None = None


class Selector(Fields):
    match_labels: Labels | None = None
    match_expressions: list[Requirement] | None = None


class Resources(Fields):
    requests: dict[str, str] | None = None
    limits: dict[str, str] | None = None


class SecretRef(Fields):
    name: str


class StoreOfKind(Fields):
    type: str
    secret_ref: SecretRef
    secret_key_name: str | None = None


class Persistence(Fields):
    store: StoreOfKind


class OnlineStore(Fields):
    persistence: Persistence


class Server(Fields):
    resources: Resources | None = None


class OfflineStore(Fields):
    persistence: Persistence
    server: Server | None = None


class LocalRegistry(Fields):
    persistence: Persistence
    server: Server | None = None


class FeastRegistry(Fields):
    local: LocalRegistry


class FeastServices(Fields):
    security_context: dict[str, Any] | None = None
    online_store: OnlineStore | None = None
    offline_store: OfflineStore | None = None
    registry: FeastRegistry | None = None
    ui: Server | None = None


class FeatureStore(Fields):
    """Feast operator 0.67, feast.dev/v1."""

    feast_project: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]*$")]
    services: FeastServices


class ScaleTarget(Fields):
    api_version: str
    kind: str
    name: str


class Fallback(Fields):
    failure_threshold: int
    replicas: int


class PrometheusTrigger(Fields):
    server_address: str
    query: str
    threshold: str
    """Text, as all of KEDA's trigger metadata."""


class Trigger(Fields):
    type: Literal["prometheus"]
    metric_type: Literal["AverageValue", "Value", "Utilization"]
    metadata: PrometheusTrigger


class Advanced(Fields):
    horizontal_pod_autoscaler_config: dict[str, Any]


class ScaledObject(Fields):
    """KEDA 2.14 or later."""

    scale_target_ref: ScaleTarget
    min_replica_count: int
    max_replica_count: int
    polling_interval: int
    fallback: Fallback
    advanced: Advanced
    triggers: list[Trigger]


class ParentRef(Fields):
    name: str
    namespace: str


class PathMatch(Fields):
    type: Literal["Exact", "PathPrefix"]
    value: Annotated[str, Field(pattern="^/")]


class RouteMatch(Fields):
    path: PathMatch
    method: Literal["GET", "POST"] | None = None


class RouteTimeouts(Fields):
    request: Duration


class BackendRef(Fields):
    name: str
    port: Port


class RouteRule(Fields):
    matches: list[RouteMatch]
    timeouts: RouteTimeouts
    backend_refs: list[BackendRef]


class HTTPRoute(Fields):
    """Gateway API 1.0 or later; timeouts from 1.2."""

    parent_refs: list[ParentRef]
    hostnames: list[str]
    rules: list[RouteRule]


class Endpoint(Fields):
    port: str
    path: str
    interval: Duration


class ServiceMonitor(Fields):
    """Prometheus operator 0.70 or later."""

    selector: Selector
    endpoints: list[Endpoint]


class PodMonitor(Fields):
    """Prometheus operator 0.70 or later."""

    job_label: str
    selector: Selector
    pod_metrics_endpoints: list[Endpoint]


class AlertAnnotations(Fields):
    summary: str
    runbook_url: Annotated[str, Field(alias="runbook_url")]


class AlertLabels(Fields):
    severity: Literal["critical", "warning"]


class Alert(Fields):
    alert: Annotated[str, Field(pattern=r"^[A-Z]\w+$")]
    expr: str
    # `for` is a word of Python.
    for_: Annotated[Duration | None, Field(alias="for")] = None
    labels: AlertLabels
    annotations: AlertAnnotations


class AlertGroup(Fields):
    name: str
    rules: list[Alert]


class PrometheusRule(Fields):
    """Prometheus operator 0.70 or later."""

    groups: list[AlertGroup]


class LocalQueue(Fields):
    """Kueue 0.6 or later."""

    cluster_queue: str


class ReplicaSpec(Fields):
    replicas: int
    restart_policy: Literal["Always", "OnFailure", "Never", "ExitCode"]
    template: dict[str, Any]


class RunPolicy(Fields):
    clean_pod_policy: Literal["None", "Running", "All"]
    suspend: bool
    backoff_limit: int | None = None


class TFJob(Fields):
    """Training operator 1.9, the last with TensorFlow."""

    run_policy: RunPolicy
    tf_replica_specs: dict[Literal["Chief", "Worker"], ReplicaSpec]


PUBLISHED: dict[tuple[str, str], type[Fields]] = {
    ("feast.dev/v1", "FeatureStore"): FeatureStore,
    ("gateway.networking.k8s.io/v1", "HTTPRoute"): HTTPRoute,
    ("keda.sh/v1alpha1", "ScaledObject"): ScaledObject,
    ("kubeflow.org/v1", "TFJob"): TFJob,
    ("kueue.x-k8s.io/v1beta1", "LocalQueue"): LocalQueue,
    ("monitoring.coreos.com/v1", "PodMonitor"): PodMonitor,
    ("monitoring.coreos.com/v1", "PrometheusRule"): PrometheusRule,
    ("monitoring.coreos.com/v1", "ServiceMonitor"): ServiceMonitor,
}


def published_problems(entry: dict[str, Any]) -> list[str]:
    """Return what is wrong with the spec of an object."""
    try:
        PUBLISHED[entry["apiVersion"], entry["kind"]].model_validate(entry["spec"])
    except ValidationError as error:
        return [f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors()]
    return []
