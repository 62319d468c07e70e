import json
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import polars as pl
import pytest
from numpy.typing import NDArray

from lolomo.core.release import Card, ReleaseStore
from lolomo.core.settings import Workspace
from lolomo.evaluation import Contender, to_json
from lolomo.tasks import NEXT_PLAY
from lolomo.training.pipelines.candidate import Candidate
from lolomo.training.pipelines.champion import Champion, champion_contender, champion_of
from lolomo.training.pipelines.context import StepContext
from lolomo.training.pipelines.evaluate import JUDGED, RESULTS, metrics_file
from lolomo.training.pipelines.gate import _contenders, _decide
from lolomo.training.pipelines.release import gate_entry
from lolomo.training.pipelines.verdict import Verdict

NUM_QUERIES = 600
NOISE = np.random.default_rng(3).random(NUM_QUERIES) * 0.4
UNSURE = np.where(np.arange(NUM_QUERIES) % 150 < 75, 0.3, -0.3)
"""Good for half of the users and bad for the others, so that a small lift is not sure."""


@dataclass
class Stage:
    """An evaluated task in a workspace of its own."""

    context: StepContext
    folder: Path

    def judge(self, **lifts: tuple[str, float | NDArray[np.float64]]) -> None:
        """Write what evaluation would have: each model's role, and its lift over the noise."""
        for model, (role, lift) in lifts.items():
            path = self.context.workspace.runs / f"train-{model}"
            path.mkdir(parents=True)
            Candidate(
                task="next_play",
                model=model,
                role=role,
                config={"size": 1},
                exports={},
                fit_seconds={},
                seed=1,
            ).write(path)
            per_query(lift).write_parquet(metrics_file(self.folder, model, "validation"))
        judged = {"prepared": "p", "candidates": {model: f"train-{model}" for model in lifts}}
        (self.folder / JUDGED).write_text(json.dumps(judged))
        (self.folder / RESULTS).write_text(to_json([]))

    def decide(self, champion: Champion | None = None) -> Verdict:
        """Return the gate's verdict, over a champion of another recipe if one is given."""
        contenders, release = _contenders(self.context, self.folder), champion_of(self.context)
        champion = champion or champion_contender(self.context, release, contenders, "p")
        return _decide(self.context, self.folder, contenders, champion)

    def crown(self, model: str) -> None:
        """Release a model and make it champion."""
        files = self.context.workspace.root / "files"
        files.mkdir()
        (files / "model").write_text("x")
        store = ReleaseStore(self.context.workspace.releases)
        store.pin("next_play", store.publish(files, card(model)).digest)


def card(model: str) -> Card:
    return Card(
        task="next_play",
        model=model,
        runtime="tensorflow",
        method="retrieve",
        inputs=("history_item_ids",),
        config={"size": 1},
        data_window=("", ""),
        data_fingerprint="",
        feature_service="",
        reward="",
        metrics={},
        gate={},
        code_version="",
    )


def per_query(lift: float | NDArray[np.float64]) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "query_id": np.arange(NUM_QUERIES),
            "user_id": [f"u{index % 150}" for index in range(NUM_QUERIES)],
            "timestamp": np.arange(NUM_QUERIES),
            "cluster": [f"u{index % 150}" for index in range(NUM_QUERIES)],
            "ndcg@10": NOISE + lift,
        }
    )


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    context = StepContext(NEXT_PLAY, "x", Workspace(tmp_path))
    context.__dict__["log"] = SimpleNamespace(events=pl.DataFrame)
    context.__dict__["folds"] = SimpleNamespace(validation=SimpleNamespace(name="validation"))
    folder = tmp_path / "evaluation"
    folder.mkdir()
    return Stage(context, folder)


def test_a_challenger_that_beats_the_strongest_baseline_wins(stage: Stage) -> None:
    stage.judge(weak=("baseline", 0.0), strong=("baseline", 0.1), deep=("challenger", 0.2))
    verdict = stage.decide()
    assert (verdict.candidate, verdict.baseline) == ("train-deep", "train-strong")
    assert verdict.passed
    assert not verdict.first


@pytest.mark.parametrize("lift", [0.1, 0.05])
def test_a_tie_or_a_loss_leaves_the_strongest_baseline(stage: Stage, lift: float) -> None:
    stage.judge(weak=("baseline", 0.0), strong=("baseline", 0.1), deep=("challenger", lift))
    verdict = stage.decide()
    assert verdict.candidate == "train-strong"
    assert not verdict.passed
    assert "does not beat" in verdict.reasons["deep"]


def test_where_nothing_serves_yet_the_best_mean_is_released(stage: Stage) -> None:
    stage.judge(simple=("baseline", 0.1), deep=("challenger", 0.1001 + UNSURE))
    verdict = stage.decide()
    assert "does not beat" in verdict.reasons["deep"]
    assert (verdict.candidate, verdict.passed) == ("train-deep", True)
    assert verdict.first
    entry = gate_entry(verdict, "train-deep", "deep")
    assert (entry["passed"], entry["first"]) == (False, True)


def test_what_serves_stays_until_something_passes(stage: Stage) -> None:
    stage.judge(
        simple=("baseline", 0.1),
        old=("challenger", 0.11 + UNSURE),
        new=("challenger", 0.12 + UNSURE),
    )
    stage.crown("old")
    assert stage.decide().candidate == "train-old"


def test_the_best_challenger_is_tried_first(stage: Stage) -> None:
    stage.judge(simple=("baseline", 0.0), good=("challenger", 0.1), better=("challenger", 0.2))
    assert stage.decide().candidate == "train-better"


def test_a_challenger_inferior_to_the_champion_does_not_win(stage: Stage) -> None:
    stage.judge(simple=("baseline", 0.0), old=("challenger", 0.3), new=("challenger", 0.2))
    stage.crown("old")
    verdict = stage.decide()
    assert verdict.candidate == "train-old"


def test_the_champions_own_recipe_sets_no_second_bar(stage: Stage) -> None:
    stage.judge(simple=("baseline", 0.0), deep=("challenger", 0.2))
    before = stage.decide()
    stage.crown("deep")
    assert stage.decide() == before


def test_a_task_with_baselines_alone_is_served_by_the_strongest(stage: Stage) -> None:
    stage.judge(weak=("baseline", 0.0), strong=("baseline", 0.1))
    verdict = stage.decide()
    assert verdict.candidate == "train-strong"
    assert verdict.reasons == {}


@pytest.mark.parametrize(
    ("former", "passed", "reason"),
    [
        (0.2, True, "deep is not inferior to the champion deep"),
        (0.1, True, "deep is not inferior to the champion deep"),
        (0.3, False, "deep may be inferior to the champion deep"),
    ],
)
def test_a_changed_config_replaces_the_former_one_unless_it_does_worse(
    stage: Stage, former: float, passed: bool, reason: str
) -> None:
    stage.judge(simple=("baseline", 0.0), deep=("challenger", 0.2))
    champion = Champion(contender=Contender("deep", per_query(former), recipe="deep, of old"))
    verdict = stage.decide(champion)
    assert verdict.passed == passed
    assert reason in verdict.reasons["deep"]
    assert stage.decide(replace(champion, note="as it serves")).note == "as it serves"
