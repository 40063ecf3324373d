"""Check the documentation of the public names, and run the examples in their docstrings.

Usage: python docs/check_api.py docs/_build/html/objects.inv

A public name is one in the `__all__` of srhm or of a module in it whose name has no leading underscore. The
check fails if one is missing from the inventory of the built pages, if a public module cannot be imported, or
if an example fails. Each docstring is run by itself, in the names of its own module.
"""

import doctest
import importlib
import pkgutil
import sys
from pathlib import Path

from sphinx.ext.autodoc.mock import mock
from sphinx.util.inventory import InventoryFile


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


def undocumented(modules: list[str], documented: set[str]) -> list[str]:
    """Return the exported names that are in no page."""
    return [
        f"{module}.{name}"
        for module in modules
        for name in getattr(sys.modules[module], "__all__", ())
        if not documented.intersection(homes(module, name))
    ]


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
    documented = {
        name for kind, objects in inventory.data.items() if kind.startswith("py:") for name in objects
    }
    with mock(["ray"]):  # as in conf.py
        modules = public_modules()
        for module in modules:
            importlib.import_module(module)
        missing = undocumented(modules, documented)
        tried, failed = run_examples(modules)
    for name in missing:
        print(f"{name} is public but in no page: give it a place in docs/api.md", file=sys.stderr)
    if not documented:
        print(f"{sys.argv[1]} lists no Python object at all", file=sys.stderr)
    print(f"{len(documented)} names documented, {len(missing)} missing; {tried} examples, {failed} failed")
    return 1 if missing or failed or not documented else 0


if __name__ == "__main__":
    sys.exit(main())
