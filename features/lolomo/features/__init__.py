"""Features: computed once as pure functions, known to Feast, the same in training and in serving.

A `FeatureGroup` computes features of one entity as a change table; `FeatureStore` builds the
tables, applies them to Feast, joins them point-in-time for training and materialises them for
serving. `ItemTimeline` reads them in bulk at any past time, `OnlineFeatures` at the present.
"""

from lolomo.features.group import Derived, Feature, FeatureGroup
from lolomo.features.inputs import plain_inputs, query_inputs
from lolomo.features.online import OnlineFeatures
from lolomo.features.store import FeatureStore
from lolomo.features.timeline import ItemTimeline
from lolomo.features.transforms import all_features, all_groups

__all__ = [
    "Derived",
    "Feature",
    "FeatureGroup",
    "FeatureStore",
    "ItemTimeline",
    "OnlineFeatures",
    "all_features",
    "all_groups",
    "plain_inputs",
    "query_inputs",
]
