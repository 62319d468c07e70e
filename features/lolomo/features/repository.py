"""Where Feast keeps what: the typed place from which `feature_store.yaml` is written."""

import contextlib
import io
import os
import shutil
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lolomo.core.errors import FeatureError
from lolomo.core.files import write_atomically

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

    def options(self, online: str = ONLINE, registry: str = REGISTRY) -> dict[str, Any]:
        """Return the content of `feature_store.yaml`; paths are relative to it."""
        store: dict[str, Any] = {"type": "sqlite", "path": online}
        if self.redis is not None:
            store = {"type": "redis", "connection_string": self.redis}
        return {
            "project": "lolomo",
            "provider": "local",
            "registry": {"path": registry, "cache_ttl_seconds": 0},
            "offline_store": {"type": OFFLINE_STORE},
            "online_store": store,
            "entity_key_serialization_version": 3,
            "materialization": {"pull_latest_features": True},
        }

    def apply(self, objects: list[Any]) -> None:
        """Write `feature_store.yaml` and make the registry hold exactly these objects."""
        import yaml

        write_atomically(self.path / YAML, yaml.safe_dump(self.options(), sort_keys=False))
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
        return self._open(ONLINE, REGISTRY)

    def check_applied(self) -> None:
        """Raise a `FeatureError` if there is no registry."""
        if not (self.path / REGISTRY).exists():
            raise FeatureError(
                f"no Feast registry at {self.path}: run `lolomo features apply` to write it"
            )

    @contextlib.contextmanager
    def changing(self, online: str = ONLINE) -> Iterator["feast.FeatureStore"]:
        """Yield a store over a copy of the registry, put in place if the block ends without error.

        Feast writes its registry in place, so a killed process would leave half of one.
        """
        registry = self.path / REGISTRY
        copy = self.path / f".{REGISTRY}.{os.getpid()}"
        try:
            if registry.exists():
                shutil.copyfile(registry, copy)
            yield self._open(online, copy.name)
            copy.replace(registry)
        finally:
            copy.unlink(missing_ok=True)

    def _open(self, online: str, registry: str) -> "feast.FeatureStore":
        from lolomo.features.feast_import import feast

        config = feast.RepoConfig(**self.options(online, registry), repo_path=self.path)
        return feast.FeatureStore(repo_path=str(self.path), config=config)


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Keep what Feast prints from the terminal; its errors still raise."""
    with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "On demand feature view is an experimental feature")
        yield
