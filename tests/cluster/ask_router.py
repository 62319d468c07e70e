"""Asks KServe's router vector by vector; runs in a network namespace of its own.

    unshare --map-root-user --net python ask_router.py ROUTER < vectors.json > answers.json

The steps of all vectors are one HTTP server: the path says which vector's, and which step.
"""

import fcntl
import json
import socket
import struct
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar

from typing_extensions import override

ROUTER = "http://127.0.0.1:8080"
CLOSED = "http://127.0.0.1:9"
"""Nobody listens here."""
SIOCSIFFLAGS, UP_AND_RUNNING = 0x8914, 0x41
START_SECONDS = 30


class Steps(BaseHTTPRequestHandler):
    """Answers as the stubs of the vectors say, and remembers what it was sent."""

    protocol_version = "HTTP/1.1"
    vectors: ClassVar[list[dict[str, Any]]] = []
    calls: ClassVar[list[dict[str, list[str]]]] = []

    def do_POST(self) -> None:
        _, number, step, *_ = self.path.split("/", 3)
        url = urllib.parse.unquote(step)
        stub = self.vectors[int(number)]["steps"][url]
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        self.calls[int(number)].setdefault(url, []).append(body.decode())
        time.sleep(stub.get("delay_milliseconds", 0) / 1000)
        answer = body if stub.get("echo") else stub["text"].encode()
        self.send_response(stub.get("status", 200))
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    @override
    def log_message(self, *_: Any) -> None:
        """Stay silent."""


def main() -> None:
    raise_loopback()
    Steps.vectors = json.load(sys.stdin)
    Steps.calls = [{} for _ in Steps.vectors]
    server = ThreadingHTTPServer(("127.0.0.1", 0), Steps)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    base = f"http://127.0.0.1:{server.server_port}"
    answers = [answer(number, base) for number in range(len(Steps.vectors))]
    json.dump(answers, sys.stdout)


def raise_loopback() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        flags = struct.pack("16sh", b"lo", UP_AND_RUNNING)
        fcntl.ioctl(any_socket, SIOCSIFFLAGS, flags)


def answer(number: int, base: str) -> dict[str, Any]:
    vector = Steps.vectors[number]
    with router(addressed(vector, number, base)):
        asked = urllib.request.Request(ROUTER, vector["request"].encode(), method="POST")
        try:
            with urllib.request.urlopen(asked, timeout=20) as response:
                status, text = response.status, response.read()
        except urllib.error.HTTPError as error:
            status, text = error.code, error.read()
    return {"status": status, "text": text.decode(), "calls": Steps.calls[number]}


def addressed(vector: dict[str, Any], number: int, base: str) -> dict[str, Any]:
    """Return the graph with the steps' addresses on this machine."""
    graph: dict[str, Any] = json.loads(json.dumps(vector["graph"]))
    for node in graph["nodes"].values():
        for step in node["steps"]:
            url = step.get("serviceUrl")
            if url and vector["steps"][url].get("unreachable"):
                step["serviceUrl"] = CLOSED
            elif url:
                step["serviceUrl"] = f"{base}/{number}/{urllib.parse.quote(url, safe='')}"
    return graph


@contextmanager
def router(graph: dict[str, Any]) -> Iterator[None]:
    command = [sys.argv[1], "--graph-json", json.dumps(graph)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_until_ready(process)
        yield
    finally:
        process.kill()  # on SIGTERM it would sleep for half a minute
        process.wait()


def wait_until_ready(process: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + START_SECONDS
    while True:
        try:
            with urllib.request.urlopen(f"{ROUTER}/readyz", timeout=1):
                return
        except OSError:
            if process.poll() is not None or time.monotonic() > end:
                raise
            time.sleep(0.01)


if __name__ == "__main__":
    main()
