"""Redis as Feast's online store: how it is named, and how all it holds is replaced at once.

Feast writes rows one by one over those it finds, never removes one, and keeps the newer of two: a
store that is materialised again in place shows half-old values for a while, and can never go back
in time. So the values are written to the *next* database of the same server, which then changes
places with the served one (`SWAPDB`): a reader sees the old values or the new. A deployment
therefore gives Lolomo two databases in a row. A Redis cluster has only one and is not supported.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from lolomo.core.errors import FeatureError

if TYPE_CHECKING:
    import redis

FROM_ENVIRONMENT: Final = "${LOLOMO_REDIS_PASSWORD}"
"""What stands for the password in `feature_store.yaml`; Feast's own clients put it in there."""
READ_SECONDS: Final = 0.2
"""How long a read may take: a request has less time than Redis's clients would wait."""
WRITE_SECONDS: Final = 60.0
_OURS: Final = "lolomo:materialising"
"""Marks the next database as one that we may empty."""


@dataclass(frozen=True, slots=True)
class RedisPlace:
    """Where Redis is."""

    connection: str
    """As Feast has it: `host:port` and `key=value` parts, joined by commas."""

    @property
    def parts(self) -> dict[str, str]:
        """What stands behind the address, by key.

        Raises:
            FeatureError: If the connection is not as Feast has it.
        """
        address, *rest = self.connection.split(",")
        parts = dict(part.split("=", 1) for part in rest if "=" in part)
        number = parts.setdefault("db", "0")
        unread = [part for part in rest if "=" not in part]
        if address.count(":") != 1 or unread or not number.isdecimal():
            raise FeatureError(
                f"received a Redis connection that starts with {address!r}: expected one server "
                "and parameters, such as 'localhost:6379,db=1'"
            )
        return parts

    def options(self, seconds: float = READ_SECONDS) -> str:
        """Return the connection string with a limit on how long a call may take.

        Redis's client would try three times, with seconds between: a page is degraded instead.
        """
        limits = {"socket_timeout": str(seconds), "socket_connect_timeout": str(seconds)}
        limits |= {"retry": "null"}
        return self._joined(limits | self.parts)

    def without_password(self) -> str:
        """Return what may be written to a file: the variable's name stands for the password."""
        parts = self.parts
        if "password" in parts:
            parts["password"] = FROM_ENVIRONMENT
        return RedisPlace(self._joined(parts)).options()

    @contextmanager
    def replacing(self) -> Iterator["RedisPlace"]:
        """Yield an empty place, which takes over if the block ends without error.

        Raises:
            FeatureError: If Redis is out of reach, or something else is in the next database.
        """
        import redis

        current = int(self.parts["db"])
        following = RedisPlace(self._joined(self.parts | {"db": str(current + 1)}))
        try:
            with following.client(WRITE_SECONDS) as client:
                _empty(client, current + 1)
                yield following
                client.delete(_OURS)
                client.swapdb(current, current + 1)
                client.flushdb(asynchronous=True)
        except redis.RedisError as error:
            raise FeatureError(
                f"Redis at {self.connection.split(',')[0]} did not take the values "
                f"({type(error).__name__}: {error}): expected a server with databases {current} "
                f"and {current + 1}; nothing that is served has changed"
            ) from error

    def client(self, seconds: float = READ_SECONDS) -> "redis.Redis":
        """Return a client of this database."""
        import redis

        host, port = self.connection.split(",")[0].split(":")
        query = "&".join(f"{key}={value}" for key, value in self.parts.items() if key in _IN_URL)
        parts = self.parts
        return redis.Redis.from_url(
            f"{'rediss' if parts.get('ssl') == 'true' else 'redis'}://{host}:{port}?{query}",
            username=parts.get("username"),
            password=parts.get("password"),
            socket_timeout=seconds,
            socket_connect_timeout=seconds,
            retry=None,
        )

    def _joined(self, parts: Mapping[str, str]) -> str:
        address = self.connection.split(",")[0]
        return ",".join([address, *(f"{key}={value}" for key, value in parts.items())])


_IN_URL: Final = ("db", "ssl_ca_certs", "ssl_certfile", "ssl_keyfile", "ssl_cert_reqs")


def _empty(client: "redis.Redis", number: int) -> None:
    if client.dbsize() and not client.exists(_OURS):
        raise FeatureError(
            f"database {number} of Redis holds keys that Lolomo did not put there: expected it "
            "empty, since values are prepared in the database after the served one; choose "
            "another with `db=`"
        )
    client.flushdb()
    client.set(_OURS, "1")
