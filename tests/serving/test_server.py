"""The server as a process: it starts, answers, and ends cleanly when told to."""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from lolomo.core.errors import SettingsError
from lolomo.serving.bentos import FrontOptions

SCRIPT = """
import importlib.util, sys
from pathlib import Path
from lolomo.serving.bentos import Clock, Front, server
from lolomo.serving.steps import Champion, Resources
from lolomo.tasks import all_tasks
spec = importlib.util.spec_from_file_location("fakes", sys.argv[1])
fakes = importlib.util.module_from_spec(spec)
spec.loader.exec_module(fakes)
champions = {"trending_now": Champion("a" * 64, "popularity", fakes.FakeRanker())}
server.load_front = lambda _: Front(Resources(all_tasks(), champions, fakes.FakeFeatures()))
options = server.FrontOptions(Path("nowhere"), drain_seconds=0.5)
server.serve(options, server.Address(port=0), 1, lambda url: print(url, flush=True))
print("ended", flush=True)
"""


@pytest.fixture
def process() -> Any:
    fakes = Path(__file__).parent / "conftest.py"
    command = [sys.executable, "-W", "error::ResourceWarning", "-c", SCRIPT, str(fakes)]
    environment = {k: v for k, v in os.environ.items() if k != "PROMETHEUS_MULTIPROC_DIR"}
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
        yield process
        process.kill()


@pytest.mark.parametrize("stop", [signal.SIGTERM, signal.SIGINT])
def test_service_answers_until_it_is_told_to_stop(process: Any, stop: signal.Signals) -> None:
    url = process.stdout.readline().strip()
    body = json.dumps({"user_id": "ann"}).encode()
    with urllib.request.urlopen(f"{url}/v1/page", body, timeout=30) as answer:
        page = json.load(answer)
    assert [row["task"] for row in page["rows"]] == ["top_picks", "trending_now", "top_picks"]
    with urllib.request.urlopen(f"{url}/metrics", timeout=30) as answer:
        text = answer.read().decode()
    assert text.count('lolomo_requests_total{route="/v1/page",status="200"} 1.0') == 1
    process.send_signal(stop)
    assert process.stdout.readline().strip() == "ended"
    assert process.wait(timeout=20) == 0


def test_on_sigterm_it_stops_being_ready_and_goes_on_answering(process: Any) -> None:
    url = process.stdout.readline().strip()
    body = json.dumps({"user_id": "ann"}).encode()
    process.send_signal(signal.SIGTERM)
    time.sleep(0.15)
    with pytest.raises(urllib.error.HTTPError) as unready:
        urllib.request.urlopen(f"{url}/readyz", timeout=30)
    assert unready.value.code == 503
    unready.value.close()
    with urllib.request.urlopen(f"{url}/v1/page", body, timeout=30) as answer:
        assert (answer.status, answer.headers["connection"]) == (200, "close")
    assert process.stdout.readline().strip() == "ended"
    assert process.wait(timeout=20) == 0


def test_port_in_use_is_an_error_that_says_what_to_do() -> None:
    import socket

    from lolomo.serving.bentos.server import Address, serve

    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = Address(port=taken.getsockname()[1])
        with pytest.raises(SettingsError, match="choose another with --port"):
            serve(FrontOptions(Path("nowhere")), address, 1, print)
