"""The verbs on this machine; a small process stands in for the page service."""

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from releases import store_with_releases

from lolomo.cli import lolomo
from lolomo.core.errors import LolomoError
from lolomo.core.release import Release, ReleaseStore
from lolomo.core.settings import Workspace
from lolomo.operations import embedded
from lolomo.operations.embedded import EmbeddedTarget
from lolomo.operations.metrics import page_metrics
from lolomo.operations.service_process import PageService
from lolomo.operations.target import DeployError, DeployOptions

STAND_IN = """
import http.server, sys  # lolomo.cli
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200); self.end_headers()
        file = sys.argv[3] if self.path == "/v1/releases" else sys.argv[2]
        self.wfile.write(open(file, "rb").read())
    def log_message(self, *_): pass
http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"""
METRICS = """\
# TYPE process_start_time_seconds gauge
process_start_time_seconds {started}
# TYPE lolomo_request_seconds histogram
lolomo_request_seconds_bucket{{route="/v1/page",le="0.01"}} 90
lolomo_request_seconds_bucket{{route="/v1/page",le="0.02"}} 100
lolomo_request_seconds_bucket{{route="/v1/page",le="+Inf"}} 100
lolomo_request_seconds_count{{route="/v1/page"}} 100
lolomo_request_seconds_count{{route="/v1/search"}} 7
"""
Run = Callable[..., Result]


@pytest.fixture
def releases(tmp_path: Path) -> dict[str, Release]:
    return store_with_releases(tmp_path / "acme" / "releases")


@pytest.fixture
def target(
    tmp_path: Path, releases: dict[str, Release], monkeypatch: pytest.MonkeyPatch
) -> Iterator[EmbeddedTarget]:
    metrics = tmp_path / "metrics.txt"
    metrics.write_text(METRICS.format(started=time.time() - 50))
    served = tmp_path / "served.json"
    served.write_text(
        json.dumps({"releases": {"top_picks": {"digest": releases["passed"].digest}}})
    )
    started: list[subprocess.Popen[bytes]] = []

    def start(
        dataset: str, log: Path, port: int, *, detached: bool
    ) -> tuple[PageService, subprocess.Popen[bytes]]:
        log.parent.mkdir(parents=True, exist_ok=True)
        log.touch()
        command = [sys.executable, "-c", STAND_IN, str(port), str(metrics), str(served)]
        started.append(subprocess.Popen(command, start_new_session=detached))
        return PageService(f"http://127.0.0.1:{port}", log), started[-1]

    monkeypatch.setattr(embedded, "start_service", start)
    yield EmbeddedTarget(Workspace(tmp_path / "acme"), "acme")
    for process in started:
        process.kill()
        process.wait()


@pytest.fixture
def run(tmp_path: Path) -> Run:
    environment = {"LOLOMO_HOME": str(tmp_path), "LOLOMO_DATASET": "acme", "LOLOMO_OVERLAY": ""}
    return lambda *words: CliRunner(env=environment).invoke(lolomo, words)


def test_deploying_starts_the_service_once(
    target: EmbeddedTarget, releases: dict[str, Release]
) -> None:
    target.store.pin("top_picks", releases["passed"].digest)
    assert target.plan()[0].action == "create"
    target.deploy(DeployOptions())
    first = target.running()
    target.deploy(DeployOptions())
    assert target.running() == first
    assert target.plan()[0].action == "keep"
    assert target.stop()
    assert target.running() is None
    assert not target.stop()


def test_the_status_is_measured_where_a_service_runs(
    target: EmbeddedTarget, releases: dict[str, Release], run: Run
) -> None:
    target.store.pin("top_picks", releases["passed"].digest)
    target.deploy(DeployOptions())
    target.store.pin("next_play", releases["next_play"].digest)
    front, next_play, picks = json.loads(run("status", "--json").output)
    assert (front["replicas"], front["ready"]) == (1, 1)
    assert front["traffic"] == pytest.approx(2.0, rel=0.2)
    assert front["p99_milliseconds"] == pytest.approx(19.0)
    assert (picks["gate"], picks["model"]) == ("passed", "model_passed")
    assert (picks["ready"], next_play["ready"]) == (1, 0)


def test_nothing_pinned_is_nothing_to_deploy(target: EmbeddedTarget) -> None:
    with pytest.raises(DeployError, match="nothing is pinned"):
        target.deploy(DeployOptions())


def test_a_release_that_was_changed_is_not_deployed(
    target: EmbeddedTarget, releases: dict[str, Release]
) -> None:
    target.store.pin("top_picks", releases["passed"].digest)
    (releases["passed"].path / "model.txt").write_text("other weights")
    with pytest.raises(LolomoError, match="does not match its card"):
        target.deploy(DeployOptions())
    assert target.running() is None


def test_a_process_that_took_the_number_of_an_ended_service_is_left_alone(
    target: EmbeddedTarget,
) -> None:
    state = target.workspace.service / embedded.STATE
    state.parent.mkdir(parents=True)
    with subprocess.Popen(["sleep", "60"]) as other:
        state.write_text(json.dumps({"pid": other.pid, "url": "http://127.0.0.1:1"}))
        assert target.running() is None
        assert not target.stop()
        assert other.poll() is None
        other.kill()


def test_the_verbs_are_typed_as_on_a_cluster(
    run: Run, releases: dict[str, Release], tmp_path: Path
) -> None:
    store = ReleaseStore(tmp_path / "acme" / "releases")
    for digest in (releases["baseline"].digest, releases["passed"].digest):
        assert run("promote", "--task", "top_picks", "--release", digest).exit_code == 0
    assert run("rollback", "--task", "top_picks", "--reason", "slow").exit_code == 0
    assert store.pins() == {"top_picks": releases["baseline"].digest}
    canary = ("canary", "5", "--task", "top_picks", "--release", releases["passed"].digest)
    assert run(*canary).exit_code == 0
    said = run("promotions").output
    assert [line.split()[1] for line in said.splitlines()] == [
        *("promote", "promote", "rollback", "canary")
    ]
    assert "slow" in said


def test_a_schedule_here_is_a_line_for_cron(run: Run) -> None:
    done = run("pipelines", "schedule", "--task", "top_picks", "--cron", "5 3 * * *")
    assert "pipelines submit --task top_picks --dataset acme" in done.output
    assert isinstance(
        run("pipelines", "schedule", "--task", "top_picks", "--cron", "nightly").exception,
        LolomoError,
    )


def test_the_last_run_is_seen_step_by_step(run: Run, tmp_path: Path) -> None:
    assert "no run yet" in run("pipelines", "status").output
    log = tmp_path / "acme" / "runs" / "pipeline.log"
    log.parent.mkdir(parents=True)
    log.write_text(
        "Executing task \x1b[96m'prepare'\x1b[0m\n"
        "Task \x1b[96m'prepare'\x1b[0m finished with status \x1b[92mSUCCESS\x1b[0m\n"
        "Executing task 'train'\nModelError: no events\n"
    )
    rows = json.loads(run("pipelines", "status", "--json").output)
    assert [(row["name"], row["state"]) for row in rows] == [
        ("prepare", "SUCCESS"),
        ("train", "RUNNING"),
    ]
    assert run("pipelines", "logs", "--lines", "1").output == "ModelError: no events\n"


def test_without_a_page_there_is_no_percentile() -> None:
    rate, p99 = page_metrics(f"process_start_time_seconds {time.time() - 10}\n")
    assert (rate, p99) == (0.0, None)
