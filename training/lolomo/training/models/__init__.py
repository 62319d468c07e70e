"""The models, deep or not, as equals behind one interface: see `lolomo.training.models.model`.

Importing this package imports no TensorFlow and no LightGBM: models do so where they use them.
Adding a model is one module here and one line in `BUILT_IN`.
"""

from typing import Any

from lolomo.core.errors import ModelError
from lolomo.core.extensions import with_extensions
from lolomo.training.models.asymmetric_mf import AsymmetricMF
from lolomo.training.models.blended_ranker import BlendedRanker
from lolomo.training.models.data import RankingBatch, TrainingData
from lolomo.training.models.deep_ranker import DeepRanker
from lolomo.training.models.ease import Ease
from lolomo.training.models.evidence import PitchRewards, PlayedPitch, UniformPitch
from lolomo.training.models.feed_forward import FeedForward
from lolomo.training.models.fuzzy_search import FuzzySearch
from lolomo.training.models.gru4rec import GRU4Rec
from lolomo.training.models.hstu import HSTU
from lolomo.training.models.ials import Ials
from lolomo.training.models.item_knn import ItemKNN
from lolomo.training.models.lightgbm_ranker import LightGBMRanker
from lolomo.training.models.markov import Markov
from lolomo.training.models.model import Export, Model, Role, config_from
from lolomo.training.models.mult_vae import MultVAE
from lolomo.training.models.popularity import DecayedPopularity, Popularity, RecentPopularity
from lolomo.training.models.prefix_popularity import PrefixPopularity
from lolomo.training.models.rec_vae import RecVAE
from lolomo.training.models.resuming import LastUnfinished, ResumeRanker
from lolomo.training.models.row_order import FixedRows, PopularRows, RowRanker
from lolomo.training.models.sasrec import SASRec
from lolomo.training.models.semantic_search import SemanticSearch
from lolomo.training.models.shown_plays import ShownPlays
from lolomo.training.models.slim import Slim
from lolomo.training.models.space import Choice, Range, Space
from lolomo.training.models.two_tower import TwoTower

__all__ = [
    "BUILT_IN",
    "HSTU",
    "AsymmetricMF",
    "BlendedRanker",
    "Choice",
    "DecayedPopularity",
    "DeepRanker",
    "Ease",
    "Export",
    "FeedForward",
    "FixedRows",
    "FuzzySearch",
    "GRU4Rec",
    "Ials",
    "ItemKNN",
    "LastUnfinished",
    "LightGBMRanker",
    "Markov",
    "Model",
    "MultVAE",
    "PitchRewards",
    "PlayedPitch",
    "PopularRows",
    "Popularity",
    "PrefixPopularity",
    "Range",
    "RankingBatch",
    "RecVAE",
    "RecentPopularity",
    "ResumeRanker",
    "Role",
    "RowRanker",
    "SASRec",
    "SemanticSearch",
    "ShownPlays",
    "Slim",
    "Space",
    "TrainingData",
    "TwoTower",
    "UniformPitch",
    "all_models",
    "config_from",
    "find_model",
    "models_for",
]

BUILT_IN: tuple[type[Model[Any]], ...] = (
    Popularity,
    RecentPopularity,
    DecayedPopularity,
    ItemKNN,
    Markov,
    Ease,
    ShownPlays,
    Slim,
    Ials,
    MultVAE,
    RecVAE,
    LightGBMRanker,
    AsymmetricMF,
    FeedForward,
    GRU4Rec,
    SASRec,
    HSTU,
    DeepRanker,
    BlendedRanker,
    PrefixPopularity,
    FuzzySearch,
    SemanticSearch,
    LastUnfinished,
    ResumeRanker,
    FixedRows,
    PopularRows,
    RowRanker,
    UniformPitch,
    PlayedPitch,
    PitchRewards,
    TwoTower,
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


def models_for(task: str, alternatives: bool = False) -> list[type[Model[Any]]]:
    """Return the models with a role in a task: baselines, then challengers, then alternatives.

    Args:
        task: The task's name.
        alternatives: Whether to include those that are trained only when asked for.
    """
    wanted = [role for role in Role if alternatives or role != Role.ALTERNATIVE]
    models = [model for model in all_models().values() if model.roles.get(task) in wanted]
    return sorted(models, key=lambda model: wanted.index(model.roles[task]))
