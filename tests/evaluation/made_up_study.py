"""Made-up rows of a study, whose differences are what a test says they are."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl

from lolomo.evaluation import Interval
from lolomo.evaluation.ladder import Family, Row, Rung, Study

CUT = datetime(2020, 1, 1, tzinfo=UTC)
NUM_QUERIES = 600
NUM_ITEMS = 40


def per_query(mean: float, num_users: int = 600, seed: int = 0, drift: float = 0.0) -> pl.DataFrame:
    """Return metrics of queries over twelve days; `drift` is lost from first to last."""
    rng = np.random.default_rng(5)
    shared = rng.normal(0, 0.05, NUM_QUERIES)
    own = np.random.default_rng([seed, round(1e6 * mean)]).normal(0, 0.01, NUM_QUERIES)
    elapsed = np.arange(NUM_QUERIES) / NUM_QUERIES
    values = mean + shared + own - drift * elapsed
    users = [f"u{place % num_users}" for place in range(NUM_QUERIES)]
    return pl.DataFrame(
        {
            "query_id": [f"q{place:05}" for place in range(NUM_QUERIES)],
            "user_id": users,
            "timestamp": [CUT + timedelta(days=12 * float(share)) for share in elapsed],
            "cluster": users,
            "ndcg@10": values,
            "ipw_ndcg@10": 0.4 * values,
            "coverage@10": [[f"i{int(item)}"] for item in rng.zipf(1.5, NUM_QUERIES) % NUM_ITEMS],
            "ipw_weight": np.ones(NUM_QUERIES),
            "num_items": [NUM_ITEMS] * NUM_QUERIES,
        },
        schema_overrides={"timestamp": pl.Datetime("us", "UTC")},
    )


def made_up_row(
    model: str,
    mean: float,
    *,
    task: str = "next_play",
    family: Family = Family.DEEP,
    rung: Rung | None = None,
    variant: str = "",
    freshness: str = "fresh",
    num_users: int = 600,
    drift: float = 0.0,
) -> Row:
    """Return a row whose NDCG@10 is about `mean`."""
    table = per_query(mean, num_users, drift=drift)
    figures = {"ndcg@10": mean, "ipw_ndcg@10": 0.4 * mean, "coverage@10": 0.2}
    return Row(
        task=task,
        model=model,
        family=family,
        freshness=freshness,
        rung=rung,
        variant=variant,
        metrics={
            name: Interval(value, 0.97 * value, 1.03 * value) for name, value in figures.items()
        },
        num_users=num_users,
        seed_means=(mean,),
        per_query=table,
    )


def ladder(model: str, means: dict[Rung, float], **more: object) -> list[Row]:
    """Return a row a rung of one architecture."""
    return [made_up_row(model, mean, rung=rung, **more) for rung, mean in means.items()]  # type: ignore[arg-type]


def study(rows: Sequence[Row], dataset: str = "made-up") -> Study:
    """Return the rows as a study."""
    return Study(dataset, CUT, tuple(rows))


def whole_study(num_users: int = 600, dataset: str = "made-up") -> Study:
    """Return a study with a row of everything the case study asks about."""
    rows: list[Row] = []
    for freshness, gain in (("frozen", 0.0), ("fresh", 0.03)):
        more = {"freshness": freshness, "num_users": num_users}
        rows += [
            made_up_row("recent_popularity", 0.12 + gain, family=Family.SIMPLE, **more),  # type: ignore[arg-type]
            made_up_row("ease", 0.07, family=Family.SIMPLE, **more),  # type: ignore[arg-type]
            made_up_row("item_knn", 0.06, family=Family.SIMPLE, **more),  # type: ignore[arg-type]
            made_up_row(
                "item_knn",
                0.08,
                task="because_you_watched",
                family=Family.SIMPLE,
                **more,  # type: ignore[arg-type]
            ),
            made_up_row("ease", 0.07, task="because_you_watched", family=Family.SIMPLE, **more),  # type: ignore[arg-type]
        ]
        for place, name in enumerate(("sasrec", "gru4rec")):
            base = 0.09 + gain - 0.004 * place
            rows += ladder(name, dict(zip(Rung, _rising(base), strict=True)), drift=0.02, **more)
        trees = dict(zip(Rung, _rising(0.11 + gain), strict=True))
        more |= {"task": "top_picks"}
        rows += ladder("lightgbm_ranker", trees, family=Family.TREES, **more)
        rows += ladder("deep_ranker", trees, **more)
    return study(rows, dataset)


def _rising(base: float) -> list[float]:
    """Return a mean for each rung: all help but the raw timestamp, which harms."""
    return [base, base + 0.004, base + 0.006, base + 0.009, base + 0.014, base - 0.002]
