"""`lolomo promote`, `rollback` and `canary`: what serves a task, here or on a cluster."""

import functools
import json
from collections.abc import Callable
from dataclasses import asdict, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from lolomo.cli.target_options import COMMIT, DATASET, FORCE, OVERLAY, REASON, RELEASE, TASK
from lolomo.core.settings import Settings

if TYPE_CHECKING:
    from lolomo.core.promotions import Promotion
    from lolomo.operations.promotion import Promotions, Request


def asked(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options that say what is asked, and hand it them as one request.

    Args:
        command: Takes `request`, `promotions` and `commit`, and whatever else its own options say.
    """

    @functools.wraps(command)
    def with_request(
        dataset: str | None, overlay: Path | None, commit: bool, **options: Any
    ) -> None:
        from lolomo.operations.promotion import Request

        said = {entry.name: options.pop(entry.name) for entry in fields(Request)}
        promotions = _promotions(dataset, overlay)
        command(request=Request(**said), promotions=promotions, commit=commit, **options)

    for option in (DATASET, OVERLAY, COMMIT, REASON, FORCE, RELEASE, TASK):
        with_request = option(with_request)
    return with_request


@click.command()
@asked
def promote(request: "Request", promotions: "Promotions", commit: bool) -> None:
    """Make a release serve its task: the pipeline's champion, or the one named.

    On a cluster the digest goes into the overlay, which is then applied, or committed for Argo CD
    or Flux. A release that failed its gate is refused unless forced by its full name.

    \b
    Examples:
      lolomo promote --task top_picks
      lolomo promote --task top_picks --release 3f2a91 --reason "wins on new titles"
      lolomo promote --task top_picks --overlay manifests/overlays/production --commit
    """  # noqa: D301
    _publish(promotions, promotions.promote(request), commit)


@click.command()
@asked
def rollback(request: "Request", promotions: "Promotions", commit: bool) -> None:
    """Make what served a task before serve again; the same move as promote, backwards.

    \b
    Examples:
      lolomo rollback --task top_picks --reason "p99 doubled"
      lolomo rollback --task top_picks --overlay manifests/overlays/production --commit
    """  # noqa: D301
    _publish(promotions, promotions.rollback(request), commit)


@click.command()
@click.argument("percent", type=click.FloatRange(0, 100))
@asked
def canary(percent: float, request: "Request", promotions: "Promotions", commit: bool) -> None:
    """Try a release on PERCENT of the users, who keep it from request to request; 0 ends it.

    \b
    Examples:
      lolomo canary 5 --task top_picks --release 3f2a91
      lolomo canary 25 --task top_picks
      lolomo canary 0 --task top_picks --reason "completion fell"
    """  # noqa: D301
    _publish(promotions, promotions.canary(request, percent), commit)


@click.command()
@OVERLAY
@DATASET
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of lines.")
def promotions(overlay: Path | None, dataset: str | None, as_json: bool) -> None:
    """Show every promotion, rollback and canary, the oldest first, after checking the log.

    \b
    Example:
      lolomo promotions --json
    """  # noqa: D301
    entries = _promotions(dataset, overlay).target.log.read()
    if as_json:
        click.echo(json.dumps([asdict(entry) for entry in entries], indent=2))
        return
    for entry in entries:
        click.echo(f"{entry.at}  {_sentence(entry)}, by {entry.by}" + _because(entry))


def _promotions(dataset: str | None, overlay: Path | None) -> "Promotions":
    from lolomo.core.release import ReleaseStore
    from lolomo.operations.promotion import Promotions
    from lolomo.operations.targets import find_target

    settings = Settings.from_environment()
    store = ReleaseStore(settings.workspace(dataset).releases)
    return Promotions(find_target(settings, dataset, overlay), store)


def _publish(promotions: "Promotions", done: "Promotion", commit: bool) -> None:
    sentence = _sentence(done)
    click.echo(sentence)
    click.echo(promotions.target.publish(f"{sentence}{_because(done)}", commit=commit))


def _sentence(entry: "Promotion") -> str:
    share = f" on {entry.percent:g} % of users" if entry.action == "canary" else ""
    forced = " (forced)" if entry.forced else ""
    before = f", before {entry.previous[:12]}" if entry.previous else ""
    return f"{entry.action} {entry.task} {entry.digest[:12]}{share}{forced}{before}"


def _because(entry: "Promotion") -> str:
    return f": {entry.reason}" if entry.reason else ""
