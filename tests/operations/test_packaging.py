"""Bentos: built without Docker, whole in themselves, and served from BentoML's store."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import sysconfig
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import lightgbm
import numpy as np
import pytest
import yaml

from lolomo.core.errors import ReleaseError, SettingsError
from lolomo.core.release import Card, Release, ReleaseStore
from lolomo.core.settings import Workspace
from lolomo.features import FeatureStore
from lolomo.operations.packaging import Packaging, check_locked
from lolomo.runtimes.encoding import Encoding
from lolomo.runtimes.lightgbm import INPUTS, MODEL
from lolomo.serving.bentos.packaged import Contents

LOCKED = "numpy==2.0.0 \\\n    --hash=sha256:00\n"
START_SECONDS = 60
TASK = "trending_now"


@pytest.fixture(scope="module")
def home(tiny_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home of its own with one small release pinned, and a BentoML store."""
    home = tmp_path_factory.mktemp("packaging") / "home"
    shutil.copytree(tiny_home, home)
    (home / "requirements.txt").write_text(LOCKED)
    store = ReleaseStore(Workspace(home / "tiny").releases)
    store.pin(TASK, publish(store, home / "files").digest)
    features = FeatureStore(Workspace(home / "tiny"))
    features.materialize(features.latest)
    return home


def publish(store: ReleaseStore, files: Path) -> Release:
    """Publish a booster that orders items by their plays."""
    files.mkdir()
    plays = np.arange(40.0)
    options = {"verbose": -1, "min_data_in_leaf": 1, "num_leaves": 4, "num_threads": 1}
    data = lightgbm.Dataset(plays[:, None], plays)
    lightgbm.train(options, data, 3).save_model(files / MODEL)
    encoding = Encoding(numbers=("item_plays_7d",))
    (files / INPUTS).write_text(encoding.to_json())
    blank: Any = dict.fromkeys(
        ("data_fingerprint", "feature_service", "reward", "code_version"), ""
    )
    card = Card(
        task=TASK,
        model="booster",
        runtime="lightgbm",
        method="rank",
        inputs=encoding.inputs,
        config={},
        data_window=("", ""),
        metrics={},
        gate={},
        **blank,
    )
    return store.publish(files, card)


@pytest.fixture(scope="module")
def environment(home: Path) -> dict[str, str]:
    return {
        **os.environ,
        "LOLOMO_HOME": str(home),
        "BENTOML_HOME": str(home / "bentoml"),
        "BENTOML_DO_NOT_TRACK": "true",
    }


@pytest.fixture(scope="module")
def tags(home: Path, environment: dict[str, str]) -> dict[str, str]:
    """Package everything that there is, by the command."""
    command = [sys.executable, "-m", "lolomo.cli", "package", "--dataset", "tiny", "--json"]
    command += ["--requirements", str(home / "requirements.txt")]
    built: dict[str, str] = json.loads(subprocess.check_output(command, env=environment))
    return built


def folder_of(home: Path, tag: str) -> Path:
    return home / "bentoml" / "bentos" / tag.replace(":", "/")


def test_the_page_and_each_task_with_a_release_become_bentos(tags: dict[str, str]) -> None:
    assert [tag.partition(":")[0] for tag in tags.values()] == ["page", "trending-now"]


def test_an_image_is_pinned_by_hash_and_does_not_run_as_root(
    home: Path, tags: dict[str, str]
) -> None:
    bento = folder_of(home, tags["page"])
    recipe = (bento / "env" / "docker" / "Dockerfile").read_text()
    assert "libgomp1" in recipe
    assert recipe.rstrip().rpartition("USER ")[2].startswith("bentoml")
    assert LOCKED in (bento / "env" / "python" / "requirements.txt").read_text()
    assert yaml.safe_load((bento / "bento.yaml").read_text())["service"] == "bento_page:service"


