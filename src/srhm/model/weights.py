"""Uneven weights of rules, placements and classes, held as exact integers: the same on every machine.

A weight is a multiple of 2^-32, and those of one parent, of the placements of a level, or of the classes add up to 1.
They are rounded from exact or decimal arithmetic, by the method of largest remainders.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_FLOOR, Decimal, localcontext
from fractions import Fraction
from math import inf, isfinite
from typing import Any

import numpy as np
from jaxtyping import Integer, UInt32

from ..errors import ArgumentError, check_number
from ..randomness import Key, fold, threefry2x32
from .params import Params

TOTAL = 2**32
"""The sum of the integers of one parent."""

_DIGITS = 40
"""Decimal digits of the computation: far more than the ten that are kept."""

WEIGHTS = {
    "rule_weights": "[parent, m] or [m]",
    "placement_weights": "[placement]",
    "class_weights": "[class_]",
}
"""The arguments that give weights, and the shapes of their numbers at one level."""


@dataclass(frozen=True)
class Zipf:
    """Weights in proportion to (k + 1)^-(1 + a) of rule (placement, class) k = 0, 1, ...: a power law.

    Raises
    ------
    ArgumentError
        If a is not above -1.
    """

    a: float
    """The exponent, above -1; infinity keeps the first rule alone."""

    def __post_init__(self) -> None:
        value = float(self.a) if self.a == inf else check_number("a", self.a, above=-1.0)
        object.__setattr__(self, "a", value)

    def _draw(self, rows: int, count: int, key: Key) -> list[list[Decimal]]:
        """Return the weights, the same in each row, up to a factor."""
        if self.a == inf:
            row = [Decimal(k == 0) for k in range(count)]
        else:
            row = [(-(1 + Decimal(self.a)) * Decimal(k + 1).ln()).exp() for k in range(count)]
        return [row] * rows


@dataclass(frozen=True)
class LogNormal:
    """Weights in proportion to exp(sigma z), z a normal draw for each parent and rule (each placement, each class).

    Raises
    ------
    ArgumentError
        If sigma is not positive and finite.
    """

    sigma: float
    """Standard deviation of the logarithms."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "sigma", check_number("sigma", self.sigma, above=0.0))

    def _draw(self, rows: int, count: int, key: Key) -> list[list[Decimal]]:
        """Return the weights up to a factor, drawn with a key."""
        z = _normals(key, rows * count)
        weights = [(Decimal(self.sigma) * one).exp() for one in z]
        return [weights[row * count : (row + 1) * count] for row in range(rows)]


def _normals(key: Key, count: int) -> list[Decimal]:
    """Normal draws by the polar method (Marsaglia and Bray, 1964), from integers and decimal arithmetic alone."""
    found: list[Decimal | None] = [None] * count
    missing, attempt = np.arange(count, dtype=np.uint32), 0
    while len(missing):
        words = threefry2x32(fold(key, attempt), missing, np.zeros_like(missing))
        u, v = (
            2 * np.asarray(word).astype(object) + (1 - 2**32) for word in words
        )  # odd, between -2^32 and 2^32
        square = u * u + v * v
        inside = (square < 2**64).astype(bool)
        for number, x, s in zip(missing[inside].tolist(), u[inside], square[inside], strict=True):
            r2 = Decimal(s) / 2**64
            found[number] = Decimal(x) / 2**32 * (-2 * r2.ln() / r2).sqrt()
        missing, attempt = missing[~inside], attempt + 1
    return [one for one in found if one is not None]


Weights = Zipf | LogNormal | Sequence[Any] | np.ndarray
"""Weights of the rules of a level, of its placements, or of the classes: a law, or numbers as WEIGHTS says."""


def shape_of(argument: str, params: Params, level: int) -> tuple[int, ...]:
    """Return the shape of the weights of a level; that of the classes is L + 1."""
    if argument == "class_weights":
        return (params.n_c,)
    numbers = params.level(level)
    return (numbers.parents, numbers.m) if argument == "rule_weights" else (numbers.placements,)


