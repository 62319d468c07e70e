"""Fuzzes a real service for minutes: whatever its OpenAPI document allows, and what it does not.

    python tests/load/fuzz_api.py --dataset movielens-100k --examples 300

Starts `lolomo serve` on that dataset's pinned releases, asks every operation so many times with
data that the document allows and as many with data that it does not, and ends with the first
answer that is a 5xx (but a listed 503) or is not as the document says. Prints answers by status.
"""

import collections
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import click
import httpx

sys.path.insert(0, str(Path(__file__).parents[1]))
from serving.api_fuzz import fuzz


@click.command()
@click.option("--dataset", default="movielens-100k", show_default=True)
@click.option("--examples", default=300, show_default=True, help="Requests an operation and mode.")
def main(dataset: str, examples: int) -> None:
    """Start a service and fuzz it."""
    command = [sys.executable, "-m", "lolomo.cli", "serve", "--dataset", dataset, "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as service:
        try:
            assert service.stdout is not None
            url = service.stdout.readline().split()[-1]
            ask(url, examples)
            assert service.poll() is None, "the service has ended"
        finally:
            service.terminate()


def ask(url: str, examples: int) -> None:
    statuses: collections.Counter[tuple[str, int]] = collections.Counter()
    started = time.monotonic()
    with httpx.Client(base_url=url, timeout=60) as client:

        def send(method: str, path: str, options: dict[str, Any]) -> httpx.Response:
            answer = client.request(method, path, **options)
            statuses[f"{method} {path.split('?')[0]}", answer.status_code] += 1
            return answer

        made = fuzz(client.get("/openapi.json").json(), send, examples, repeat=False)
    for (operation, status), count in sorted(statuses.items()):
        if count > examples // 20:
            click.echo(f"{count:8d}  {status}  {operation}")
    click.echo(f"{made} requests in {time.monotonic() - started:.0f} s; every answer as described")


if __name__ == "__main__":
    main()
