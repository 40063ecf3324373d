"""How a function of the user's is named, so that a worker on this machine or another can find it."""

import hashlib
import importlib
import importlib.util
import inspect
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from ..errors import ArgumentError, SrhmError
from ..files import user_path

_importing: list[str] = []
"""Scripts that are being imported for a function of theirs."""


def name_of(function: Any, argument: str) -> str:
    """Return the name of a function, ``"module:function"``, or ``"/path/script.py:function"`` if a script has it.

    Parameters
    ----------
    function
        A function of a module or of the script that is running, or its name.
    argument
        What the caller calls it.

    Raises
    ------
    ArgumentError
        If a worker could not find it: a lambda, a function inside another, a method of an object, one of a
        notebook, or one whose module has another of that name.
    """
    if isinstance(function, str):
        find(function, argument)
        return function
    module, name = getattr(function, "__module__", None), getattr(function, "__qualname__", "<unnamed>")
    main = sys.modules.get("__main__")
    path = getattr(main, "__file__", None)
    alone = inspect.ismethod(function) and not inspect.isclass(
        function.__self__
    )  # the object would not go along
    found = path is not None if module == "__main__" else _in_module(module, name) == function
    if alone or "<" in name or not found:
        problem = "cannot be found by other processes"
        fix = "Put it into a file as a function with a name and import it, or compute here with workers=1"
        raise ArgumentError(argument, function, problem, fix)
    if module == "__main__" and path is not None:
        spec = getattr(main, "__spec__", None)  # of `python -m`, whose imports may be relative
        module = Path(path).absolute() if spec is None else spec.name
    return f"{module}:{name}"


def _in_module(module: str | None, name: str) -> Any:
    """Return what stands under a name in a module that is imported, or None."""
    found: Any = sys.modules.get(module or "")
    for part in name.split("."):
        found = getattr(found, part, None)
    return found


@cache
def find(name: str, argument: str = "train") -> Callable[..., Any]:
    """Return the function of a name.

    Raises
    ------
    ArgumentError
        If there is no such module, file or function.
    """
    home, colon, rest = name.rpartition(":")
    try:
        if not colon:
            raise ImportError("there is no colon in it")
        found: Any = _script(home) if home.endswith(".py") else importlib.import_module(home)
        for part in rest.split("."):
            found = getattr(found, part)
    except (ImportError, AttributeError, OSError) as error:
        problem = f"names no function that can be imported ({error})"
        raise ArgumentError(
            argument, name, problem, "Use 'module:function' or 'script.py:function'"
        ) from None
    return found


def refuse_within_import() -> None:
    """Refuse to compute in a script that is only imported for one of its functions.

    Raises
    ------
    SrhmError
        If such an import is under way: without the error, every worker would do all that the script does.
    """
    if _importing:
        raise SrhmError(
            f"{_importing[-1]} computes when it is imported, as workers do to find its functions. Put all that it does "
            'under `if __name__ == "__main__":`, or move the function to a file of its own and import it'
        )


def _script(path: str) -> Any:
    """Import a file under a name of its own; what stands under `if __name__ == "__main__"` does not run."""
    main, path = sys.modules.get("__main__"), str(user_path(path))
    if path == str(Path(getattr(main, "__file__", None) or "").absolute()):  # the script that is running
        return main
    name = f"srhm_script_{hashlib.sha256(path.encode()).hexdigest()[:16]}"
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, path)
        if spec is None or spec.loader is None:
            raise ImportError(f"{path} is no Python file")
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        _importing.append(path)
        try:
            spec.loader.exec_module(module)
        except BaseException:
            del sys.modules[name]
            raise
        finally:
            _importing.pop()
    return sys.modules[name]
