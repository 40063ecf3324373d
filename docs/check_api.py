"""Check the documentation of the public names, and run the examples in their docstrings.

Usage: python docs/check_api.py docs/_build/html/objects.inv

A public name is one in the `__all__` of srhm or of a room, a module or package right in it. A record is a class without
a public name that these return or have as attributes. The check fails if the inventory of the built pages differs from
both, if a module cannot be imported, or if an example fails. Each docstring is run by itself, in the names of its own
module.
"""

import doctest
import importlib
import inspect
import pkgutil
import sys
from collections.abc import Iterator
from functools import cache, cached_property
from pathlib import Path
from typing import Any, get_args, get_type_hints

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
        getattr(module, "__all__", ()),
        key=lambda name: (not inspect.isroutine(getattr(module, name)), name.lower()),
    )


def classes_in(annotation: Any) -> Iterator[type]:
    """Yield the classes of ours in an annotation."""
    if inspect.isclass(annotation) and annotation.__module__.startswith("srhm."):
        yield annotation
    for part in get_args(annotation):
        yield from classes_in(part)


def annotations(value: Any) -> dict[str, Any]:
    """Return the annotations of a function or a class; none if one is of a library that is not imported."""
    try:
        return get_type_hints(value)
    except NameError:
        return {}


def given(value: Any) -> Iterator[type]:
    """Yield the classes of ours that a function returns, or a class has as attributes or returns."""
    members = [value]
    if inspect.isclass(value):
        fields = annotations(value).items()
        yield from (one for name, field in fields if name[0] != "_" for one in classes_in(field))
        members = [member for name, member in vars(value).items() if name[0] != "_"]
    for member in members:
        if isinstance(member, property):
            member = member.fget
        elif isinstance(member, cached_property):
            member = member.func
        member = inspect.unwrap(getattr(member, "__func__", member))
        if inspect.isroutine(member):
            yield from classes_in(annotations(member).get("return"))


@cache
def records() -> tuple[type, ...]:
    """Return the classes without public names that public ones lead to."""
    values = [getattr(importlib.import_module(room), name) for room in rooms() for name in public_names(room)]
    found: dict[type, None] = {}
    frontier = list(values)
    while frontier:
        after = {one for value in frontier for one in given(value) if one not in values and one not in found}
        frontier = sorted(after, key=lambda one: one.__qualname__)
        found |= dict.fromkeys(frontier)
    return tuple(sorted(found, key=lambda one: one.__qualname__.lower()))


def page_of(record: type) -> str:
    """Return the room on whose page a record is described: its own, or srhm if that has no page."""
    room = ".".join(record.__module__.split(".")[:2])
    return room if any(owner(room, name) == room for name in public_names(room)) else "srhm"


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
    classes = {name for kind in ("py:class", "py:exception") for name in inventory.data.get(kind, ())}
    described = {name for name in listed if name.rpartition(".")[0] not in classes}  # not their members
    with mock(["ray"]):  # as in conf.py
        modules = public_modules()
        for module in modules:
            importlib.import_module(module)
        public = {f"{owner(room, name)}.{name}" for room in rooms() for name in public_names(room)}
        public |= (kinds := {f"{one.__module__}.{one.__qualname__}" for one in records()})
        described = {exported_as(name, public) for name in described}
        tried, failed = run_examples(modules)
    for name in sorted(public - described):
        print(f"{name} is public but on no page: its room has no page in docs/api", file=sys.stderr)
    for name in sorted(described - public):
        print(
            f"{name} is on a page, but in the __all__ of no room: export it or leave it out", file=sys.stderr
        )
    print(f"{len(public - kinds)} public names and {len(kinds)} records; {tried} examples, {failed} failed")
    return 1 if failed or not tried or public != described else 0


if __name__ == "__main__":
    sys.exit(main())
