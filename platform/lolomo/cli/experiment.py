"""`lolomo experiment`: compare arms on members, look whenever you like, roll back what harms."""

import itertools
import json
import time
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from lolomo.cli.options import WORKING_DATASET
from lolomo.core.errors import SettingsError
from lolomo.core.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from lolomo.core.experiment_store import Entry
    from lolomo.operations.experiments import Experiments, Look

AS_JSON = click.option("--json", "as_json", is_flag=True, help="Print it for machines.")
AT = click.option(
    "--at",
    type=click.DateTime(),
    help="The UTC instant that counts as now.  [default: the data's clock]",
)


@click.group()
def experiment() -> None:
    r"""Compare arms on members by always-valid statistics, with guardrails that roll back.

    \b
    Examples:
      lolomo experiment start rows-first --arm control --arm treatment --metric plays \
        --guardrail active_days:0.1 --from 2013-08-01
      lolomo experiment status
      lolomo experiment watch --every 60
      lolomo experiment report rows-first
      lolomo experiment stop rows-first --reason "decided: treatment"
    """


@experiment.command()
@click.argument("name")
@click.option(
    "--arm",
    "arms",
    multiple=True,
    required=True,
    metavar="NAME[:SHARE]",
    help="The control first; may be repeated.",
)
@click.option(
    "--metric",
    "metrics",
    multiple=True,
    default=("plays",),
    show_default=True,
    metavar="NAME",
    help="plays, active_days or satisfaction; the first decides; may be repeated.",
)
@click.option(
    "--guardrail",
    "guardrails",
    multiple=True,
    metavar="METRIC[:LOSS]",
    help="Roll back when an arm surely loses more than so much of it; may be repeated.",
)
@click.option(
    "--draw",
    "drawn",
    multiple=True,
    metavar="ARM:POLICIES",
    help="How an arm's rows are drawn, as treatment:top_picks=plackett_luce(temperature=0.5).",
)
@click.option(
    "--release",
    "released",
    multiple=True,
    metavar="ARM:TASK=RELEASE",
    help="What answers an arm in place of the champion, by the start of its digest.",
)
@click.option(
    "--mode",
    type=click.Choice(["arms", "interleaving", "shadow"]),
    default="arms",
    show_default=True,
    help="Each member has an arm; or both releases fill one row; or one answers copies, unseen.",
)
@click.option("--layer", default="default", show_default=True, help="Shares no unit within it.")
@click.option(
    "--segment", default="0:1", show_default=True, metavar="FROM:TO", help="Its part of the layer."
)
@click.option("--holdout", type=float, default=0.0, show_default=True, help="Kept out of all.")
@click.option("--salt", default="", help="Splits units otherwise.  [default: the name]")
@click.option("--from", "start", type=click.DateTime(), help="When it begins.  [default: now]")
@WORKING_DATASET
def start(name: str, start: datetime | None, dataset: str | None, **words: Any) -> None:
    """Begin an experiment on members that are known by then.

    Which member gets which arm follows from the name (or salt) alone, so it is the same everywhere
    and for ever. A running service follows within a second.

    \b
    Examples:
      lolomo experiment start rows-first --arm control:9 --arm treatment:1 --holdout 0.05
      lolomo experiment start sharper --arm control:9 --arm treatment:1 \
        --release treatment:top_picks=3f2a91 --guardrail active_days:0.05
      lolomo experiment start tasted --arm control --arm treatment \
        --release treatment:top_picks=3f2a91 --mode interleaving
      lolomo experiment start copied --arm control:9 --arm treatment:1 \
        --release treatment:top_picks=3f2a91 --mode shadow
    """  # noqa: D301
    from lolomo.core.experiment import Arm, Experiment, Guardrail, Mode
    from lolomo.core.experiment_store import Entry

    opened = _open(dataset)
    pairs = [_pair(word, 1.0, "--arm") for word in words["arms"]]
    drawn = _by_arm(words["drawn"], dict(pairs), "--draw")
    released = {
        arm: _whole(opened, text)
        for arm, text in _by_arm(words["released"], dict(pairs), "--release").items()
    }
    made = Experiment(
        name=name,
        arms=tuple(
            Arm(arm, share, drawn.get(arm, ""), released.get(arm, "")) for arm, share in pairs
        ),
        salt=words["salt"],
        layer=words["layer"],
        segment=_segment(words["segment"]),
        holdout=words["holdout"],
        start=start.replace(tzinfo=UTC) if start else opened.clock,
        guardrails=tuple(
            Guardrail(*_pair(word, 0.0, "--guardrail")) for word in words["guardrails"]
        ),
        mode=Mode(words["mode"]),
    )
    opened.start(Entry(experiment=made, metrics=words["metrics"]))
    shares = ", ".join(f"{arm} {share:.0%}" for arm, share in made.shares().items())
    how = "" if made.mode is Mode.ARMS else f", {made.mode}"
    click.echo(f"{name} runs from {made.start:%Y-%m-%d %H:%M} UTC{how}: {shares}")


@experiment.command()
@AT
@WORKING_DATASET
@AS_JSON
def status(at: datetime | None, dataset: str | None, as_json: bool) -> None:
    """Look at all experiments, and roll back those that have crossed a guardrail.

    Looking is free: the statistics are always valid. Run it by a schedule, for a rollback that
    waits for nobody.

    Example: lolomo experiment status --dataset movietweetings-100k
    """
    _show(_open(dataset, at).guard(), as_json)


