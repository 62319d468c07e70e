"""What the README and CONTRIBUTING tell people to type exists, and what they promise is there."""

import re
import tomllib
from pathlib import Path

import pytest
from documents import README, ROOT, blocks, parse, typed_commands

from lolomo.core.extensions import GROUPS

CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text()


@pytest.mark.parametrize("command", typed_commands(README))
def test_every_command_of_the_readme_parses(command: str) -> None:
    parse(command)


def test_the_mapping_of_the_readme_is_read(tmp_path: Path) -> None:
    from lolomo.events.datasets import read_mapping

    (block,) = blocks(README, "toml")
    tomllib.loads(block)
    path = tmp_path / "mapping.toml"
    path.write_text(block)
    (tmp_path / "plays.csv").write_text("subscriber,title_no,started_at\nu1,007,2026-01-01\n")
    assert read_mapping(path).name == "acme"


@pytest.mark.parametrize("target", ["demo", "test"])
def test_the_two_commands_are_targets(target: str) -> None:
    assert f"make {target}" in README.read_text()
    assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text(), re.MULTILINE)


@pytest.mark.parametrize("group", GROUPS)
def test_contributing_names_every_entry_point(group: str) -> None:
    assert group in CONTRIBUTING


@pytest.mark.parametrize(
    "path", re.findall(r"`((?:training|features|tests|platform)/[\w./]+)`", CONTRIBUTING)
)
def test_the_files_that_contributing_names_exist(path: str) -> None:
    assert (ROOT / path).exists(), path
