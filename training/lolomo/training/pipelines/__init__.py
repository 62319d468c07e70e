"""Pipelines: prepare, train, evaluate, gate and release, a task at a time, by Kubeflow."""

from lolomo.training.pipelines.launch import (
    Endpoint,
    PipelineError,
    compile_pipeline,
    run_locally,
    submit,
)
from lolomo.training.pipelines.pipeline import (
    Accelerator,
    Placement,
    build_pipeline,
    with_sources,
)

__all__ = [
    "Accelerator",
    "Endpoint",
    "PipelineError",
    "Placement",
    "build_pipeline",
    "compile_pipeline",
    "run_locally",
    "submit",
    "with_sources",
]
