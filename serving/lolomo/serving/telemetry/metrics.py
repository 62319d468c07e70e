"""What the service counts, for Prometheus: rate, errors and duration of requests and of steps.

Every label has a closed set of values: routes, tasks, steps, reasons. Ids never are labels.
"""

from typing import Final

from prometheus_client import REGISTRY, Counter, Gauge, Histogram, generate_latest
from prometheus_client.values import ValueClass

_SECONDS: Final = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)

REQUESTS = Counter("lolomo_requests", "Requests by route and status.", ["route", "status"])
SECONDS = Histogram(
    "lolomo_request_seconds", "Time to answer, in seconds.", ["route"], buckets=_SECONDS
)
STEPS = Counter(
    "lolomo_steps", "Steps by how they ended: whole, degraded or error.", ["step", "outcome"]
)
STEP_SECONDS = Histogram(
    "lolomo_step_seconds", "Time that a step took, in seconds.", ["step"], buckets=_SECONDS
)
DEGRADED = Counter("lolomo_degraded", "Parts of pages that were missing.", ["part", "reason"])
CANDIDATES = Histogram(
    "lolomo_candidates",
    "Candidates by generator.",
    ["source"],
    buckets=(0, 1, 10, 20, 50, 100, 150, 200, 500, 1000),
)
BATCH_ROWS = Histogram(
    "lolomo_batch_rows",
    "Queries in one call of a retriever.",
    ["task"],
    buckets=(1, 2, 4, 8, 16, 32),
)
STALENESS = Gauge(
    "lolomo_feature_staleness_seconds",
    "How old the stored item features are, by the service's clock.",
    multiprocess_mode="livemax",
)
RELEASES = Gauge(
    "lolomo_release_serving",
    "1 for the release that serves a task, 0 for those before it; the digest's first 12 digits.",
    ["task", "release"],
    multiprocess_mode="livemax",
)
IN_FLIGHT = Gauge("lolomo_in_flight", "Requests being answered.", multiprocess_mode="livesum")
SHED = Counter("lolomo_shed", "Requests refused at the door with 503 and Retry-After.")
ADMISSION_LIMIT = Gauge(
    "lolomo_admission_limit",
    "How many requests are let in at once, as measured latency allows.",
    multiprocess_mode="livesum",
)
JOURNAL_RECORDS = Counter("lolomo_journal_records", "Requests written to the journal.")
JOURNAL_LOST = Counter("lolomo_journal_lost", "Requests that the journal had no room for.")
JOURNAL_UNSYNCED = Gauge(
    "lolomo_journal_unsynced_seconds",
    "Age of the oldest record that is not yet safe on disk.",
    multiprocess_mode="livemax",
)
SHADOWS = Counter(
    "lolomo_shadows",
    "Copies of requests for a release that nobody sees: answered, failed or shed.",
    ["outcome"],
)
SWAPS = Counter("lolomo_release_swaps", "Releases swapped while serving.", ["outcome"])
FALLBACK_AGE = Gauge(
    "lolomo_fallback_age_seconds",
    "Age of the page that everybody gets when all else fails.",
    multiprocess_mode="livemax",
)
CALLS = Counter(
    "lolomo_graph_calls",
    "Calls of a remote graph by kind: first, retry or hedge.",
    ["kind"],
)

_shown: Final[set[tuple[str, str]]] = set()


def show_releases(serving: set[tuple[str, str]]) -> None:
    """Set which releases serve now: pairs of a task and the first digits of a digest."""
    for task, release in _shown | serving:
        RELEASES.labels(task, release).set((task, release) in serving)
    _shown.update(serving)


def with_own_metrics(text: str) -> str:
    """Return BentoML's metrics with those of this process, unless it has gathered them already.

    BentoML gathers the files of `PROMETHEUS_MULTIPROC_DIR`. Where `prometheus_client` was imported
    before that was set, counts live in this process instead.
    """
    if getattr(ValueClass, "_multiprocess", False):
        return text
    return text + generate_latest(REGISTRY).decode()
