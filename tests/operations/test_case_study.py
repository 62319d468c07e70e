"""The case study over a small data set; what contests would measure is made up."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, get_args

import pytest
from evaluation.made_up_study import made_up_row, per_query, study, whole_study
from mapping_files import play, write_dataset

from lolomo.core.errors import LolomoError, ModelError
from lolomo.core.progress import Progress, silent
from lolomo.core.settings import Settings, Workspace
from lolomo.evaluation import Interval, Result
from lolomo.evaluation.ladder import Family, Rung
from lolomo.operations.case_study import CaseStudyOptions, measure, report_case_study
from lolomo.operations.case_study.content import CaseStudy, to_json
from lolomo.operations.case_study.markdown import to_markdown
from lolomo.operations.case_study.measure import OUT_OF_TIME, Missing, enter_all, study_of
from lolomo.operations.case_study.plan import PlannedRow, Stage, plan
from lolomo.operations.case_study.report import write_report
from lolomo.training.models import next_item_config
from lolomo.training.pipelines.contest import Entrant, Judged
from lolomo.training.pipelines.judge import METRICS
from lolomo.training.pipelines.steps import run_step

RANKS = ("sasrec", "hstu", "recent_popularity", "popularity", "lightgbm_ranker", "deep_ranker")


@dataclass
class Contest:
    """Stands in for `enter`: each rung has a figure of its own."""

    folder: Path
    entered: list[Entrant] = field(default_factory=list)
    stop_after: int = 10_000
    unfit: str = ""
    """A model that cannot be fitted."""

    def enter(self, dataset: str, entrant: Entrant, window: str, progress: Progress) -> Judged:
        if len(self.entered) == self.stop_after:
            raise KeyboardInterrupt
        if entrant.model == self.unfit:
            raise ModelError("received no events")
        self.entered.append(entrant)
        mean = 0.1 + 0.01 * len(str(entrant.config.get("inputs", ""))) + 1e-3 * (entrant.seed % 10)
        workspace = Workspace(self.folder)
        key = run_step(
            workspace,
            "judge",
            {"entrant": repr((dataset, entrant))},
            lambda folder: per_query(mean).write_parquet(folder / METRICS),
        )
        is_frozen = entrant.model not in RANKS or entrant.freshness.frozen
        result = Result(
            task=entrant.task,
            model=entrant.model,
            role="baseline",
            window=window,
            freshness="frozen" if is_frozen else "fresh",
            metrics={"ndcg@10": Interval(mean, mean, mean)},
            num_users=600,
        )
        progress(1.0, "judged")
        return Judged(entrant, key, result, workspace.runs / key)


@pytest.fixture
def contest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Contest:
    made_up = Contest(tmp_path / "judged")
    monkeypatch.setattr(measure, "enter", made_up.enter)
    return made_up


def planned(tasks: tuple[str, ...] = ("next_play",), **options: Any) -> list[PlannedRow]:
    return plan(CaseStudyOptions(**options), {"small": tasks})


def places(rows: list[PlannedRow], model: str) -> list[tuple[str, str, str]]:
    """Return rung, variant and freshness of a model's rows."""
    return [
        (str(row.rung or ""), row.variant, row.entrant.freshness.label)
        for row in rows
        if row.entrant.model == model
    ]


def test_a_sequence_model_climbs_the_ladder_fresh_and_frozen_and_once_without_prior() -> None:
    expected = [(str(rung), "", each) for rung in Rung for each in ("fresh", "frozen")]
    assert places(planned(), "sasrec") == [*expected, ("ids", "no prior", "fresh")]


@pytest.mark.parametrize(
    ("model", "rows"),
    [
        ("recent_popularity", [("", "", "fresh"), ("", "", "frozen")]),
        ("item_knn", [("", "", "fresh")]),
        ("mult_vae", [("ids", "", "fresh")]),
    ],
)
def test_a_model_without_a_ladder_is_judged_as_often_as_freshness_matters_to_it(
    model: str, rows: list[tuple[str, str, str]]
) -> None:
    assert places(planned(), model) == rows


