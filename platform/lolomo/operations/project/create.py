"""Create a project: a package with one task, its test, and an overlay."""

import re
from pathlib import Path
from string import Template

from lolomo.core.errors import SettingsError
from lolomo.core.files import directory_written_whole

TEMPLATES = Path(__file__).parent / "templates"
SUFFIX = ".template"
"""So that no tool takes a template for what it becomes."""
NAME = re.compile(r"[a-z][a-z0-9-]*")


def create_project(folder: Path, name: str, namespace: str = "lolomo") -> Path:
    """Write a project's files, all or none.

    Args:
        folder: Where; must not exist, or be empty.
        name: The company's or team's name, as in a domain name.
        namespace: Where its pods run; a tenant of a shared cluster has its own.

    Returns:
        The package within it.

    Raises:
        SettingsError: If the name cannot be a package's, or something is there.
    """
    for word in (name, namespace):
        if not NAME.fullmatch(word):
            raise SettingsError(
                f"received {word!r}: expected small letters, digits and hyphens, such as acme"
            )
    if folder.exists() and any(folder.iterdir()):
        raise SettingsError(f"{folder} is not empty: name a folder that does not exist yet")
    package = name.replace("-", "_")
    words = {"name": name, "package": package, "namespace": namespace}
    with directory_written_whole(folder) as staging:
        for template in sorted(TEMPLATES.rglob(f"*{SUFFIX}")):
            place = template.relative_to(TEMPLATES).parts
            parts = [package if part == "package" else part for part in place]
            target = staging.joinpath(*parts).with_suffix("")
            target.parent.mkdir(parents=True, exist_ok=True)
            text = Template(template.read_text())
            target.write_text(text.substitute(words))
    return folder / package
