"""Which code made something: a release card states it, and work is redone when it changes.

A release names all the code that training consists of. A step of a pipeline depends on less: on the
module it is written in and on whatever that one reaches by imports, which is read from the sources
without running them. So the code that judges is none of what a fit depends on, and one more model
makes no other fit anew. Two rules keep it so:

- a package's `__init__` counts only for what it defines: `from lolomo.evaluation import Fold` leads
  to the module of `Fold`, not to all that the package exports;
- the list of models is not followed, for a step names the one model of the list that it uses.

What another installed package adds counts where its module is named, as a model's is.
"""

import ast
import hashlib
from collections.abc import Iterator
from functools import cache
from importlib.metadata import version
from importlib.util import find_spec, resolve_name
from pathlib import Path

import lolomo

ROOMS = ("core", "tasks", "events", "features", "runtimes", "evaluation", "training")
"""The packages that decide what training produces; command line and serving do not."""
LISTS = ("lolomo.training.models",)
"""Modules that are not followed, since who uses one of their entries names it."""


@cache
def code_version(*modules: str) -> str:
    """Return the distribution's version and a digest of sources.

    Args:
        *modules: Whose sources, and those that they reach by imports; all of `ROOMS` if none.
    """
    digest = hashlib.sha256()
    for name, path in sorted(sources_of(*modules).items() if modules else _all_sources()):
        digest.update(name.encode())
        digest.update(path.read_bytes())
    return f"{version('lolomo')}+{digest.hexdigest()[:12]}"


def sources_of(*modules: str) -> dict[str, Path]:
    """Return the files of modules and of all that they reach by imports, by module.

    Followed are imports within `lolomo` and within the packages of the given modules.
    """
    followed = {"lolomo", *(_top(module) for module in modules)}
    found: dict[str, Path] = {}
    pending = list(modules)
    while pending:
        module = pending.pop()
        path = _file_of(module) if _top(module) in followed else None
        if path is None or module in found or module in LISTS:
            continue
        found[module] = path
        pending += _imports_of(module)
    return found


def _all_sources() -> Iterator[tuple[str, Path]]:
    for root in map(Path, lolomo.__path__):
        for room in ROOMS:
            for path in (root / room).rglob("*.py"):
                yield path.relative_to(root).as_posix(), path


def _top(module: str) -> str:
    return module.partition(".")[0]


@cache
def _file_of(module: str) -> Path | None:
    """Return a module's source; None for a namespace, or where there is none to read."""
    top, *below = module.split(".")
    spec = find_spec(top) if top != "__main__" else None
    if spec is None:
        return None
    if not below:
        return Path(spec.origin) if spec.has_location and spec.origin else None
    for root in map(Path, spec.submodule_search_locations or ()):
        stem = root.joinpath(*below)
        for path in (stem.with_name(f"{stem.name}.py"), stem / "__init__.py"):
            if path.is_file():
                return path
    return None


@cache
def _imports_of(module: str) -> tuple[str, ...]:
    """Return the modules where the names that a module imports, anywhere in it, are defined."""
    found: list[str] = []
    for node in ast.walk(_tree(module)):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            package = _origin(module, node)
            found += [_home_of(package, alias.name) for alias in node.names]
    return tuple(found)


def _home_of(module: str, name: str) -> str:
    """Return the module that defines what `from module import name` imports."""
    if _file_of(f"{module}.{name}"):
        return f"{module}.{name}"
    path = _file_of(module)
    if path is not None and path.name == "__init__.py":
        for node in _tree(module).body:
            if isinstance(node, ast.ImportFrom):
                for alias in node.names:
                    if (alias.asname or alias.name) == name:
                        return _home_of(_origin(module, node), alias.name)
    return module


def _origin(module: str, node: ast.ImportFrom) -> str:
    """Return what an import's `from` names, in full."""
    path = _file_of(module)
    is_package = path is not None and path.name == "__init__.py"
    package = module if is_package else module.rpartition(".")[0]
    return resolve_name("." * node.level + (node.module or ""), package)


@cache
def _tree(module: str) -> ast.Module:
    path = _file_of(module)
    return ast.parse(path.read_bytes() if path else b"")
