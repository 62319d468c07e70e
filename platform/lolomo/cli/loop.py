"""`lolomo loop`: serve, observe, learn, and serve better, day after simulated day."""

from dataclasses import replace

import click

from lolomo.core.settings import Settings


@click.command()
@click.option("--world", default="position-biased", show_default=True, help="See `lolomo world`.")
@click.option("--seed", default=1, show_default=True, help="Of all that happens in it.")
@click.option("--seeds", default=1, show_default=True, help="How many worlds, from that seed on.")
@click.option("--days", default=9, show_default=True, help="How long both arms run.")
@click.option("--members", default=500, show_default=True, help="Who live in the world.")
@click.option("--retrain-days", default=3, show_default=True, help="From training to training.")
@click.option("--exploration", default="", metavar="POLICIES", help="How rows are drawn.")
@click.option("--http", "over_http", is_flag=True, help="Serve as processes, asked over HTTP.")
@click.option("--json", "as_json", is_flag=True, help="Print it for machines.")
def loop(  # noqa: PLR0913
    world: str,
    seed: int,
    seeds: int,
    days: int,
    members: int,
    retrain_days: int,
    exploration: str,
    *,
    over_http: bool,
    as_json: bool,
) -> None:
    """Close the loop on a simulated service, and show whether learning pleases its members.

    Two copies of one world are served by this platform from the same day on. In one the models stay
    as they are; in the other they are retrained every few days, must pass the gate, are tried on
    half of the members for a day, and become champions. All figures are simulated.

    \b
    Examples:
      lolomo loop --world position-biased --days 9 --seeds 3
      lolomo loop --days 3 --members 150 --retrain-days 1 --http
      lolomo loop --exploration "next_play=plackett_luce(temperature=0.5)"
    """  # noqa: D301
    from lolomo.operations.loop import LoopPlan, run_loop
    from lolomo.operations.loop.report import as_json as to_json
    from lolomo.operations.loop.report import draw_loop, print_loop, print_pooled
    from lolomo.operations.terminal import progress_bar

    settings = Settings.from_environment()
    plan = LoopPlan(
        world=world,
        seed=seed,
        days=days,
        members=members,
        retrain_days=retrain_days,
        exploration=exploration,
    )
    reports = []
    for number in range(seeds):
        each = replace(plan, seed=seed + number)
        with progress_bar(f"loop, seed {each.seed}") as progress:
            reports.append(run_loop(settings, each, progress, over_http=over_http))
        path = draw_loop(reports[-1], settings.home / "reports")
        if as_json:
            click.echo(to_json(reports[-1]))
        else:
            print_loop(reports[-1])
            click.echo(f"in {path}")
    if seeds > 1 and not as_json:
        print_pooled(reports)
