"""Who may write: bearer tokens of an OpenID provider or of Kubernetes service accounts.

A page is as open as the network makes it. What changes something, or tells what members did, is
not: taking events in, reading the journal, swapping releases. With an issuer set, these answer 401
unless the request bears a token that the issuer signed, for this audience, not expired, and of an
allowed subject. Kubernetes issues such tokens to any pod that asks for one in its manifest, so one
service needs no password for another.
"""

import asyncio
import fnmatch
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import jwt
from starlette.types import ASGIApp, Receive, Scope, Send

from lolomo.core.errors import RequestError, SettingsError
from lolomo.core.settings import Settings
from lolomo.serving.bentos.problems import ProblemError

ALGORITHMS = ("RS256", "ES256", "EdDSA")
"""Of public keys alone: a token must never be signed with what verifies it."""
LEEWAY_SECONDS = 30
"""Of clocks that differ."""
GUARDED = (
    ("POST", "/v1/events"),
    ("*", "/v1/journal"),
    ("POST", "/v1/releases"),
)
"""Method and start of the path."""


@dataclass(slots=True)
class Authenticator:
    """Checks tokens against an issuer's public keys."""

    issuer: str
    audience: str
    keys: str
    """A file, or an https URL, of a JSON Web Key Set."""
    subjects: tuple[str, ...] = ()
    """Patterns of `sub`, such as `system:serviceaccount:shop:*`; empty for all of the issuer."""
    _client: jwt.PyJWKClient | None = field(init=False, default=None)
    _loaded: tuple[float, jwt.PyJWKSet] | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        if self.keys.startswith("https://"):
            self._client = jwt.PyJWKClient(self.keys, timeout=5)
        elif not Path(self.keys).is_file():
            raise SettingsError(
                f"LOLOMO_AUTH_KEYS is {self.keys!r}: expected an https URL or a file of the "
                "issuer's JSON Web Key Set"
            )

    @classmethod
    def from_settings(cls, settings: Settings) -> Self | None:
        """Return what the environment asks for; None if it names no issuer.

        Raises:
            SettingsError: If it names an issuer, and no keys of it.
        """
        if not settings.auth_issuer:
            return None
        return cls(
            settings.auth_issuer,
            settings.auth_audience,
            settings.auth_keys,
            settings.auth_subjects,
        )

    async def check(self, header: str) -> str:
        """Return the subject of an `Authorization` header.

        Raises:
            RequestError: If the token is missing or not good enough, saying which.
        """
        scheme, _, token = header.partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise RequestError("no bearer token: send `Authorization: Bearer <token>`")
        try:
            key = await asyncio.to_thread(self._key, token)
            claims: dict[str, Any] = jwt.decode(
                token,
                key,
                algorithms=list(ALGORITHMS),
                audience=self.audience,
                issuer=self.issuer,
                leeway=LEEWAY_SECONDS,
                options={"require": ["exp", "sub"]},
            )
        except (jwt.PyJWTError, OSError) as error:
            raise RequestError(f"the token is refused: {error}") from error
        subject = str(claims["sub"])
        if self.subjects and not any(fnmatch.fnmatchcase(subject, each) for each in self.subjects):
            raise RequestError(f"{subject!r} may not do this: it is none of the allowed subjects")
        return subject

    def _key(self, token: str) -> Any:
        """Return the public key that a token names; waits for the network or the disk."""
        if self._client is not None:
            return self._client.get_signing_key_from_jwt(token).key
        key_id = jwt.get_unverified_header(token).get("kid")
        for key in self._key_set().keys:
            if key.key_id == key_id:
                return key.key
        raise jwt.InvalidKeyError(f"the issuer has no key {key_id!r}")

    def _key_set(self) -> jwt.PyJWKSet:
        """Return the keys of the file, read again when it changes, as keys are renewed."""
        path = Path(self.keys)
        changed = path.stat().st_mtime
        if self._loaded is None or self._loaded[0] != changed:
            self._loaded = changed, jwt.PyJWKSet.from_json(path.read_text())
        return self._loaded[1]


@dataclass(frozen=True, slots=True)
class AuthMiddleware:
    """Answers 401 to guarded requests without a good token; others pass untouched."""

    app: ASGIApp
    authenticator: Authenticator
    guarded: Sequence[tuple[str, str]] = GUARDED

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] == "http" and self._is_guarded(scope["method"], scope["path"]):
            headers = {name.lower(): value for name, value in scope["headers"]}
            try:
                await self.authenticator.check(headers.get(b"authorization", b"").decode("latin-1"))
            except RequestError as error:
                problem = ProblemError(
                    401,
                    "Who asks is not known",
                    str(error),
                    f"a token of {self.authenticator.issuer} for {self.authenticator.audience!r}",
                    "ask the issuer for one; see docs/guides/cluster.md",
                )
                problem.headers["WWW-Authenticate"] = "Bearer"
                await problem.response()(scope, receive, send)
                return
        await self.app(scope, receive, send)

    def _is_guarded(self, method: str, path: str) -> bool:
        return any(
            wanted in ("*", method) and path.startswith(start) for wanted, start in self.guarded
        )
