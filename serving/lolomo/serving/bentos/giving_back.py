"""Gives back to the system what start-up used and serving does not.

Freed memory stays with the C library until it is asked for it: compiling a ranker frees 100 MB. And
what loading a library reads of its file stays mapped, such as the tables by which its addresses are
set, which nobody reads again: 180 MB of TensorFlow. Those pages are unchanged, so they are let go,
and come from the file again if they are read after all. Only libraries are looked at: they stay
where they are for as long as the process lives, so that nothing else can stand there meanwhile.
"""

import ctypes
import mmap
import re
from pathlib import Path
from typing import Final

MAPPINGS: Final = Path("/proc/self/smaps")
LIBRARY: Final = r"/[^\n]*\.so[^\n/]*"
MORE: Final = r"\n(?:[A-Z][^\n]*\n)*?"
UNCHANGED: Final = re.compile(
    rf"^([0-9a-f]+)-([0-9a-f]+) r--p [^\n]* {LIBRARY}{MORE}Anonymous: +0 kB{MORE}Swap: +0 kB",
    re.MULTILINE,
)
"""First and last address of a library's read-only, private mapping of which no page was ever
changed, such as by the loader of libraries, in memory or swapped out."""


def give_memory_back() -> None:
    """Return freed memory, and pages of files that can be read again, where the system can."""
    library = ctypes.CDLL(None)
    trim = getattr(library, "malloc_trim", None)
    if trim is not None:
        trim(0)
    if not MAPPINGS.exists():
        return
    for mapping in UNCHANGED.finditer(MAPPINGS.read_text()):
        start, end = (int(address, 16) for address in mapping.groups())
        library.madvise(ctypes.c_void_p(start), ctypes.c_size_t(end - start), mmap.MADV_DONTNEED)
