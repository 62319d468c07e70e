"""Options that the verbs of every target share: which one, and which dataset's releases."""

from pathlib import Path

import click

DATASET = click.option("--dataset", help="Which dataset; $LOLOMO_DATASET unless given.")
OVERLAY = click.option(
    "--overlay",
    metavar="FOLDER",
    type=click.Path(file_okay=False, path_type=Path),
    help="Work on the cluster of this kustomize overlay, not on this machine; $LOLOMO_OVERLAY.",
)
TASK = click.option("--task", required=True, metavar="NAME", help="Whose release.")
RELEASE = click.option(
    "--release", "digest", default="", metavar="DIGEST", help="The release, by its first digits."
)
FORCE = click.option(
    "--force",
    default="",
    metavar="NAME",
    help="The full name of a release that failed its gate, such as top_picks/ease@3f2a91c04d7e.",
)
REASON = click.option("--reason", default="", metavar="TEXT", help="Why, for the promotions log.")
COMMIT = click.option(
    "--commit", is_flag=True, help="Commit the overlay's pins for Argo CD or Flux; apply nothing."
)
