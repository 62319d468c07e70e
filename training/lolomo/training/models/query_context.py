"""What is known of user and request when a model is asked, as places in small vocabularies.

A user's attributes do not change, and device and country are those of the event itself in training
and of the request at serving. Fields that a dataset does not have are left out.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from lolomo.core.columns import Columns
from lolomo.training.models.data import TrainingData, places_in

if TYPE_CHECKING:
    from lolomo.training.layers.feature_encoding import Vocabulary

OF_EVENT = (Columns.DEVICE, Columns.COUNTRY)
OF_USER = (Columns.AGE, Columns.GENDER, Columns.OCCUPATION)
YEARS_A_GROUP = 10
"""Ages count by decades."""


@dataclass(frozen=True, slots=True)
class QueryContext:
    """The fields that the data have, and their values."""

    vocabularies: "Mapping[str, Vocabulary]"
    """By field."""
    values: Mapping[str, tuple[str, ...]]
    """What the places of each field stand for, from 1."""
    codes: NDArray[np.int32]
    """Of the training events, 0 for unknown. Shape: [events, fields]."""

    @classmethod
    def of(cls, data: TrainingData) -> "QueryContext":
        """Learn the fields that are features of the task and known of some event or user."""
        from lolomo.training.layers.feature_encoding import Vocabulary

        allowed = {feature.name for feature in data.features}
        columns = {name: texts for name, texts in _texts(data).items() if name in allowed}
        different = {name: set(texts.unique()) - {"", None} for name, texts in columns.items()}
        known = {name: tuple(sorted(values)) for name, values in different.items() if values}
        vocabularies = {name: Vocabulary(values) for name, values in known.items()}
        codes = [places_in(values, columns[name]) + 1 for name, values in known.items()]
        empty = np.zeros((len(data.events), 0), np.int32)
        return cls(vocabularies, known, np.stack(codes, axis=1) if codes else empty)

    @classmethod
    def none(cls, data: TrainingData) -> "QueryContext":
        """Return the context of a model that is told none."""
        return cls({}, {}, np.zeros((len(data.events), 0), np.int32))

    def encode(self, query: Mapping[str, Any]) -> Any:
        """Return the places of a query's fields, tensors in and out. Shape: [batch, fields]."""
        import tensorflow as tf

        return tf.stack(
            [table(_as_text(query[name])) for name, table in self.vocabularies.items()], axis=1
        )


def _texts(data: TrainingData) -> dict[str, pl.Series]:
    """Return the fields of each event as texts, null or "" where unknown."""
    rows = data.events.select(Columns.USER_ID, *_present(data.events, OF_EVENT))
    if data.users is not None:
        users = data.users.select(Columns.USER_ID, *_present(data.users, OF_USER))
        rows = rows.join(users, on=Columns.USER_ID, how="left", maintain_order="left")
    if Columns.AGE in rows.columns:
        rows = rows.with_columns(pl.col(Columns.AGE).cast(pl.Int64) // YEARS_A_GROUP)
    fields = [name for name in rows.columns if name != Columns.USER_ID]
    return {name: rows[name].cast(pl.String) for name in fields}


def _present(table: pl.DataFrame, names: tuple[str, ...]) -> list[str]:
    return [name for name in names if name in table.columns]


def _as_text(values: Any) -> Any:
    """Return a number's decade as text, "" where missing; a text as it is."""
    import tensorflow as tf

    values = tf.convert_to_tensor(values)
    if values.dtype == tf.string:
        return values
    missing = tf.math.is_nan(values)
    decade = tf.cast(tf.where(missing, 0.0, values) // YEARS_A_GROUP, tf.int64)
    return tf.where(missing, "", tf.strings.as_string(decade))
