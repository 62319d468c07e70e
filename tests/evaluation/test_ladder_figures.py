import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from evaluation.made_up_study import ladder, made_up_row, study, whole_study

from lolomo.evaluation.ladder import Family, Rung, Study
from lolomo.evaluation.ladder_figures import (
    debiased_figure,
    extrapolation_figure,
    gains_figure,
    ladder_figure,
)

Draw = Callable[[Study, Path], Path]


@pytest.fixture(scope="module")
def whole() -> Study:
    return whole_study(num_users=300)


def words(draw: Draw, measured: Study, path: Path) -> str:
    """Return a picture as text: the SVG's comments hold what is written in it."""
    return draw(measured, path).read_text()


@pytest.mark.parametrize(
    ("draw", "expected"),
    [
        (ladder_figure, ("ndcg@10", "sasrec", "deep_ranker", "recent_popularity", "absolute")),
        (gains_figure, ("gain in ndcg@10", "sasrec", "deep_ranker", "absolute")),
        (debiased_figure, ("ipw_ndcg@10", "coverage@10", "gru4rec")),
        (extrapolation_figure, ("days since the cut", "no time", "raw absolute time")),
    ],
)
def test_a_picture_names_what_it_shows_frozen_and_fresh(
    whole: Study, tmp_path: Path, draw: Draw, expected: tuple[str, ...]
) -> None:
    text = words(draw, whole, tmp_path / "figures" / "picture.svg")
    for name in (*expected, "counts frozen at the cut", "counts fresh", "300 users: inconclusive"):
        assert name in text


@pytest.mark.parametrize(
    "draw", [ladder_figure, gains_figure, debiased_figure, extrapolation_figure]
)
def test_a_study_without_a_ladder_is_a_picture_that_says_so(tmp_path: Path, draw: Draw) -> None:
    lonely = study([made_up_row("ease", 0.1, family=Family.SIMPLE)])
    assert "nothing measured yet" in words(draw, lonely, tmp_path / "picture.svg")


def test_the_legend_names_what_is_drawn_and_nothing_else(tmp_path: Path) -> None:
    of_one_rung = made_up_row("trees", 0.1, rung=Rung.CONTINUOUS_TIME, task="top_picks")
    measured = study([*ladder("sasrec", {Rung.IDS: 0.08, Rung.CONTENT: 0.1}), of_one_rung])
    text = words(ladder_figure, measured, tmp_path / "picture.svg")
    assert "sasrec" in text
    assert "trees" not in text


def test_equal_rows_give_equal_bytes_and_png_is_png(tmp_path: Path) -> None:
    measured = study(ladder("sasrec", {Rung.IDS: 0.08, Rung.CONTENT: 0.1}))
    first, again = (ladder_figure(measured, tmp_path / f"{name}.svg") for name in ("a", "b"))
    assert first.read_bytes() == again.read_bytes()
    png = ladder_figure(measured, tmp_path / "a.png")
    assert png.read_bytes().startswith(b"\x89PNG")


def test_importing_the_figures_imports_no_matplotlib() -> None:
    code = "import sys, lolomo.evaluation.ladder_figures; print('matplotlib' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
