"""The errors of the package: one base class, and one error for a bad argument."""

import math
import re
from collections.abc import Iterable
from difflib import SequenceMatcher
from importlib import import_module
from typing import Any, SupportsFloat

import numpy as np


class SrhmError(Exception):
    """Base class of every error that the package raises on purpose."""


class ArgumentError(SrhmError, ValueError):
    """An argument that cannot be used; the message names it, its value and the fix.

    Parameters
    ----------
    argument
        Name of the argument as the caller wrote it, such as ``"m"``.
    value
        The value received.
    problem
        What is wrong with it, as a phrase that follows "argument = value".
    fix
        What to do instead, as a sentence without its final period.

    Examples
    --------
    >>> raise ArgumentError("s", 1, "is below 2", "Use s >= 2")
    Traceback (most recent call last):
      ...
    srhm.errors.ArgumentError: s = 1 is below 2. Use s >= 2.
    """

    def __init__(self, argument: str, value: Any, problem: str, fix: str) -> None:
        self.argument = argument
        self.value = value
        self.problem = problem
        self.fix = fix
        shown = _shown(value)
        if len(shown) > 200:
            shown = shown[:197] + "..."
        super().__init__(f"{argument} = {shown} {problem}. {fix}.")

    def __reduce__(self) -> tuple[Any, ...]:
        """Errors cross process borders, which needs all arguments, not the message alone."""
        return type(self), (self.argument, self.value, self.problem, self.fix)

    def renamed(self, names: dict[str, str]) -> "ArgumentError":
        """Return the error in the words of a caller who knows arguments by other names."""
        pattern = re.compile(rf"\b({'|'.join(map(re.escape, names))})\b")
        texts = [pattern.sub(lambda found: names[found[0]], text) for text in (self.problem, self.fix)]
        return ArgumentError(names.get(self.argument, self.argument), self.value, *texts)


class MissingExtraError(SrhmError, ImportError):
    """A part of the package that needs an optional dependency which is not installed.

    Parameters
    ----------
    package
        The package that could not be imported.
    extra
        The extra of ``srhm`` that brings it.
    """

    def __init__(self, package: str, extra: str) -> None:
        self._arguments = package, extra
        super().__init__(
            f"{package} is not installed. Install the extra {extra}, in a clone of srhm: pip install -e '.[{extra}]'"
        )

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), self._arguments


class BackendError(SrhmError):
    """JAX has no backend to compute on, such as a GPU that JAX_PLATFORMS asks for where there is none."""


def import_extra(name: str, extra: str) -> Any:
    """Return a module of an optional dependency, or raise a :class:`MissingExtraError` if it is not installed."""
    package = name.partition(".")[0]
    try:
        return import_module(name)
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != package:  # it is there, and lacks something itself
            raise
        raise MissingExtraError(package, extra) from None


def check_instance(kind: type | tuple[type, ...], **arguments: Any) -> None:
    """Raise an :class:`ArgumentError` that names the first argument that is not of a kind, or of one of several.

    Examples
    --------
    >>> check_instance(int, seed="7")
    Traceback (most recent call last):
      ...
    srhm.errors.ArgumentError: seed = '7' is a str, not an int. Give an int.
    """
    for argument, value in arguments.items():
        if not isinstance(value, kind):
            given = _with_article(type(value))
            wanted = " or ".join(map(_with_article, kind if isinstance(kind, tuple) else (kind,)))
            raise ArgumentError(argument, value, f"is {given}, not {wanted}", f"Give {wanted}")


def check_instances(kind: type, **arguments: Any) -> None:
    """Raise an :class:`ArgumentError` that names the first argument that is not a list or tuple of a kind."""
    for argument, values in arguments.items():
        if not isinstance(values, list | tuple):
            given, wanted = _with_article(type(values)), f"list of {kind.__qualname__}"
            raise ArgumentError(argument, values, f"is {given}, not a {wanted}", f"Give a {wanted}")
        for number, value in enumerate(values):
            check_instance(kind, **{f"{argument}[{number}]": value})


def _with_article(kind: type) -> str:
    module, name = kind.__module__.split(".")[0], kind.__qualname__
    article = "an" if name[0] in "AEIOaeio" else "a"
    return f"{article} {name}" if module in ("builtins", "srhm") else f"{article} {module}.{name}"


def nearest(name: Any, known: Iterable[str]) -> str | None:
    """Return the known name that a mistyped one resembles most, or None if it resembles none.

    Upper and lower case, and ``-`` and ``_``, count as equal. A number is not taken for a mistyped name.

    Examples
    --------
    >>> nearest("trian", ["train", "run"]), nearest("learning-rate", ["learning_rate"]), nearest("x", ["run"])
    ('train', 'learning_rate', None)
    """
    if not isinstance(name, str) or name.isdecimal():
        return None
    likeness = {one: _likeness(_plain(name), _plain(one)) for one in known}
    best = max(likeness, key=likeness.__getitem__, default=None)
    return best if best is not None and likeness[best] >= (0.6, False) else None


def _likeness(a: str, b: str) -> tuple[float, bool]:
    """Return the share of letters in common, and whether both begin alike, which decides between equals."""
    return SequenceMatcher(None, a, b).ratio(), a[:1] == b[:1]


def _plain(name: str) -> str:
    return name.lower().replace("-", "_")


