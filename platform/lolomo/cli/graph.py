"""`lolomo graph`: the inference graph, checked or compiled for KServe."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from lolomo.serving.graph import Graph


@click.group()
def graph() -> None:
    """Check the page's inference graph, or compile it for KServe."""


@graph.command("compile")
@click.option("--namespace", default="lolomo", show_default=True, help="Where the graph lives.")
@click.option("--name", default="page", show_default=True, help="The object's name.")
@click.option(
    "--service-url",
    metavar="TEMPLATE",
    help="Where steps answer, with {service}, {namespace} and {step}.",
)
@click.option(
    "--service",
    "services",
    multiple=True,
    metavar="STEP=SERVICE",
    help="The Kubernetes Service of a step that has no InferenceService of its own.",
)
@click.option(
    "--output", type=click.Path(dir_okay=False, path_type=Path), help="A file; else the terminal."
)
def compile_command(
    namespace: str,
    name: str,
    service_url: str | None,
    services: tuple[str, ...],
    output: Path | None,
) -> None:
    """Write the page's graph as a KServe InferenceGraph, in YAML."""
    import yaml

    from lolomo.core.files import write_atomically
    from lolomo.serving.graph import SERVICE_URL, compile_graph, page_graph
    from lolomo.tasks import all_tasks

    declared = page_graph(all_tasks().values())
    compiled = compile_graph(
        declared, namespace, name, _known(services, declared), service_url or SERVICE_URL
    )
    text = yaml.safe_dump(compiled, sort_keys=False)
    if output:
        write_atomically(output, text)
        click.echo(f"wrote {output}")
    else:
        click.echo(text, nl=False)


def _known(services: tuple[str, ...], declared: "Graph") -> dict[str, str]:
    """Return Service by step, refusing what is no pair and steps that the graph has not."""
    pairs = [(entry, *entry.partition("=")) for entry in services]
    for entry, step, _, service in pairs:
        if step not in declared.services or not service:
            raise click.BadParameter(
                f"received {entry!r}: expected STEP=SERVICE, a step of "
                f"{sorted(declared.services)} and the name of its Service",
                param_hint="--service",
            )
    return {step: service for _, step, _, service in pairs}


@graph.command()
@click.argument("path", required=False, type=click.Path(exists=True, path_type=Path))
def check(path: Path | None) -> None:
    """Check the page's graph, or the InferenceGraph in PATH, for more than KServe checks."""
    from lolomo.core.errors import GraphError
    from lolomo.serving.graph import graph_from_spec, page_graph, validate
    from lolomo.tasks import all_tasks

    if path is None:
        checked = page_graph(all_tasks().values())
    else:
        import yaml

        try:
            value = yaml.safe_load(path.read_text())
            checked = graph_from_spec(value.get("spec", value))
        except (yaml.YAMLError, AttributeError, UnicodeDecodeError) as error:
            raise GraphError(
                f"{path} is no InferenceGraph ({error}): expected an object in YAML or JSON"
            ) from error
    validate(checked)
    shape = {name: [step.name for step in node.steps] for name, node in checked.nodes.items()}
    click.echo(f"sound: {json.dumps(shape)}")
