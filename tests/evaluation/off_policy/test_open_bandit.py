"""Open Bandit's logs: exact on policy, refused where support fails, near the truth elsewhere."""

import json
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest
from click.testing import CliRunner

from lolomo.cli.ope import ope
from lolomo.core.columns import Columns
from lolomo.core.errors import DataError
from lolomo.core.settings import Settings
from lolomo.evaluation.off_policy import (
    Estimate,
    Refused,
    direct_method,
    estimate,
    ips,
    snips,
    uniform_decisions,
)
from lolomo.events import EventLog, find_dataset, import_dataset

COMMAND = ["impressions", "--dataset", "open-bandit", "--json", "--surface"]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    folder = tmp_path_factory.mktemp("open-bandit")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LOLOMO_HOME", str(folder))
        settings = Settings.from_environment()
        try:
            import_dataset(find_dataset("open-bandit"), settings)
        except DataError as error:
            pytest.skip(f"open-bandit cannot be fetched here: {error}")
        yield settings


@pytest.fixture(scope="module")
def events(home: Settings) -> pl.DataFrame:
    return EventLog(home.workspace("open-bandit").events).events()


def surface(events: pl.DataFrame, name: str) -> pl.DataFrame:
    return events.filter(pl.col(Columns.SURFACE) == name)


@pytest.mark.parametrize("campaign", ["all", "men", "women"])
@pytest.mark.parametrize("estimator", [ips, snips], ids=["ips", "snips"])
def test_the_click_rate_of_the_uniform_log_is_exact(
    events: pl.DataFrame, campaign: str, estimator: type
) -> None:
    shown = surface(events, f"random/{campaign}")
    assert shown.height == 10_000
    assert estimator(uniform_decisions(shown)).estimate == shown[Columns.VALUE].mean()


@pytest.mark.parametrize("name", ["ips", "snips", "dr", "dm"])
def test_the_womens_log_of_thompson_sampling_trips_the_guard(
    events: pl.DataFrame, name: str
) -> None:
    outcome = estimate(name, uniform_decisions(surface(events, "bts/women")))
    assert isinstance(outcome, Refused)
    assert "effective sample size is 2.1" in outcome.reasons[0]


@pytest.mark.parametrize("campaign", ["all", "men"])
def test_other_logs_of_thompson_sampling_find_the_uniform_policys_rate(
    events: pl.DataFrame, campaign: str
) -> None:
    outcome = estimate("snips", uniform_decisions(surface(events, f"bts/{campaign}")))
    truth = surface(events, f"random/{campaign}")[Columns.VALUE].mean()
    assert isinstance(outcome, Estimate)
    assert isinstance(truth, float)
    assert outcome.interval.low < truth < outcome.interval.high


def test_predictions_come_from_other_folds_alone(events: pl.DataFrame) -> None:
    log = uniform_decisions(surface(events, "random/all"))
    assert log.predictions is not None
    clicked = log.rewards == 1.0
    assert log.predictions.logged[clicked].max() < 0.1
    assert direct_method(log).estimate == pytest.approx(0.0038, abs=0.0004)


def test_events_without_impressions_are_refused(events: pl.DataFrame) -> None:
    with pytest.raises(DataError, match="none of 0 events is an impression"):
        uniform_decisions(events.head(0))


@pytest.mark.usefixtures("home")
def test_the_command_prints_estimates_and_draws_them(tmp_path: Path) -> None:
    figure = tmp_path / "ope.png"
    done = CliRunner().invoke(ope, [*COMMAND, "random/men", "--figure", str(figure)])
    printed = json.loads(done.stdout)
    assert [row["mean"] for row in printed["estimates"]][:2] == [printed["logged"]] * 2
    assert figure.read_bytes().startswith(b"\x89PNG")


@pytest.mark.usefixtures("home")
def test_the_command_says_why_it_refuses() -> None:
    words = [word for word in COMMAND if word != "--json"]
    done = CliRunner().invoke(ope, [*words, "bts/women"])
    assert "refused ips, snips" in done.output
    assert "2.1 of 10,000 rows" in done.output
