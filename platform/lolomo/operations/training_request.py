"""What `lolomo train` was asked for: made out, carried out task by task, and shown."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from lolomo.core.errors import SettingsError
from lolomo.core.release import ReleaseStore
from lolomo.core.settings import Settings, Workspace
from lolomo.operations.terminal import progress_bar
from lolomo.operations.training import EVERY_MODEL, possible_tasks, wanted_models

if TYPE_CHECKING:
    from lolomo.operations.named_models import Training
    from lolomo.training.pipelines.train import FitOptions


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingRequest:
    """Which models to train, and how."""

    task: str | None
    """None for all, or for that of the release to go on from."""
    models: Sequence[str]
    """None for the pipeline's."""
    config: Mapping[str, Any]
    """Changed fields."""
    seed: int | None
    former: str | None
    """First digits of the release to go on from."""

    def __post_init__(self) -> None:
        if (self.config or self.seed is not None) and not (self.models or self.former):
            raise SettingsError(
                "received a config or a seed for the whole pipeline: name the model they are for"
            )
        if self.config and (len(self.models) > 1 or EVERY_MODEL in self.models):
            raise SettingsError(
                f"received one config for the models {list(self.models)}: name one model"
            )

    @property
    def is_for_pipeline(self) -> bool:
        """Whether the pipeline answers it, no model being named."""
        return not self.models and not self.former


def train_named_models(settings: Settings, dataset: str, request: TrainingRequest) -> None:
    """Train the models that a request names, showing for each task what they came to.

    Args:
        settings: Where the workspace is.
        dataset: The dataset's name.
        request: Which models, and how.

    Raises:
        LolomoError: If a name is unknown, or a model cannot be fitted so.
    """
    from lolomo.operations.named_models import train_models

    task, models, options = _made_out(settings.workspace(dataset), request)
    wanted = wanted_models(task, models)
    allowed = (
        possible_tasks(settings.workspace(dataset), list(wanted)) if len(wanted) > 1 else wanted
    )
    for name in allowed:
        with progress_bar(name) as progress:
            training = train_models(dataset, name, wanted[name], options, progress)
        print_training(name, training)


def _made_out(
    workspace: Workspace, request: TrainingRequest
) -> "tuple[str | None, Sequence[str], FitOptions]":
    """Return task, models and options; a release to go on from says what is not said."""
    from lolomo.training.pipelines.train import FitOptions

    options = FitOptions(config=request.config)
    if request.seed is not None:
        options = replace(options, seed=request.seed)
    if request.former is None:
        return request.task, request.models, options
    former = ReleaseStore(workspace.releases).find(request.former)
    config = {**former.card.config, **request.config}
    options = replace(options, config=config, continue_from=former.digest)
    return request.task or former.card.task, request.models or (former.card.model,), options


def print_training(task: str, training: "Training") -> None:
    """Print the models beside the baselines, what the gate said, and their releases."""
    from rich.console import Console

    from lolomo.evaluation import to_table

    console = Console()
    named = {outcome.model for outcome in training.outcomes}
    judged = [outcome.judged for outcome in training.outcomes if outcome.judged]
    others = [each for each in training.baselines if each.entrant.model not in named]
    results = [each.result for each in (*judged, *others)]
    if results:
        console.print(to_table(results, title=f"[bold]{task}[/], validation window", num_metrics=2))
    for outcome in training.outcomes:
        state = "[bold]★ champion[/]" if outcome.is_champion else "serves nobody"
        console.print(f"  {outcome.model}: {outcome.decision.reason}", highlight=False)
        console.print(f"    release {outcome.release.digest[:12]}, {state}", highlight=False)
