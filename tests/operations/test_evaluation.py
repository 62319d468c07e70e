import json
import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from click.testing import CliRunner

from lolomo.cli import lolomo
from lolomo.core.errors import ModelError
from lolomo.core.progress import silent
from lolomo.core.settings import Settings
from lolomo.evaluation import FRESH, FROZEN
from lolomo.operations import evaluation
from lolomo.operations.evaluation import Evaluation, Selection, Variant, evaluate_models
from lolomo.operations.predictions import write_predictions

SELECTION = Selection(
    tasks=("next_play",),
    models=("recent_popularity", "item_knn"),
    window="validation",
    freshness=(FRESH, FROZEN),
    against="item_knn",
)
COMMAND = [
    "evaluate",
    *("--task", "next_play", "--model", "recent_popularity", "--against", "item_knn"),
    *("--dataset", "tiny", "--window", "validation", "--freshness", "all", "--json"),
]


@pytest.fixture(scope="module")
def done(tiny: Settings) -> Evaluation:
    return evaluate_models(tiny, "tiny", SELECTION, silent)


def test_each_model_is_judged_at_each_freshness_that_changes_it(done: Evaluation) -> None:
    found = {(each.name, each.result.freshness) for each in done.judged}
    assert found == {
        ("recent_popularity", "fresh"),
        ("recent_popularity", "frozen"),
        ("item_knn", "frozen"),
    }


def test_the_named_model_is_what_others_are_compared_to(done: Evaluation) -> None:
    compared = evaluation.compare(done)
    names = {each.key: each.name for each in done.judged}
    assert {names[key] for key in compared} == {"recent_popularity"}
    assert len(compared) == 2


def test_a_table_names_each_model_and_how_it_compares(
    done: Evaluation, capsys: pytest.CaptureFixture[str]
) -> None:
    evaluation.print_evaluation(done)
    evaluation.print_slices(done)
    printed = capsys.readouterr().out
    for words in ("recent_popularity", "item_knn: ndcg@10", "by history", "by popularity"):
        assert words in printed


@pytest.fixture(scope="module")
def files(done: Evaluation, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    return write_predictions("tiny", done.judged, tmp_path_factory.mktemp("predictions"))


def ndcg_of(rows: Sequence[dict[str, Any]]) -> float:
    """Compute NDCG@10 from predictions, from nothing but the file."""
    values: list[float] = []
    for row in rows:
        gains = dict(zip(row["target_item_ids"], row["gains"], strict=True))
        top = list(enumerate(row["top_item_ids"][:10]))
        best = enumerate(sorted(gains.values(), reverse=True)[:10])
        ideal = sum(gain / math.log2(place + 2) for place, gain in best)
        values.append(sum(gains.get(item, 0) / math.log2(p + 2) for p, item in top) / ideal)
    return sum(values) / len(values)


def test_figures_can_be_recomputed_from_the_predictions_alone(
    done: Evaluation, files: list[Path]
) -> None:
    for path, each in zip(files, done.judged, strict=True):
        figure = each.result.metrics["ndcg@10"].mean
        assert ndcg_of(pl.read_parquet(path).to_dicts()) == pytest.approx(figure)


def test_a_row_of_predictions_says_who_asked_when_and_where_the_best_target_stood(
    files: list[Path],
) -> None:
    for row in pl.read_parquet(files[0]).iter_rows(named=True):
        assert row["target_item_id"] in row["target_item_ids"]
        ranked = [rank for rank in row["target_ranks"] if rank is not None]
        assert row["rank"] == min(ranked, default=None)
        if row["rank"] is not None and row["rank"] <= len(row["top_item_ids"]):
            assert row["top_item_ids"][row["rank"] - 1] == row["target_item_id"]
    counts = pl.read_parquet(files[0].with_name("items-validation.parquet"))
    assert set(row["top_item_ids"]) <= set(counts["item_id"])


def test_a_task_that_the_protocol_does_not_allow_is_skipped_with_the_reason(
    tiny: Settings,
) -> None:
    both = replace(
        SELECTION,
        tasks=("next_play", "because_you_watched"),
        models=("item_knn",),
        protocols=("static",),
    )
    done = evaluate_models(tiny, "tiny", both, silent)
    assert {each.result.task for each in done.judged} == {"next_play"}
    assert "no static queries" in done.skipped["because_you_watched, static"]


def test_a_variant_is_judged_beside_what_it_varies(tiny: Settings, done: Evaluation) -> None:
    plain = "item_knn:prior_weight=0.0"
    command = [*COMMAND, "--variant", plain]
    shown = CliRunner().invoke(lolomo, command, catch_exceptions=False)
    rows = {row["label"] or row["model"]: row for row in json.loads(shown.stdout)["results"]}
    assert rows.keys() == {"recent_popularity", "item_knn", plain}
    assert rows[plain]["against"]["model"] == "item_knn"
    assert rows[plain]["key"] != rows["item_knn"]["key"]


def test_others_are_compared_to_a_variant_by_its_label(tiny: Settings, done: Evaluation) -> None:
    plain = Variant(label="plain", model="item_knn", config={"prior_weight": 0.0})
    against = replace(SELECTION, models=(), variants=(plain,), against="plain")
    found = evaluate_models(tiny, "tiny", against, silent)
    assert [each.name for each in found.judged] == ["plain"]


def test_a_model_of_other_tasks_is_refused(tiny: Settings) -> None:
    with pytest.raises(ModelError, match=r"'lightgbm_ranker'.*\['top_picks'\]"):
        evaluate_models(tiny, "tiny", replace(SELECTION, models=("lightgbm_ranker",)), silent)


def test_the_command_prints_the_same_for_machines(tiny: Settings, done: Evaluation) -> None:
    shown = CliRunner().invoke(lolomo, COMMAND, catch_exceptions=False)
    answer = json.loads(shown.stdout)
    figures = {row["key"]: row["metrics"]["ndcg@10"]["mean"] for row in answer["results"]}
    for each in done.judged:
        assert figures[each.key] == pytest.approx(each.result.metrics["ndcg@10"].mean)
    compared = [row["against"]["model"] for row in answer["results"] if "against" in row]
    assert compared == ["item_knn"] * 4
