"""A company's own task, feature and model go from its data to a page, and Lolomo is not edited."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

ACME = Path(__file__).parent / "acme"
MAPPING = """\
name = "acme"

[events]
path = "plays.csv"
kind = "play"

[events.columns]
user_id = "subscriber"
item_id = "title_no"
timestamp = "started_at"
device = "device"
"""


def write_plays(path: Path) -> None:
    """Write plays in which title 007 is the one that televisions show."""
    rng = np.random.default_rng(7)
    start = datetime(2026, 1, 1, tzinfo=UTC)
    lines = ["subscriber,title_no,started_at,device"]
    for minute in range(900):
        user, device = rng.integers(40), rng.choice(["tv", "phone"])
        title = 7 if device == "tv" and rng.random() < 0.5 else rng.integers(30)
        moment = start + timedelta(minutes=37 * minute)
        lines.append(f"u{user},{title:03d},{moment.isoformat()},{device}")
    path.write_text("\n".join(lines) + "\n")


@pytest.fixture(scope="module")
def lolomo(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., str]:
    """Install the company's package beside Lolomo, and return what runs the command line."""
    folder = tmp_path_factory.mktemp("company")
    site = folder / "site"
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation"]
    subprocess.run([*pip, "--target", str(site), str(ACME)], check=True)
    write_plays(folder / "plays.csv")
    (folder / "mapping.toml").write_text(MAPPING)
    environment = {
        **os.environ,
        "PYTHONPATH": str(site),
        "LOLOMO_HOME": str(folder / "home"),
        "LOLOMO_DATASET": "acme",
    }

    def run(*arguments: str) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "lolomo.cli", *arguments],
            cwd=folder,
            env=environment,
            capture_output=True,
            text=True,
            timeout=300,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    run("data", "get", "mapping.toml")
    run("features", "apply")
    run("features", "materialize")
    run("pipelines", "submit", "--task", "family_night")
    return run


def test_its_feature_is_in_feast_under_its_own_owner(lolomo: Callable[..., str]) -> None:
    shown = lolomo("features", "show", "--task", "family_night")
    assert "item_living_room_plays" in shown


def test_its_model_is_judged_on_its_task(lolomo: Callable[..., str]) -> None:
    results = json.loads(lolomo("leaderboard", "--json"))
    assert [(each["task"], each["model"]) for each in results] == [
        ("family_night", "living_room_popularity")
    ]


def test_its_row_is_on_the_page_in_the_order_of_its_feature(lolomo: Callable[..., str]) -> None:
    page = json.loads(lolomo("page", "--user", "someone-new", "--json"))
    row = next(row for row in page["rows"] if row["task"] == "family_night")
    assert row["title"] == "Family night"
    assert row["entries"][0]["item_id"] == "007"


def test_its_step_is_in_the_compiled_graph(lolomo: Callable[..., str]) -> None:
    assert "family-night" in lolomo("graph", "compile").replace("_", "-")
