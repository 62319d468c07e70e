"""The garbage collector of a serving process: it must not stop the slowest answers.

What start-up made lives as long as the process, hundreds of thousands of objects. A full collection
looks at all of them, half a second in which nobody is answered; so they are left out of it.
"""

import gc
from typing import Final

CALM: Final = (50_000, 20, 50)
_usual: Final = gc.get_threshold()


def calm_garbage_collector() -> None:
    """Leave what start-up made out of every later collection."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*CALM)


def wake_garbage_collector() -> None:
    """Undo `calm_garbage_collector`, so that extensions can tidy up as the process ends."""
    gc.set_threshold(*_usual)
    gc.unfreeze()
