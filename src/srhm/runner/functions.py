"""A function of the user's that trains: how a setup names it, and how other processes find it."""

import hashlib
import importlib
import inspect
import sys
import textwrap
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import equinox as eqx

from ..errors import ArgumentError, SrhmError
from ..model.encoding import Encoding
from ..study.custom import CustomNet

TrainFunction = Callable[..., Any]
"""``train(dataset, seed) -> network``, from a training set and a seed to any network that
:func:`srhm.measure.layers.predictor_of` takes."""

_importing: list[str] = []
"""Modules that are being imported for a function of theirs."""


def custom_net(
    train: TrainFunction, name: str | None = None, encoding: Encoding = "whitened",
    options: Mapping[str, Any] | None = None,
) -> CustomNet:  # fmt: skip
    """Return the entry of a function in a setup: its name, a hash of its text, its options, and how it takes its
    inputs.

    By default the name is ``"module:function"``, or ``"script:function"`` if the script that is running has it, and
    ``"module:Class.method"`` of a method of a class. It has to be given where the text is not known or does not say
    all: of a lambda, a partial, a method of an object, a function that uses variables of another one, also as defaults,
    or one that was typed at a prompt. The text is that of the file now: reload a module whose file has changed.
    """
    text, depends = _text(train), _depends(train)
    if name is None:
        if text is None or depends:
            known = "uses variables of the function around it" if depends else "has no source text of its own"
            problem = f"is needed: {train!r} {known}, by which its runs could be distinguished from those of another"
            raise ArgumentError("name", None, problem, "Give name=, a name under which its runs are kept")
        of_class = getattr(train.__self__, "__qualname__", "") + "." if inspect.ismethod(train) else ""
        name = ":".join(filter(None, [_home(train.__module__), of_class + train.__name__]))
    source = None if text is None else hashlib.sha256(text.encode()).hexdigest()
    return CustomNet(name, encoding=encoding, options=dict(options or {}), source=source)


def _depends(train: TrainFunction) -> bool:
    """Return whether a function has values of another one that its text does not say."""
    inner = "<locals>" in getattr(train, "__qualname__", "")
    defaults = getattr(train, "__defaults__", None) or getattr(train, "__kwdefaults__", None)
    return bool(getattr(train, "__closure__", None) or (inner and defaults))


def check_trains(train: Any, options: Mapping[str, Any] | None = None) -> None:
    """Refuse what is not a function of a training set and a seed: a network, a class, or another signature."""
    if inspect.isclass(train) or isinstance(train, eqx.Module) or hasattr(train, "state_dict"):
        problem = "is a network or a class, not a function that trains one"
        raise ArgumentError(
            "net", train, problem, "Give a function train(dataset, seed) that returns the network"
        )
    try:
        inspect.signature(train).bind(None, None, **(options or {}))
    except TypeError as error:
        problem = f"cannot be called as net(dataset, seed, **options): {error}"
        raise ArgumentError("net", train, problem, "Let it take a Dataset, a seed and the options") from None
    except ValueError:  # some built-in functions do not tell what they take
        return


def _text(train: TrainFunction) -> str | None:
    """Return the source text of a function, or None where there is none that is its alone."""
    if inspect.ismethod(train) and inspect.isclass(train.__self__):
        train = train.__func__
    if not inspect.isfunction(train) or train.__name__ == "<lambda>":
        return None
    try:
        return textwrap.dedent(inspect.getsource(train))
    except (OSError, TypeError):  # it was typed at a prompt
        return None


def _home(module: str) -> str:
    """Return the name of the module that a function is of, or of the script; nothing in a notebook."""
    main = sys.modules["__main__"]
    if module != "__main__":
        return module
    spec, path = getattr(main, "__spec__", None), getattr(main, "__file__", None)
    return spec.name if spec is not None else Path(path).stem if path is not None else ""


@dataclass(frozen=True)
class Importable:
    """How another process, on this machine or another, finds a function of the user's."""

    name: str
    """``"module:function"``."""
    path: tuple[str, ...]
    """Where modules are looked for: Ray's workers look elsewhere by themselves."""

    @classmethod
    def of(cls, function: TrainFunction, argument: str) -> "Importable":
        """Return it, or raise as :func:`name_of`."""
        return cls(name_of(function, argument), tuple(str(Path(folder).absolute()) for folder in sys.path))

    def find(self) -> TrainFunction:
        """Return the function, in the process that is to call it."""
        sys.path += [folder for folder in self.path if folder not in sys.path]
        return find(self.name, "net")


def name_of(function: Any, argument: str) -> str:
    """Return the name of a function of a module, ``"module:function"``, by which other processes find it.

    If they could not, it is an ArgumentError about what the caller calls it: a lambda, a function inside another, a
    method of an object, one of the script or notebook that is running, or one whose module has another of that name.
    """
    module, name = getattr(function, "__module__", None), getattr(function, "__qualname__", "<unnamed>")
    # Of a method, the object would not go along.
    alone = inspect.ismethod(function) and not inspect.isclass(function.__self__)
    if module == "__main__" or alone or "<" in name or _in_module(module, name) != function:
        where = "is of the script or notebook that is running, and " if module == "__main__" else ""
        problem = f"{where}cannot be found by other processes"
        fix = "Put it into a file of its own as a function with a name and import it, or compute here with workers=1"
        raise ArgumentError(argument, function, problem, fix)
    return f"{module}:{name}"


def _in_module(module: str | None, name: str) -> Any:
    """Return the object of a name in a module that is imported, or None."""
    found: Any = sys.modules.get(module or "")
    for part in name.split("."):
        found = getattr(found, part, None)
    return found


def find(name: str, argument: str) -> Callable[..., Any]:
    """Return the function of a name; an ArgumentError says that it, or its module, does not exist."""
    module, _, rest = name.partition(":")
    _importing.append(module)
    try:
        found: Any = importlib.import_module(module)
        for part in rest.split("."):
            found = getattr(found, part)
    except (ImportError, AttributeError) as error:
        problem = f"cannot be imported ({error})"
        raise ArgumentError(argument, name, problem, "Install its module where runs are computed") from None
    finally:
        _importing.pop()
    return found


def refuse_within_import() -> None:
    """Refuse to compute in a module that is only imported for one of its functions: every worker would do all that it
    does.
    """
    if _importing:
        raise SrhmError(
            f"{_importing[-1]} computes when it is imported, as workers do to find its functions. Put all that it does "
            'under `if __name__ == "__main__":`, or move the function to a file of its own and import it'
        )
