import json
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

import pytest

from lolomo.core.release import ReleaseStore
from lolomo.core.settings import Workspace
from lolomo.evaluation import Interval, Result, to_json
from lolomo.tasks import NEXT_PLAY
from lolomo.training.models import Export
from lolomo.training.pipelines.candidate import Candidate
from lolomo.training.pipelines.context import StepContext
from lolomo.training.pipelines.evaluate import JUDGED, RESULTS
from lolomo.training.pipelines.release import gate_entry, release
from lolomo.training.pipelines.verdict import VERDICT, Verdict
from lolomo.training.tracking import DIGEST_TAG, Tracker

MODELS = {"item_knn": "baseline", "sasrec": "challenger"}


@pytest.fixture(scope="module")
def context(tmp_path_factory: pytest.TempPathFactory) -> StepContext:
    """Return a task with two candidates that are evaluated and wait for their release."""
    workspace = Workspace(tmp_path_factory.mktemp("release"))
    context = StepContext(NEXT_PLAY, "x", workspace)
    window = SimpleNamespace(name="test", fit_end=datetime(2026, 1, 2, tzinfo=UTC))
    start = datetime(2026, 1, 1, tzinfo=UTC)
    context.__dict__["folds"] = SimpleNamespace(test=window)
    context.__dict__["features"] = SimpleNamespace(service=lambda task: "next_play@v1#0")
    context.__dict__["log"] = SimpleNamespace(
        manifest=SimpleNamespace(first_timestamp=start, fingerprint="f")
    )
    folder = workspace.runs / "evaluate"
    folder.mkdir(parents=True)
    for model, role in MODELS.items():
        write_candidate(workspace.runs / f"train-{model}", model, role)
    keys = {model: f"train-{model}" for model in MODELS}
    (folder / JUDGED).write_text(json.dumps({"prepared": "p", "candidates": keys}))
    (folder / RESULTS).write_text(to_json([result(model, role) for model, role in MODELS.items()]))
    return context


def write_candidate(path: Path, model: str, role: str) -> None:
    (path / "test").mkdir(parents=True)
    (path / "test" / "weights").write_text(model)
    Candidate(
        task="next_play",
        model=model,
        role=role,
        config={},
        exports={"test": Export("tensorflow", "retrieve", ("history_item_ids",))},
        fit_seconds={"test": 1.0},
        seed=1,
    ).write(path)


def result(model: str, role: str) -> Result:
    metrics = {"ndcg@10": Interval(0.1, 0.05, 0.15)}
    return Result(
        task="next_play",
        model=model,
        role=role,
        window="test",
        freshness="frozen",
        metrics=metrics,
        num_users=600,
    )


@pytest.fixture
def publish(context: StepContext, monkeypatch: pytest.MonkeyPatch) -> "Publish":
    monkeypatch.setattr(StepContext, "open", classmethod(lambda *_: context))
    monkeypatch.setattr("lolomo.training.pipelines.release.golden_request", lambda *_: b"{}")
    return Publish(context)


class Publish:
    """Runs the release step after a gate that was passed or lost; returns who serves."""

    def __init__(self, context: StepContext) -> None:
        self.context = context

    def __call__(self, *, passed: bool) -> str:
        winner = "sasrec" if passed else "item_knn"
        verdict = Verdict(
            candidate=f"train-{winner}",
            baseline="train-item_knn",
            passed=passed,
            reasons={"sasrec": "because"},
            figures={},
        )
        folder = self.context.workspace.runs / f"gate-{passed}"
        folder.mkdir(exist_ok=True)
        (folder / VERDICT).write_text(json.dumps(asdict(verdict)))
        release("next_play", "x", "evaluate", folder.name)
        store = ReleaseStore(self.context.workspace.releases)
        return store.open(store.pins()["next_play"]).card.model

    def aliased(self, alias: str) -> str:
        """Return the model that an MLflow alias points at."""
        client = Tracker(self.context.workspace)._client
        digest = client.get_model_version_by_alias("next_play", alias).tags[DIGEST_TAG]
        store = ReleaseStore(self.context.workspace.releases)
        return store.open(digest).card.model


def test_a_champion_changes_only_by_a_gate_that_is_passed(publish: Publish) -> None:
    assert publish(passed=False) == "item_knn"
    assert publish.aliased("champion") == "item_knn"
    assert publish.aliased("challenger") == "sasrec"
    assert publish(passed=True) == "sasrec"
    assert publish.aliased("champion") == "sasrec"
    assert publish(passed=False) == "sasrec"
    assert publish.aliased("champion") == "sasrec"


def test_runs_are_recorded_once(publish: Publish, context: StepContext) -> None:
    publish(passed=False)
    publish(passed=False)
    client = Tracker(context.workspace)._client
    experiment = client.get_experiment_by_name("next_play")
    assert len(client.search_runs([experiment.experiment_id])) == len(MODELS)


def test_only_the_challenger_that_won_has_passed_the_gate() -> None:
    verdict = Verdict(
        candidate="train-b",
        baseline="train-simple",
        passed=True,
        reasons={"a": "a lost", "b": "b won"},
        figures={},
    )
    entries = {name: gate_entry(verdict, f"train-{name}", name) for name in ("simple", "a", "b")}
    assert [name for name, entry in entries.items() if entry["passed"]] == ["b"]
    assert entries["a"]["reason"] == "a lost"
