import io

import pytest

from lolomo.training.pipelines.launch import _StepLines

STEPS = {"prepare": "next_play: prepare", "train-2": "next_play: train ease"}


def test_progress_lines_move_the_bar_and_stay_out_of_the_log() -> None:
    told: list[tuple[float, str]] = []
    log = io.StringIO()
    lines = _StepLines(log, STEPS, lambda fraction, message: told.append((fraction, message)))
    lines.write("10:00 - INFO - Executing task 'train-2'\n")
    lines.write("    ::progress 0.5000 half")
    lines.write(" way\nsomething else\n")
    lines.write("10:01 - INFO - Task 'train-2' finished with status SUCCESS\n")
    title = STEPS["train-2"]
    assert [message for _, message in told] == [title, f"{title}: half way", title]
    assert [fraction for fraction, _ in told] == pytest.approx([0.0, 1 / 3, 2 / 3])
    assert "::progress" not in log.getvalue()
    assert "something else" in log.getvalue()


@pytest.mark.parametrize(
    ("printed", "end"),
    [
        ("core.errors.ModelError: no data", "failed (half): core.errors.ModelError: no data"),
        ("KeyboardInterrupt", "was interrupted (half)"),
    ],
)
def test_the_end_of_a_step_is_its_error_and_not_what_follows_it(printed: str, end: str) -> None:
    lines = _StepLines(io.StringIO(), {"train": "search: train ease"}, lambda *told: None)
    lines.write(f"Executing task 'train'\n::progress 0.5 half\n{printed}\nCleaned up\n")
    lines.write("ERROR - Task 'train' finished with status FAILURE\n")
    assert lines.running == "search: train ease"
    assert lines.end() == end
