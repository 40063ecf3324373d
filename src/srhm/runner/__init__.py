"""The computation of runs: a driver hands them to an executor, and puts what comes back into the store."""

from importlib import import_module
from typing import TYPE_CHECKING

from .. import lab_extra  # noqa: F401 (says which package is missing)

__all__ = ["Policy", "keep_compiled_programs", "open_executor", "search"]

if TYPE_CHECKING:
    from .driver import Policy
    from .executors import keep_compiled_programs, open_executor
    from .searches import search
else:
    _HOMES = {"Policy": "driver", "search": "searches"} | dict.fromkeys(
        ("keep_compiled_programs", "open_executor"), "executors"
    )

    # Nothing is imported before it is used: `srhm status` asks a store alone, and needs no JAX.
    def __getattr__(name: str) -> object:
        if name not in _HOMES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(import_module(f".{_HOMES[name]}", __name__), name)
