"""Bentos: the page front as a BentoML service, and what it needs to start."""

from lolomo.serving.bentos.clock import Clock
from lolomo.serving.bentos.front import Front, PageAnswer
from lolomo.serving.bentos.load import FrontOptions, load_front
from lolomo.serving.bentos.remote import RemoteGraph
from lolomo.serving.bentos.schema import Limits, PageRequest

__all__ = [
    "Clock",
    "Front",
    "FrontOptions",
    "Limits",
    "PageAnswer",
    "PageRequest",
    "RemoteGraph",
    "load_front",
]
