"""Open Bandit (Saito et al., NeurIPS Datasets and Benchmarks 2021): logs with true propensities.

Six logs of ZOZOTOWN, an online shop, of 10,000 impressions each: two logging policies (`random`,
uniform, and `bts`, Bernoulli Thompson sampling) on three campaigns (`all`, `men`, `women`). Each
impression has the probability of its item, and whether it was clicked. They check that off-policy
evaluation is right; to rank policies by they are too small. Like MovieLens they come at run time
out of a wheel, that of the obp library, and are never committed.

The canonical events are impressions: `value` is 1 if it was clicked, `surface` the log it is from,
such as `bts/women`. Item ids begin with their campaign. The logs name no users: a user id here is
that of everybody who has the same four hashed features.
"""

from io import BytesIO
from pathlib import Path

import polars as pl

from lolomo.core.columns import Columns, Kind
from lolomo.core.files import write_atomically
from lolomo.core.progress import Progress, part_of
from lolomo.core.settings import Settings
from lolomo.events.dataset import Dataset, Table, Tables
from lolomo.events.downloads import wheel_files

NAME = "open-bandit"
WHEEL = "obp==0.4.1"
WHEEL_SHA256 = "87dec9caf4283c25ab13036532e0a24566f1c7bdcad1653a8ded43b2f5ef8208"
FOLDER = "obp/dataset/obd"
LOGS = {
    "random/all": "7168295b6e0a9eabcf3392320a5dd434e542b68e705d5cd9491499af589812f1",
    "random/men": "ede6d08c6877f99cd3770f7d09e26c738e6aa6de4445ccccfb1356ba5d06b1eb",
    "random/women": "e65f3bd3beb17664fa69cc129bf7bf852a775f8ffa630506e505fc905315bb34",
    "bts/all": "0ad874e4dbf6902f0845dd478ad8dde5ef6903583d3ffaace78411bdad064106",
    "bts/men": "db6d1f7ed2d591ba521533e45286d4c1fba7fe57a8ad2e80342210335f43c527",
    "bts/women": "e5d1b49a39b608585a2f3014a3f54970430cd37a495c1b73fceb85cdf428a5b8",
}
"""The sha256 of each log's file in the wheel."""
NUM_ITEMS = {"all": 80, "men": 34, "women": 46}
"""How many items each campaign chooses from."""


def fetch(settings: Settings, progress: Progress) -> Tables:
    """Return the impressions of all logs, downloaded once."""
    folder = settings.downloads / NAME
    paths: dict[str, Path] = {}
    for index, policy in enumerate(("random", "bts")):
        part_of(progress, index, 2)(0.0, f"getting {WHEEL}")
        members = {
            f"{FOLDER}/{log}/{log.partition('/')[2]}.csv": sha256
            for log, sha256 in LOGS.items()
            if log.startswith(policy)
        }
        paths |= wheel_files(WHEEL, WHEEL_SHA256, members, folder / policy)
    events = pl.concat(
        _impressions(paths[f"{FOLDER}/{log}/{log.partition('/')[2]}.csv"], log) for log in LOGS
    )
    buffer = BytesIO()
    events.write_parquet(buffer)
    write_atomically(folder / "events.parquet", buffer.getvalue())
    return Tables(Table(path=folder / "events.parquet"))


def _impressions(path: Path, log: str) -> pl.DataFrame:
    """Return one log's rows under our names."""
    features = [f"user_feature_{number}" for number in range(4)]
    campaign = log.partition("/")[2]
    frame = pl.read_csv(path, columns=[*_SOURCE, *features], infer_schema_length=None)
    return frame.select(
        pl.format("{}/{}", pl.lit(log), pl.int_range(pl.len())).alias(Columns.EVENT_ID),
        pl.concat_str([pl.col(name).str.head(8) for name in features]).alias(Columns.USER_ID),
        pl.format("{}/{}", pl.lit(campaign), "item_id").alias(Columns.ITEM_ID),
        pl.lit(Kind.IMPRESSION).alias(Columns.KIND),
        pl.col("click").cast(pl.Float64).alias(Columns.VALUE),
        pl.col("timestamp").alias(Columns.TIMESTAMP),
        pl.lit(log).alias(Columns.SURFACE),
        pl.col("position").alias(Columns.POSITION),
        pl.col("propensity_score").alias(Columns.PROPENSITY),
    )


_SOURCE = ("timestamp", "item_id", "position", "click", "propensity_score")

OPEN_BANDIT = Dataset(
    name=NAME,
    description="60,000 impressions of 2019 with clicks and true propensities, by two policies",
    licence="Apache 2.0, (c) ZOZO Technologies",
    fetch=fetch,
)