def integers_of(
    argument: str, given: Weights, params: Params, level: int, key: Key | None, *, rare: bool = False
) -> Integer[np.ndarray, "*parent choice"] | None:
    """Return the weights of a level as multiples of 2^-32, or None if all are equal; level L + 1 is the classes.

    With `rare` a positive weight may round to 0.

    Raises
    ------
    ArgumentError
        If they have another shape, are negative or not finite, do not add up to more than 0, or a positive one rounds
        to 0; or a random law is given without a seed.
    """
    shape = shape_of(argument, params, level)
    rows, count = (1, *shape)[-2:]
    where = "the classes" if level > params.L else f"level {level}"
    if isinstance(given, Zipf | LogNormal):
        if key is None and isinstance(given, LogNormal):
            problem = "is drawn with the seed of a grammar, and given rules have none"
            raise ArgumentError(argument, given, problem, "Give the weights as numbers")
        with localcontext(prec=_DIGITS):
            table: Any = given._draw(rows, count, Key(np.uint32(0), np.uint32(0)) if key is None else key)
    else:
        try:
            numbers = np.asarray(given)
            numbers = np.broadcast_to(numbers, shape) if numbers.shape == (count,) else numbers
        except ValueError:
            numbers = np.empty(0)
        if numbers.shape != shape or numbers.dtype.kind not in "iuf":
            fix = f"Give Zipf(a), LogNormal(sigma), or numbers {WEIGHTS[argument]}"
            problem = f"does not have the shape {shape} of {where}"
            raise ArgumentError(argument, given, problem, fix)
        table = numbers.reshape(rows, count).tolist()
        wrong = next((one for row in table for one in row if not (isfinite(one) and one >= 0)), None)
        if wrong is not None:
            raise ArgumentError(argument, wrong, "is not a weight", "Give finite numbers from 0 on")
        if any(not any(row) for row in table):
            fix = f"Give {'one of them' if rows == 1 else 'each parent'} a positive weight"
            raise ArgumentError(argument, given, "has nothing but zeros", fix)
    if all(one == row[0] for row in table for one in row):
        return None
    rounded = (
        [_rounded(row) for row in table[:1]] * rows if table[0] is table[-1] else list(map(_rounded, table))
    )
    for exact, row in zip(table, rounded, strict=True):
        lost = next(
            (k for k, (one, whole) in enumerate(zip(exact, row, strict=True)) if one and not whole), None
        )
        if lost is not None and not rare:
            problem = f"has a weight, number {lost} of {where}, that rounds to 0 in units of 2^-32"
            raise ArgumentError(argument, given, problem, "Use a smaller exponent or sigma, or fewer choices")
    found = np.array(rounded, np.uint64).reshape(shape)
    found.setflags(write=False)
    return found


