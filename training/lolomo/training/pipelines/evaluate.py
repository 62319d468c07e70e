"""Evaluate: collect what every candidate of a task reached on validation and on test.

Each candidate is judged in a step of its own, see `judge`; here their figures are put side by side,
for the gate and the leaderboard.
"""

import json
import shutil
from collections.abc import Sequence
from pathlib import Path

from lolomo.evaluation import to_json
from lolomo.training.looks import record_look
from lolomo.training.pipelines.candidate import Candidate
from lolomo.training.pipelines.context import StepContext
from lolomo.training.pipelines.judge import METRICS, judge, read_result
from lolomo.training.pipelines.steps import part_of_progress, run_step

RESULTS = "results.json"
JUDGED = "judged.json"
"""Keys of the steps whose outcomes were judged."""


def evaluate(task: str, dataset: str, prepared: str, candidates: Sequence[str]) -> str:
    """Write `results.json`, and the metrics of each query, of every candidate.

    Args:
        task: The task's name.
        dataset: The dataset's name.
        prepared: Key of the task's `prepare` step.
        candidates: Keys of its `train` steps.

    Returns:
        The step's key.
    """
    context = StepContext.open(task, dataset)
    windows = (context.folds.validation.name, context.folds.test.name)
    models = {key: Candidate.read(context.outcome(key)).model for key in candidates}
    judged: dict[tuple[str, str], str] = {}
    total = len(windows) * len(models)
    for window in windows:
        for key, model in models.items():
            with part_of_progress(len(judged), total, f"{model} on the {window} window"):
                judged[model, window] = judge(task, dataset, prepared, key, window)

    def write(folder: Path) -> None:
        for (model, window), key in judged.items():
            shutil.copy(context.outcome(key) / METRICS, metrics_file(folder, model, window))
        results = [read_result(context.outcome(key)) for key in judged.values()]
        record_look(context.workspace, "pipeline", results)
        (folder / RESULTS).write_text(to_json(results))
        keys = {model: key for key, model in models.items()}
        (folder / JUDGED).write_text(json.dumps({"prepared": prepared, "candidates": keys}))

    steps = {"candidates": list(candidates), "judged": list(judged.values())}
    inputs = context.inputs(__name__, prepared=prepared, **steps)
    return run_step(context.workspace, f"evaluate-{task}", inputs, write)


def metrics_file(folder: Path, model: str, window: str) -> Path:
    """Return where the metrics of each query of a model stand."""
    return folder / f"metrics-{model}-{window}.parquet"
