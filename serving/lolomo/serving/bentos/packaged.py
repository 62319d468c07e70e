"""What a packaged Bento serves: releases fixed when it was built, by digest.

A Bento's `src` folder holds our code, an entry point, and `lolomo-package.json`, a `Contents`. The
releases lie in the Bento itself, or where they are mounted; either way each is checked against the
digest that the Bento was built for. Features and events are no part of it: they are of today and of
people, so they come from the workspace (`LOLOMO_HOME`) and the online store that a pod is given.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final, Self

from lolomo.core.errors import ReleaseError
from lolomo.core.release import open_release
from lolomo.core.settings import Settings
from lolomo.serving.bentos.front import Front
from lolomo.serving.bentos.load import FrontOptions, load_front
from lolomo.serving.bentos.service import page_service

FILE: Final = "lolomo-package.json"
RELEASES: Final = "releases"
"""Folder of the releases inside a Bento, by digest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Contents:
    """What a Bento was built of."""

    name: str
    """`page` for the whole graph, or a step's."""
    dataset: str
    """Whose workspace it reads."""
    releases: Mapping[str, str]
    """Digest of the release that serves each task."""
    mounted_at: str | None = None
    """Where releases are mounted, a folder a digest, or the folder of the only one; None if they
    are in the Bento."""

    @classmethod
    def read(cls, folder: Path) -> Self:
        """Read what stands in a Bento's `src` folder."""
        return cls(**json.loads((folder / FILE).read_text()))

    def to_json(self) -> str:
        """Return what `read` reads."""
        return json.dumps(asdict(self), indent=2)

    def folders(self, source: Path) -> tuple[Path, ...]:
        """Return the folder of each release, checked.

        Args:
            source: The Bento's `src` folder.

        Raises:
            ReleaseError: If one is missing, or not the one that the Bento was built for.
        """
        found = []
        for task, digest in self.releases.items():
            folder = self._folder(source, digest)
            if not folder.is_dir():
                raise ReleaseError(
                    f"Bento {self.name!r} serves {task!r} with release {digest[:12]}, which is not "
                    f"at {folder}: mount it there"
                )
            open_release(folder, digest)
            found.append(folder)
        return tuple(found)

    def _folder(self, source: Path, digest: str) -> Path:
        if self.mounted_at is None:
            return source / RELEASES / digest
        mounted = Path(self.mounted_at)
        return mounted if len(self.releases) == 1 else mounted / digest


def packaged_service(source: Path) -> Any:
    """Return the BentoML service of a Bento; nothing is loaded before it starts.

    Args:
        source: The Bento's `src` folder.
    """
    contents = Contents.read(source)
    return page_service(partial(_load, contents, source), contents.name.replace("_", "-"))


def _load(contents: Contents, source: Path) -> Front:
    settings = Settings.from_environment()
    workspace = settings.workspace(contents.dataset).root
    folders = contents.folders(source)
    return load_front(FrontOptions(workspace, releases=folders, redis=settings.redis))
