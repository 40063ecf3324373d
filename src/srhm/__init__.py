"""The Sparse Random Hierarchy Model of Tomasini & Wyart (ICML 2024): sparse, hierarchical data sets.

This namespace holds the data (parameters, rules, derivations, data sets) and the front door: :func:`run
<srhm.front.run>` trains a network, :func:`pstar <srhm.front.pstar>` measures its P*. Everything else is in rooms, which
are imported when they are first used: ``srhm.nets``, ``srhm.training``, ``srhm.measure``, ``srhm.study``,
``srhm.store``, ``srhm.figures``.
"""

from importlib import import_module
from typing import TYPE_CHECKING

__version__ = "0.2.0"

if TYPE_CHECKING:
    from ._names import *  # noqa: F403
else:
    _FRONT = ("pstar", "run")
    _ROOMS = (
        "compat",
        "explore",
        "exports",
        "figures",
        "gradients",
        "images",
        "inference",
        "learners",
        "measure",
        "model",
        "nets",
        "reference",
        "report",
        "runner",
        "store",
        "study",
        "theory",
        "torch",
        "training",
    )

    # Nothing is imported before it is used: a command imports this package before it can heed Ctrl-C.
    def __getattr__(name: str) -> object:
        if name in _FRONT:
            return getattr(import_module(".front", __name__), name)
        if name in _ROOMS:
            return import_module(f".{name}", __name__)
        if name == "__all__" or not name.startswith("_"):
            names = import_module("._names", __name__)
            globals().update(
                {one: getattr(names, one) for one in names.__all__}, __all__=[*names.__all__, *_FRONT]
            )
        try:
            return globals()[name]
        except KeyError:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}") from None

    def __dir__() -> list[str]:
        return sorted({*globals(), *__getattr__("__all__")})
