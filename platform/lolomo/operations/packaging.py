"""Packages steps and the whole graph as Bentos, without a Docker daemon.

A Bento is a folder in BentoML's store: our code, the releases or where they will be mounted, the
locked requirements and a recipe for an image. `bentoml serve TAG` runs it; `bentoml containerize
TAG --backend podman` (or `buildah`) makes an image of it where there is such a builder.

A Bento of the same code, requirements and releases has the same version and is built once.
"""

import importlib.util
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

from lolomo.core.errors import ReleaseError, SettingsError
from lolomo.core.files import digest_of, sha256_of
from lolomo.core.release import Release, ReleaseStore
from lolomo.core.settings import Workspace
from lolomo.serving.bentos.packaged import FILE, RELEASES, Contents
from lolomo.serving.bentos.service import without_deprecations

PAGE: Final = "page"
"""The Bento of the whole graph."""
ROOMS: Final = ("core", "tasks", "events", "features", "evaluation", "runtimes", "serving")
"""What serving consists of; training, operations and the command line stay out of an image."""
SERVICE: Final = '''\
"""Entry point of this Bento; see `lolomo.serving.bentos.packaged`."""

from pathlib import Path

from lolomo.serving.bentos.packaged import packaged_service

service = packaged_service(Path(__file__).parent)
'''
SYSTEM_PACKAGES: Final = ("libgomp1",)
"""What LightGBM needs of the system."""
_VERSION_DIGITS: Final = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Packaging:
    """How Bentos are built."""

    workspace: Workspace
    requirements: Path
    """Locked requirements, each with its hashes, such as `requirements/serving.txt`."""
    mounted_at: Path | None = None
    """Where releases will be mounted in a container; None to put them into the Bento."""
    base_image: str | None = None
    """What the image begins from, best by digest; BentoML's slim Debian with Python if None."""

    def names(self) -> list[str]:
        """Return what can be packaged: the page, and each task that has a pinned release."""
        return [PAGE, *ReleaseStore(self.workspace.releases).pins()]

    def build(self, name: str) -> str:
        """Build the Bento of the page or of a task's step; return its tag.

        Raises:
            ReleaseError: If nothing is pinned for it, or a release is missing or changed.
            SettingsError: If a requirement has no hash.
        """
        check_locked(self.requirements)
        releases = self._releases(name)
        contents = Contents(
            name=name,
            dataset=self.workspace.root.name,
            releases={task: release.digest for task, release in releases.items()},
            mounted_at=None if self.mounted_at is None else str(self.mounted_at),
        )
        with tempfile.TemporaryDirectory(prefix="lolomo-bento-") as folder:
            context = Path(folder)
            _write_code(context)
            (context / f"{_module(name)}.py").write_text(SERVICE)
            (context / FILE).write_text(contents.to_json())
            shutil.copy(self.requirements, context / "requirements.txt")
            if self.mounted_at is None:
                for release in releases.values():
                    shutil.copytree(release.path, context / RELEASES / release.digest)
            return _build(context, contents, self.base_image)

    def _releases(self, name: str) -> dict[str, Release]:
        store = ReleaseStore(self.workspace.releases)
        pins = store.pins()
        wanted = pins if name == PAGE else {task: pins[task] for task in pins if task == name}
        if not wanted:
            raise ReleaseError(
                f"nothing is pinned for {name!r} in {self.workspace.releases}: expected one of "
                f"{self.names()}; promote a release first"
            )
        return {task: store.open(digest) for task, digest in wanted.items()}


def check_locked(requirements: Path) -> None:
    """Refuse requirements of which any is without a hash.

    Raises:
        SettingsError: Naming the first one; or if there is no such file.
    """
    if not requirements.is_file():
        raise SettingsError(
            f"there are no requirements at {requirements}: run this in a checkout of Lolomo, or "
            "name a locked file with --requirements"
        )
    text = requirements.read_text().replace("\\\n", " ")
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    for line in lines:
        if not line.startswith("#") and ("==" not in line or "--hash=sha256:" not in line):
            raise SettingsError(
                f"{requirements} has {line[:80]!r}: expected a version and its hashes; lock it, as "
                "`make lock` does"
            )


def _write_code(context: Path) -> None:
    """Copy the rooms that serve, and say which version of Lolomo they are."""
    for room in ROOMS:
        found = importlib.util.find_spec(f"lolomo.{room}")
        assert found is not None  # noqa: S101 -- serving could not be imported without it
        assert found.submodule_search_locations is not None  # noqa: S101
        folder = found.submodule_search_locations[0]
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(folder, context / "lolomo" / room, ignore=ignored)
    number = version("lolomo")
    metadata = context / f"lolomo-{number}.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: lolomo\nVersion: {number}\n")


@without_deprecations()
def _build(context: Path, contents: Contents, base_image: str | None) -> str:
    import bentoml

    files = sorted(path for path in context.rglob("*") if path.is_file())
    sums = {path.relative_to(context).as_posix(): sha256_of(path) for path in files}
    number = digest_of([sums, base_image])[:_VERSION_DIGITS]
    tag = f"{contents.name.replace('_', '-')}:{number}"
    try:
        return str(bentoml.get(tag).tag)
    except bentoml.exceptions.NotFound:
        recipe = _recipe(context, base_image)
        service = f"{_module(contents.name)}:service"
        return str(bentoml.build(service, version=number, **recipe).tag)


def _module(name: str) -> str:
    """Return the entry point's module: BentoML imports it, and Python imports a name only once."""
    return f"bento_{name}"


def _recipe(context: Path, base_image: str | None) -> Mapping[str, Any]:
    """Return how an image is made: BentoML's own recipe ends with a user that is not root."""
    system = {"python_version": "3.11", "system_packages": list(SYSTEM_PACKAGES)}
    return {
        "build_ctx": str(context),
        "include": ["**"],
        "labels": {"app.kubernetes.io/part-of": "lolomo"},
        "docker": system | ({"base_image": base_image} if base_image else {}),
        "python": {"requirements_txt": "requirements.txt", "lock_packages": False},
    }
