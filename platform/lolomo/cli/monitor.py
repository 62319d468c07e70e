"""`lolomo monitor`: drift, freshness, exposure and loop strength of a running service."""

from typing import TYPE_CHECKING

import click

from lolomo.core.settings import Settings

if TYPE_CHECKING:
    from lolomo.operations.monitoring import Monitoring


@click.command()
@click.option("--dataset", help="Whose service; $LOLOMO_DATASET unless given.")
@click.option("--hours", default=24.0, show_default=True, help="How much of the end is now.")
@click.option("--json", "as_json", is_flag=True, help="Print it for machines.")
def monitor(dataset: str | None, hours: float, *, as_json: bool) -> None:
    """Compare what a service serves of late with what it served before.

    Read from its journal and event log, on the data's own clock: drift of the users' features and
    of scores (population stability index, Kolmogorov-Smirnov), age of the counts served, how
    unequally titles are shown, and how far exposure follows exposure. Ends with 1 on an alarm.

    Example: lolomo monitor --hours 6
    """
    import json
    from dataclasses import asdict
    from datetime import timedelta

    from lolomo.operations.monitoring import monitor as look

    settings = Settings.from_environment()
    found = look(settings.workspace(dataset), timedelta(hours=hours))
    if as_json:
        click.echo(json.dumps({**asdict(found), "alarms": found.alarms}, indent=2, default=str))
    else:
        _print(found)
    if found.alarms:
        raise click.exceptions.Exit(1)


def _print(found: "Monitoring") -> None:
    from rich.console import Console
    from rich.table import Table

    console = Console()
    console.print(
        f"{found.requests_now:,} requests since {found.since:%Y-%m-%d %H:%M}, "
        f"{found.requests_before:,} before; counts served are {found.staleness_seconds:,.0f} s old"
    )
    table = Table("", "stability index", "KS", "at 5 %", "missing", title="drift")
    for name, each in {**found.features, **found.scores}.items():
        style = "red" if each.alarms else ""
        numbers = (each.stability_index, each.ks_distance, each.ks_threshold, each.missing_now)
        table.add_row(name, *(f"{number:.3f}" for number in numbers), style=style)
    console.print(table)
    for when, shown in (("before", found.exposure_before), ("now", found.exposure_now)):
        if shown is not None:
            top = f"top 1 % have {shown.top_share:.1%}"
            console.print(f"exposure {when}: Gini {shown.gini:.3f}, {top}")
    console.print(f"most shown: {found.most_shown}")
    console.print(
        f"loop strength {found.loop_strength:.2f}; {found.settled_slots:,} settled slots, "
        f"{found.play_rate:.2%} played"
    )
    for alarm in found.alarms:
        console.print(f"ALARM: {alarm}", style="red")
