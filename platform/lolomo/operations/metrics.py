"""What a page service says of itself, in Prometheus' text format."""

import math
import time
from collections import defaultdict

PAGE = "/v1/page"
SECONDS = "lolomo_request_seconds"


def page_metrics(text: str) -> tuple[float | None, float | None]:
    """Return the page's requests a second and 99th percentile in milliseconds, since it started.

    Either is None where it is not known. The percentile is read off the histogram as Prometheus'
    `histogram_quantile` does, so it is as fine as the buckets.
    """
    from prometheus_client.parser import text_string_to_metric_families

    buckets: dict[float, float] = defaultdict(float)
    started = count = 0.0
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            if sample.name == "process_start_time_seconds":
                started = sample.value
            elif sample.labels.get("route") != PAGE:
                continue
            elif sample.name == f"{SECONDS}_bucket":
                buckets[float(sample.labels["le"])] += sample.value
            elif sample.name == f"{SECONDS}_count":
                count += sample.value
    rate = count / max(time.time() - started, 1.0) if started else None
    quantile = histogram_quantile(0.99, dict(buckets))
    return rate, None if quantile is None else quantile * 1000


def histogram_quantile(quantile: float, buckets: dict[float, float]) -> float | None:
    """Return a quantile from cumulative counts by upper bound; None without counts.

    >>> histogram_quantile(0.5, {1.0: 10.0, 2.0: 20.0, math.inf: 20.0})
    1.0
    >>> histogram_quantile(0.75, {1.0: 10.0, 2.0: 20.0, math.inf: 20.0})
    1.5
    """
    bounds = sorted(buckets)
    total = buckets[bounds[-1]] if bounds else 0.0
    if not total:
        return None
    wanted, low, below = quantile * total, 0.0, 0.0
    for bound in bounds:
        if buckets[bound] >= wanted:
            if math.isinf(bound):
                return low
            share = (wanted - below) / (buckets[bound] - below)
            return low + (bound - low) * share
        low, below = bound, buckets[bound]
    return low
