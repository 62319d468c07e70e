"""`lolomo data` reports each broken file and loses none."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from lolomo.cli.data import data
from lolomo.core.settings import Settings
from lolomo.events import check

EXPECTED = {
    "unparsable_time.csv": "timestamp: received 'yesterday'",
    "duplicate_event_id.csv": "duplicate event_id '1'",
    "negative_duration.csv": "negative duration",
    "null_id.csv": "user_id: received nothing",
    "not_a_number.csv": "value: received 'five'",
    "unknown_kind.csv": "kind: received 'stare'",
    "too_few_fields.csv": "received 2 fields, expected 6",
    "open_quote.csv": "quoted field is broken",
    "header_only.csv": "has no row",
    "empty.csv": "is empty",
    "missing_column.csv": "lacks column(s) timestamp",
    "semicolons.csv": "say `separator = ';'`",
    "unknown_encoding.csv": "not in encoding 'utf-8'",
    "cut_short.csv.gz": "cut short",
    "cut_short.parquet": "cut short",
    "sheet.xlsx": "unknown format",
    "absent.csv": "no file at",
    "malformed.toml": "unknown ['colour']",
}


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOLOMO_HOME", str(tmp_path / "home"))


def test_check_reports_every_broken_file_with_its_reason(broken: Path, settings: Settings) -> None:
    findings = {Path(found.source).name: found for found in check(str(broken), settings)}
    assert findings.keys() == EXPECTED.keys() | {"good.csv"}
    assert not findings["good.csv"].wrong
    for name, words in EXPECTED.items():
        reasons = [findings[name].error, *findings[name].quarantine["reason"]]
        assert any(words in reason for reason in reasons), (name, reasons)


def test_check_counts_every_row(broken: Path, settings: Settings) -> None:
    for found in check(str(broken), settings):
        assert found.rows_in == found.rows_out + found.quarantine.height


def test_check_prints_each_file_and_ends_with_1(broken: Path) -> None:
    result = CliRunner().invoke(data, ["check", str(broken)])
    assert result.exit_code == 1, result.output
    assert all(name in result.output for name in EXPECTED)
    assert CliRunner().invoke(data, ["check", str(broken / "good.csv")]).exit_code == 0


def test_get_imports_a_mapping_and_list_shows_it(broken: Path) -> None:
    mapping = broken / "mapping.toml"
    mapping.write_text('name = "acme"\n[events]\npath = "good.csv"\n')
    result = CliRunner().invoke(data, ["get", str(mapping)], catch_exceptions=False)
    assert "acme: 1 events of 1 users and 1 items" in result.output
    listed = CliRunner().invoke(data, ["list"], catch_exceptions=False).output
    assert "acme" in listed
    assert "movielens" in listed
