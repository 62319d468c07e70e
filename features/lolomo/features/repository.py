"""Where Feast keeps what: the typed place from which `feature_store.yaml` is written."""

import contextlib
import io
import os
import shutil
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lolomo.core.errors import FeatureError
from lolomo.core.files import write_atomically
from lolomo.features.redis_place import WRITE_SECONDS, RedisPlace
from lolomo.features.registry_place import registry_options, without_password

if TYPE_CHECKING:
    import feast

YAML = "feature_store.yaml"
REGISTRY = "registry.db"
ONLINE = "online.db"
OFFLINE_STORE = "lolomo.features.offline_store.AsofOfflineStore"


@dataclass(frozen=True, slots=True)
class Repository:
    """One Feast repository: a file registry, our offline store, and SQLite or Redis online."""

    path: Path
    redis: str | None = None
    """Feast's Redis connection string, such as `localhost:6379,db=1`; SQLite if None."""
    registry: str | None = None
    """URL of a registry that many machines share (`registry_place`); a file here if None."""

    def options(self, online: str | None = None, registry: str = REGISTRY) -> dict[str, Any]:
        """Return what `feature_store.yaml` says; paths are relative to it.

        Args:
            online: SQLite's file or Redis's connection string; the one that is served if None.
            registry: The registry's file.
        """
        store: dict[str, Any] = {"type": "sqlite", "path": online or ONLINE}
        if self.redis is not None:
            place = online or RedisPlace(self.redis).options()
            store = {"type": "redis", "connection_string": place}
        return {
            "project": "lolomo",
            "provider": "local",
            "registry": registry_options(self.registry, registry),
            "offline_store": {"type": OFFLINE_STORE},
            "online_store": store,
            "entity_key_serialization_version": 3,
            "materialization": {"pull_latest_features": True},
        }

    def apply(self, objects: list[Any]) -> None:
        """Write `feature_store.yaml` and make the registry hold exactly these objects."""
        import yaml

        public = RedisPlace(self.redis).without_password() if self.redis else None
        written = replace(self, registry=without_password(self.registry)).options(public)
        write_atomically(self.path / YAML, yaml.safe_dump(written, sort_keys=False))
        wanted = {(type(item).__name__, item.name) for item in objects}
        with self.changing() as store, quiet():
            held = (
                *store.list_feature_services(),
                *store.list_on_demand_feature_views(),
                *store.list_feature_views(),
            )
            gone = [item for item in held if (type(item).__name__, item.name) not in wanted]
            store.apply(objects, objects_to_delete=gone, partial=not gone)

    def open(self) -> "feast.FeatureStore":
        """Return Feast's own store over this repository, to read.

        Raises:
            FeatureError: If nothing has been applied.
        """
        self.check_applied()
        return self._open(None, REGISTRY)

    def check_applied(self) -> None:
        """Raise a `FeatureError` if there is no registry."""
        if self.registry is None and not (self.path / REGISTRY).exists():
            raise FeatureError(
                f"no Feast registry at {self.path}: run `lolomo features apply` to write it"
            )

    @contextlib.contextmanager
    def replacing_online(self) -> Iterator["feast.FeatureStore"]:
        """Yield a store whose online side is empty, and is served if the block ends without error.

        A reader sees the old values or the new.
        """
        if self.redis is not None:
            with (
                RedisPlace(self.redis).replacing() as place,
                self.changing(place.options(WRITE_SECONDS)) as store,
            ):
                yield store
            return
        staged = self.path / f".{ONLINE}.{os.getpid()}"
        try:
            with self.changing(staged.name) as store:
                yield store
            staged.replace(self.path / ONLINE)
        finally:
            staged.unlink(missing_ok=True)

    @contextlib.contextmanager
    def changing(self, online: str | None = None) -> Iterator["feast.FeatureStore"]:
        """Yield a store over a copy of the registry, put in place if the block ends without error.

        Feast writes its registry in place, so a killed process would leave half of one. A shared
        registry is a database, which Feast changes an object at a time.
        """
        if self.registry is not None:
            yield self._open(online, REGISTRY)
            return
        registry = self.path / REGISTRY
        copy = self.path / f".{REGISTRY}.{os.getpid()}"
        try:
            if registry.exists():
                shutil.copyfile(registry, copy)
            yield self._open(online, copy.name)
            copy.replace(registry)
        finally:
            copy.unlink(missing_ok=True)

    def _open(self, online: str | None, registry: str) -> "feast.FeatureStore":
        from lolomo.features.feast_import import feast

        config = feast.RepoConfig(**self.options(online, registry), repo_path=self.path)
        return feast.FeatureStore(repo_path=str(self.path), config=config)


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Keep what Feast prints from the terminal; its errors still raise."""
    with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "On demand feature view is an experimental feature")
        yield
