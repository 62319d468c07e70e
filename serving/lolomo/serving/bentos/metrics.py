"""What the service counts, for Prometheus."""

from prometheus_client import REGISTRY, Counter, Histogram, generate_latest
from prometheus_client.values import ValueClass

REQUESTS = Counter("lolomo_requests", "Requests by route and status.", ["route", "status"])
SECONDS = Histogram(
    "lolomo_request_seconds",
    "Time to answer, in seconds.",
    ["route"],
    buckets=(0.005, 0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56),
)
DEGRADED = Counter("lolomo_degraded", "Parts of pages that were missing.", ["part", "reason"])
CANDIDATES = Histogram(
    "lolomo_candidates",
    "Candidates by generator.",
    ["source"],
    buckets=(0, 1, 10, 20, 50, 100, 150, 200, 500),
)


def with_own_metrics(text: str) -> str:
    """Return BentoML's metrics with those of this process, unless it has gathered them already.

    BentoML gathers the files of `PROMETHEUS_MULTIPROC_DIR`. Where `prometheus_client` was imported
    before that was set, counts live in this process instead.
    """
    if getattr(ValueClass, "_multiprocess", False):
        return text
    return text + generate_latest(REGISTRY).decode()