def test_the_rungs_are_those_that_models_can_be_told() -> None:
    assert get_args(next_item_config.Rung) == tuple(Rung)


def test_headline_rows_come_first_on_all_data_and_more_seeds_last() -> None:
    options = CaseStudyOptions(num_seeds=2)
    rows = plan(options, {"one": ["next_play", "top_picks"], "other": ["next_play"]})
    stages = [row.stage for row in rows]
    assert stages == sorted(stages)
    assert {row.stage for row in rows} == set(Stage)
    more = {row.entrant.model for row in rows if row.stage is Stage.MORE_SEEDS}
    assert {"sasrec", "lightgbm_ranker", "deep_ranker"} <= more
    assert "hstu" not in more | {row.entrant.model for row in planned(headline=True)}


def test_the_headline_has_rankers_that_read_everything_and_no_ladder_of_theirs() -> None:
    rows = plan(CaseStudyOptions(headline=True), {"one": ["next_play", "top_picks"]})
    rungs = {
        model: {row.rung for row in rows if row.entrant.model == model}
        for model in ("sasrec", "lightgbm_ranker", "deep_ranker")
    }
    assert rungs["sasrec"] == set(Rung)
    assert rungs["lightgbm_ranker"] == rungs["deep_ranker"] == {Rung.CONTINUOUS_TIME}


def test_a_quick_plan_trains_for_a_moment() -> None:
    assert all(
        row.entrant.config["epochs"] == 1
        for row in planned(quick=True)
        if row.entrant.model == "sasrec"
    )


def test_families_tell_deep_from_simple_trees_and_stacks() -> None:
    families = {row.entrant.model: row.family for row in planned(("next_play", "top_picks"))}
    expected = {
        "sasrec": Family.DEEP,
        "mult_vae": Family.DEEP,
        "asymmetric_mf": Family.SIMPLE,
        "recent_popularity": Family.SIMPLE,
        "lightgbm_ranker": Family.TREES,
        "blended_ranker": Family.STACK,
    }
    assert expected.items() <= families.items()


def test_what_there_is_no_time_for_and_what_cannot_be_fitted_is_missing_with_the_reason(
    contest: Contest,
) -> None:
    contest.unfit = "markov"
    rows = [row for row in planned() if row.entrant.model in ("item_knn", "markov")]
    measured = enter_all(rows, None, silent)
    assert [row.entrant.model for row, _ in measured.judged] == ["item_knn"]
    assert [each.reason for each in measured.missing] == ["received no events"]


def test_after_the_time_is_up_only_what_earlier_runs_measured_is_taken(contest: Contest) -> None:
    rows = [row for row in planned() if row.entrant.model in ("item_knn", "markov")]
    enter_all(rows[:1], None, silent)
    late = enter_all(rows, 0.0, silent)
    assert [row for row, _ in late.judged] == rows[:1]
    assert {each.reason for each in late.missing} == {OUT_OF_TIME}


