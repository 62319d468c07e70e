"""`lolomo replay`: a page of the journal, computed again."""

import json
import sys

import click

from lolomo.core.settings import Settings, Workspace


@click.command()
@click.argument("request_id", required=False)
@click.option("--dataset", help="Which dataset; $LOLOMO_DATASET unless given.")
@click.option(
    "--check",
    "num_requests",
    type=click.IntRange(1),
    metavar="N",
    help="Instead of a page, compare the features of the latest N requests with those that "
    "training would compute.",
)
@click.option(
    "--latest",
    "num_pages",
    type=click.IntRange(1),
    metavar="N",
    help="Replay the latest N requests, and count those that differ.",
)
@click.option("--json", "as_json", is_flag=True, help="Print it for machines.")
def replay(
    request_id: str | None,
    dataset: str | None,
    num_requests: int | None,
    num_pages: int | None,
    as_json: bool,
) -> None:
    """Compute the page of REQUEST_ID again and say what differs; its first digits are enough.

    Releases, item snapshot and user vector are those that the journal names: items, order and
    propensities must be equal, scores within 1e-5. Ends with status 1 if anything differs.

    \b
    Examples:
      lolomo journal list
      lolomo replay 17087da4
      lolomo replay --latest 100
      lolomo replay --check 10000
    """  # noqa: D301
    if sum(given is not None for given in (request_id, num_requests, num_pages)) != 1:
        raise click.UsageError("give either a REQUEST_ID, --latest N or --check N")
    workspace = Settings.from_environment().workspace(dataset)
    if num_requests is not None:
        same = _compare_features(workspace, num_requests, as_json)
    elif num_pages is not None:
        same = _replay_latest(workspace, num_pages, as_json)
    else:
        same = _replay_one(workspace, request_id or "", as_json)
    if not same:
        sys.exit(1)


def _replay_one(workspace: Workspace, request_id: str, as_json: bool) -> bool:
    """Print how one page differs; return whether it does not."""
    from lolomo.events.journal_reading import Journal
    from lolomo.operations.replay import Replayer

    record = Journal(workspace.journal).find(request_id)
    differences = Replayer(workspace).replay(record).differences
    if as_json:
        click.echo(json.dumps({"request_id": record["request_id"], "differences": differences}))
        return not differences
    slots, rankings = len(record["slots"]), record["rankings"]
    candidates = sum(len(ranking["item_ids"]) for ranking in rankings)
    click.echo(f"request {record['request_id']} of user {record['user_id']}")
    for difference in differences:
        click.secho(f"  {difference}", fg="red")
    if not differences:
        click.echo(
            f"the same page: {slots} titles in {len(record['rows'])} rows, their order and "
            f"propensities, and the scores of {candidates} ranked candidates"
        )
    return not differences


def _replay_latest(workspace: Workspace, num_pages: int, as_json: bool) -> bool:
    """Print how many of the latest pages differ; return whether none does."""
    from lolomo.operations.replay import replay_latest
    from lolomo.operations.terminal import progress_bar

    with progress_bar("Replaying") as progress:
        outcome = replay_latest(workspace, num_pages, progress)
    if as_json:
        click.echo(json.dumps(outcome))
    else:
        click.echo(
            f"{outcome['replayed']} pages computed again, {len(outcome['different'])} differ; "
            f"{outcome['everybody']} were everybody's page"
        )
        for request_id, first in outcome["different"].items():
            click.secho(f"  {request_id}: {first}", fg="red")
    return not outcome["different"]


def _compare_features(workspace: Workspace, num_requests: int, as_json: bool) -> bool:
    """Print what features differ between service and training; return whether none does."""
    from lolomo.operations.skew import check_skew
    from lolomo.operations.terminal import progress_bar

    with progress_bar("Comparing") as progress:
        skew = check_skew(workspace, num_requests, progress)
    mismatches = skew.mismatches.total()
    if as_json:
        outcome = {"requests": skew.requests, "values": skew.values, "mismatches": skew.mismatches}
        click.echo(json.dumps({**outcome, "unread": skew.unread, "examples": skew.examples}))
        return not mismatches
    click.echo(
        f"{skew.values:,} features of {skew.requests:,} requests compared with those that training "
        f"would compute: {mismatches:,} mismatches"
    )
    if skew.unread:
        click.echo(f"{skew.unread:,} requests more were served without features of their user")
    for example in skew.examples:
        click.secho(f"  {example}", fg="red")
    return not mismatches
