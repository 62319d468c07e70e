"""`lolomo package`: steps and the whole graph as Bentos."""

from pathlib import Path

import click

from lolomo.core.settings import Settings


@click.command(
    epilog="Examples: lolomo package; lolomo package next_play --mounted-at /mnt/models",
)
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option("--dataset", metavar="NAME", help="Whose releases.  [default: $LOLOMO_DATASET]")
@click.option(
    "--requirements",
    default="requirements/serving.txt",
    show_default=True,
    type=click.Path(dir_okay=False, path_type=Path),
    help="Locked requirements with hashes, your own company's packages among them.",
)
@click.option(
    "--mounted-at",
    metavar="FOLDER",
    type=click.Path(path_type=Path),
    help="Leave the releases out; they will be in this folder of the container.",
)
@click.option("--base-image", metavar="IMAGE", help="What the image begins from, best by digest.")
@click.option("--json", "as_json", is_flag=True, help="Print the tags as JSON.")
def package(
    names: tuple[str, ...],
    dataset: str | None,
    requirements: Path,
    mounted_at: Path | None,
    base_image: str | None,
    as_json: bool,
) -> None:
    """Build Bentos of the pinned releases: of the `page`, of a task's step by NAME, or of all.

    No Docker is needed. `bentoml serve TAG` runs one, with LOLOMO_HOME where the features are;
    `bentoml containerize TAG --backend podman` makes an image, whose process is not root.
    """
    import json

    from lolomo.operations.packaging import Packaging
    from lolomo.operations.terminal import progress_bar
    from lolomo.runtimes import quiet_tensorflow

    quiet_tensorflow()
    workspace = Settings.from_environment().workspace(dataset)
    packaging = Packaging(
        workspace=workspace,
        requirements=requirements,
        mounted_at=mounted_at,
        base_image=base_image,
    )
    wanted = names or tuple(packaging.names())
    tags = {}
    with progress_bar("Packaging") as progress:
        for done, name in enumerate(wanted):
            progress(done / len(wanted), name)
            tags[name] = packaging.build(name)
        progress(1.0, "packaged")
    click.echo(json.dumps(tags) if as_json else "\n".join(tags.values()))
    if not as_json:
        click.echo(f"Next: bentoml serve {next(iter(tags.values()))}", err=True)
