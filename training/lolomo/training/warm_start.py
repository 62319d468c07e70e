"""Going on from an earlier fit, with what is new since: the state that a network leaves behind.

Beside the runtime's files a release may keep `state/`: every weight of the network as it was
trained, in NumPy's own format, and what the rows of its *tables* stand for. A table has a row for
each entry of a vocabulary, such as an item or a genre, and grows with it: a known entry keeps its
row, whatever its place is now, and a new one begins at the mean of the known rows, beside the small
random values that it was made with. All other weights are taken over as they are.

Nothing in it is code: arrays are read without pickle, names are JSON, and both are among the files
whose sha256 a release's card lists.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lolomo.core.errors import ModelError

STATE = "state"
WEIGHTS = "weights.npz"
DESCRIPTION = "state.json"


@dataclass(frozen=True, slots=True)
class Table:
    """A weight with a row for each entry of a vocabulary."""

    variable: Any
    """The `keras.Variable`. Shape: [rows, ...]."""
    rows: Sequence[str]
    """What each row stands for."""


@dataclass(frozen=True, slots=True)
class State:
    """What an earlier fit left."""

    cut: datetime
    """Before which everything lies that it has learned from."""
    tables: Mapping[str, NDArray[np.float32]]
    """By name."""
    rows: Mapping[str, Sequence[str]]
    """What the rows of each table stand for."""
    others: Sequence[NDArray[np.float32]]
    """All weights that are no tables, in the network's order."""

    def restore(self, network: Any, tables: Mapping[str, Table]) -> None:
        """Give a new network of the same shape what was learned.

        Args:
            network: A built `keras.Model`.
            tables: Its tables, by name; one that is new stays as it was made.

        Raises:
            ModelError: If the network is not of the same shape.
        """
        others = _others(network, tables)
        shapes = [tuple(each.shape) for each in others]
        if shapes != [each.shape for each in self.others]:
            raise ModelError(
                f"received a network with weights of shapes {shapes}, the release to go on from "
                f"has {[each.shape for each in self.others]}: leave its config as it is"
            )
        for variable, values in zip(others, self.others, strict=True):
            variable.assign(values)
        for name, table in tables.items():
            if name in self.tables:
                former = self.tables[name]
                table.variable.assign(grown(former, self.rows[name], table))


def grown(former: NDArray[np.float32], rows: Sequence[str], table: Table) -> NDArray[np.float32]:
    """Return a table's values: known rows as they were, new ones at their mean.

    Args:
        former: What was learned. Shape: [former rows, ...].
        rows: What its rows stand for.
        table: The table as it was made.

    Raises:
        ModelError: If its rows are of another size.
    """
    values: NDArray[np.float32] = table.variable.numpy().copy()
    if values.shape[1:] != former.shape[1:]:
        raise ModelError(
            f"received rows of shape {values.shape[1:]}, the release to go on from has "
            f"{former.shape[1:]}: leave its config as it is"
        )
    values += former.mean(axis=0)
    place = {row: index for index, row in enumerate(rows)}
    for index, row in enumerate(table.rows):
        if row in place:
            values[index] = former[place[row]]
    return values


def write_state(folder: Path, network: Any, tables: Mapping[str, Table], cut: datetime) -> None:
    """Write the state of a fitted network into a new folder `state` of `folder`."""
    path = folder / STATE
    path.mkdir(exist_ok=True)
    arrays = {f"table {name}": table.variable.numpy() for name, table in tables.items()}
    others = _others(network, tables)
    arrays |= {f"other {index:04}": each.numpy() for index, each in enumerate(others)}
    np.savez(path / WEIGHTS, allow_pickle=False, **arrays)
    rows = {name: list(table.rows) for name, table in tables.items()}
    (path / DESCRIPTION).write_text(json.dumps({"cut": cut.isoformat(), "rows": rows}))


def read_state(folder: Path) -> State:
    """Read the state in a folder that `write_state` was given.

    Raises:
        ModelError: If there is none, as in releases of before it was kept.
    """
    path = folder / STATE
    if not (path / DESCRIPTION).is_file():
        raise ModelError(
            f"nothing to go on from in {folder}: expected a folder {STATE!r}, which releases of "
            "this model have now; train it anew once"
        )
    described = json.loads((path / DESCRIPTION).read_text())
    with np.load(path / WEIGHTS, allow_pickle=False) as arrays:
        loaded = {name: arrays[name] for name in sorted(arrays.files)}
    return State(
        cut=datetime.fromisoformat(described["cut"]),
        tables={name: loaded[f"table {name}"] for name in described["rows"]},
        rows=described["rows"],
        others=[values for name, values in loaded.items() if name.startswith("other ")],
    )


def _others(network: Any, tables: Mapping[str, Table]) -> list[Any]:
    """Return the weights that are no tables, in order."""
    named = {id(table.variable) for table in tables.values()}
    return [weight for weight in network.weights if id(weight) not in named]
