"""The pipeline's components: what Kubeflow runs, in a pod or in a subprocess on one machine.

Each is one import and one call, so the code that runs is that of the image, tested as plain
functions. What goes from one to the next is the key of a step, never a file path.
"""

from kfp import dsl

IMAGE = "lolomo/training-python:0.1.0"
"""Placeholder that kustomize or `--image` replaces; kfp.local wants "python" in the name."""

_component = dsl.component(base_image=IMAGE, packages_to_install=[], install_kfp_package=False)


@_component
def prepare(
    task: str,
    dataset: str,
    sources: list,  # type: ignore[type-arg]
    quick: bool = False,
) -> str:
    """Write the task's queries, joined with features as of their time."""
    from lolomo.training.pipelines.prepare import prepare

    return prepare(task, dataset, sources, quick=quick)


@_component
def train(
    task: str,
    dataset: str,
    models: list,  # type: ignore[type-arg]
    prepared: str,
    quick: bool = False,
) -> str:
    """Fit models at each cut and export them; the keys of their candidates are joined by commas."""
    from lolomo.training.pipelines.champion import fit_beside
    from lolomo.training.pipelines.train import FitOptions, train

    options = FitOptions(quick=quick)
    candidates = [train(task, dataset, model, prepared, options) for model in models]
    fit_beside(task, dataset, candidates, prepared)
    return ",".join(candidates)


@_component
def evaluate(task: str, dataset: str, prepared: str, candidates: list) -> str:  # type: ignore[type-arg]
    """Judge every candidate of the task on validation and on test."""
    from lolomo.training.pipelines.evaluate import evaluate

    return evaluate(task, dataset, prepared, ",".join(candidates).split(","))


@_component
def gate(task: str, dataset: str, evaluation: str) -> str:
    """Decide, on validation, which candidate deserves to serve."""
    from lolomo.training.pipelines.gate import gate

    return gate(task, dataset, evaluation)


@_component
def release(task: str, dataset: str, evaluation: str, verdict: str) -> str:
    """Publish what deserves to serve, and make it champion unless the gate kept the old one."""
    from lolomo.training.pipelines.release import release

    return release(task, dataset, evaluation, verdict)
