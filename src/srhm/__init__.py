"""The Sparse Random Hierarchy Model of Tomasini & Wyart (ICML 2024): sparse, hierarchical data sets.

This namespace holds the data: parameters, rules, derivations, data sets. Networks, training, measurements, runs and
figures are imported by the name of their room: ``srhm.nets``, ``srhm.training``, ``srhm.measure``, ``srhm.study``,
``srhm.store``, ``srhm.figures``.
"""

from importlib import import_module
from typing import TYPE_CHECKING

__version__ = "0.1.0"

if TYPE_CHECKING:
    from ._names import *  # noqa: F403
else:
    # Nothing is imported before it is used: a command imports this package before it can heed Ctrl-C.
    def __getattr__(name: str) -> object:
        if name == "__all__" or not name.startswith("_"):
            names = import_module("._names", __name__)
            globals().update({one: getattr(names, one) for one in names.__all__}, __all__=names.__all__)
        try:
            return globals()[name]
        except KeyError:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}") from None

    def __dir__() -> list[str]:
        return sorted({*globals(), *__getattr__("__all__")})
