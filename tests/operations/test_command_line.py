import subprocess
import sys

import click
import pytest
from click.testing import CliRunner

from lolomo.cli import lolomo

HEAVY = ("tensorflow", "keras", "feast", "kfp", "mlflow", "bentoml", "lightgbm", "polars", "duckdb")
PROGRAM = f"import sys, lolomo.cli; print([m for m in {HEAVY} if m in sys.modules])"


def test_the_command_line_imports_nothing_heavy() -> None:
    printed = subprocess.check_output([sys.executable, "-c", PROGRAM], text=True)
    assert printed.strip() == "[]"


def commands(group: click.Group, path: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    """Return the words of every command below a group."""
    found = []
    for name, command in group.commands.items():
        words = (*path, name)
        found += commands(command, words) if isinstance(command, click.Group) else [words]
    return found


@pytest.mark.parametrize("words", commands(lolomo), ids=" ".join)
def test_every_command_explains_itself(words: tuple[str, ...]) -> None:
    shown = CliRunner().invoke(lolomo, [*words, "--help"])
    assert shown.exit_code == 0
    assert "Usage: " in shown.output
    assert "\\b" not in shown.output  # click's mark for "do not wrap", which it takes away itself


def test_an_error_made_on_purpose_is_printed_without_a_traceback() -> None:
    command = [sys.executable, "-m", "lolomo.cli", "data", "get", "no-such-dataset"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 1
    assert "no dataset is called 'no-such-dataset'" in done.stderr
    assert "Traceback" not in done.stderr
