"""The doctor of graphs: what KServe takes and ignores, per deployment mode; and how graphs look."""

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

from lolomo.cli.graph import graph as graph_command
from lolomo.serving.graph import (
    Mode,
    Severity,
    compile_graph,
    diagnose,
    graph_from_spec,
    mermaid,
    page_graph,
    tree,
)
from lolomo.tasks import all_tasks

Change = Callable[[dict[str, Any]], Any]
STANDARD, KNATIVE = Mode.STANDARD, Mode.KNATIVE


def compiled() -> dict[str, Any]:
    return compile_graph(page_graph(all_tasks().values()), "lolomo")


def first_step(value: dict[str, Any]) -> dict[str, Any]:
    step: dict[str, Any] = value["spec"]["nodes"]["candidates"]["steps"][0]
    return step


LINTS: list[tuple[str, Change, set[Mode]]] = [
    ("refuses the name", lambda v: v["metadata"].update(name="Page"), {STANDARD, KNATIVE}),
    ("no steps", lambda v: v["spec"]["nodes"]["root"].update(steps=[]), {STANDARD, KNATIVE}),
    ("form a cycle", lambda v: _lead_back(v), {STANDARD, KNATIVE}),
    ("no InferenceGraph spec", lambda v: v["spec"].pop("nodes"), {STANDARD, KNATIVE}),
    ("its place", lambda v: first_step(v).pop("name"), {STANDARD, KNATIVE}),
    ("counts as", lambda v: first_step(v).update(data="$response.x"), {STANDARD, KNATIVE}),
    ("until when is lost", lambda v: first_step(v).update(name="echo"), {STANDARD, KNATIVE}),
    ("changes sides", lambda v: _split(v), {STANDARD, KNATIVE}),
    ("for ever", lambda v: v["spec"].pop("routerTimeouts"), {STANDARD, KNATIVE}),
    ("cut off", lambda v: v["spec"]["routerTimeouts"].update(serverWrite=1), {STANDARD, KNATIVE}),
    ("ignored in Standard", lambda v: v["spec"].update(timeout=3), {STANDARD}),
    ("0 counts as 1", lambda v: v["spec"].update(minReplicas=0), {STANDARD}),
    ("never scales", lambda v: v["spec"].update(scaleMetric="rps"), {STANDARD}),
    ("no Ingress", lambda v: None, {STANDARD}),
    ("it says 'Serverless'", lambda v: _annotate(v, "Serverless"), {STANDARD}),
    ("it says 'RawDeployment'", lambda v: _annotate(v, "RawDeployment"), {KNATIVE}),
    ("V1 or V2 route", lambda v: _call_by_name(v), {STANDARD, KNATIVE}),
]


def _lead_back(value: dict[str, Any]) -> None:
    steps = value["spec"]["nodes"]["candidates"]["steps"]
    steps[0] = {"name": "context", "nodeName": "root"}


def _split(value: dict[str, Any]) -> None:
    node = value["spec"]["nodes"]["candidates"]
    node.update(routerType="Splitter", steps=[{**node["steps"][0], "weight": 100}])


def _annotate(value: dict[str, Any], mode: str) -> None:
    value["metadata"]["annotations"] = {"serving.kserve.io/deploymentMode": mode}


def _call_by_name(value: dict[str, Any]) -> None:
    step = first_step(value)
    del step["serviceUrl"]
    step["serviceName"] = "next-play"


@pytest.mark.parametrize(("says", "change", "modes"), LINTS, ids=[lint[0] for lint in LINTS])
@pytest.mark.parametrize("mode", [STANDARD, KNATIVE])
def test_the_doctor_finds_it_in_the_modes_that_it_concerns(
    says: str, change: Change, modes: set[Mode], mode: Mode
) -> None:
    value = compiled()
    change(value)
    assert any(says in finding.what for finding in diagnose([value], mode)) is (mode in modes)


@pytest.mark.parametrize(
    ("predictor", "says"),
    [
        ({"canaryTrafficPercent": 10}, "all requests at once"),
        ({"model": {"storageUri": "s3://releases/latest"}}, "never loads again"),
        ({"model": {"storageUri": "oci://registry/top-picks:latest"}}, "never loads again"),
        ({"model": {"storageUri": "pvc://releases/0a1b2c"}}, ""),
    ],
)
def test_the_doctor_looks_at_inference_services_too(predictor: Any, says: str) -> None:
    value = {"kind": "InferenceService", "spec": {"predictor": predictor}}
    found = [finding.what for finding in diagnose([value], STANDARD)]
    assert len(found) == bool(says)
    assert all(says in what for what in found)


def test_our_own_graph_has_no_errors_and_kinds_unknown_to_it_are_passed_over() -> None:
    objects = [compiled(), {"kind": "ConfigMap"}]
    for mode in Mode:
        assert all(finding.severity is Severity.WARNING for finding in diagnose(objects, mode))


def test_the_doctor_command_reads_every_document_and_tells_errors_by_its_status(
    tmp_path: Path,
) -> None:
    broken = copy.deepcopy(compiled())
    del broken["spec"]["routerTimeouts"]
    path = tmp_path / "graphs.yaml"
    path.write_text(yaml.safe_dump_all([compiled(), None, broken]))
    result = CliRunner().invoke(graph_command, ["doctor", str(path), "--json"])
    assert result.exit_code == 1
    assert json.loads(result.stdout)[0]["severity"] == "error"
    assert "1 errors, 2 warnings" in result.stderr


def test_our_own_graph_is_healthy_on_the_command_line() -> None:
    assert CliRunner().invoke(graph_command, ["doctor"]).exit_code == 0


SHOWN = graph_from_spec(
    {
        "nodes": {
            "root": {
                "routerType": "Sequence",
                "steps": [
                    {"name": "first", "nodeName": "below"},
                    {"name": "last", "serviceUrl": "http://last", "data": "$response"},
                ],
            },
            "below": {"routerType": "Switch", "steps": [{"nodeName": "root", "condition": "a"}]},
        }
    }
)


def test_a_tree_shows_steps_targets_and_a_cycle_once() -> None:
    assert tree(SHOWN).splitlines() == [
        "root  Sequence",
        "├─ first  → below  Switch",
        "│  └─ 0  → root  Sequence  [if a exists, a cycle]",
        "└─ last  → http://last  [given the answers before it]",
    ]


def test_a_diagram_has_a_box_a_step_and_an_arrow_for_each_way() -> None:
    lines = [line.strip() for line in mermaid(SHOWN).splitlines()]
    assert 'subgraph below["below: Switch"]' in lines
    assert {"root_0 --> root_1", "root_0 --- below", "below_0 --- root"} <= set(lines)


@pytest.mark.parametrize(("form", "starts"), [("tree", "root  Sequence"), ("mermaid", "flowchart")])
def test_show_draws_the_pages_graph(form: str, starts: str) -> None:
    result = CliRunner().invoke(graph_command, ["show", "--format", form])
    assert result.output.startswith(starts)
