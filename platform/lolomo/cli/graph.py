"""`lolomo graph`: the inference graph, drawn, checked, or compiled for KServe."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from typing import TextIO

    from lolomo.serving.graph import Graph


@click.group()
def graph() -> None:
    """Draw the page's inference graph, check it, or compile it for KServe."""


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


PATH = click.argument(
    "path", required=False, type=click.Path(exists=True, dir_okay=False, path_type=Path)
)


@graph.command()
@PATH
def check(path: Path | None) -> None:
    """Check the page's graph, or the InferenceGraph in PATH, for more than KServe checks."""
    from lolomo.serving.graph import validate

    checked = _graph(path)
    validate(checked)
    shape = {name: [step.name for step in node.steps] for name, node in checked.nodes.items()}
    click.echo(f"sound: {json.dumps(shape)}")


@graph.command()
@PATH
@click.option(
    "--format",
    "form",
    type=click.Choice(["tree", "mermaid"]),
    default="tree",
    show_default=True,
    help="A tree for the terminal, or a diagram that documents can hold.",
)
def show(path: Path | None, form: str) -> None:
    """Draw the page's graph, or the InferenceGraph in PATH."""
    from lolomo.serving.graph import mermaid, tree

    drawn = _graph(path)
    click.echo(tree(drawn) if form == "tree" else mermaid(drawn))


@graph.command(epilog="Example: kubectl kustomize manifests/overlays/dev | lolomo graph doctor -")
@click.argument("paths", nargs=-1, type=click.File())
@click.option(
    "--mode",
    type=click.Choice(["Standard", "Knative"]),
    default="Standard",
    show_default=True,
    help="How KServe deploys on that cluster.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the findings as JSON.")
def doctor(paths: tuple["TextIO", ...], mode: str, as_json: bool) -> None:
    """Say what KServe would silently ignore, or fail on, and what to do.

    Reads the InferenceGraphs and InferenceServices of YAML files, `-` for standard input; without
    any, the page's own graph as it is compiled. Ends with status 1 if there is an error.
    """
    from dataclasses import asdict

    from lolomo.serving.graph import Mode, Severity, compile_graph, diagnose, page_graph
    from lolomo.tasks import all_tasks

    objects = [value for path in paths for value in _objects(path.read(), path.name)]
    if not paths:
        objects = [compile_graph(page_graph(all_tasks().values()), "lolomo")]
    findings = diagnose(objects, Mode(mode))
    if as_json:
        click.echo(json.dumps([asdict(finding) for finding in findings], indent=2))
    for finding in () if as_json else findings:
        color = "red" if finding.severity is Severity.ERROR else "yellow"
        click.echo(f"{click.style(finding.severity, fg=color)}: {finding.where}")
        click.echo(f"  {finding.what}\n  fix: {finding.fix}")
    num_errors = sum(finding.severity is Severity.ERROR for finding in findings)
    click.echo(f"{num_errors} errors, {len(findings) - num_errors} warnings", err=True)
    if num_errors:
        raise SystemExit(1)


def _graph(path: Path | None) -> "Graph":
    """Return the page's graph, or the one InferenceGraph of a file.

    Raises:
        GraphError: If the file has none, or is not YAML.
    """
    from lolomo.core.errors import GraphError
    from lolomo.serving.graph import graph_from_spec, page_graph
    from lolomo.tasks import all_tasks

    if path is None:
        return page_graph(all_tasks().values())
    try:
        objects = _objects(path.read_text(), str(path))
    except UnicodeDecodeError as error:
        raise GraphError(f"{path} is no text ({error}): expected YAML or JSON") from error
    known = [value for value in objects if value.get("kind", "InferenceGraph") == "InferenceGraph"]
    if len(known) != 1:
        raise GraphError(f"{path} has {len(known)} InferenceGraphs: expected one")
    return graph_from_spec(known[0].get("spec", known[0]))


def _objects(text: str, name: str) -> list[dict[str, Any]]:
    """Return the objects of a YAML text with any number of documents.

    Raises:
        GraphError: If it is not YAML, or holds anything else.
    """
    import yaml

    from lolomo.core.errors import GraphError

    try:
        objects = [value for value in yaml.safe_load_all(text) if value is not None]
    except yaml.YAMLError as error:
        raise GraphError(f"{name} is not YAML ({error}): expected Kubernetes objects") from error
    if not all(isinstance(value, dict) for value in objects):
        raise GraphError(f"{name} holds more than objects: expected Kubernetes objects in YAML")
    return objects