def name_fix(name: Any, known: Iterable[str]) -> str:
    """Return the fix of an error for an unknown name: the nearest known name, if one is near, and all that there are.

    Examples
    --------
    >>> name_fix("cm", ["cnn", "lcn"]), name_fix("fixd", ["reshuffled", "fixed"])
    ("Use 'cnn' or 'lcn'", "Did you mean 'fixed'? Use 'reshuffled' or 'fixed'")
    """
    names, near = list(known), nearest(name, known)
    if len(names) > 3:
        use = f"Use one of {', '.join(names)}"
    else:
        use = f"Use {' or '.join(filter(None, [', '.join(map(repr, names[:-1])), repr(names[-1])]))}"
    return use if near is None else f"Did you mean {near!r}? {use}"


def check_choice(argument: str, value: Any, choices: Iterable[str], problem: str) -> None:
    """Raise an :class:`ArgumentError` with this problem if the value is not one of some names."""
    names = tuple(choices)
    if not (isinstance(value, str) and value in names):
        raise ArgumentError(argument, value, problem, name_fix(value, names))


def check_integer(
    argument: str, value: Any, *, minimum: int | None = None, maximum: int | None = None
) -> int:
    """Return ``value`` as an ``int``, or raise an :class:`ArgumentError` that says what is expected.

    Booleans are refused: ``True`` is an ``int`` for Python but never a number of anything here.
    """
    try:
        if isinstance(value, bool):
            raise TypeError
        number = value.__index__()
    except (AttributeError, TypeError):
        raise ArgumentError(argument, value, "is not an integer", f"Give {argument} as an int") from None
    if minimum is not None and number < minimum:
        raise ArgumentError(
            argument, value, f"is below {in_short(minimum)}", f"Use {argument} >= {in_short(minimum)}"
        )
    if maximum is not None and number > maximum:
        raise ArgumentError(
            argument, value, f"is above {in_short(maximum)}", f"Use {argument} <= {in_short(maximum)}"
        )
    return number


_DIGITS = 40
"""Digits up to which an integer is written in full."""


def in_short(number: int, separator: str = "") -> str:
    """Write an integer, in full up to 40 digits, and by two of them and a power of ten above, however large.

    Python refuses to write integers of more than 4,300 digits. The separator parts thousands.

    Examples
    --------
    >>> in_short(82944), in_short(82944, ","), in_short(12 * 10**4999)
    ('82944', '82,944', '1.2e5000')
    """
    if abs(number) < 10**_DIGITS:
        return format(number, separator)
    exponent = math.floor(math.log10(abs(number)))
    leading = abs(number) // 10 ** (exponent - 6) / 10**6  # 1 to 10, but for the rounding of the logarithm
    mantissa, shift = f"{leading:.1e}".split("e")
    return f"{'-' * (number < 0)}{mantissa}e{exponent + int(shift)}"


def _shown(value: Any) -> str:
    """The representation of a value, or its type where it holds an integer that Python does not write."""
    try:
        return repr(value)
    except ValueError:
        return in_short(value) if isinstance(value, int) else f"<{type(value).__name__}>"


def check_number(
    argument: str, value: SupportsFloat, above: float = -math.inf, below: float = math.inf
) -> float:
    """Return ``value`` as a finite ``float`` strictly between the bounds, or raise an :class:`ArgumentError`.

    Booleans, and texts such as ``"0.1"``, are refused.
    """
    try:
        if isinstance(value, str | bytes | bytearray | bool | np.bool_):
            raise TypeError
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    if math.isfinite(number) and above < number < below:
        return number
    limits = [f"> {above:g}"] * (above > -math.inf) + [f"< {below:g}"] * (below < math.inf)
    wanted = " ".join(["a finite number", " and ".join(limits)]).strip()
    raise ArgumentError(argument, value, f"is not {wanted}", f"Give {argument} as {wanted}")


def check_array(argument: str, array: Any, shape: tuple[int | None, ...], *, maximum: int, fix: str) -> None:
    """Raise an :class:`ArgumentError` unless an array of NumPy or JAX holds integers of a shape, from 0 to a maximum.

    The length of an axis is None for any. The values of a JAX array inside a compiled
    function are not known, and not looked at.

    Examples
    --------
    >>> check_array("labels", np.array([0, 3]), (None,), maximum=2, fix="Give labels of this model")
    Traceback (most recent call last):
      ...
    srhm.errors.ArgumentError: labels = 3 lies outside 0 to 2. Give labels of this model.
    """
    is_array = hasattr(array, "__array_namespace__")
    found: tuple[int, ...] = array.shape if is_array else ()
    fits = is_array and np.dtype(array.dtype).kind in "iu" and len(found) == len(shape)
    if not fits or any(axis not in (None, size) for axis, size in zip(shape, found, strict=True)):
        axes = ", ".join("any" if axis is None else str(axis) for axis in shape)
        received = f"{array.dtype} of shape {found}" if is_array else type(array).__name__
        raise ArgumentError(argument, received, f"is not an array of integers of shape ({axes})", fix)
    values = known(array)
    if values is None or not values.size:
        return
    for value in (int(values.min()), int(values.max())):
        if not 0 <= value <= maximum:
            raise ArgumentError(argument, value, f"lies outside 0 to {maximum}", fix)


def known(array: Any) -> np.ndarray | None:
    """Return the values of an array of NumPy or JAX, None of one inside a compiled function."""
    if not isinstance(array, np.ndarray):
        from jax.core import Tracer

        if isinstance(array, Tracer):
            return None
    return np.asarray(array)
