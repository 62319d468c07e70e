"""The moment, the device and the words of a request."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from lolomo.core.columns import Columns
from lolomo.features.group import Derived, Feature, FeatureGroup
from lolomo.features.transforms.clock import day_of_week, days_since_1970, hour_of_day


def known(values: NDArray[Any], _timestamp: NDArray[np.int64]) -> NDArray[np.object_]:
    """Return texts with None where empty: an empty device, country or text is missing."""
    return np.array([value or None for value in values], dtype=object)


REQUEST_CONTEXT = FeatureGroup(
    name="request_context",
    entity="context",
    description="When, where and on what a member asks.",
    derived=(
        Derived(
            Feature(Columns.DEVICE, "context", "category", "The device that asks, such as tv."),
            (Columns.DEVICE,),
            known,
        ),
        Derived(
            Feature(Columns.COUNTRY, "context", "category", "The country it is in."),
            (Columns.COUNTRY,),
            known,
        ),
        Derived(
            Feature(Columns.TEXT, "context", "text", "What is typed into the search box."),
            (Columns.TEXT,),
            known,
        ),
        Derived(
            Feature("clock", "context", "number", "Raw continuous time: days since 1970 UTC."),
            (),
            days_since_1970,
        ),
        Derived(
            Feature("hour", "context", "number", "Hour of the UTC day, 0 to 23."), (), hour_of_day
        ),
        Derived(
            Feature("weekday", "context", "number", "Day of the UTC week, 0 for Monday."),
            (),
            day_of_week,
        ),
    ),
    tags={"kind": "context"},
)
