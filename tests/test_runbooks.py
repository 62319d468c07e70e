"""Each alert has a runbook, and what a runbook tells people to type exists."""

import re

import pytest
import yaml
from documents import ROOT, parse

RUNBOOKS = ROOT / "docs" / "runbooks"
RULES = yaml.safe_load((ROOT / "manifests" / "observability" / "alerts.yaml").read_text())
ALERTS = [rule for group in RULES["spec"]["groups"] for rule in group["rules"]]
FILES = sorted(path for path in RUNBOOKS.glob("*.md") if path.name != "README.md")


def kebab(name: str) -> str:
    return re.sub(r"(?<!^)([A-Z])", r"-\1", name).lower()


@pytest.mark.parametrize("alert", ALERTS, ids=lambda rule: str(rule["alert"]))
def test_an_alert_has_a_runbook_of_its_name(alert: dict[str, dict[str, str]]) -> None:
    path = ROOT / alert["annotations"]["runbook_url"]
    assert path.stem == kebab(str(alert["alert"]))
    text = path.read_text()
    assert text.startswith(f"# {alert['alert']}\n")
    assert all(part in text for part in ("**Look**", "**Do**", "**It is over when**"))


def test_a_runbook_is_of_an_alert() -> None:
    assert {path.stem for path in FILES} == {kebab(alert["alert"]) for alert in ALERTS}
    index = (RUNBOOKS / "README.md").read_text()
    assert all(f"({path.name})" in index for path in FILES)


COMMANDS = sorted(
    {
        line.strip()
        for path in FILES
        for line in path.read_text().splitlines()
        if line.startswith("    lolomo ")
    }
)


@pytest.mark.parametrize("line", COMMANDS)
def test_a_command_of_a_runbook_is_understood(line: str) -> None:
    values = {"<date>": "2026-01-01", "<peak>": "100", "$OVERLAY": "manifests/overlays/dev"}
    for name, value in values.items():
        line = line.replace(name, value)
    parse(line)
