"""`lolomo cluster`: what a cluster has, and what it lacks."""

import json
from dataclasses import asdict
from pathlib import Path

import click

COLORS = {"good": "green", "old": "red", "missing": "red", "not installed": "yellow"}


@click.group()
def cluster() -> None:
    """Look at a Kubernetes cluster before anything is deployed to it."""


@cluster.command()
@click.option("--context", help="Context of the kubeconfig; the current one unless given.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")
def doctor(context: str | None, as_json: bool) -> None:
    """Say what is installed, in which version, and how to get what is missing.

    Ends with an error if something that every overlay needs is missing or too old.

    \b
    Example:
      lolomo cluster doctor
    """  # noqa: D301
    from rich.console import Console
    from rich.table import Table

    from lolomo.operations.cluster import ClusterError, KubernetesApi
    from lolomo.operations.cluster.doctor import examine, is_fit

    api = KubernetesApi.connect(context)
    findings = examine(api)
    if as_json:
        click.echo(json.dumps([asdict(each) for each in findings], indent=2))
    else:
        table = Table(title=api.url, title_justify="left")
        for column in ("part", "", "version", "what to do"):
            table.add_column(column, overflow="fold")
        for each in findings:
            verdict = f"[{COLORS[each.verdict]}]{each.verdict}"
            table.add_row(each.part, verdict, each.version or "-", each.advice)
        Console().print(table)
    if not is_fit(findings):
        raise ClusterError(f"{api.url} lacks something that Lolomo needs: see `what to do`")


@cluster.command()
@click.option(
    "--overlay",
    required=True,
    metavar="FOLDER",
    type=click.Path(file_okay=False, path_type=Path),
    help="The overlay whose pods are meant.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of lines.")
def images(overlay: Path, as_json: bool) -> None:
    """List the images that an overlay runs on, for a registry that mirrors them.

    What operators of the cluster bring themselves, such as KServe's router, is theirs to list.

    \b
    Example:
      lolomo cluster images --overlay manifests/overlays/production
    """  # noqa: D301
    from lolomo.operations.cluster import Overlay
    from lolomo.operations.cluster.images import images as images_of

    found = images_of(Overlay(overlay).render())
    if as_json:
        click.echo(json.dumps([asdict(each) for each in found], indent=2))
        return
    for image in found:
        click.echo(image.name)
        if not image.is_pinned:
            click.secho("  no digest yet: pin the pushed image in the overlay", fg="yellow")
