"""The one pipeline definition, derived from the list of tasks and the models with a role in them.

For each task: prepare → train → evaluate → gate → release. Models that need no GPU train in one
step, each other in a step of its own. A task that takes its candidates from others waits for their
gates. Which steps want a GPU is the model's own word.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from lolomo.core.task import Task
from lolomo.tasks import all_tasks, find_task
from lolomo.training.models import Model, models_for

_TRACKING = "MLFLOW_TRACKING_URI"
SHARED_MEMORY = "/dev/shm"  # noqa: S108 - what data loaders of several GPUs exchange batches in


@dataclass(frozen=True, slots=True)
class Accelerator:
    """How a cluster's GPU nodes are asked for; without effect on one machine."""

    kind: str = "nvidia.com/gpu"
    count: int = 1
    node_selector: dict[str, str] = field(default_factory=lambda: {"lolomo.dev/pool": "gpu"})
    toleration_key: str = "nvidia.com/gpu"


@dataclass(frozen=True, slots=True)
class Placement:
    """What a cluster must know of the steps, and one machine need not."""

    image: str | None = None
    """Replaces the components' image."""
    accelerator: Accelerator | None = field(default_factory=Accelerator)
    """For models that want a GPU; None to train them on CPU."""
    home_claim: str = "lolomo-home"
    """PersistentVolumeClaim with the workspaces, mounted at `home`."""
    home: str = "/var/lib/lolomo"
    settings: str = "lolomo-settings"
    """ConfigMap whose `MLFLOW_TRACKING_URI` names the tracking server."""


def build_pipeline(tasks: Sequence[Task], name: str, placement: Placement | None = None) -> Any:
    """Return the KFP pipeline that trains the given tasks.

    Args:
        tasks: In any order. A task's sources must be among them.
        name: The pipeline's name.
        placement: How a cluster runs the steps; None for one machine.
    """
    from kfp import dsl

    @dsl.pipeline(name=name, description="Trains: " + ", ".join(task.name for task in tasks))
    def pipeline(dataset: str, quick: bool = False) -> None:
        winners: dict[str, Any] = {}
        for task in in_order(tasks):
            sources = [winners[source] for source in task.candidates_from]
            common = {"task": task.name, "dataset": dataset}
            winners[task.name] = _stages(task, common, quick, sources, placement)

    return pipeline


def with_sources(names: Sequence[str]) -> list[Task]:
    """Return the named tasks and those they take candidates from; all tasks if none is named.

    Raises:
        SettingsError: If a name is no task's.
    """
    wanted = [find_task(name) for name in names] or list(all_tasks().values())
    sources = [find_task(source) for task in wanted for source in task.candidates_from]
    return list({task.name: task for task in (*sources, *wanted)}.values())


def in_order(tasks: Sequence[Task]) -> list[Task]:
    """Return the tasks, each after those it takes candidates from."""
    return sorted(tasks, key=lambda task: bool(task.candidates_from))


def _stages(
    task: Task,
    common: Mapping[str, Any],
    quick: Any,
    sources: list[Any],
    placement: Placement | None,
) -> Any:
    """Add the stages of one task and return the output of its gate.

    Args:
        task: The task.
        common: What every step is told.
        quick: Whether to learn from less, a parameter of the pipeline.
        sources: Outputs of the gates of the tasks that it takes candidates from.
        placement: How a cluster runs the steps; None for one machine.
    """
    from lolomo.training.pipelines import components

    place = _placer(task, placement)
    prepared = components.prepare(**common, sources=sources, quick=quick)
    place(prepared, "prepare")
    candidates = []
    for models in _trained_together(task):
        names = [model.name for model in models]
        trained = components.train(**common, models=names, prepared=prepared.output, quick=quick)
        place(trained, f"train {', '.join(names)}", wants_gpu=models[0].wants_gpu)
        candidates.append(trained.output)
    evaluated = components.evaluate(**common, prepared=prepared.output, candidates=candidates)
    place(evaluated, "evaluate")
    gated = components.gate(**common, evaluation=evaluated.output)
    place(gated, "gate")
    released = components.release(**common, evaluation=evaluated.output, verdict=gated.output)
    place(released, "release")
    return gated.output


def _trained_together(task: Task) -> list[list[type[Model[Any]]]]:
    """Return the models of a task by step: all that need no GPU, then each that wants one."""
    models = models_for(task.name)
    simple = [model for model in models if not model.wants_gpu]
    return [group for group in (simple, *([model] for model in models if model.wants_gpu)) if group]


def _placer(task: Task, placement: Placement | None) -> Callable[..., None]:
    """Return what names a step of the task and, on a cluster, says where it runs."""

    def place(step: Any, stage: str, wants_gpu: bool = False) -> None:
        step.set_caching_options(enable_caching=False)
        if placement is not None:
            step.set_display_name(f"{task.name}: {stage}")
            _place_on_cluster(step, placement, wants_gpu)

    return place


def _place_on_cluster(step: Any, placement: Placement, wants_gpu: bool) -> None:
    from kfp import kubernetes

    if placement.image:
        step.set_container_image(placement.image)
    step.set_cpu_request("2").set_memory_request("4G").set_memory_limit("8G")
    step.set_retry(num_retries=2, backoff_duration="30s", backoff_factor=2)
    kubernetes.mount_pvc(step, pvc_name=placement.home_claim, mount_path=placement.home)
    step.set_env_variable("LOLOMO_HOME", placement.home)
    kubernetes.use_config_map_as_env(step, placement.settings, {_TRACKING: _TRACKING})
    kubernetes.add_pod_label(step, "app.kubernetes.io/part-of", "lolomo")
    accelerator = placement.accelerator
    if wants_gpu and accelerator is not None:
        step.set_accelerator_type(accelerator.kind).set_accelerator_limit(accelerator.count)
        for key, value in accelerator.node_selector.items():
            kubernetes.add_node_selector(step, label_key=key, label_value=value)
        kubernetes.add_toleration(
            step, key=accelerator.toleration_key, operator="Exists", effect="NoSchedule"
        )
        kubernetes.empty_dir_mount(
            step, volume_name="shm", mount_path=SHARED_MEMORY, medium="Memory", size_limit="2Gi"
        )