def _rounded(row: Sequence[Any]) -> list[int]:
    """Integers in proportion to weights, with the sum 2^32: floors, and one more where the remainders are largest."""
    if isinstance(row[0], Decimal):
        with localcontext(prec=_DIGITS):
            total = sum(row, Decimal(0))
            exact = [one / total * TOTAL for one in row]
            floors = [int(one.to_integral_value(ROUND_FLOOR)) for one in exact]
            rest = [one - floor for one, floor in zip(exact, floors, strict=True)]
    else:
        sizes = [Fraction(one) for one in row]
        whole = sum(sizes)
        shares = [one / whole * TOTAL for one in sizes]
        floors = [share.numerator // share.denominator for share in shares]
        rest = [share - floor for share, floor in zip(shares, floors, strict=True)]
    order = sorted(range(len(row)), key=lambda k: (-rest[k], k))
    for k in order[: TOTAL - sum(floors)]:
        floors[k] += 1
    return floors


def of_levels(argument: str, params: Params, given: Any) -> dict[int, Any]:
    """Return the weights by level, from those of all levels or of named ones; level L + 1 is the classes.

    Raises
    ------
    ArgumentError
        If a level is not between 1 and L, or the weights of classes are given by level.
    """
    if given is None:
        return {}
    if argument == "class_weights":
        if isinstance(given, Mapping):
            fix = f"Give Zipf(a), LogNormal(sigma), or numbers {WEIGHTS[argument]}"
            raise ArgumentError(argument, given, "is by level, and classes have none", fix)
        return {params.L + 1: given}
    if not isinstance(given, Mapping):
        return dict.fromkeys(range(1, params.L + 1), given)
    for level in given:
        if level not in range(1, params.L + 1):
            raise ArgumentError(
                argument, level, "is not a level", f"Use levels 1 to {params.L}, as in {{1: Zipf(1)}}"
            )
    return dict(given)


def thresholds(
    weights: Integer[np.ndarray, "*parent choice"],
) -> tuple[UInt32[np.ndarray, "..."], np.ndarray]:
    """Return the largest word of each choice but the last, and how many choices come before any word.

    A random word w makes the choice: `before` plus the number of thresholds below w.
    """
    ends = np.cumsum(weights.astype(np.uint64), axis=-1)[..., :-1]
    before = np.asarray((ends == 0).sum(axis=-1), np.int32)
    # Choices of weight 0 at the beginning have no largest word; their thresholds move to the end, where none is above.
    last = np.where(ends == 0, np.uint64(TOTAL), ends) - np.uint64(1)
    return np.sort(last, axis=-1).astype(np.uint32), before


def choose(
    words: UInt32[Any, "*shape"], weights: Integer[np.ndarray, "*parent choice"], parent: Any = None
) -> Integer[Any, "*shape"]:
    """Turn random words into choices: by the weights of each one's parent, or by those of all."""
    xp = words.__array_namespace__()
    last, before = thresholds(weights)
    if parent is None:
        above = [words > threshold for threshold in last]
        start: Any = before
    else:
        above = [words > xp.take(xp.asarray(column), parent, mode="clip") for column in last.T]
        start = xp.take(xp.asarray(before), parent, mode="clip")
    choice = xp.zeros(words.shape, np.int32) + start
    for one in above:
        choice = choice + one.astype(np.int32)
    return choice


def weights_text(argument: str, params: Params, given: Any) -> str:
    """Return weights as setups and commands write them, checked: ``zipf(1)``, or by level ``1:lognormal(0.5) 2:3,1``.

    Raises
    ------
    ArgumentError
        If they are not weights of the model, or differ from parent to parent, which a text cannot say.
    """
    if isinstance(given, str):
        given = _parsed(argument, given)
    if given is None:
        return ""
    by_level, texts = of_levels(argument, params, given), {}
    for level, weights in by_level.items():
        key = Key(np.uint32(0), np.uint32(0))
        if not isinstance(weights, Zipf | LogNormal) and np.ndim(weights) > 1:
            fix = "Give a law, or one row for all parents; a Grammar takes a row for each"
            raise ArgumentError(argument, weights, "differs from parent to parent", fix)
        integers_of(argument, weights, params, level, key)
        if isinstance(weights, Zipf | LogNormal):
            value = weights.a if isinstance(weights, Zipf) else weights.sigma
            texts[level] = f"{type(weights).__name__.lower()}({_shortest(value)})"
        else:
            texts[level] = ",".join(_shortest(one) for one in np.asarray(weights).tolist())
    if not isinstance(given, Mapping):
        return next(iter(texts.values()))
    return " ".join(f"{level}:{texts[level]}" for level in sorted(texts))


def weights_of_text(argument: str, text: str) -> Any:
    """Return the weights that a text of :func:`weights_text` gives, as :class:`~srhm.Grammar` takes them."""
    return _parsed(argument, text) if text else None


def _shortest(value: float) -> str:
    return repr(int(value)) if isfinite(value) and value == int(value) else repr(value)


def _parsed(argument: str, text: str) -> Any:
    """Weights from a text: those of all levels, or a dictionary."""
    parts = text.split()
    if not parts:
        return None
    if len(parts) == 1 and ":" not in text:
        return _law(argument, text, parts[0])
    found: dict[int, Any] = {}
    for part in parts:
        level, _, law = part.partition(":")
        if not level.isdecimal() or not law or int(level) in found:
            raise _unreadable(argument, text)
        found[int(level)] = _law(argument, text, law)
    return found


def _law(argument: str, text: str, law: str) -> Any:
    named = re.fullmatch(r"(zipf|lognormal)\(([^()]+)\)", law.lower())
    try:
        numbers = [float(one) for one in (named[2] if named else law).split(",")]
    except ValueError:
        raise _unreadable(argument, text) from None
    if named and len(numbers) > 1:
        raise _unreadable(argument, text)
    return {"zipf": Zipf, "lognormal": LogNormal}[named[1]](numbers[0]) if named else numbers


def _unreadable(argument: str, text: str) -> ArgumentError:
    fix = "Write zipf(1), lognormal(0.5) or numbers such as 3,1; by level 1:zipf(1) 2:3,1"
    return ArgumentError(argument, text, "is not a text of weights", fix)
