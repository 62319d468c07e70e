"""How commands ask: a running service over HTTP, or a front made in this process."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from lolomo.core.errors import RequestError
from lolomo.core.settings import Settings

if TYPE_CHECKING:
    from lolomo.serving.bentos import Front

Answer = TypeVar("Answer")
PATIENCE_SECONDS = 10


def front_of(root: Path) -> "Front":
    """Return a front over the workspace at a path, which waits longer than a service would."""
    from lolomo.runtimes import quiet_tensorflow

    quiet_tensorflow()
    from lolomo.serving.bentos import FrontOptions, load_front

    options = FrontOptions(
        root,
        deadline_seconds=PATIENCE_SECONDS,
        redis=Settings.from_environment().redis,
        journal=False,
    )
    return load_front(options)


def fetch(url: str, path: str, body: Mapping[str, Any], kind: type[Answer]) -> Answer:
    """Return what a running service answers to a request.

    Args:
        url: Where it listens.
        path: Which route, such as `/v1/page`.
        body: What to send.
        kind: What the answer is.

    Raises:
        RequestError: If there is no service, or it answers with something else.
    """
    import json
    import urllib.error
    import urllib.request

    from pydantic import TypeAdapter, ValidationError

    content = json.dumps(body).encode()
    headers = {"content-type": "application/json"}
    try:
        request = urllib.request.Request(f"{url.rstrip('/')}{path}", content, headers)  # noqa: S310
        with urllib.request.urlopen(request, timeout=PATIENCE_SECONDS) as response:  # noqa: S310
            return TypeAdapter(kind).validate_json(response.read())
    except urllib.error.HTTPError as error:
        text = error.read(2000).decode(errors="replace")
        raise RequestError(f"{url} answered {error.code}: {text}") from error
    except (OSError, ValueError, ValidationError) as error:
        raise RequestError(
            f"no answer from {url}{path} ({error}): expected a running service; start one with "
            "`lolomo serve`"
        ) from error
