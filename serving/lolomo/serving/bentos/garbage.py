"""The garbage collector of a serving process: it must not stop the slowest answers.

What start-up made lives as long as the process, hundreds of thousands of objects. A full collection
looks at all of them, half a second in which nobody is answered; so they are left out of it.
"""

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from lolomo.serving.bentos.giving_back import give_memory_back

CALM: Final = (50_000, 20, 50)
_usual: Final = gc.get_threshold()


@contextmanager
def garbage_collector_paused() -> Iterator[None]:
    """Collect nothing while a service loads: what it makes is kept, and would be looked at often.

    Of a start's processor time a tenth went there.
    """
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def calm_garbage_collector() -> None:
    """Leave what start-up made out of every later collection, and give back what it used."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*CALM)
    give_memory_back()


def wake_garbage_collector() -> None:
    """Undo `calm_garbage_collector`, so that extensions can tidy up as the process ends."""
    gc.set_threshold(*_usual)
    gc.unfreeze()
