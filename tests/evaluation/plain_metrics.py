"""The metrics once more, as loops over lists that share no code with the library."""

import math
from typing import TypeAlias

Targets: TypeAlias = dict[str, float]
"""Gain of each target."""
Genres: TypeAlias = dict[str, set[str]]


def hit_rate(top: list[str], targets: Targets, k: int) -> float:
    return 1.0 if any(item in targets for item in top[:k]) else 0.0


def recall(top: list[str], targets: Targets, k: int) -> float:
    return sum(item in targets for item in top[:k]) / len(targets)


def reciprocal_rank(top: list[str], targets: Targets) -> float:
    for place, item in enumerate(top):
        if item in targets:
            return 1.0 / (place + 1)
    return 0.0


def ndcg(top: list[str], targets: Targets, k: int) -> float:
    best = sorted(targets.values(), reverse=True)
    ideal = sum(gain / math.log2(place + 2) for place, gain in enumerate(best[:k]))
    reached = sum(
        targets.get(item, 0.0) / math.log2(place + 2) for place, item in enumerate(top[:k])
    )
    return reached / ideal if ideal else 0.0


def novelty(top: list[str], plays: dict[str, int], k: int) -> float:
    total = sum(plays.values())
    return sum(-math.log2(plays[item] / total) for item in top[:k]) / len(top[:k])


def diversity(top: list[str], genres: Genres, k: int) -> float:
    distances = []
    shown = [genres[item] for item in top[:k] if genres[item]]
    for place, one in enumerate(shown):
        distances += [1 - len(one & other) / len(one | other) for other in shown[place + 1 :]]
    return sum(distances) / len(distances) if distances else math.nan


def calibration(top: list[str], history: list[str], genres: Genres, k: int) -> float:
    wanted, shown = distribution(history, genres), distribution(top[:k], genres)
    if not wanted:
        return math.nan
    divergence = 0.0
    for genre, share in wanted.items():
        mixed = 0.99 * shown.get(genre, 0.0) + 0.01 * share
        divergence += share * math.log(share / mixed)
    return divergence


def distribution(items: list[str], genres: Genres) -> dict[str, float]:
    weights: dict[str, float] = {}
    for item in items:
        for genre in genres[item]:
            weights[genre] = weights.get(genre, 0.0) + 1 / len(genres[item])
    total = sum(weights.values())
    return {genre: weight / total for genre, weight in weights.items()}


def inverse_propensities(targets: list[str], plays: dict[str, int]) -> list[float]:
    total = sum(math.sqrt(count) for count in plays.values())
    weights = [total / math.sqrt(plays[target]) for target in targets]
    ordered = sorted(weights)
    place = 0.99 * (len(ordered) - 1)
    low = math.floor(place)
    high = min(low + 1, len(ordered) - 1)
    limit = ordered[low] + (place - low) * (ordered[high] - ordered[low])
    return [min(weight, limit) for weight in weights]


def weighted_mean(values: list[float], weights: list[float]) -> float:
    return sum(v * w for v, w in zip(values, weights, strict=True)) / sum(weights)
