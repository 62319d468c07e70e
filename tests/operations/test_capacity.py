import json
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from lolomo.cli import lolomo
from lolomo.core.errors import SettingsError
from lolomo.operations.capacity import SINGLE_POD, Assumptions, Load, SinglePod, estimate

LOAD = Load(requests_per_second=1000, members=1_000_000, catalogue=20_000)
POD = SinglePod.read()
ASSUMED = Assumptions()


def test_the_pods_of_a_peak_answer_it() -> None:
    needed = estimate(LOAD, POD, ASSUMED)
    enough = needed.front_pods * needed.pages_per_pod
    assert LOAD.requests_per_second <= enough <= 1.1 * LOAD.requests_per_second + 100
    assert needed.task_pods >= needed.front_pods


def test_one_measured_pod_at_its_whole_core_is_what_was_measured() -> None:
    load = Load(
        requests_per_second=1 / POD.processor_seconds_per_page,
        members=POD.users,
        catalogue=POD.items,
        events=POD.events,
    )
    assumed = Assumptions(utilisation=1.0, spare_pods=0, gpu_speed=1.0, seen_items_per_member=0)
    needed = estimate(load, POD, assumed)
    assert needed.pages_per_pod == pytest.approx(load.requests_per_second)
    assert needed.pod_gibibytes * 2**30 == pytest.approx(POD.process_bytes)
    assert needed.gpu_hours_per_month == pytest.approx(30 * POD.fit_seconds / 3600)


@pytest.mark.parametrize(
    ("more", "grows"),
    [
        ({"requests_per_second": 4000}, "front_pods"),
        ({"members": 20_000_000}, "redis_gibibytes"),
        ({"catalogue": 200_000}, "pod_gibibytes"),
        ({"features": 600}, "pod_gibibytes"),
        ({"trainings_per_month": 300}, "gpu_hours_per_month"),
        ({"members": 20_000_000}, "cost_per_month"),
    ],
)
def test_what_is_asked_for_more_takes_more(more: dict[str, int], grows: str) -> None:
    before, after = (estimate(load, POD, ASSUMED) for load in (LOAD, replace(LOAD, **more)))
    assert getattr(after, grows) > getattr(before, grows)


def test_a_small_service_still_has_two_of_each() -> None:
    needed = estimate(replace(LOAD, requests_per_second=1), POD, ASSUMED)
    assert (needed.front_pods, needed.task_pods) == (2, 10)


def test_every_assumption_is_printed() -> None:
    arguments = ["capacity", "--requests-per-second", "100", "--gpu-hour", "3.5"]
    said = CliRunner().invoke(lolomo, arguments).output
    assert "factor of two" in said
    assert "GPU 3.5 an hour" in said
    assert POD.dataset in said


def test_a_file_without_a_figure_is_refused(tmp_path: Path) -> None:
    figures = json.loads(SINGLE_POD.read_text())
    del figures["users"]
    (tmp_path / "pod.json").write_text(json.dumps(figures))
    with pytest.raises(SettingsError, match=r"lacks \['users'\]"):
        SinglePod.read(tmp_path / "pod.json")


def test_a_load_of_nothing_is_refused() -> None:
    with pytest.raises(SettingsError, match="more than 0"):
        estimate(replace(LOAD, members=0), POD, ASSUMED)
