"""The one abstraction of this room: a model.

A `Model` is an untrained recipe: a name, a frozen typed config, the tasks it has a role in, and
two verbs. `fit` learns from `TrainingData`, everything before one instant, the cut. `export` writes
what was learned as the files of a *runtime*, which serving and evaluation load without this code.
A fitted model is asked nothing in memory: what is judged offline is, file for file, what serves.

A model answers by one of two methods, the signatures of what it exports:

- `retrieve`: finds items for a query among all that it knows, from the query alone;
- `rank`: scores the candidates that it is given, from features of user, context and candidates.

In each task that it lists it has one role. A baseline is simple and must be beaten: the strongest
is released first. A challenger must earn its place at the task's gate, deep or not. An alternative
must too, and is trained only when it is asked for by name.

To add a model, write one module with a config and a class, one test that inherits the conformance
suite, and one export line in this package (or an entry point `lolomo.models` in your own):

    @dataclass(frozen=True, slots=True)
    class AlphabeticalConfig:
        descending: bool = False
        \"\"\"Whether Z comes first.\"\"\"

    class Alphabetical(Model[AlphabeticalConfig]):
        name = "alphabetical"
        Config = AlphabeticalConfig
        roles = {"next_play": Role.BASELINE}
        method = "retrieve"

        def fit(self, data, rng): ...
        def export(self, path): return export_retriever(path, ...)
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, fields
from enum import StrEnum
from pathlib import Path
from typing import Any, ClassVar, Generic, Literal, TypeAlias, TypeVar

import numpy as np

from lolomo.core.errors import ModelError
from lolomo.training.models.data import TrainingData
from lolomo.training.models.space import Space

ConfigT = TypeVar("ConfigT")
Method: TypeAlias = Literal["retrieve", "rank"]


class Role(StrEnum):
    """What a model is to a task."""

    BASELINE = "baseline"
    """Simple and strong; a challenger must be superior to every one."""
    CHALLENGER = "challenger"
    """Serves only after passing the task's gate."""
    ALTERNATIVE = "alternative"
    """Fits the task, but is trained only when named (`lolomo train --model`), or for all
    (`lolomo evaluate --all`); then it is a challenger."""


@dataclass(frozen=True, slots=True)
class Export:
    """What was written, as a release card states it."""

    runtime: str
    """What loads it: `tensorflow` or `lightgbm`."""
    method: Method
    """What it can be asked."""
    inputs: tuple[str, ...]
    """Names of the arrays that a query must have."""


@dataclass(frozen=True, slots=True)
class Fitted:
    """A fit that is done."""

    files: Path
    """The folder with what was exported."""
    export: Export
    """What it is."""


class Model(ABC, Generic[ConfigT]):
    """A recipe that learns from data before a cut and exports the files of a runtime.

    Args:
        config: An instance of `Config`; its defaults if None.
    """

    name: ClassVar[str]
    """Registered name, such as `ease`; unique among all models."""
    Config: ClassVar[type[Any]]
    """A frozen dataclass, every field with a default and a docstring under it."""
    roles: ClassVar[Mapping[str, Role]]
    """By task name."""
    method: ClassVar[Method]
    """What its export can be asked."""
    wants_gpu: ClassVar[bool] = False
    """Whether a cluster trains it on a GPU node."""
    reads: ClassVar[tuple[str, ...]] = ()
    """Which of its task's features `rankings` must have for it; all if empty."""
    space: ClassVar[Mapping[str, Space]] = {}
    """Where `lolomo tune` looks for better values, by field of the config."""
    quick: ClassVar[Mapping[str, Any]] = {}
    """Fields of the config that a quick run sets, for much less work and a little less accuracy."""
    continues: ClassVar[bool] = False
    """Whether `fit` can go on from `TrainingData.continue_from`; others are fitted anew."""

    config: ConfigT

    def __init__(self, config: ConfigT | None = None) -> None:
        self.config = self.Config() if config is None else config

    @abstractmethod
    def fit(self, data: TrainingData, rng: np.random.Generator) -> None:
        """Learn, forgetting whatever was learned before.

        The same data and an equally seeded `rng` give the same model.

        Raises:
            ModelError: If the data cannot be learned from, such as no events at all.
        """

    @abstractmethod
    def export(self, path: Path) -> Export:
        """Write the runtime's files into the existing folder `path`.

        Raises:
            ModelError: If called before `fit`.
        """

    def not_fitted(self) -> ModelError:
        """Return the error of an export that comes before `fit`."""
        return ModelError(f"{self.name!r} has learned nothing to export: call `fit` first")


def config_from(cls: type[Model[Any]], values: Mapping[str, Any]) -> Any:
    """Return the model's config with the given fields replaced.

    Lists become tuples, as JSON has no tuples, and a single value stands for a tuple of it.

    Raises:
        ModelError: If a key is no field of the config, or a value is not of the field's kind.
    """
    defaults = {entry.name: getattr(cls.Config(), entry.name) for entry in fields(cls.Config)}
    unknown = sorted(set(values) - set(defaults))
    if unknown:
        raise ModelError(
            f"the config of {cls.name!r} has no fields {unknown}; expected some of {list(defaults)}"
        )
    return cls.Config(
        **{key: _like(value, defaults[key], f"{cls.name}.{key}") for key, value in values.items()}
    )


def _like(value: Any, default: Any, field: str) -> Any:
    """Return a value as the kind that the default is of."""
    if isinstance(default, tuple):
        several = value if isinstance(value, list | tuple) else [value]
        return tuple(_like(each, default[0], field) if default else each for each in several)
    if isinstance(default, float) and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if isinstance(default, bool | int | float | str) and type(value) is not type(default):
        raise ModelError(
            f"received {value!r} for {field}: expected a value like {default!r}, its default"
        )
    return value
