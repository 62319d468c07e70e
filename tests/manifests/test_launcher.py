"""A launcher's container, run as its manifest says, against a stand-in for Kubeflow Pipelines."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from typing_extensions import override

Objects = list[dict[str, Any]]
ANSWERS = {
    "healthz": {"multi_user": False},
    "experiments": {"experiments": [{"experiment_id": "1", "display_name": "Default"}]},
    "runs": {"run_id": "run-1"},
}


class StandIn(BaseHTTPRequestHandler):
    submitted: list[dict[str, Any]]
    tokens: set[str | None]

    def do_GET(self) -> None:
        self.answer()

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.submitted.append(json.loads(body))
        self.answer()

    def answer(self) -> None:
        self.tokens.add(self.headers["Authorization"])
        kind = self.path.partition("?")[0].split("/")[3]
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(json.dumps(ANSWERS[kind]).encode())

    @override
    def log_message(self, format: str, *arguments: Any) -> None:
        pass


@pytest.fixture
def pipelines() -> Iterator[ThreadingHTTPServer]:
    StandIn.submitted, StandIn.tokens = [], set()
    with ThreadingHTTPServer(("127.0.0.1", 0), StandIn) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


def launch(objects: Objects, name: str, endpoint: str, cwd: Path) -> tuple[str, dict[str, str]]:
    """Run the launcher and return what it said and its variables."""
    known = {entry["metadata"]["name"]: entry for entry in objects}
    pod = known[name]["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    token = cwd.parent / "token"
    token.write_text("let me in")
    variables = dict(known["lolomo-settings"]["data"])
    variables |= {entry["name"]: entry["value"] for entry in container["env"]}
    variables |= {"HOME": str(cwd), "KF_PIPELINES_ENDPOINT": endpoint, "PATH": os.environ["PATH"]}
    variables["KF_PIPELINES_SA_TOKEN_PATH"] = str(token)
    command = [
        str(Path(sys.executable).parent / container["command"][0]),
        *container["command"][1:],
    ]
    done = subprocess.run(
        command, env=variables, cwd=cwd, capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return done.stdout, variables


def test_a_launcher_submits_its_task_and_its_sources_and_writes_nothing(
    render: Callable[[str], Objects], pipelines: ThreadingHTTPServer, tmp_path: Path
) -> None:
    endpoint = f"http://127.0.0.1:{pipelines.server_port}"
    said, variables = launch(render("overlays/gpu"), "train-top-picks", endpoint, tmp_path)
    assert "submitted run run-1" in said
    assert StandIn.tokens == {"Bearer let me in"}
    (run,) = StandIn.submitted
    spec = run["pipeline_spec"]["pipeline_spec"]
    executors = spec["deploymentSpec"]["executors"].values()
    assert {entry["container"]["image"] for entry in executors} == {variables["LOLOMO_IMAGE"]}
    assert run["runtime_config"]["parameters"] == {"dataset": variables["LOLOMO_DATASET"]}
    assert {"prepare", "prepare-4", "gate-4"} <= spec["root"]["dag"]["tasks"].keys()
    assert list(tmp_path.iterdir()) == []
