"""Graphs: what is refused, how conditions are read, and what KServe is given."""

import asyncio
import collections
import random
from typing import Any

import pytest
from click.testing import CliRunner

from lolomo.cli.graph import graph as graph_command
from lolomo.core.errors import GraphError
from lolomo.serving.bentos import Front, PageRequest
from lolomo.serving.graph import (
    Answer,
    Engine,
    JsonCarrier,
    compile_graph,
    graph_from_spec,
    page_graph,
    validate,
)
from lolomo.serving.graph.path import parse_for_paths, parse_path, path_exists
from lolomo.serving.steps import Proposals, StepRequest, TypedCarrier
from lolomo.tasks import all_tasks

A: dict[str, Any] = {"name": "a", "serviceUrl": "http://a"}
BAD: list[tuple[str, dict[str, Any]]] = [
    ("no node 'root'", {"first": {"routerType": "Sequence", "steps": [A]}}),
    ("has no steps", {"root": {"routerType": "Sequence", "steps": []}}),
    ("give exactly one", {"root": {"routerType": "Sequence", "steps": [{"name": "a"}]}}),
    ("give exactly one", {"root": {"routerType": "Sequence", "steps": [{**A, "nodeName": "b"}]}}),
    ("leads to node 'b'", {"root": {"routerType": "Sequence", "steps": [{"nodeName": "b"}]}}),
    (
        "root -> root form a cycle",
        {"root": {"routerType": "Switch", "steps": [{"nodeName": "root"}]}},
    ),
    ("more than one step called", {"root": {"routerType": "Ensemble", "steps": [A, A]}}),
    ("without a condition", {"root": {"routerType": "Switch", "steps": [A]}}),
    ("has '*'", {"root": {"routerType": "Switch", "steps": [{**A, "condition": "a.*"}]}}),
    ("an empty part", {"root": {"routerType": "Switch", "steps": [{**A, "condition": "a..b"}]}}),
    (
        "no previous answer",
        {"root": {"routerType": "Sequence", "steps": [{**A, "condition": "a"}]}},
    ),
    ("ignores", {"root": {"routerType": "Ensemble", "steps": [{**A, "condition": "a"}]}}),
    ("ignores", {"root": {"routerType": "Sequence", "steps": [{**A, "weight": 100}]}}),
    ("100 in all", {"root": {"routerType": "Splitter", "steps": [{**A, "weight": 99}]}}),
    ("100 in all", {"root": {"routerType": "Splitter", "steps": [A]}}),
    ("is not letters", {"root": {"routerType": "Sequence", "steps": [A]}, "a b": {}}),
]


@pytest.mark.parametrize(("says", "nodes"), BAD, ids=range(len(BAD)))
def test_unsound_graph_is_refused_with_the_reason(says: str, nodes: dict[str, Any]) -> None:
    for node in nodes.values():
        node.setdefault("routerType", "Sequence")
        node.setdefault("steps", [A])
    with pytest.raises(GraphError, match=says.replace("*", r"\*").replace("'*'", "'.'")):
        validate(graph_from_spec({"nodes": nodes}))


def test_a_cycle_is_told_in_the_order_in_which_a_request_would_follow_it() -> None:
    ring = {"root": "a", "a": "b", "b": "a"}
    nodes = {
        name: {"routerType": "Sequence", "steps": [{"nodeName": following}]}
        for name, following in ring.items()
    }
    with pytest.raises(GraphError, match=r"a -> b -> a|b -> a -> b"):
        validate(graph_from_spec({"nodes": nodes}))


def test_a_wide_graph_is_checked_at_once() -> None:
    """Forty levels with two ways each: 2^40 paths."""
    nodes: dict[str, Any] = {"n40": {"routerType": "Sequence", "steps": [A]}}
    for level in range(40):
        below = {"nodeName": f"n{level + 1}"}
        steps = [{"name": "x", **below}, {"name": "y", **below}]
        nodes["root" if level == 0 else f"n{level}"] = {"routerType": "Sequence", "steps": steps}
    validate(graph_from_spec({"nodes": nodes}))


def test_node_that_no_step_leads_to_is_refused() -> None:
    node = {"routerType": "Sequence", "steps": [A]}
    with pytest.raises(GraphError, match=r"no step leads to nodes \['island'\]"):
        validate(graph_from_spec({"nodes": {"root": node, "island": node}}))


