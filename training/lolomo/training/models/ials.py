"""iALS: matrix factorisation of all that was and was not watched, by alternating least squares."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from typing_extensions import override

from lolomo.training.models.blended import BlendConfig, BlendedModel, HistoryScorer, Run, Settings
from lolomo.training.models.export import Tensor
from lolomo.training.models.model import Role
from lolomo.training.models.plays import Plays, watched

ENTRIES_AT_ONCE = 32_768
"""How many plays, padding included, are solved for together."""


@dataclass(frozen=True, slots=True, kw_only=True)
class IalsConfig(BlendConfig):
    """How to factorise; a field of several values is chosen on the last events."""

    embedding_dim: int = 64
    """Size of the factors."""
    iterations: int = 12
    """How often users and items are solved for in turn."""
    trial_iterations: int = 5
    """As above, while settings are tried."""
    unobserved_weight: tuple[float, ...] = (0.1, 0.03, 0.3)
    """What an item that was not watched counts beside one that was."""
    l2: tuple[float, ...] = (0.01, 0.003, 0.03)
    """Regularisation a play, each unobserved one counting `unobserved_weight` of it."""


class Ials(BlendedModel[IalsConfig]):
    """Learns factors whose product is 1 where a user watched an item and 0 elsewhere.

    Everything not watched counts a little (Hu, Koren & Volinsky 2008, "Collaborative filtering for
    implicit feedback datasets"), and each factor is regularised in proportion to what it explains
    (Rendle, Krichene, Zhang & Koren 2022, "Revisiting the performance of iALS on item
    recommendation benchmarks"). Only the items' factors are exported: the user's are solved for
    from the history of the query, entries counting by their recency.
    """

    name = "ials"
    Config = IalsConfig
    roles: ClassVar[Mapping[str, Role]] = {
        "because_you_watched": Role.ALTERNATIVE,
        "next_play": Role.ALTERNATIVE,
    }

    @override
    def learn(self, plays: Plays, settings: Settings, run: Run) -> "Factors":
        from lolomo.runtimes.tensorflow import tf

        matrix = watched(plays, 1e9)
        by_item = matrix.T.tocsr()
        weights = (settings["unobserved_weight"], settings["l2"])
        rng = np.random.default_rng(run.seed)
        shape = (plays.num_items + 1, self.config.embedding_dim)
        table = rng.normal(0.0, 0.1 / np.sqrt(shape[1]), shape).astype(np.float32)
        table[0] = 0.0
        iterations = self.config.trial_iterations if run.is_trial else self.config.iterations
        for done in range(iterations):
            users = solve_all(Factors(tf.constant(table), *weights), matrix)
            table = solve_all(Factors(tf.constant(users), *weights), by_item)
            if not run.is_trial:
                run.progress((done + 1) / iterations, f"iteration {done + 1}/{iterations}")
        return Factors(tf.Variable(table, trainable=False), *weights)


class Factors(HistoryScorer):
    """Factors of one side, by which the other side is solved for and scored.

    Args:
        table: Zeros, then the factors. Shape: [rows + 1, dim].
        unobserved_weight: What a row that is not named counts.
        l2: Regularisation a row, as in the config.
    """

    def __init__(self, table: Any, unobserved_weight: float, l2: float) -> None:
        self.table = table
        self.unobserved_weight = unobserved_weight
        self.l2 = l2

    @property
    @override
    def variables(self) -> Sequence[Any]:
        return (self.table,)

    @override
    def scores(self, history: Tensor, recency: Tensor) -> Tensor:
        """Score all items for the user that the history makes, the best 1."""
        from lolomo.runtimes.tensorflow import tf

        scores = tf.matmul(self.solve(history, recency), self.table[1:], transpose_b=True)
        return scores / tf.maximum(tf.reduce_max(scores, axis=1, keepdims=True), 1e-6)

    def solve(self, rows: Tensor, weights: Tensor) -> Tensor:
        """Return the factors that explain best which rows were observed.

        Minimises, for each of the batch, sum_r w_r (1 - x·f_r)² + a sum_all (x·f)² + l2 (sum_r w_r
        + a rows) |x|², a being the unobserved weight: a small linear system each.

        Args:
            rows: Row r as r + 1, 0 where padded. int32 `[batch, length]`.
            weights: 0 where padded. float32 `[batch, length]`.

        Returns:
            Shape: [batch, dim].
        """
        from lolomo.runtimes.tensorflow import tf

        dim, num_rows = self.table.shape[1], self.table.shape[0] - 1
        chosen = tf.gather(self.table, rows)
        weighted = chosen * weights[:, :, None]
        everything = self.unobserved_weight * tf.matmul(self.table, self.table, transpose_a=True)
        amount = tf.reduce_sum(weights, axis=1) + self.unobserved_weight * num_rows
        ridge = (self.l2 * amount)[:, None, None] * tf.eye(dim)
        left = tf.matmul(weighted, chosen, transpose_a=True) + everything + ridge
        right = tf.reduce_sum(weighted, axis=1)[:, :, None]
        return tf.linalg.cholesky_solve(tf.linalg.cholesky(left), right)[:, :, 0]


def solve_all(factors: Factors, matrix: sparse.csr_array) -> NDArray[np.float32]:
    """Return zeros, then the factors of each row of a matrix `[rows, others]`."""
    table = np.zeros((matrix.shape[0] + 1, factors.table.shape[1]), np.float32)
    for some, places, weights in _padded(matrix):
        table[some + 1] = factors.solve(places, weights)
    return table


def _padded(
    matrix: sparse.csr_array,
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.float32]]]:
    """Yield rows of about equal length with their columns + 1 and values, `[rows, length]`."""
    counts = np.diff(matrix.indptr)
    order = np.argsort(-counts, kind="stable")[: np.count_nonzero(counts)]
    while len(order):
        length = int(counts[order[0]])
        some, order = np.split(order, [min(max(ENTRIES_AT_ONCE // length, 1), len(order))])
        entries = matrix[some]
        row = np.repeat(np.arange(len(some)), np.diff(entries.indptr))
        place = np.arange(entries.nnz) - entries.indptr[row]
        columns, values = np.zeros((2, len(some), length), np.float32)
        places = columns.astype(np.int32)
        places[row, place] = entries.indices + 1
        values[row, place] = entries.data
        yield some, places, values
