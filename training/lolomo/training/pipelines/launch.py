"""Launch: run the pipeline on this machine, or compile it for a cluster.

kfp.local runs each step as a subprocess and prints what it prints. Here those lines become a
progress bar a step and a log file, since kfp.local keeps none.
"""

import io
import logging
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from typing_extensions import override

from lolomo.core.errors import LolomoError
from lolomo.core.progress import Progress, silent
from lolomo.core.settings import Workspace
from lolomo.core.task import Task
from lolomo.training.models import all_models
from lolomo.training.pipelines.pipeline import Placement, build_pipeline
from lolomo.training.pipelines.steps import PROGRESS_MARK

EFFORT = {"prepare": 2.0, "train": 4.0, "evaluate": 3.0, "gate": 0.5, "release": 1.5}
"""How long the stages take beside each other, for the progress that is told."""


class PipelineError(LolomoError):
    """A pipeline's step failed; the message names it and its log."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A Kubeflow Pipelines, and who asks it."""

    url: str
    namespace: str | None = None
    """Where it runs the steps, if it has many users."""
    token: Path | None = None
    """A service account's token; None to send none."""


def run_locally(
    tasks: Sequence[Task],
    workspace: Workspace,
    dataset: str,
    progress: Progress = silent,
    quick: bool = False,
) -> Path:
    """Run the pipeline of the given tasks on this machine.

    What earlier runs have already done is not done again; see `pipelines.steps`.

    Args:
        tasks: What to train.
        workspace: The dataset's workspace.
        dataset: Its name.
        progress: Told the fraction of steps done, and which one is running.
        quick: Whether to learn from fewer queries, by the models' quick configs.

    Returns:
        The log of the run.

    Raises:
        PipelineError: If a step fails; steps before it are kept.
    """
    from kfp import local

    pipeline = build_pipeline(tasks, "lolomo")
    log = workspace.runs / "pipeline.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    local.init(
        local.SubprocessRunner(use_venv=False),
        pipeline_root=str(workspace.runs / "kfp"),
        raise_on_error=True,
    )
    with log.open("w") as file, _captured(_StepLines(file, _titles(pipeline), progress)) as lines:
        try:
            pipeline(dataset=dataset, quick=quick)
        except RuntimeError as error:
            raise PipelineError(
                f"step {lines.running!r} {lines.end()}\n"
                f"whole log: {log}; run again to go on from this step"
            ) from error
    return log


def submit(
    tasks: Sequence[Task],
    dataset: str,
    endpoint: Endpoint,
    placement: Placement,
    name: str = "lolomo",
) -> str:
    """Start a run of the pipeline on a cluster.

    Args:
        tasks: What to train.
        dataset: The dataset's name there.
        endpoint: The Kubeflow Pipelines API.
        placement: Image, accelerators and volumes.
        name: The pipeline's name.

    Returns:
        The run's id.

    Raises:
        PipelineError: If the endpoint does not accept it.
    """
    import kfp
    from kfp.client import ServiceAccountTokenVolumeCredentials

    # The SDK reads the token by itself only where it also finds the host by itself.
    who = ServiceAccountTokenVolumeCredentials(str(endpoint.token)) if endpoint.token else None
    where = {"namespace": endpoint.namespace} if endpoint.namespace else {}
    try:
        run = kfp.Client(host=endpoint.url, credentials=who, **where).create_run_from_pipeline_func(
            build_pipeline(tasks, name, placement), {"dataset": dataset}, enable_caching=False
        )
    except Exception as error:
        raise PipelineError(
            f"Kubeflow Pipelines at {endpoint.url} did not start the run ({error}): expected its "
            "API; check the URL, and that you may create runs"
        ) from error
    return str(run.run_id)


def compile_pipeline(
    tasks: Sequence[Task], name: str, path: Path, placement: Placement, *, as_objects: bool
) -> None:
    """Write the pipeline for a cluster.

    Args:
        tasks: What it trains.
        name: Its name.
        path: The YAML file to write.
        placement: Image, accelerators and volumes.
        as_objects: Write `Pipeline` and `PipelineVersion` objects for `kubectl apply`, rather than
            the intermediate representation that UI and SDK upload.
    """
    from kfp import compiler
    from kfp.compiler.compiler_utils import KubernetesManifestOptions

    compiler.Compiler().compile(
        build_pipeline(tasks, name, placement),
        str(path),
        kubernetes_manifest_format=as_objects,
        kubernetes_manifest_options=KubernetesManifestOptions(
            pipeline_name=name,
            pipeline_display_name=name,
            pipeline_version_name=f"{name}-{version('lolomo')}",
            pipeline_version_display_name=version("lolomo"),
            namespace="lolomo",
            include_pipeline_manifest=True,
        )
        if as_objects
        else None,
    )