@pytest.mark.parametrize("spec", [{}, {"nodes": 1}, {"nodes": {"root": {"routerType": "Loop"}}}])
def test_what_is_no_graph_is_refused(spec: dict[str, Any]) -> None:
    with pytest.raises(GraphError, match="no InferenceGraph spec"):
        graph_from_spec(spec)


@pytest.mark.parametrize(
    ("path", "exists"),
    [
        ("a", True),
        ("a.b.1", True),
        ("a.b.2", False),
        ("a.b.x", False),
        ("a.b.#", True),
        ("a.#", False),
        ("a.none", True),
        ("a.false", True),
        ("a.missing", False),
        (r"dotted\.key", True),
        ("7", True),
    ],
)
def test_a_path_asks_for_existence(path: str, exists: bool) -> None:
    document = b'{"a":{"b":[1,2],"none":null,"false":false},"dotted.key":0,"7":1}'
    assert path_exists(parse_for_paths(document), path) is exists


@pytest.mark.parametrize("path", ["", "a.", "#(a=1)", "a|b", "@this", "a.#.b", "{a,b}", "a?"])
def test_paths_that_mean_more_in_gjson_are_refused(path: str) -> None:
    with pytest.raises(GraphError, match="keys and array indexes"):
        parse_path(path)


def test_splitter_draws_by_weight() -> None:
    steps = [{**A, "weight": 80}, {"name": "b", "serviceUrl": "http://b", "weight": 20}]
    graph = graph_from_spec({"nodes": {"root": {"routerType": "Splitter", "steps": steps}}})
    calls: collections.Counter[str] = collections.Counter()

    async def call(service: str, body: bytes) -> Answer[bytes]:
        calls[service] += 1
        return Answer(200, body)

    async def run() -> None:
        engine = Engine(graph, call, JsonCarrier(random.Random(7)))
        for _ in range(1000):
            await engine.run(b"{}")

    asyncio.run(run())
    assert 740 < calls["http://a"] < 860


def test_a_user_stays_on_one_side_of_a_splitter_inside_one_process(front: Front) -> None:
    contexts = [asyncio.run(front.context(PageRequest(user_id=f"u{n}"))) for n in range(400)]
    carrier = TypedCarrier()
    places = [carrier.place(StepRequest(context), "split") for context in contexts]
    assert places == [carrier.place(context, "split") for context in contexts]
    assert places != [carrier.place(context, "another") for context in contexts]
    assert 120 < sum(place < 0.4 for place in places) < 200
    with pytest.raises(GraphError, match="before the steps that answer"):
        carrier.place(Proposals(), "split")


def test_page_graph_follows_from_the_tasks() -> None:
    graph = page_graph(all_tasks().values())
    validate(graph)
    names = [step.name for step in graph.nodes["candidates"].steps]
    generators = ["continue_watching", "next_play", "because_you_watched", "trending_now"]
    assert names == ["context", *generators]


def test_compiled_graph_is_read_back_as_it_was() -> None:
    compiled = compile_graph(page_graph(all_tasks().values()), "lolomo", service_url="{step}")
    assert graph_from_spec(compiled["spec"]) == page_graph(all_tasks().values())
    assert "timeout" not in compiled["spec"]


def test_service_urls_follow_the_template() -> None:
    services = {"next_play": "next-play-v2"}
    compiled = compile_graph(page_graph(all_tasks().values()), "prod", services=services)
    steps = compiled["spec"]["nodes"]["candidates"]["steps"]
    urls = {step["name"]: step["serviceUrl"] for step in steps}
    assert urls["next_play"] == "http://next-play-v2.prod.svc.cluster.local/v1/steps/next_play"
    assert urls["trending_now"].startswith("http://trending-now-predictor.prod.svc.cluster.local/")


def test_unknown_placeholder_is_refused() -> None:
    with pytest.raises(GraphError, match="unknown placeholder"):
        compile_graph(page_graph(all_tasks().values()), "lolomo", service_url="{host}")


def test_graph_commands_compile_and_check(tmp_path: Any) -> None:
    runner, path = CliRunner(), tmp_path / "graph.yaml"
    assert runner.invoke(graph_command, ["compile", "--output", str(path)]).exit_code == 0
    assert runner.invoke(graph_command, ["check", str(path)]).output.startswith("sound: ")
    path.write_text("- not\n- a graph\n")
    result = runner.invoke(graph_command, ["check", str(path)])
    assert isinstance(result.exception, GraphError)