@experiment.command()
@click.option("--every", default=300.0, show_default=True, help="Seconds between two looks.")
@click.option("--looks", type=int, help="End after so many looks.  [default: when interrupted]")
@WORKING_DATASET
def watch(every: float, looks: int | None, dataset: str | None) -> None:
    """Look at all experiments again and again, and roll back what crosses a guardrail.

    Says only what changes. For a scheduler of your own, `status` does one look.

    Example: lolomo experiment watch --every 60
    """
    known: dict[str, str] = {}
    for number in itertools.count(1):
        for look in _open(dataset).guard():
            name, sentence = look.entry.experiment.name, _sentence(look.entry)
            if known.get(name) != sentence:
                click.echo(sentence)
            known[name] = sentence
        if number == looks:
            return
        time.sleep(every)


@experiment.command()
@click.argument("name")
@AT
@WORKING_DATASET
@AS_JSON
def report(name: str, at: datetime | None, dataset: str | None, as_json: bool) -> None:
    """Show what an experiment shows, and change nothing.

    Example: lolomo experiment report rows-first --json
    """
    _show([_open(dataset, at).look(name)], as_json)


@experiment.command()
@click.argument("name")
@click.option("--reason", default="", help="Why it ends, for those who read it later.")
@AT
@WORKING_DATASET
def stop(name: str, reason: str, at: datetime | None, dataset: str | None) -> None:
    """End an experiment; all members are back with what everybody gets.

    Example: lolomo experiment stop rows-first --reason "decided: treatment"
    """
    from lolomo.core.experiment_store import State

    opened = _open(dataset, at)
    entry = opened.store.end(name, State.STOPPED, reason, opened.now)
    click.echo(_sentence(entry))


def _open(dataset: str | None, at: datetime | None = None) -> "Experiments":
    from lolomo.operations.experiments import Experiments

    settings = Settings.from_environment()
    now = at.replace(tzinfo=UTC) if at else None
    return Experiments(settings, dataset or settings.dataset, now)


def _show(looks: "Sequence[Look]", as_json: bool) -> None:
    from rich.console import Console

    from lolomo.evaluation.experiments import preference_table, shadow_table, to_table

    if as_json:
        click.echo(json.dumps([_as_json(look) for look in looks], indent=2))
        return
    console = Console()
    for look in looks:
        console.print(_sentence(look.entry), highlight=False)
        if look.preferences:
            console.print(preference_table(look.preferences))
        if look.shadows:
            console.print(shadow_table(look.shadows))
        if look.analysis is None:
            if not (look.preferences or look.shadows):
                console.print("no request was copied yet")
            continue
        console.print(to_table(look.analysis))
        for crossing in look.analysis.crossings:
            console.print(f"[red]{crossing.sentence}[/]", highlight=False)
    if not looks:
        console.print("no experiment was started")


def _sentence(entry: "Entry") -> str:
    why = f": {entry.reason}" if entry.reason else ""
    return f"{entry.experiment.name} is {entry.state}{why}"


def _as_json(look: "Look") -> dict[str, Any]:
    """Return everything; an end of an interval that is not known yet is null."""
    values = json.loads(look.entry.to_json())
    if look.analysis is not None:
        analysis = asdict(look.analysis)
        analysis["ratio"]["is_alarm"] = look.analysis.ratio.is_alarm
        values["analysis"] = _finite(analysis)
    for name in ("preferences", "shadows"):
        by_task = getattr(look, name)
        if by_task:
            values[name] = {task: _finite(asdict(found)) for task, found in by_task.items()}
    return dict(values)


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(each) for each in value]
    unknown = isinstance(value, float) and not abs(value) < float("inf")
    return None if unknown else value


def _by_arm(words: "Sequence[str]", arms: "Mapping[str, float]", option: str) -> dict[str, str]:
    """Return what follows the name of an arm, several of one arm joined by commas.

    Raises:
        SettingsError: If there is no such arm.
    """
    found: dict[str, str] = {}
    for word in words:
        arm, _, text = word.partition(":")
        if arm not in arms:
            raise SettingsError(f"received {option} for {arm!r}; expected any of {[*arms]}")
        found[arm] = f"{found[arm]}, {text}" if arm in found else text
    return found


def _whole(opened: "Experiments", text: str) -> str:
    """Return `task=release` pairs with whole digests."""
    pairs = [part.partition("=") for part in text.split(",")]
    return ", ".join(f"{task.strip()}={opened.digest(start.strip())}" for task, _, start in pairs)


def _pair(word: str, default: float, option: str) -> tuple[str, float]:
    """Return a name and a number from `name:number` or `name`."""
    name, _, number = word.partition(":")
    try:
        return name, float(number) if number else default
    except ValueError as error:
        raise SettingsError(f"received {option} {word!r}: expected NAME or NAME:NUMBER") from error


def _segment(word: str) -> tuple[float, float]:
    try:
        low, high = (float(end) for end in word.split(":"))
    except ValueError as error:
        raise SettingsError(f"received --segment {word!r}: expected FROM:TO, as 0:0.5") from error
    return low, high
