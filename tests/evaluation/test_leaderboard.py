import json
import math
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from lolomo.evaluation import (
    Interval,
    Result,
    from_json,
    leaderboard_figure,
    to_json,
    to_markdown,
    to_table,
)

EASE = Result(
    task="because_you_watched",
    model="ease",
    role="challenger",
    window="test",
    freshness="frozen",
    metrics={"ndcg@10": Interval(0.05, 0.045, 0.055), "mrr": Interval(0.04, 0.035, 0.045)},
    num_users=1600,
    verdict="beats item_knn",
)
KNN = replace(
    EASE, model="item_knn", role="baseline", metrics={"ndcg@10": Interval(0.06, 0.05, 0.07)}
)
FEW = replace(EASE, task="next_play", num_users=120, note="delay 1 h", seed=3)
NONE = replace(FEW, model="none", metrics={"ndcg@10": Interval(*[math.nan] * 3)})
WIDE = replace(FEW, label="ease, wide")
RESULTS = [EASE, KNN, FEW, NONE, WIDE]


def printed(results: list[Result]) -> str:
    console = Console(width=160, record=True, quiet=True)
    with console.capture() as capture:
        console.quiet = False
        console.print(to_table(results))
    return capture.get()


@pytest.mark.parametrize("render", [printed, to_markdown])
def test_a_table_says_each_model_best_first_with_figures_interval_and_verdict(
    render: Callable[[list[Result]], str],
) -> None:
    text = render(RESULTS)
    places = [text.index(name) for name in ("item_knn", " ease", "next_play", "none")]
    assert places == sorted(places)
    for words in (
        "0.0500 [0.0450, 0.0550]",
        "frozen",
        "beats item_knn",
        "ease (delay 1 h)",
        "ease, wide",
    ):
        assert words in text


@pytest.mark.parametrize(("num_users", "doubt"), [(499, True), (500, False)])
def test_fewer_than_500_users_are_inconclusive(num_users: int, doubt: bool) -> None:
    result = replace(EASE, num_users=num_users)
    assert ("inconclusive" in result.outcome) is doubt
    assert "beats item_knn" in result.outcome
    assert ("inconclusive" in to_markdown([result])) is doubt


def test_markdown_has_a_row_a_result_of_equal_width() -> None:
    lines = to_markdown(RESULTS).splitlines()
    assert len(lines) == 2 + len(RESULTS)
    assert len({line.count("|") for line in lines}) == 1


def test_results_survive_json_and_a_missing_figure_is_null() -> None:
    text = to_json(RESULTS)
    json.loads(text, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))
    assert repr(from_json(text)) == repr(RESULTS)


@pytest.mark.parametrize("results", [RESULTS, [NONE], []])
def test_a_figure_is_saved_as_png_whatever_is_in_it(tmp_path: Path, results: list[Result]) -> None:
    path = leaderboard_figure(results, tmp_path / "reports" / "leaderboard.png")
    assert path.read_bytes().startswith(b"\x89PNG")


def test_importing_evaluation_imports_neither_matplotlib_nor_rich() -> None:
    code = "import sys, lolomo.evaluation; print({'matplotlib', 'rich'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
