"""`lolomo journal`: what was served, request by request."""

import json
from typing import TYPE_CHECKING, Any

import click

from lolomo.core.settings import Settings

if TYPE_CHECKING:
    import polars as pl

    from lolomo.events.journal_reading import Journal

DATASET = click.option("--dataset", help="Which dataset; $LOLOMO_DATASET unless given.")
AS_JSON = click.option("--json", "as_json", is_flag=True, help="Print it for machines.")
LISTED = """
    SELECT request_id, received_at, user_id, len(slots) AS titles,
        latency_us['total'] / 1000.0 AS milliseconds,
        array_to_string(map_keys(degraded), ', ') AS degraded
    FROM journal WHERE ? = '' OR user_id = ? ORDER BY received_at DESC LIMIT ?
"""


@click.group()
def journal() -> None:
    """Look at what was served: every request, with all that its page was made from."""


@journal.command("list", epilog="Example: lolomo journal list --user 1 -n 20")
@DATASET
@click.option("--user", "user_id", default="", help="Only the requests of this user.")
@click.option("-n", "num_requests", default=10, show_default=True, help="Most requests.")
@AS_JSON
def show_list(dataset: str | None, user_id: str, num_requests: int, as_json: bool) -> None:
    """List the latest requests."""
    frame = _journal(dataset).query(LISTED, [user_id, user_id, num_requests])
    _print(frame, as_json)


@journal.command(epilog="Example: lolomo journal show 17087da4")
@click.argument("request_id")
@DATASET
@AS_JSON
def show(request_id: str, dataset: str | None, as_json: bool) -> None:
    """Show one request; the first digits of its id are enough."""
    record = _journal(dataset).find(request_id)
    if as_json:
        click.echo(json.dumps(record, default=str))
        return
    click.echo(f"request {record['request_id']}, made for {record['timestamp']:%Y-%m-%d %H:%M:%S}")
    click.echo(f"user {record['user_id']}, device {record['device']}, country {record['country']}")
    click.echo(f"items as of snapshot {record['snapshot_version'][:19]}")
    for part, why in record["degraded"].items():
        click.secho(f"degraded: {part}: {why}", fg="yellow")
    spent = ", ".join(f"{step} {us / 1000:.1f}" for step, us in record["latency_us"].items())
    click.echo(f"milliseconds: {spent}")
    for proposed in record["proposals"]:
        _print_scored("proposed", proposed)
    for ranked in record["rankings"]:
        _print_scored("ranked", ranked)
    for row in record["rows"]:
        slots = [slot for slot in record["slots"] if slot["row"] == row["row"]]
        ids = " ".join(slot["item_id"] for slot in slots)
        click.echo(f"row {row['row']}  {row['title']} ({row['policy_id']})  {ids}")


@journal.command(
    epilog="Example: lolomo journal query 'SELECT user_id, count(*) FROM journal GROUP BY 1'"
)
@click.argument("sql")
@DATASET
@AS_JSON
def query(sql: str, dataset: str | None, as_json: bool) -> None:
    """Answer SQL, as DuckDB has it, over the table `journal`."""
    _print(_journal(dataset).query(sql), as_json)


def _journal(dataset: str | None) -> "Journal":
    from lolomo.events.journal_reading import Journal

    journal = Journal(Settings.from_environment().workspace(dataset).journal)
    for path in journal.torn():
        click.secho(f"{path} was cut short; what was whole of it is read", fg="yellow", err=True)
    return journal


def _print(frame: "pl.DataFrame", as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(frame.to_dicts(), default=str))
        return
    from rich.console import Console
    from rich.table import Table

    table = Table(*frame.columns, box=None)
    for row in frame.iter_rows():
        table.add_row(*(_text(value) for value in row))
    Console().print(table)


def _text(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.4g}"
    return str(value)[:60]


def _print_scored(verb: str, scored: dict[str, Any]) -> None:
    why = f": {scored['degraded']}" if scored["degraded"] else ""
    count = len(scored["item_ids"])
    click.echo(f"{verb:8} {count:4} by {scored['task']} {scored['release'][:12]}{why}")
