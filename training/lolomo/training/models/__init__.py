"""The models, deep or not, as equals behind one interface: see `lolomo.training.models.model`.

Importing this package imports no TensorFlow and no LightGBM: models do so where they use them.
Adding a model is one module here and one line in `BUILT_IN`.
"""

from typing import Any

from lolomo.core.errors import ModelError
from lolomo.core.extensions import with_extensions
from lolomo.training.models.causal_transformer import CausalTransformer
from lolomo.training.models.data import RankingBatch, TrainingData
from lolomo.training.models.deep_ranker import DeepRanker
from lolomo.training.models.ease import Ease
from lolomo.training.models.item_knn import ItemKNN
from lolomo.training.models.lightgbm_ranker import LightGBMRanker
from lolomo.training.models.model import Export, Model, Role, config_from
from lolomo.training.models.popularity import DecayedPopularity, RecentPopularity

__all__ = [
    "BUILT_IN",
    "CausalTransformer",
    "DecayedPopularity",
    "DeepRanker",
    "Ease",
    "Export",
    "ItemKNN",
    "LightGBMRanker",
    "Model",
    "RankingBatch",
    "RecentPopularity",
    "Role",
    "TrainingData",
    "all_models",
    "config_from",
    "find_model",
    "models_for",
]

BUILT_IN: tuple[type[Model[Any]], ...] = (
    RecentPopularity,
    DecayedPopularity,
    ItemKNN,
    Ease,
    LightGBMRanker,
    CausalTransformer,
    DeepRanker,
)


def all_models() -> dict[str, type[Model[Any]]]:
    """Return every model by name: built in first, then those found through `lolomo.models`.

    Raises:
        SettingsError: If two models have one name.
    """
    return with_extensions("lolomo.models", BUILT_IN, lambda model: model.name)


def find_model(name: str) -> type[Model[Any]]:
    """Return a model by name.

    Raises:
        ModelError: If there is none of that name.
    """
    models = all_models()
    if name not in models:
        raise ModelError(f"no model is called {name!r}; expected one of {sorted(models)}")
    return models[name]


def models_for(task: str) -> list[type[Model[Any]]]:
    """Return the models with a role in a task, baselines first."""
    models = [model for model in all_models().values() if task in model.roles]
    return sorted(models, key=lambda model: model.roles[task] != Role.BASELINE)
