"""What start-up used is given back, and nothing is lost by it."""

import mmap
from pathlib import Path

import pytest

from lolomo.serving.bentos.giving_back import MAPPINGS, UNCHANGED, give_memory_back

SIZE = 1 << 22

pytestmark = pytest.mark.skipif(not MAPPINGS.exists(), reason="no /proc/self/smaps here")


def resident_bytes(path: Path) -> int:
    """Return how much of a file's mapping is in memory."""
    blocks = MAPPINGS.read_text().partition(str(path))[2]
    return 1024 * int(blocks.partition("Rss:")[2].split()[0])


def test_pages_of_a_file_are_let_go_and_read_again(tmp_path: Path) -> None:
    path = tmp_path / "library.so.2"
    path.write_bytes(b"abcd" * (SIZE // 4))
    with (
        path.open("rb") as file,
        mmap.mmap(file.fileno(), SIZE, mmap.MAP_PRIVATE, mmap.PROT_READ) as pages,
    ):
        before = pages[:]
        assert resident_bytes(path) == SIZE
        give_memory_back()
        assert resident_bytes(path) < SIZE
        assert pages[:] == before


@pytest.mark.parametrize(
    ("permissions", "anonymous", "swapped", "found"),
    [
        ("r--p", 0, 0, True),
        ("r--p", 8, 0, False),
        ("r--p", 0, 4, False),
        ("rw-p", 0, 0, False),
        ("r--s", 0, 0, False),
    ],
)
def test_only_unchanged_pages_are_let_go(
    permissions: str, anonymous: int, swapped: int, found: bool
) -> None:
    text = (
        f"7f00-7f10 {permissions} 00000000 08:01 123                 /lib/x.so\n"
        f"Rss: 64 kB\nAnonymous: {anonymous} kB\nKSM: 0 kB\nSwap: {swapped} kB\nSwapPss: 0 kB\n"
        "7f20-7f30 r-xp 00000000 08:01 123                 /lib/x.so\n"
        "Anonymous: 0 kB\nSwap: 0 kB\n"
    )
    assert [match.groups() for match in UNCHANGED.finditer(text)] == [("7f00", "7f10")] * found
    assert not UNCHANGED.search(text.replace("/lib/x.so", "/lib.so/data"))
