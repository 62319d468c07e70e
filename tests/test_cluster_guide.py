"""Every command of the cluster guide is understood, and what it names exists."""

import re
from pathlib import Path

import pytest
from documents import ROOT, parse

from lolomo.core import settings

GUIDE = (ROOT / "docs" / "guides" / "cluster.md").read_text()
COMMANDS = [line.strip() for line in GUIDE.splitlines() if line.startswith("    lolomo ")]


@pytest.mark.parametrize("line", COMMANDS)
def test_a_command_of_the_guide_is_understood(line: str) -> None:
    parse(line)


@pytest.mark.parametrize("name", sorted(set(re.findall(r"components/([\w-]+)", GUIDE))))
def test_a_component_of_the_guide_exists(name: str) -> None:
    assert (ROOT / "manifests" / "components" / name / "kustomization.yaml").is_file()


@pytest.mark.parametrize("name", sorted(set(re.findall(r"LOLOMO_[A-Z_]+", GUIDE))))
def test_a_setting_of_the_guide_is_read(name: str) -> None:
    assert f'"{name}"' in Path(settings.__file__).read_text()


@pytest.mark.parametrize("verb", ["deploy", "status", "promote", "rollback", "canary"])
def test_the_guide_shows_every_verb(verb: str) -> None:
    assert any(line.startswith(f"lolomo {verb}") for line in COMMANDS)
