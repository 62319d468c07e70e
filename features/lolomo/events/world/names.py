"""Names for titles that nobody has filmed, so that there is something to search for."""

from itertools import islice, product
from typing import Final

FIRST: Final = (
    "Amber", "Broken", "Crimson", "Distant", "Electric", "Fallen", "Golden", "Hidden", "Iron",
    "Jade", "Lonely", "Midnight", "Northern", "Open", "Paper", "Quiet", "Restless", "Silver",
    "Tender", "Unwritten", "Velvet", "Winter", "Yellow", "Zero",
)  # fmt: skip
SECOND: Final = (
    "Harbour", "Orchard", "Kingdom", "Letters", "Machine", "Mountain", "Night", "Ocean",
    "Promise", "Railway", "Shadow", "Summer", "Theatre", "Valley", "Voyage", "Widow", "Garden",
    "Detective", "Family", "Island", "Empire", "Dancer", "Lighthouse", "Republic", "Stranger",
)  # fmt: skip


def title_names(number: int) -> list[str]:
    """Return so many different names.

    >>> title_names(2)
    ['Amber Harbour', 'Broken Harbour']
    >>> len(set(title_names(5000)))
    5000
    """
    rounds = ("", *(f" {count}" for count in range(2, 2 + number // (len(FIRST) * len(SECOND)))))
    names = (f"{first} {second}{again}" for again, second, first in product(rounds, SECOND, FIRST))
    return list(islice(names, number))
