import io

from lolomo.training.pipelines.launch import _StepLines


def test_progress_lines_move_the_bar_and_stay_out_of_the_log() -> None:
    told: list[tuple[float, str]] = []
    log = io.StringIO()
    lines = _StepLines(log, 4, lambda fraction, message: told.append((fraction, message)))
    lines.write("10:00 - INFO - Executing task 'train'\n")
    lines.write("    ::progress 0.5000 half")
    lines.write(" way\nsomething else\n")
    lines.write("10:01 - INFO - Task 'train' finished with status SUCCESS\n")
    assert told == [(0.0, "train"), (0.125, "half way"), (0.25, "")]
    assert "::progress" not in log.getvalue()
    assert "something else" in log.getvalue()


def test_the_last_words_are_the_error_and_not_what_follows_it() -> None:
    lines = _StepLines(io.StringIO(), 1, lambda fraction, message: None)
    lines.write("Executing task 'train'\nlolomo.core.errors.ModelError: no events\nbye\n")
    assert lines.running == "train"
    assert lines.last_words() == "lolomo.core.errors.ModelError: no events"
