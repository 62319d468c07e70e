"""Imports of heavy libraries without what nobody here uses of them."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def without(*modules: str) -> Iterator[None]:
    """Let imports in the block find these modules missing, unless they are imported already.

    For libraries that import something big only if it is there. What is left out can be imported
    as usual afterwards.
    """
    hidden = [module for module in modules if module not in sys.modules]
    for module in hidden:
        sys.modules[module] = None  # type: ignore[assignment]
    try:
        yield
    finally:
        for module in hidden:
            if sys.modules.get(module, sys) is None:
                del sys.modules[module]
