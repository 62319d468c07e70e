"""KServe's own router: built from source once, and asked in a network of its own.

The router listens on port 8080 of every address and cannot be told otherwise, so it runs in a
network namespace that has nothing but loopback, together with the steps that it calls.
"""

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

MODULE = Path(__file__).parent / "router" / "go.mod"
PACKAGE = "github.com/kserve/kserve/cmd/router"
BUILD_SECONDS = 1800
ISOLATED = ("unshare", "--map-root-user", "--net")


def cache() -> Path:
    """Return where built programs are kept, outside the checkout."""
    return Path(os.environ.get("LOLOMO_CLUSTER_CACHE") or Path.home() / ".cache" / "lolomo")


def reason_to_skip() -> str | None:
    """Return why the real router cannot be asked here; None if it can."""
    if not os.environ.get("LOLOMO_CLUSTER_TESTS"):
        return "set LOLOMO_CLUSTER_TESTS=1 to build KServe's router and run it"
    if shutil.which("go") is None and not router_path().exists():
        return "Go is not installed, and KServe's router is not built yet"
    if shutil.which("unshare") is None or subprocess.run([*ISOLATED, "true"]).returncode:
        return "this machine allows no network namespaces (`unshare --net`)"
    return None


def router_path() -> Path:
    """Return where the router of exactly this `go.mod` is, or will be."""
    return cache() / f"kserve-router-{hashlib.sha256(MODULE.read_bytes()).hexdigest()[:16]}"


def built_router() -> Path:
    """Return the router, built if it is not yet."""
    router = router_path()
    if not router.exists():
        cache().mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=cache(), prefix="build-") as folder:
            shutil.copy(MODULE, folder)
            command = ["go", "build", "-p", "2", "-o", "router", PACKAGE]
            environment = os.environ | {"GOFLAGS": "-mod=mod"}
            subprocess.run(command, cwd=folder, env=environment, check=True, timeout=BUILD_SECONDS)
            (Path(folder) / "router").replace(router)
    return router


def ask(router: Path, vectors: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return what the router answers to each vector: status, text, and what steps were sent."""
    answers: list[dict[str, Any]] = _isolated("ask_router.py", router, json.dumps(vectors))
    return answers


def pages(router: Path) -> dict[str, Any]:
    """Return pages made by the embedded engine, through the router, and without steps behind it."""
    made: dict[str, Any] = _isolated("page_through_router.py", router)
    return made


def _isolated(program: str, router: Path, given: str = "") -> Any:
    """Run a program of this folder in a network of its own; return what it prints, from JSON."""
    command = [*ISOLATED, sys.executable, str(Path(__file__).with_name(program)), str(router)]
    done = subprocess.run(command, input=given, capture_output=True, text=True, timeout=300)
    if done.returncode:
        raise RuntimeError(f"the router could not be asked: {done.stderr[-2000:]}")
    return json.loads(done.stdout)
