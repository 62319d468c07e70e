"""MovieTweetings 100K (Dooms et al., CrowdRec 2013): ratings with true timestamps, Feb-Sep 2013.

The data set for every claim about time. Item ids are IMDb ids: text, with leading zeros. It is read
from `LOLOMO_DATA`, from `shared/datasets` beside the checkout, or else downloaded; pinned wherever
it comes from.
"""

from pathlib import Path

from lolomo.core.columns import Columns, Kind
from lolomo.core.progress import Progress
from lolomo.core.settings import Settings
from lolomo.events.dataset import Dataset, Table, Tables, TimeFormat
from lolomo.events.downloads import download

NAME = "movietweetings-100k"
URL = (
    "https://raw.githubusercontent.com/adrianrfreedman/MovieTweetings/"
    "3ae51d9ab4bac513259a36665182d1fd0e7afdf9/snapshots/100K"
)
FILES = {
    "ratings.dat": "c0dd868c2632d10002ebc928ddc5345f33adeaa59eca52c2941c26a2c5e36fd6",
    "movies.dat": "e63fb84bc734e3c574f135634a40d3cbafab22b8f94f5fc0b80f80d1d2076efc",
}
CHECKOUT = Path(__file__).parents[4]


def local_folder(settings: Settings) -> Path | None:
    """Return the folder on this machine that has the files, or None."""
    folders = [CHECKOUT.parent / "shared" / "datasets" / NAME]
    if settings.data is not None:
        folders = [settings.data / NAME, settings.data, *folders]
    for folder in folders:
        if all((folder / name).is_file() for name in FILES):
            return folder
    return None


def fetch(settings: Settings, progress: Progress) -> Tables:
    """Return the ratings and films, downloaded only if no local folder has them."""
    folder = local_folder(settings)
    if folder is None:
        folder = settings.downloads / NAME
        for name, sha256 in FILES.items():
            download(f"{URL}/{name}", folder / name, sha256, progress)
    events = Table(
        path=folder / "ratings.dat",
        format="csv",
        separator="::",
        header=(Columns.USER_ID, Columns.ITEM_ID, Columns.VALUE, Columns.TIMESTAMP),
        kind=Kind.RATE,
        time=TimeFormat("s"),
        sha256=FILES["ratings.dat"],
    )
    items = Table(
        path=folder / "movies.dat",
        format="csv",
        separator="::",
        header=(Columns.ITEM_ID, Columns.TITLE, Columns.GENRES),
        year_in_title=True,
        sha256=FILES["movies.dat"],
    )
    return Tables(events, items)


MOVIETWEETINGS_100K = Dataset(
    name=NAME,
    description="100,000 film ratings of Feb-Sep 2013 with true timestamps, genres and years",
    licence="MIT, (c) 2013 Simon Dooms",
    fetch=fetch,
)