def test_a_bento_has_all_code_that_serves_and_none_that_trains(
    home: Path, tags: dict[str, str]
) -> None:
    source = folder_of(home, tags["page"]) / "src"
    lines = [
        f"import sys; sys.path[:0] = [{str(source)!r}, {sysconfig.get_paths()['purelib']!r}]",
        "import bento_page, lolomo.features, lolomo.serving.bentos.routes as routes",
        "from importlib.metadata import version; assert version('lolomo')",
        "print(bento_page.service.name, list(lolomo.__path__))",
    ]
    isolated = [sys.executable, "-S", "-W", "ignore", "-c", "\n".join(lines)]
    printed = subprocess.check_output(isolated, text=True, cwd=home)
    assert printed.strip() == f"page {[str(source / 'lolomo')]}"
    assert not (source / "lolomo" / "training").exists()


@contextmanager
def served(tag: str, environment: dict[str, str]) -> Iterator[str]:
    """Serve a Bento from the store; yield its URL."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
    command = [sys.executable, "-m", "bentoml", "serve", tag, "--host", "127.0.0.1"]
    command += ["--port", str(port)]
    process = subprocess.Popen(
        command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        wait_until_ready(f"http://127.0.0.1:{port}", process)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=60)


def wait_until_ready(url: str, process: "subprocess.Popen[bytes]") -> None:
    end = time.monotonic() + START_SECONDS
    while True:
        try:
            with urllib.request.urlopen(f"{url}/readyz", timeout=5):
                return
        except (OSError, urllib.error.URLError):
            assert process.poll() is None
            assert time.monotonic() < end
            time.sleep(0.2)


def ask(url: str, body: Any) -> Any:
    with urllib.request.urlopen(url, json.dumps(body).encode(), timeout=30) as answer:
        return json.load(answer)


def test_a_bento_serves_its_release_by_every_protocol(
    home: Path, tags: dict[str, str], environment: dict[str, str]
) -> None:
    digest = ReleaseStore(Workspace(home / "tiny").releases).pins()[TASK]
    user = {"name": "user_id", "shape": [1], "datatype": "BYTES", "data": ["u1"]}
    with served(tags[TASK], environment) as url:
        page = ask(f"{url}/v1/page", {"user_id": "u1"})
        one = ask(f"{url}/v1/models/{TASK}:predict", {"instances": [{"user_id": "u1", "k": 3}]})
        other = ask(f"{url}/v2/models/{TASK}/infer", {"inputs": [user], "parameters": {"k": 3}})
    assert page["releases"] == {TASK: digest}
    assert one["predictions"][0]["release"] == other["model_version"] == digest
    assert one["predictions"][0]["item_ids"] == other["outputs"][0]["data"]


def contents(home: Path, mounted_at: str | None) -> Contents:
    pins = ReleaseStore(Workspace(home / "tiny").releases).pins()
    return Contents(name="page", dataset="tiny", releases=pins, mounted_at=mounted_at)


def test_mounted_releases_are_found_and_checked_against_the_digest(home: Path) -> None:
    mounted = Workspace(home / "tiny").releases
    (digest,) = ReleaseStore(mounted).pins().values()
    one = contents(home, str(mounted / digest))
    assert one.folders(home) == (mounted / digest,)
    several = replace(one, mounted_at=str(mounted), releases={TASK: digest, "next_play": digest})
    assert several.folders(home) == (mounted / digest,) * 2
    with pytest.raises(ReleaseError):
        replace(one, releases={TASK: "0" * 64}).folders(home)


def test_a_release_that_is_not_mounted_is_an_error_that_says_where(home: Path) -> None:
    with pytest.raises(ReleaseError, match="not at /nowhere: mount it there"):
        contents(home, "/nowhere").folders(home)


def test_a_task_without_a_release_is_refused(home: Path) -> None:
    packaging = Packaging(
        workspace=Workspace(home / "tiny"), requirements=home / "requirements.txt"
    )
    with pytest.raises(ReleaseError, match="nothing is pinned for 'next_play'"):
        packaging.build("next_play")


@pytest.mark.parametrize("text", ["numpy>=2\n", "numpy==2.0.0\n", "-e .\n", None])
def test_requirements_without_hashes_are_refused(text: str | None, tmp_path: Path) -> None:
    if text is not None:
        (tmp_path / "requirements.txt").write_text(LOCKED + text)
    with pytest.raises(SettingsError, match=r"locked|lock it"):
        check_locked(tmp_path / "requirements.txt")


def test_our_own_lock_is_locked() -> None:
    check_locked(Path(__file__).parents[2] / "requirements" / "serving.txt")
