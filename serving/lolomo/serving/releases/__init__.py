"""Releases in service: what answers now, what is on trial, and how one follows another.

A `Serving` answers requests with one set of releases. A `Deployment` holds the champions' and those
of users who try a challenger. The front holds one deployment, and a swap replaces it whole.
"""

from lolomo.serving.releases.deployment import Deployment, Trial
from lolomo.serving.releases.loading import load_champion, load_champions
from lolomo.serving.releases.serving import Serving, Trace
from lolomo.serving.releases.source import Source
from lolomo.serving.releases.swap import Swap, Swapper, load_deployment

__all__ = [
    "Deployment",
    "Serving",
    "Source",
    "Swap",
    "Swapper",
    "Trace",
    "Trial",
    "load_champion",
    "load_champions",
    "load_deployment",
]
