"""The Containerfile as read, and the wheel that it installs; there is no base image to build on."""

import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
CONTAINERFILE = (ROOT / "images" / "Containerfile").read_text()
INSTRUCTIONS = [
    line
    for line in CONTAINERFILE.replace("\\\n", " ").splitlines()
    if line and not line.startswith("#")
]
TARGETS = ("features", "training", "training-cuda", "serving")


def stages() -> dict[str, list[str]]:
    """Return the instructions of each stage."""
    found: dict[str, list[str]] = {}
    name = ""
    for line in INSTRUCTIONS:
        if match := re.fullmatch(r"FROM (\S+) AS ([\w-]+)", line):
            name = match[2]
            found[name] = list(found.get(match[1], []))
        elif name:
            found[name].append(line)
    return found


@pytest.mark.parametrize("target", TARGETS)
def test_a_target_runs_lolomo_as_a_numbered_user(target: str) -> None:
    lines = stages()[target]
    assert [line for line in lines if line.startswith("USER")] == ["USER 10001:10001"]
    assert 'ENTRYPOINT ["lolomo"]' in lines


def test_every_package_is_locked_by_hash_and_the_code_is_of_this_checkout() -> None:
    installs = [
        part for line in stages()["build"] for part in line.split("&&") if "install" in part
    ]
    locked, wheel, removed = (part for part in installs)
    assert "--require-hashes" in locked
    assert "--no-index" in wheel
    assert "uninstall" in removed


@pytest.mark.parametrize("target", TARGETS)
def test_a_target_has_a_lock(target: str) -> None:
    lock = ROOT / "requirements" / f"{target.removesuffix('-cuda')}.txt"
    assert "--hash=sha256:" in lock.read_text()


def test_no_base_image_is_named_by_a_tag() -> None:
    bases = [line.split()[1] for line in INSTRUCTIONS if line.startswith("FROM")]
    named = {base for base in bases if base not in stages()}
    assert named == {"${PYTHON_IMAGE}", "${RUNTIME_IMAGE}", "${CUDA_IMAGE}"}


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [("PYTHON_IMAGE", "python:3.11", "by digest"), ("REGISTRY", "", "where the images are pushed")],
)
def test_the_build_refuses(name: str, value: str, expected: str) -> None:
    digest = "python@sha256:" + "0" * 64
    given = {"REGISTRY": "r", "PYTHON_IMAGE": digest, "RUNTIME_IMAGE": digest, name: value}
    done = subprocess.run(
        [ROOT / "images" / "build"],
        env={"PATH": "/usr/bin:/bin", **given},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode != 0
    assert expected in done.stderr


def test_the_wheel_holds_every_room_and_no_test(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory"]
    subprocess.run([*command, str(tmp_path)], cwd=ROOT, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    rooms = {name.split("/")[1] for name in names if name.startswith("lolomo/")}
    assert {"core", "cli", "operations", "features", "serving", "training"} <= rooms
    assert "lolomo/operations/project/templates/pyproject.toml.template" in names
    assert not [name for name in names if name.startswith("tests/")]
