import pytest

from lolomo.core.progress import part_of
from lolomo.training.pipelines.steps import part_of_progress, print_progress, progress_to


@pytest.mark.parametrize(
    ("fraction", "whole"), [(0.0, 0.25), (0.5, 0.375), (1.0, 0.5), (7.0, 0.5), (-1.0, 0.25)]
)
def test_a_part_moves_the_whole_by_its_share(fraction: float, whole: float) -> None:
    told: list[tuple[float, str]] = []
    part_of(lambda *report: told.append(report), 1, 4, "ease")(fraction, "fitting")
    assert told == [(whole, "ease: fitting")]


def test_what_a_step_reports_is_told_and_not_printed(capsys: pytest.CaptureFixture[str]) -> None:
    told: list[tuple[float, str]] = []
    with progress_to(lambda *report: told.append(report)), part_of_progress(1, 2, "b"):
        print_progress(0.5, "x")
    assert told[-1] == (0.75, "b: x")
    assert capsys.readouterr().out == ""
    print_progress(1.0, "done")
    assert capsys.readouterr().out == "::progress 1.0000 done\n"