def test_a_run_stopped_by_hand_keeps_what_it_measured(contest: Contest) -> None:
    contest.stop_after = 2
    rows = planned()
    measured = enter_all(rows, None, silent)
    assert len(measured.judged) == 2
    assert len(measured.judged) + len(measured.missing) == len(rows)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Return settings beside a data set of a hundred plays, described by a mapping file."""
    plays = (play(n % 7, n % 11, timedelta(days=n // 5, hours=n % 24)) for n in range(100))
    write_dataset(tmp_path, "small", plays)
    return Settings(home=tmp_path / "home", dataset="small", data=None)


def test_one_command_goes_from_data_to_page_results_pictures_and_docs(
    settings: Settings, contest: Contest, tmp_path: Path
) -> None:
    contest.unfit = "item_knn"
    mapping = (str(tmp_path / "mapping.toml"),)
    options = CaseStudyOptions(datasets=mapping, tasks=("next_play",), headline=True, num_seeds=2)
    page = report_case_study(settings, options, silent, tmp_path / "docs")
    results = json.loads((page.parent / "results.json").read_text())
    ladder = [row for row in results["rows"] if row["model"] == "sasrec" and not row["variant"]]
    assert {row["rung"] for row in ladder} == set(Rung)
    assert all(len(row["seed_means"]) == 2 for row in ladder)
    assert [each["reason"] for each in results["missing"]] == ["received no events"]
    assert (page.parent / "ladder-small.png").read_bytes().startswith(b"\x89PNG")
    docs = (tmp_path / "docs" / "case-study.md").read_text()
    for name in ("ladder", "gains"):
        picture = tmp_path / "docs" / "figures" / f"case-study-{name}-small.svg"
        assert f"(figures/{picture.name})" in docs
        assert picture.stat().st_size < 150_000


def test_nothing_measured_is_an_error_that_says_why(
    settings: Settings, contest: Contest, tmp_path: Path
) -> None:
    options = CaseStudyOptions(datasets=(str(tmp_path / "mapping.toml"),), minutes=0)
    with pytest.raises(LolomoError, match="the time was up"):
        report_case_study(settings, options, silent)


@pytest.fixture(scope="module")
def case_study() -> CaseStudy:
    missing = (
        Missing("small, search", "it needs title, which the data do not have"),
        *(Missing(f"hstu ({rung})", OUT_OF_TIME, "hstu") for rung in ("ids", "+ content")),
    )
    studies = (
        whole_study(dataset="large"),
        study([made_up_row("ease", 0.1, num_users=163)], "small"),
    )
    command = "lolomo report case-study --seeds 3"
    sources = {("large", "top_picks"): "sasrec (next_play)"}
    return CaseStudy(studies, missing, command, sources, num_seeds=3)


@pytest.fixture(scope="module")
def html(case_study: CaseStudy, tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("report")
    return write_report(case_study, folder, silent).read_text()


@pytest.mark.parametrize("write", [lambda case: to_markdown(case, {}), None])
def test_a_page_says_verdicts_figures_doubts_and_what_is_missing(
    case_study: CaseStudy, html: str, write: Callable[[CaseStudy], str] | None
) -> None:
    text = write(case_study) if write else html
    for words in (
        "On ids alone, deep models do not beat simple ones",
        "does not hold",
        "500 users",
        "it needs title",
        "hstu, 2 rows: the time was up",
        "are proposed by sasrec (next_play)",
        "lolomo report case-study --seeds 3",
        "+ continuous time",
        "0.2",
    ):
        assert words in text


def test_the_page_needs_nothing_from_elsewhere(html: str) -> None:
    assert html.count('src="data:image/svg+xml;base64,') == 4
    assert "<script" not in html
    assert "http" not in html.replace("http-equiv", "")


def test_results_are_json_without_nan(case_study: CaseStudy) -> None:
    text = to_json(case_study)
    values = json.loads(text, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))
    assert {each["verdict"] for each in values["findings"]} >= {"holds", "inconclusive"}


def test_a_model_that_reads_no_counts_stands_in_both_panels(
    settings: Settings, contest: Contest, tmp_path: Path
) -> None:
    options = CaseStudyOptions(datasets=(str(tmp_path / "mapping.toml"),), tasks=("next_play",))
    tasks, _ = measure.allowed_tasks(settings, options, silent)
    rows = [row for row in plan(options, tasks) if row.entrant.model in ("item_knn", "popularity")]
    found = study_of(settings, "small", enter_all(rows, None, silent)).rows
    assert sorted((row.model, row.freshness, row.reads_counts) for row in found) == [
        ("item_knn", "fresh", False),
        ("item_knn", "frozen", False),
        ("popularity", "fresh", True),
        ("popularity", "frozen", True),
    ]
