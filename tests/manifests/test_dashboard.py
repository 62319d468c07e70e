"""The Grafana dashboard asks for what the service exports, by labels it has, and shows it all."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import REGISTRY

from lolomo.serving.telemetry import metrics

DASHBOARD = Path(__file__).parents[2] / "manifests" / "observability" / "dashboard.json"
BY_SCRAPER = {"namespace", "le"}
"""Labels that Prometheus adds, and the bucket of a histogram."""
QUERIED = re.compile(r"\b(lolomo_\w+)(?:\{([^}]*)\})?")
GROUPED = re.compile(r"by \(([^)]*)\)")
SUFFIXES = {
    "counter": ("_total",),
    "histogram": ("_bucket", "_sum", "_count"),
    "gauge": ("",),
}


def panels() -> list[dict[str, Any]]:
    every: list[dict[str, Any]] = json.loads(DASHBOARD.read_text())["panels"]
    return [panel for panel in every if panel["type"] != "row"]


def exported() -> Iterator[tuple[str, str, tuple[str, ...]]]:
    """Yield family, series and labels of each metric of the service."""
    for metric in vars(metrics).values():
        if hasattr(metric, "_labelnames"):
            (family,) = metric.describe()
            for suffix in SUFFIXES[family.type]:
                yield family.name, family.name + suffix, metric._labelnames


LABELS = {series: set(labels) for _, series, labels in exported()}


@pytest.mark.parametrize("panel", panels(), ids=lambda panel: panel["title"])
def test_a_panel_asks_for_metrics_and_labels_that_are_exported(panel: dict[str, Any]) -> None:
    for target in panel["targets"]:
        asked = QUERIED.findall(target["expr"])
        assert asked
        for series, selector in asked:
            grouped = {
                name for names in GROUPED.findall(target["expr"]) for name in names.split(", ")
            }
            used = grouped | set(re.findall(r"(\w+)(?:=|!)", selector))
            assert series in LABELS
            assert used <= LABELS[series] | BY_SCRAPER
        assert set(re.findall(r"{{(\w+)}}", target["legendFormat"])) <= grouped


def test_every_metric_of_the_service_is_shown() -> None:
    text = DASHBOARD.read_text()
    assert not [name for name, _, _ in exported() if name not in text]


def test_panels_do_not_overlap_and_say_what_they_mean() -> None:
    places = [tuple(panel["gridPos"].values()) for panel in panels()]
    assert len(set(places)) == len(places)
    assert all(panel["description"] and panel["targets"] for panel in panels())


def test_the_service_exports_what_it_declares() -> None:
    families = {family.name for family in REGISTRY.collect()}
    assert {name for name, _, _ in exported()} <= families
