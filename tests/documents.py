"""Reads the documents that people follow: their code blocks, and the commands to type."""

import re
import shlex
from pathlib import Path

import click

from lolomo.cli import lolomo

ROOT = Path(__file__).parent.parent
README = ROOT / "README.md"
GUIDES = sorted((ROOT / "docs" / "guides").glob("*.md"))


def blocks(path: Path, language: str) -> list[str]:
    """Return a document's code blocks in a language."""
    return re.findall(rf"```{language}\n(.*?)```", path.read_text(), re.DOTALL)


def typed_commands(path: Path) -> list[str]:
    """Return each `lolomo …` of a document's shell blocks, without its comment."""
    shell = "\n".join(blocks(path, "sh")).replace("\\\n", " ")
    lines = [line.partition("#")[0] for line in shell.splitlines()]
    commands = [part.strip() for line in lines for part in line.split("&&")]
    return [command for command in commands if command.startswith("lolomo ")]


def parse(command: str) -> None:
    """Parse a command as the command line would, and run nothing.

    Raises:
        click.UsageError: If there is no such command or option.
    """
    context = click.Context(lolomo)
    found: click.Command = lolomo
    words = shlex.split(command)[1:]
    while isinstance(found, click.Group):
        name = words.pop(0)
        subcommand = found.get_command(context, name)
        if subcommand is None:
            raise click.UsageError(f"no command {name!r} in {command!r}")
        found = subcommand
    found.make_context(command, words, resilient_parsing=False)
