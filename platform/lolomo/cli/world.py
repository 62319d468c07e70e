"""`lolomo world`: the simulated services, what they are like, and what policies earn in them."""

import click

from lolomo.core.settings import Settings

POLICIES = (
    "greedy=greedy(), epsilon=epsilon_greedy(epsilon=0.2), "
    "softmax=plackett_luce(temperature=1.0), uniform=epsilon_greedy(epsilon=1.0)"
)


@click.group()
def world() -> None:
    """Look into the simulated services: members, titles and laws that are known.

    A world's log is a dataset like any other: `lolomo data get simulated-cascade-7`. Every figure
    from a world is to be called simulated.
    """


@world.command("list")
def list_worlds() -> None:
    """Show the worlds that there are.

    Example: lolomo world list
    """
    from rich.console import Console
    from rich.table import Table

    from lolomo.events.world import WORLDS

    table = Table("world", "what is true in it")
    for config in WORLDS.values():
        table.add_row(config.name, config.description)
    Console().print(table)


@world.command()
@click.option("--world", "name", default="position-biased", show_default=True)
@click.option("--seed", default=1, show_default=True)
@click.option("--against", default="movietweetings-100k", show_default=True, metavar="DATASET")
@click.option("--json", "as_json", is_flag=True, help="Print it for machines.")
def compare(name: str, seed: int, against: str, *, as_json: bool) -> None:
    """Compare a world's log with a real one: popularity, activity and gaps, and draw them.

    Example: lolomo world compare --world cascade
    """
    import json

    from rich.console import Console
    from rich.table import Table

    from lolomo.operations.terminal import progress_bar
    from lolomo.operations.worlds import compare_world, draw_likeness

    settings = Settings.from_environment()
    with progress_bar("compare") as progress:
        likeness = compare_world(settings, name, seed, against, progress)
    path = draw_likeness(likeness, settings.home / "reports")
    one, other = likeness.simulated.summary, likeness.observed.summary
    if as_json:
        click.echo(json.dumps({"simulated": one, against: other}, indent=2))
        return
    table = Table("", f"{name} (simulated)", against)
    for figure, value in one.items():
        table.add_row(figure, f"{value:,.3g}", f"{other[figure]:,.3g}")
    console = Console(soft_wrap=True)
    console.print(table)
    console.print(f"in {path}", style="dim")


@world.command()
@click.option("--world", "names", multiple=True, help="Only this; may be repeated.")
@click.option("--policies", default=POLICIES, metavar="POLICIES", help="Named policies.")
@click.option("--json", "as_json", is_flag=True, help="Print every seed, for machines.")
def values(names: tuple[str, ...], policies: str, *, as_json: bool) -> None:
    """Show what policies earn in each world, exactly, over the 20 seeds that are reported.

    Plays and satisfaction (-1 to 1 a play) a list: mean over the seeds, lowest and highest.

    \b
    Examples:
      lolomo world values --world cascade
      lolomo world values --policies "mine=plackett_luce(temperature=0.3)"
    """  # noqa: D301
    import polars as pl
    from rich.console import Console
    from rich.table import Table

    from lolomo.core.policy import policies_from
    from lolomo.events.world import WORLDS
    from lolomo.operations.terminal import progress_bar
    from lolomo.operations.worlds import policy_values

    with progress_bar("values") as progress:
        found = policy_values(names or tuple(WORLDS), policies_from(policies), progress)
    if as_json:
        click.echo(found.write_json())
        return
    table = Table("world", "policy", "plays a list", "satisfaction a list", title="simulated")
    for (name, policy), part in found.group_by("world", "policy", maintain_order=True):
        found_here = [
            part.select(mean=pl.mean(column), low=pl.min(column), high=pl.max(column)).row(0)
            for column in ("plays", "satisfaction")
        ]
        texts = [f"{mean:.3f} [{low:.3f}, {high:.3f}]" for mean, low, high in found_here]
        table.add_row(str(name), str(policy), *texts)
    Console().print(table)


@world.command()
@click.option("--world", "names", multiple=True, help="Only this; may be repeated.")
@click.option("--seeds", default=20, show_default=True, help="How many of those reported, from 1.")
@click.option("--against", default="movietweetings-100k", show_default=True, metavar="DATASET")
@click.option("--json", "as_json", is_flag=True, help="Print every seed, for machines.")
def ranking(names: tuple[str, ...], seeds: int, against: str, *, as_json: bool) -> None:
    """Show whether simple models rank in a world as on a real log: Kendall's tau over seeds.

    Seven models are fitted and judged (NDCG@10 of the next play, as of each query) with the same
    settings on both logs; about 20 s a world and seed. All seeds go to `reports/world-ranking.csv`.

    Example: lolomo world ranking --world position-biased --seeds 5
    """
    import polars as pl
    from rich.console import Console
    from rich.table import Table

    from lolomo import runtimes
    from lolomo.events.world import SEEDS, WORLDS
    from lolomo.operations.terminal import progress_bar
    from lolomo.operations.world_ranking import COUNTED, FITTED, mean_tau, rankings

    runtimes.quiet_tensorflow()
    settings = Settings.from_environment()
    with progress_bar("ranking") as progress:
        found = rankings(settings, names or tuple(WORLDS), SEEDS[:seeds], against, progress)
    path = settings.home / "reports" / "world-ranking.csv"
    path.parent.mkdir(parents=True, exist_ok=True)
    found.write_csv(path, float_precision=4)
    if as_json:
        click.echo(found.write_json())
        return
    models = (*COUNTED, *FITTED)
    table = Table("world", "tau, mean", "lowest", *models, title="NDCG@10 (worlds: simulated)")
    for (name,), part in found.group_by("world", maintain_order=True):
        interval = mean_tau(found, str(name))
        taus = [f"{interval.mean:.3f} [{interval.low:.3f}, {interval.high:.3f}]"]
        taus.append(f"{part.select(pl.min('tau')).item():.3f}")
        means = part.select(pl.mean(*models)).row(0)
        table.add_row(str(name), *taus, *(f"{mean:.4f}" for mean in means))
    console = Console(soft_wrap=True)
    console.print(table)
    console.print(f"every seed in {path}", style="dim")
