"""What the layout of the repository promises, and no tool checks by itself."""

import platform
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SOURCE_ROOTS = ["platform", "features", "training", "serving"]
ROOMS = sorted(
    path.relative_to(ROOT).as_posix()
    for root in SOURCE_ROOTS
    for path in (ROOT / root / "lolomo").glob("*/")
    if path.name != "__pycache__"
)
REQUIREMENTS = sorted(path.name for path in (ROOT / "requirements").glob("*.txt"))
MAX_LINES = 400
LONG_FILES: dict[str, str] = {}
"""Python files that may pass `MAX_LINES`, each with its reason."""
HOSTS = [
    ".".join(parts)
    for parts in (
        ("pypi", "org"),
        ("pythonhosted", "org"),
        ("proxy", "golang", "org"),
        ("registry", "npmjs", "org"),
        ("crates", "io"),
        ("maven", "org"),
        ("deb", "debian", "org"),
    )
]
"""Package registries; in parts, since this file is read too. Where packages come from is the
machine's own configuration."""
UNWANTED = {
    "a package registry": re.compile("|".join(map(re.escape, HOSTS))),
    "an index option": re.compile(r"--(?:extra-)?index-url[= ]|--find-links[= ]|GOPROXY[=]\w"),
    "a path of one machine": re.compile(r"(?<![\w.~-])/(?:root|work)/(?!\.\.)\w"),
}


@cache
def repository_files() -> list[Path]:
    """Return the files that git has or would add."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    try:
        listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    except (FileNotFoundError, subprocess.CalledProcessError):
        pytest.skip("this is no git checkout, so what belongs to it is not known")
    paths = [ROOT / name for name in listed.stdout.split("\0") if name]
    return [path for path in paths if path.is_file()]


def python_files() -> Iterator[Path]:
    return (path for path in repository_files() if path.suffix == ".py")


def relative(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("root", SOURCE_ROOTS)
def test_source_root_and_namespace_are_not_packages(root: str) -> None:
    assert not (ROOT / root / "__init__.py").exists()
    assert not (ROOT / root / "lolomo" / "__init__.py").exists()


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_is_a_typed_package(room: str) -> None:
    assert (ROOT / room / "__init__.py").is_file()
    assert (ROOT / room / "py.typed").is_file()


def test_no_package_is_named_platform() -> None:
    packages = {
        path.parent.name for root in SOURCE_ROOTS for path in (ROOT / root).rglob("__init__.py")
    }
    assert "platform" not in packages


def test_stdlib_platform_wins_from_the_repository_root() -> None:
    command = [sys.executable, "-c", "import platform; print(platform.__file__)"]
    found = subprocess.check_output(command, cwd=ROOT, text=True).strip()
    assert found == platform.__file__


def is_of_a_distribution(path: Path) -> bool:
    """Whether a file of the tests is of a package that they install, such as a company's own."""
    folders = path.relative_to(ROOT / "tests").parents
    return any((ROOT / "tests" / folder / "pyproject.toml").is_file() for folder in folders)


def test_tests_are_no_packages_and_their_files_have_one_name_each() -> None:
    files = [
        path
        for path in python_files()
        if ROOT / "tests" in path.parents and not is_of_a_distribution(path)
    ]
    names = Counter(path.name for path in files if path.name.startswith("test_"))
    assert [path for path in files if path.name == "__init__.py"] == []
    assert [name for name, count in names.items() if count > 1] == []


def test_no_python_file_is_too_long_without_a_reason() -> None:
    lengths = {relative(path): len(path.read_text().splitlines()) for path in python_files()}
    long = {name: length for name, length in lengths.items() if length > MAX_LINES}
    assert set(long) == set(LONG_FILES), long


@pytest.mark.parametrize("what", UNWANTED)
def test_no_file_names(what: str) -> None:
    found = []
    for path in repository_files():
        text = path.read_bytes().decode("utf-8", errors="ignore")
        found += [f"{relative(path)}: {match[0]}" for match in UNWANTED[what].finditer(text)]
    assert found == []


@pytest.mark.parametrize("name", REQUIREMENTS)
def test_every_locked_package_has_a_version_and_hashes(name: str) -> None:
    text = (ROOT / "requirements" / name).read_text().replace("\\\n", " ")
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    locked = re.compile(
        r"[\w.\-\[\],]+==[\w.+!]+(?: ;[^#]*?)?(?:\s+--hash=sha256:[0-9a-f]{64})+\s*"
    )
    assert lines
    assert [line for line in lines if not locked.fullmatch(line)] == []
