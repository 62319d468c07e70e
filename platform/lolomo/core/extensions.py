"""Parts that a company keeps in its own package, found through entry points.

A task, model, feature group or dataset outside this repository is one entry in its package's
`pyproject.toml`, for example:

    [project.entry-points."lolomo.tasks"]
    kids_picks = "acme.tasks:KIDS_PICKS"

It stands beside the built-in ones. Two parts of one name are an error, never a silent override.
"""

from collections.abc import Callable, Iterable
from importlib.metadata import entry_points
from typing import TypeVar

from lolomo.core.errors import SettingsError

Part = TypeVar("Part")

GROUPS = ("lolomo.tasks", "lolomo.models", "lolomo.features", "lolomo.datasets")


def with_extensions(
    group: str, built_in: Iterable[Part], name_of: Callable[[Part], str]
) -> dict[str, Part]:
    """Return the built-in parts and those that installed packages add, by name.

    Args:
        group: The entry point group, one of `GROUPS`.
        built_in: The parts of this distribution, in their order of preference.
        name_of: How a part is called.

    Raises:
        SettingsError: If two parts have one name.
    """
    parts = {name_of(part): part for part in built_in}
    for entry in sorted(entry_points(group=group), key=lambda entry: entry.name):
        part: Part = entry.load()
        name = name_of(part)
        if name in parts:
            raise SettingsError(
                f"two parts of {group!r} are called {name!r}; received the second from entry point "
                f"{entry.value!r}: rename it"
            )
        parts[name] = part
    return parts
