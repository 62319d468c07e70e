"""What Prometheus has measured, asked through the API server.

So no port is forwarded, and no address is known beside the kubeconfig's.
"""

import contextlib
import json
from collections import defaultdict
from dataclasses import dataclass, replace
from urllib.parse import urlencode

from lolomo.core.errors import SettingsError
from lolomo.operations.cluster.api import ClusterError, KubernetesApi
from lolomo.operations.metrics import SECONDS

RATE = f'sum by (job) (rate({SECONDS}_count{{namespace="NAMESPACE"}}[5m]))'
P99 = (
    "1000 * histogram_quantile(0.99, "
    f'sum by (job, le) (rate({SECONDS}_bucket{{namespace="NAMESPACE"}}[5m])))'
)


@dataclass(frozen=True, slots=True)
class Measured:
    """The last five minutes; None where Prometheus has nothing."""

    requests_per_second: float | None = None
    p99_milliseconds: float | None = None


def measure(api: KubernetesApi, prometheus: str, served_in: str) -> dict[str, Measured]:
    """Return the figures by task, and of the front by `page`.

    Args:
        api: The cluster.
        prometheus: `namespace/service:port`.
        served_in: The namespace of the pods that are meant.

    Raises:
        SettingsError: If `prometheus` is not of that form.
        ClusterError: If it does not answer as Prometheus does.
    """
    namespace, slash, service = prometheus.partition("/")
    if not slash or ":" not in service:
        raise SettingsError(
            f"received --prometheus {prometheus!r}: expected NAMESPACE/SERVICE:PORT"
        )
    figures: dict[str, Measured] = defaultdict(Measured)
    for query, field in ((RATE, "requests_per_second"), (P99, "p99_milliseconds")):
        for job, value in _ask(
            api, namespace, service, query.replace("NAMESPACE", served_in)
        ).items():
            task = job.removesuffix("-predictor").replace("-", "_")
            figures[task] = replace(figures[task], **{field: value})
    return dict(figures)


def _ask(api: KubernetesApi, namespace: str, service: str, query: str) -> dict[str, float]:
    path = f"/api/v1/query?{urlencode({'query': query})}"
    text = api.ask_service(namespace, service, path)
    with contextlib.suppress(ValueError, KeyError, TypeError):
        result = json.loads(text)["data"]["result"]
        values = {each["metric"]["job"]: float(each["value"][1]) for each in result}
        return {job: value for job, value in values.items() if value == value}
    raise ClusterError(
        f"{namespace}/{service} answered {text[:200]!r}: expected Prometheus' query API"
    )
