"""Guarded routes ask for a token; the keys are made here, and no network is asked."""

import asyncio
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from lolomo.core.errors import SettingsError
from lolomo.core.settings import Settings
from lolomo.serving.bentos.auth import Authenticator, AuthMiddleware

ISSUER = "https://kubernetes.default.svc"
SHOP = "system:serviceaccount:shop:web"
Sign = Callable[..., str]


@dataclass(frozen=True)
class Client:
    """Asks the application itself."""

    application: Starlette

    def request(self, method: str, path: str, headers: Any = None) -> httpx.Response:
        async def ask() -> httpx.Response:
            transport = httpx.ASGITransport(self.application)
            async with httpx.AsyncClient(transport=transport, base_url="http://page") as client:
                return await client.request(method, path, headers=headers)

        return asyncio.run(ask())

    def post(self, path: str, headers: Any = None) -> httpx.Response:
        return self.request("POST", path, headers)


@pytest.fixture(scope="module")
def keys() -> dict[str, ec.EllipticCurvePrivateKey]:
    return {name: ec.generate_private_key(ec.SECP256R1()) for name in ("ours", "theirs", "new")}


@pytest.fixture
def sign(keys: dict[str, ec.EllipticCurvePrivateKey]) -> Sign:
    def sign(key: str = "ours", kid: str = "", **changes: Any) -> str:
        claims = {"iss": ISSUER, "aud": "lolomo", "sub": SHOP, "exp": time.time() + 60}
        given = {name: value for name, value in {**claims, **changes}.items() if value is not None}
        return jwt.encode(given, keys[key], algorithm="ES256", headers={"kid": kid or key})

    return sign


def key_set(keys: dict[str, ec.EllipticCurvePrivateKey], *names: str) -> str:
    algorithm = jwt.get_algorithm_by_name("ES256")
    found = [json.loads(algorithm.to_jwk(keys[name].public_key())) for name in names]
    return json.dumps(
        {"keys": [{**key, "kid": name} for key, name in zip(found, names, strict=True)]}
    )


@pytest.fixture
def path(keys: dict[str, ec.EllipticCurvePrivateKey], tmp_path: Path) -> Path:
    (tmp_path / "jwks.json").write_text(key_set(keys, "ours"))
    return tmp_path / "jwks.json"


@pytest.fixture
def client(path: Path) -> Client:
    async def answer(request: Request) -> PlainTextResponse:
        return PlainTextResponse("done")

    authenticator = Authenticator(ISSUER, "lolomo", str(path), ("system:serviceaccount:shop:*",))
    guard = Middleware(AuthMiddleware, authenticator=authenticator)
    methods = ["GET", "POST"]
    return Client(
        Starlette(routes=[Route("/{path:path}", answer, methods=methods)], middleware=[guard])
    )


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


@pytest.mark.parametrize(
    ("method", "path_asked", "status"),
    [
        ("POST", "/v1/page", 200),
        ("GET", "/v1/releases", 200),
        ("GET", "/readyz", 200),
        ("POST", "/v1/events", 401),
        ("GET", "/v1/journal/r-1", 401),
        ("POST", "/v1/releases:reload", 401),
    ],
)
def test_only_what_writes_or_tells_on_members_asks_for_a_token(
    method: str, path_asked: str, status: int, client: Client
) -> None:
    assert client.request(method, path_asked).status_code == status


def test_a_good_token_passes(client: Client, sign: Sign) -> None:
    assert client.post("/v1/events", headers=bearer(sign())).text == "done"


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "expired": ({"exp": time.time() - 3600}, "expired"),
    "of another audience": ({"aud": "pipelines"}, "Audience"),
    "of another issuer": ({"iss": "https://elsewhere"}, "issuer"),
    "without an end": ({"exp": None}, "exp"),
    "of another subject": ({"sub": "system:serviceaccount:other:web"}, "may not do this"),
    "of an unknown key": ({"key": "theirs"}, "no key 'theirs'"),
    "signed by another than it says": ({"key": "theirs", "kid": "ours"}, "Signature"),
}


@pytest.mark.parametrize(("changes", "expected"), REFUSED.values(), ids=REFUSED)
def test_a_token_is_refused(
    changes: dict[str, Any], expected: str, client: Client, sign: Sign
) -> None:
    answer = client.post("/v1/events", headers=bearer(sign(**changes)))
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert expected in answer.text


@pytest.mark.parametrize("header", ["", "Bearer", "Basic dTpw", "Bearer x.y.z", "Bearer \xff"])
def test_what_is_no_token_is_refused(header: str, client: Client) -> None:
    headers = {b"Authorization": header.encode("latin-1")}
    assert client.post("/v1/events", headers=headers).status_code == 401


def test_a_token_signed_with_nothing_or_with_a_secret_is_refused(
    client: Client,
) -> None:
    claims = {"iss": ISSUER, "aud": "lolomo", "sub": SHOP, "exp": time.time() + 60}
    unsigned = jwt.encode(claims, "", algorithm="none", headers={"kid": "ours"})
    shared = jwt.encode(
        claims, "a secret of which nobody knows" * 3, algorithm="HS256", headers={"kid": "ours"}
    )
    for token in (unsigned, shared):
        assert client.post("/v1/events", headers=bearer(token)).status_code == 401


def test_keys_are_read_again_when_they_are_renewed(
    client: Client, sign: Sign, path: Path, keys: dict[str, ec.EllipticCurvePrivateKey]
) -> None:
    assert client.post("/v1/events", headers=bearer(sign())).status_code == 200
    path.write_text(key_set(keys, "new"))
    assert client.post("/v1/events", headers=bearer(sign("new"))).status_code == 200
    assert client.post("/v1/events", headers=bearer(sign())).status_code == 401


def test_without_an_issuer_nobody_is_asked(tmp_path: Path) -> None:
    assert Authenticator.from_settings(Settings(tmp_path, "acme", None)) is None


def test_an_issuer_without_keys_is_refused(tmp_path: Path) -> None:
    settings = Settings(tmp_path, "acme", None, auth_issuer=ISSUER)
    with pytest.raises(SettingsError, match="JSON Web Key Set"):
        Authenticator.from_settings(settings)
