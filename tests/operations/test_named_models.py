"""`lolomo train` for models that are named, from the command line to their releases."""

import json

import pytest
from click.testing import CliRunner, Result

from lolomo.cli import lolomo
from lolomo.core.errors import LolomoError
from lolomo.core.release import Release, ReleaseStore
from lolomo.core.settings import Settings

CONFIG = ("--config", "neighbours=5", "--config", "prior_days=3", "--config", "memory_days=60")


def train(*words: str) -> Result:
    """Run the command on the tiny dataset."""
    return CliRunner().invoke(lolomo, ["train", "--dataset", "tiny", *words])


@pytest.fixture(scope="module")
def trained(tiny: Settings) -> Result:
    done = train("--task", "because_you_watched", "--model", "item_knn", "--seed", "3", *CONFIG)
    assert done.exception is None, done.output
    return done


@pytest.fixture(scope="module")
def store(tiny: Settings) -> ReleaseStore:
    return ReleaseStore(tiny.workspace("tiny").releases)


@pytest.fixture(scope="module")
def release(trained: Result, store: ReleaseStore) -> Release:
    digests = [path.parent.name for path in store.root.glob("*/card.json")]
    cards = {
        digest: json.loads((store.root / digest / "card.json").read_text()) for digest in digests
    }
    (digest,) = (digest for digest, card in cards.items() if card["task"] == "because_you_watched")
    return store.open(digest)


def test_the_figures_stand_beside_the_baselines(trained: Result) -> None:
    assert "because_you_watched, validation window" in trained.output
    assert "item_knn" in trained.output
    assert "ndcg@10" in trained.output


def test_it_becomes_a_release_with_its_config_and_seed(release: Release) -> None:
    assert release.card.config["neighbours"] == 5
    assert release.card.config["prior_days"] == [3.0]
    assert release.card.seed == 3


def test_its_card_has_figures_of_validation_and_none_of_test(release: Release) -> None:
    assert set(release.card.metrics) == {"validation"}


def test_only_a_model_that_passed_the_gate_serves(release: Release, store: ReleaseStore) -> None:
    serves = store.pins().get("because_you_watched") == release.digest
    assert serves == release.card.gate["passed"]


def test_a_release_is_found_by_its_first_digits(release: Release, store: ReleaseStore) -> None:
    assert store.find(release.digest[:10]) == release


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--seed", "1"), "name the model they are for"),
        (("--model", "ease"), "name the task"),
        (("--model", "all", "--config", "a=1"), "one config for the models"),
        (("--task", "next_play", "--model", "ease", "--config", "l2"), "expected KEY=VALUE"),
        (("--task", "next_play", "--model", "nobody"), "received model 'nobody'"),
        (("--from", "0000"), "0 releases have a digest"),
    ],
)
def test_what_cannot_be_trained_is_refused(
    tiny: Settings, words: tuple[str, ...], message: str
) -> None:
    refused = train(*words).exception
    assert isinstance(refused, LolomoError)
    assert message in str(refused)