@contextmanager
def _captured(lines: "_StepLines") -> Iterator["_StepLines"]:
    """Send what kfp and the steps print and log to `lines` alone."""
    root, handler = logging.getLogger(), logging.StreamHandler(lines)
    handlers, level = root.handlers[:], root.level
    root.handlers, root.level = [handler], logging.INFO
    try:
        with redirect_stdout(lines):
            yield lines
    finally:
        root.handlers, root.level = handlers, level


class _StepLines(io.TextIOBase):
    """Writes lines to the log, and tells progress from those that say it.

    Args:
        file: The log.
        titles: Of all steps, by the names that kfp gives them.
        progress: Told the fraction done, each step counting by `_effort`, and what is running.
    """

    STARTED = re.compile(r"Executing task .*?'([^']+)'")
    FINISHED = re.compile(r"Task .*?'([^']+)'.* finished with status \S*SUCCESS")
    ERROR = re.compile(r"^[\w.]*(Error|Exception|KeyboardInterrupt)\b")

    def __init__(self, file: Any, titles: Mapping[str, str], progress: Progress) -> None:
        self.running = "?"
        self.doing = "starting"
        self._file, self._titles, self._progress = file, titles, progress
        self._total = sum(_effort(title) for title in titles.values())
        self._done, self._rest, self._recent = 0.0, "", [""]

    @override
    def writable(self) -> bool:
        return True

    @override
    def write(self, text: str) -> int:
        *lines, self._rest = (self._rest + text).split("\n")
        for line in lines:
            self._line(line)
        return len(text)

    def _line(self, line: str) -> None:
        if line.strip().startswith(PROGRESS_MARK):
            fraction, _, message = line.strip().removeprefix(PROGRESS_MARK).partition(" ")
            self.doing = message
            self._tell(float(fraction), message)
            return
        self._file.write(line + "\n")
        self._file.flush()
        if line.strip():
            self._recent = [*self._recent[-30:], line.strip()]
        if started := self.STARTED.search(line):
            name = started.group(1)
            self.running, self.doing = self._titles.get(name, name), "starting"
            self._tell(0.0, "")
        elif self.FINISHED.search(line):
            self._done += _effort(self.running)
            self._tell(0.0, "")

    def _tell(self, fraction: float, message: str) -> None:
        done = self._done + fraction * (_effort(self.running) if message else 0.0)
        words = f"{self.running}: {message}" if message else self.running
        self._progress(min(1.0, done / self._total), words)

    def end(self) -> str:
        """Say how the running step ended, by the last error that it printed."""
        errors = [line for line in self._recent if self.ERROR.match(line)]
        if errors and errors[-1] == KeyboardInterrupt.__name__:
            return f"was interrupted ({self.doing})"
        return f"failed ({self.doing}): {(errors or self._recent)[-1]}"


def _titles(pipeline: Any) -> dict[str, str]:
    """Return each step's title, such as `next_play: train sasrec`, by the name kfp gives it."""
    titles = {}
    for key, step in pipeline.pipeline_spec.root.dag.tasks.items():
        told = {
            name: value.runtime_value.constant for name, value in step.inputs.parameters.items()
        }
        models = told["models"].list_value.values if "models" in told else ()
        stage = step.component_ref.name.removeprefix("comp-").partition("-")[0]
        names = ", ".join(model.string_value for model in models)
        titles[key] = f"{told['task'].string_value}: {stage} {names}".strip()
    return titles


def _effort(title: str) -> float:
    """Return how long a step takes beside others, as a rule of thumb, by its title."""
    stage, _, models = title.partition(": ")[2].partition(" ")
    wants_gpu = any(all_models()[name].wants_gpu for name in models.split(", ") if name)
    return 10.0 if wants_gpu else EFFORT.get(stage, 1.0)
