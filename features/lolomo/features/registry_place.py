"""Where Feast's registry is: a file in the workspace, or one that many machines share.

`LOLOMO_FEATURE_REGISTRY` names the shared one: a database by its SQLAlchemy URL, or the registry
server of Feast's operator as `grpc://host:port`, which is for reading.
"""

from typing import Any

from lolomo.core.errors import FeatureError

CACHE_SECONDS = 60
"""How old a shared registry may be to a reader."""
_SERVER = "grpc://"


def registry_options(url: str | None, file: str) -> dict[str, Any]:
    """Return what `feature_store.yaml` says of a registry.

    Args:
        url: Of a shared one; None for the file.
        file: Path relative to the repository.

    Raises:
        FeatureError: If the URL is of no kind that Feast has.

    >>> registry_options("grpc://feast:6570", "registry.db")["registry_type"]
    'remote'
    """
    if url is None:
        return {"path": file, "cache_ttl_seconds": 0}
    if url.startswith(_SERVER):
        return {"registry_type": "remote", "path": url.removeprefix(_SERVER)}
    if "://" not in url:
        raise FeatureError(
            f"received the registry {url!r}: expected a database's URL, such as "
            "postgresql+psycopg://user:password@host:5432/feast, or grpc://host:port"
        )
    return {"registry_type": "sql", "path": url, "cache_ttl_seconds": CACHE_SECONDS}


def without_password(url: str | None) -> str | None:
    """Return a registry's URL as it may be written down."""
    if url is None or url.startswith(_SERVER):
        return url
    from sqlalchemy import make_url

    return make_url(url).render_as_string(hide_password=True)
