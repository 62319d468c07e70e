"""What the README and CONTRIBUTING tell people to type exists, and what they promise is there."""

import re
import tomllib
from pathlib import Path

import click
import pytest

from lolomo.cli import lolomo
from lolomo.core.extensions import GROUPS

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text()


def blocks(language: str) -> list[str]:
    """Return the README's code blocks in a language."""
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


def typed_commands() -> list[str]:
    """Return each `lolomo …` of the README's shell blocks, without its comment."""
    lines = [line.partition("#")[0] for block in blocks("sh") for line in block.splitlines()]
    commands = [part.strip() for line in lines for part in line.split("&&")]
    return [command for command in commands if command.startswith("lolomo ")]


@pytest.mark.parametrize("command", typed_commands())
def test_every_command_of_the_readme_parses(command: str) -> None:
    context = click.Context(lolomo)
    found: click.Command = lolomo
    words = command.split()[1:]
    while isinstance(found, click.Group):
        subcommand = found.get_command(context, words.pop(0))
        assert subcommand is not None, command
        found = subcommand
    found.make_context(command, words, resilient_parsing=False)


def test_the_mapping_of_the_readme_is_read(tmp_path: Path) -> None:
    from lolomo.events.datasets import read_mapping

    (block,) = blocks("toml")
    tomllib.loads(block)
    path = tmp_path / "mapping.toml"
    path.write_text(block)
    (tmp_path / "plays.csv").write_text("subscriber,title_no,started_at\nu1,007,2026-01-01\n")
    assert read_mapping(path).name == "acme"


@pytest.mark.parametrize("target", ["demo", "test"])
def test_the_two_commands_are_targets(target: str) -> None:
    assert f"make {target}" in README
    assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text(), re.MULTILINE)


@pytest.mark.parametrize("group", GROUPS)
def test_contributing_names_every_entry_point(group: str) -> None:
    assert group in CONTRIBUTING


@pytest.mark.parametrize(
    "path", re.findall(r"`((?:training|features|tests|platform)/[\w./]+)`", CONTRIBUTING)
)
def test_the_files_that_contributing_names_exist(path: str) -> None:
    assert (ROOT / path).exists(), path
