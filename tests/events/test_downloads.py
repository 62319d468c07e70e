"""An interrupted, altered or impossible download is an error and never a file."""

import hashlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from typing_extensions import override

from lolomo.core.errors import DataError
from lolomo.events.downloads import download

CONTENT = b"x" * 1000
SHA256 = hashlib.sha256(CONTENT).hexdigest()


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        if self.path == "/absent":
            self.send_error(404)
            return
        self.send_response(200)
        self.send_header("Content-Length", "1000")
        self.end_headers()
        self.wfile.write(CONTENT[:400] if self.path == "/cut" else CONTENT)

    @override
    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def url() -> Iterator[str]:
    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_a_whole_download_is_kept_and_not_fetched_again(url: str, tmp_path: Path) -> None:
    target = download(f"{url}/whole", tmp_path / "file", SHA256)
    assert target.read_bytes() == CONTENT
    assert download("http://127.0.0.1:1/gone", target, SHA256) == target


@pytest.mark.parametrize(
    ("path", "sha256"), [("cut", SHA256), ("absent", SHA256), ("whole", "0" * 64)]
)
def test_a_failed_download_leaves_nothing(url: str, tmp_path: Path, path: str, sha256: str) -> None:
    with pytest.raises(DataError):
        download(f"{url}/{path}", tmp_path / "file", sha256)
    assert list(tmp_path.iterdir()) == []
