"""Check the documentation of the public names, and run the examples in their docstrings.

Usage: python docs/check_api.py docs/_build/html/objects.inv

A public name is one in the `__all__` of srhm or of a room, a module or package right in it. The check fails if the
inventory of the built pages differs from these, if a module cannot be imported, or if an example fails. Each
docstring is run by itself, in the names of its own module.
"""

import doctest
import importlib
import inspect
import pkgutil
import sys
from pathlib import Path

from sphinx.ext.autodoc.mock import mock
from sphinx.util.inventory import InventoryFile

import srhm


def public_modules() -> list[str]:
    """Return the names of srhm and all modules in it, but those that begin with an underscore."""
    found, packages = ["srhm"], ["srhm"]
    while packages:
        package = packages.pop()
        for module in pkgutil.iter_modules(importlib.import_module(package).__path__, package + "."):
            if not module.name.rpartition(".")[2].startswith("_"):
                found.append(module.name)
                packages += [module.name] * module.ispkg
    return sorted(found)


def homes(module: str, name: str) -> list[str]:
    """Return the full names that an exported name may be documented under: all of the same object."""
    exported = getattr(sys.modules[module], name, None)
    names = [f"{module}.{name}"]
    if exported is not None:
        own = getattr(exported, "__module__", None), getattr(exported, "__qualname__", None)
        names += [".".join(own)] if all(isinstance(part, str) for part in own) else []
        loaded = [(other, holder) for other, holder in sys.modules.items() if other.split(".")[0] == "srhm"]
        names += [f"{other}.{name}" for other, holder in loaded if getattr(holder, name, None) is exported]
    return names


def rooms() -> list[str]:
    """Return srhm and the modules and packages right in it that say in `__all__` what of them is public."""
    names = [f"srhm.{one.name}" for one in pkgutil.iter_modules(srhm.__path__) if one.name[0] != "_"]
    return ["srhm", *(name for name in names if hasattr(importlib.import_module(name), "__all__"))]


def public_names(room: str) -> list[str]:
    """Return the public names of a room: functions first, then types and data."""
    module = importlib.import_module(room)
    return sorted(
        module.__all__, key=lambda name: (not inspect.isroutine(getattr(module, name)), name.lower())
    )


def owner(room: str, name: str) -> str:
    """Return the room that a name is described under: srhm, if that has the same object, else its own."""
    value = getattr(importlib.import_module(room), name)
    return "srhm" if name in srhm.__all__ and getattr(srhm, name) is value else room


def exported_as(name: str, public: set[str]) -> str:
    """Return the public name of an object: Sphinx lists a class also by the module that defines it."""
    module, _, own = name.rpartition(".")
    value = getattr(sys.modules.get(module), own, None)
    same = [
        one
        for one in public
        if one.endswith(f".{own}") and value is getattr(sys.modules[one[: -len(own) - 1]], own)
    ]
    return same[0] if same else name


def run_examples(modules: list[str]) -> tuple[int, int]:
    """Run the examples of all docstrings; return how many were tried and how many failed."""
    options = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
    results = [doctest.testmod(sys.modules[module], optionflags=options) for module in modules]
    return sum(one.attempted for one in results), sum(one.failed for one in results)


def main() -> int:
    if len(sys.argv) != 2:
        print("usage: python docs/check_api.py OBJECTS.INV", file=sys.stderr)
        return 2
    inventory = InventoryFile.loads(Path(sys.argv[1]).read_bytes(), uri="")
    listed = {name for kind, objects in inventory.data.items() if kind.startswith("py:") for name in objects}
    listed -= set(inventory.data.get("py:module", ()))
    described = {
        name for name in listed if name.rpartition(".")[0] not in listed
    }  # not the members of classes
    with mock(["ray"]):  # as in conf.py
        modules = public_modules()
        for module in modules:
            importlib.import_module(module)
        public = {f"{owner(room, name)}.{name}" for room in rooms() for name in public_names(room)}
        described = {exported_as(name, public) for name in described}
        tried, failed = run_examples(modules)
    for name in sorted(public - described):
        print(f"{name} is public but on no page: its room has no page in docs/api", file=sys.stderr)
    for name in sorted(described - public):
        print(
            f"{name} is on a page, but in the __all__ of no room: export it or leave it out", file=sys.stderr
        )
    print(f"{len(public)} public names, {len(described)} described; {tried} examples, {failed} failed")
    return 1 if failed or not tried or public != described else 0


if __name__ == "__main__":
    sys.exit(main())
