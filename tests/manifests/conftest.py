"""Renders each kustomization once a session."""

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


def _kubectl() -> str:
    """Return the `kubectl` of this environment, which is locked, or else that of PATH."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])
    found = shutil.which("kubectl", path=path)
    if found is None:
        pytest.fail("no kubectl: install requirements/dev.txt (`make setup`), or put it on PATH")
    return found


@cache
def _render(folder: str) -> Objects:
    command = [_kubectl(), "kustomize", str(MANIFESTS / folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    return [entry for entry in yaml.safe_load_all(done.stdout) if entry]


@pytest.fixture(scope="session")
def manifests() -> Path:
    return MANIFESTS


@pytest.fixture(scope="session")
def render() -> Callable[[str], Objects]:
    """Render a folder under `manifests/` to its objects, which the caller may change."""
    return lambda folder: deepcopy(_render(folder))
