"""What the guides tell people to type exists, and their code runs."""

import tomllib
from pathlib import Path

import pytest
from documents import GUIDES, blocks, parse, typed_commands

COMMANDS = [(guide, command) for guide in GUIDES for command in typed_commands(guide)]
WITH_CODE = [guide for guide in GUIDES if blocks(guide, "python")]


def test_there_are_guides() -> None:
    assert WITH_CODE
    assert COMMANDS


@pytest.mark.parametrize(("guide", "command"), COMMANDS, ids=lambda value: Path(value).name)
def test_every_command_of_a_guide_parses(guide: Path, command: str) -> None:
    parse(command)


@pytest.mark.parametrize("guide", WITH_CODE, ids=lambda guide: guide.stem)
def test_the_code_of_a_guide_runs_from_top_to_bottom(
    guide: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOLOMO_HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {"__name__": guide.stem}
    for block in blocks(guide, "python"):
        exec(compile(block, str(guide), "exec"), names)


@pytest.mark.parametrize("guide", GUIDES, ids=lambda guide: guide.stem)
def test_settings_in_a_guide_are_toml(guide: Path) -> None:
    for block in blocks(guide, "toml"):
        tomllib.loads(block)
