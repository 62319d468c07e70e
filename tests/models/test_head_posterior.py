"""The posterior of a head: the curvature of its own loss, and unsure of what it has not seen."""

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.special import log_softmax

from lolomo.training.models.head_posterior import HeadQueries, posterior_factor

WEIGHTS = np.array([0.8, -0.5, 0.3], np.float32)


def queries(num: int, seed: int = 0, unused: bool = False) -> HeadQueries:
    rng = np.random.default_rng(seed)
    units = rng.normal(size=(num, 5, 3)).astype(np.float32)
    units[..., 2] *= not unused
    present = rng.random((num, 5)) < 0.8
    present[:, 0] = True
    return HeadQueries(units, units @ WEIGHTS, present)


def loss(weights: NDArray[np.float64], part: HeadQueries) -> float:
    """Return the cross-entropy with the head's own shares, whose curvature is Fisher's."""
    now, own = (
        log_softmax(np.where(part.present, logits, -1e9), axis=1)
        for logits in (part.units @ weights, part.logits)
    )
    return -float((np.exp(own) * np.where(part.present, now, 0.0)).sum())


def covariance(factor: NDArray[np.float32]) -> NDArray[np.float64]:
    wide = factor.astype(float)
    return np.asarray(wide @ wide.T)


def test_its_precision_is_the_curvature_of_the_loss_and_a_prior() -> None:
    part, step = queries(40), 1e-3
    precision = np.linalg.inv(covariance(posterior_factor([part], WEIGHTS, 40)))
    moves = step * np.eye(3)
    curvature = np.array(
        [
            [
                loss(WEIGHTS + one + other, part)
                - loss(WEIGHTS + one - other, part)
                - loss(WEIGHTS - one + other, part)
                + loss(WEIGHTS - one - other, part)
                for one in moves
            ]
            for other in moves
        ]
    ) / (4 * step**2)
    prior = precision - curvature
    np.testing.assert_allclose(prior, prior[0, 0] * np.eye(3), atol=0.02 * precision.max())
    assert prior[0, 0] > 0


def test_more_queries_make_it_surer_and_a_sample_stands_for_all() -> None:
    few, many = queries(50), queries(800)
    widths = [
        np.trace(covariance(posterior_factor([part], WEIGHTS, num)))
        for part, num in ((few, 50), (many, 800), (few, 800))
    ]
    assert widths[1] == pytest.approx(widths[0] / 16, rel=0.3)
    assert widths[2] == pytest.approx(widths[1], rel=0.3)


def test_parts_are_added_up() -> None:
    parts = [queries(30, seed) for seed in (1, 2)]
    whole = HeadQueries(
        *(np.concatenate([getattr(part, name) for part in parts]) for name in HeadQueries.__slots__)
    )
    found = [posterior_factor(each, WEIGHTS, 60) for each in (parts, [whole])]
    np.testing.assert_allclose(found[0], found[1], rtol=1e-4, atol=1e-6)


def test_what_no_query_told_apart_stays_as_unsure_as_the_prior() -> None:
    found = covariance(posterior_factor([queries(400, unused=True)], WEIGHTS, 400))
    assert found[2, 2] > 10 * max(found[0, 0], found[1, 1])
