"""The parameters of one Sparse Random Hierarchy Model, and everything that follows from them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cached_property, lru_cache
from math import comb, isqrt, prod
from typing import TYPE_CHECKING, Any, Literal, NoReturn, Self

import numpy as np

from ..errors import ArgumentError, check_choice, check_instance, check_integer

Sparsity = Literal["A", "B"]

_OPEN: Any = None
"""The default of a number that is left open."""

_MAX_LEVELS = 64
"""With more the input is too long, whatever the patches; the levels beyond are not looked at."""

PER_LEVEL = ("v", "m", "s", "s0")
"""The numbers that may differ from level to level."""


class PerLevel(tuple[int, ...]):
    """A number of the model that differs from level to level, level 1 (the input) first.

    It is a tuple, and JSON writes it as a list. A computation that takes one number for all levels refuses it.
    """

    def __new__(cls, values: Iterable[int]) -> Self:
        """Take the numbers, level 1 first."""
        return super().__new__(cls, values)

    def _refuse(self, *_: Any) -> NoReturn:
        raise ArgumentError(
            "params",
            tuple(self),
            "differs from level to level, and this is known for equal levels only",
            "Use a model with one v, m, s and s0 for all levels",
        )

    def __str__(self) -> str:
        """Return it as commands and files of runs write it: ``2,0``."""
        return ",".join(map(str, self))

    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __pow__ = __rpow__ = _refuse
    __truediv__ = __rtruediv__ = __floordiv__ = __rfloordiv__ = __mod__ = __rmod__ = __neg__ = _refuse
    __lt__ = __le__ = __gt__ = __ge__ = __index__ = __int__ = __float__ = _refuse


if TYPE_CHECKING:

    class _Number:
        """A number that is given once or for each level; those who read it as an integer take equal levels only."""

        def __get__(self, instance: object, owner: type | None = None) -> int: ...
        def __set__(self, instance: object, value: int | Sequence[int] | None) -> None: ...

else:
    _Number = int | tuple[int, ...]


@dataclass(frozen=True)
class Level:
    """The numbers of one level l: those of its features, and of the rules that produce them."""

    level: int
    """l, from 1, the input, to L."""
    v: int
    """Features of this level."""
    m: int
    """Rules of each parent."""
    s: int
    """Children of a node: the features of a tuple."""
    s0: int
    """Blanks next to each informative child."""
    sparsity: Sparsity
    """The kind of sparsity."""
    parents: int
    """Symbols that own tuples of this level: the n_c classes at level L, the v(l+1) features below."""
    nodes: int
    """Nodes whose children are features of this level, s(l+1) ... s(L)."""
    patches: int
    """Patches of this level, p(l+1) ... p(L): positions of the level above; at level L one."""

    @property
    def patch(self) -> int:
        """Patch length p = s(s0+1): the positions that one node spreads its children over."""
        return self.s * (self.s0 + 1)

    @cached_property
    def placements(self) -> int:
        """Placements of one node's children: (s0+1)^s for sparsity A, C(p, s) for B."""
        return (self.s0 + 1) ** self.s if self.sparsity == "A" else comb(self.patch, self.s)

    @property
    def positions(self) -> int:
        """Positions of this level, for level 1 the input length d."""
        return self.patches * self.patch

    @property
    def features(self) -> int:
        """Informative features of this level in a sample."""
        return self.nodes * self.s


@dataclass(frozen=True)
class Params:
    """The parameters of one model (paper, section 2); what is left open is as in the paper.

    Level 1 is the input and level L lies just below the class. A class owns `m` ordered s-tuples of
    level-L features; a level-(l+1) feature owns `m` s-tuples of level-l features.

    Of v, m, s and s0 each may be one number, or one for each level, level 1 first: v(l) is the number of level-l
    features; m, s and s0(l) are of the rules that produce them. Equal numbers are one: ``v=(6, 6)`` is ``v=6``.

    Parameters
    ----------
    n_c
        Number of classes, at least 2. Default: v, that of level L.
    v
        Number of features of each level, at least 2.
    m
        Number of synonyms: the rules of one class or feature. `n_c * m` and `v * m` (if L > 1) are at
        most `v**s`, because no two parents share a tuple: n_c m(L) <= v(L)^s(L), v(l+1) m(l) <= v(l)^s(l). Default:
        the most for n_c classes and v features, v^(s-1) where n_c <= v; the most at each level where v or s differ.
    s
        Number of informative children of a feature, at least 2. Default: 2.
    s0
        Number of blanks next to each informative child, at least 0. `s0 = 0` is the Random Hierarchy Model.
    L
        Number of levels, at least 1. Default: as many as numbers are given for each level.
    sparsity
        ``"A"``: each child sits at a uniform place in its own sub-patch of s0+1 places.
        ``"B"``: the s children take any s of the s(s0+1) places, their order kept. It is that of all levels.
    plane
        Whether an input is a picture. The s = a^2 children of a node then sit in a square of a x a sub-patches, each
        of s0+1 = b^2 places, b x b pixels, and a patch is a square of ab x ab. It is the same model: positions are
        numbered as ever, in *tree order*, patch after patch, and :meth:`raster` says where each of them lies. Needs
        sparsity A, and numbers s and s0+1 that are squares at every level.

    Raises
    ------
    ArgumentError
        If v, s0 or L is missing, or a number lies outside its range. The message names it, its value and the fix.

    Examples
    --------
    >>> params = Params(n_c=6, v=6, m=6, s=2, s0=1, L=2)
    >>> params.patch, params.d, params.placements, params.P_max
    (4, 16, 4, 82944)
    >>> Params(v=6, s0=1, L=2) == params
    True

    Blanks at the input only:

    >>> params = Params(v=6, s0=(3, 0))
    >>> params.L, params.d, [params.level(level).patch for level in (1, 2)]
    (2, 16, [8, 2])
    >>> Params(v=(6, 6), s0=1, L=2) == Params(v=6, s0=1, L=2)
    True

    In the plane:

    >>> Params(v=4, m=4, s=4, s0=3, L=2, plane=True).shape
    (16, 16)
    """

    n_c: int = _OPEN
    v: _Number = _OPEN
    m: _Number = _OPEN
    s: _Number = 2  # type: ignore[assignment]
    s0: _Number = _OPEN
    L: int = _OPEN
    sparsity: Sparsity = "A"
    plane: bool = False

    def __post_init__(self) -> None:
        given = {name: _listed(name, getattr(self, name)) for name in PER_LEVEL}
        lengths = {len(value): name for name, value in given.items() if isinstance(value, tuple)}
        if self.L is None and lengths:
            object.__setattr__(self, "L", next(iter(lengths)))
        for name in ("v", "s0", "L"):
            if getattr(self, name) is None:
                raise ArgumentError(name, None, "is missing", "Give v, s0 and L; n_c, m and s have defaults")
        self._set("L", check_integer("L", self.L, minimum=1))
        for length, name in lengths.items():
            if length != self.L:
                problem = f"has {length} numbers, and L = {self.L}"
                raise ArgumentError(name, given[name], problem, "Give one number, or one for each level")
        v = self._check("v", given["v"], 2)
        s = self._check("s", given["s"], 2)
        for v_l, s_l in zip(v, s, strict=True):
            if s_l * (v_l.bit_length() - 1) > 62 or v_l**s_l >= 2**62:
                raise ArgumentError(
                    "s", self.s, f"makes v^s = {v_l}^{s_l} tuples, more than 2^62", "Use a smaller s or v"
                )
        self._set("n_c", check_integer("n_c", v[-1] if self.n_c is None else self.n_c, minimum=2))
        default = [v_l**s_l // parents for v_l, s_l, parents in zip(v, s, (*v[1:], self.n_c), strict=True)]
        if len(set(zip(v, s, strict=True))) == 1:
            default = [v[0] ** s[0] // max(v[0], self.n_c)] * len(v)
        self._check("m", tuple(max(1, most) for most in default) if given["m"] is None else given["m"], 1)
        self._check("s0", given["s0"], 0)
        check_choice("sparsity", self.sparsity, ("A", "B"), "is not a kind of sparsity")
        check_instance(bool, plane=self.plane)
        if self.plane:
            self._check_squares()
        self._check_tuples()
        self._check_sizes()

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> "Params":
        """Return the numbers that a file holds; unlike an argument, none of them may be left out.

        Raises
        ------
        KeyError, TypeError
            If a number is missing, or there is one of another name.
        """
        for name in ("n_c", "v", "m", "s", "s0", "L"):
            content[name]
        return cls(**content)

    def to_dict(self) -> dict[str, Any]:
        """Return the numbers as JSON data; `plane` is among them only where it is true."""
        names = [one.name for one in fields(self) if one.name != "plane" or self.plane]
        return {name: getattr(self, name) for name in names}

    def __repr__(self) -> str:
        return f"Params({', '.join(f'{name}={value!r}' for name, value in self.to_dict().items())})"

    def _set(self, name: str, value: Any) -> None:
        object.__setattr__(self, name, value)

    def _check(self, name: str, value: Any, minimum: int) -> tuple[int, ...]:
        """Set a number that may differ by level, and return it for each."""
        if not isinstance(value, tuple):
            number = check_integer(name, value, minimum=minimum)
            self._set(name, number)
            return (number,) * min(self.L, _MAX_LEVELS)
        numbers = tuple(check_integer(f"{name}[{at}]", one, minimum=minimum) for at, one in enumerate(value))
        self._set(name, numbers[0] if len(set(numbers)) == 1 else PerLevel(numbers))
        return numbers[:_MAX_LEVELS]

    def _check_squares(self) -> None:
        """A node in the plane has a x a children, each in b x b places."""
        if self.sparsity != "A":
            problem = "has no sub-patches, which are squares in the plane"
            raise ArgumentError("sparsity", self.sparsity, problem, "Use sparsity A, or plane=False")
        for level in self.levels:
            where = "" if self.uniform else f" at level {level.level}"
            for name, added, what in (("s", 0, ""), ("s0", 1, f"gives s0 + 1 = {level.s0 + 1}, which ")):
                root = isqrt(getattr(level, name) + added)
                near = [one**2 - added for one in (root, root + 1) if one > 1 - added]
                if near[0] != getattr(level, name):
                    problem = f"{what}is not a square{where}, as a plane needs"
                    fix = f"Use {name} = {' or '.join(map(str, near))}{where}, or plane=False"
                    raise ArgumentError(name, getattr(self, name), problem, fix)

    def _check_tuples(self) -> None:
        """Every tuple has at most one parent, so the parents of a level need parents * m <= v^s tuples."""
        for level in reversed(self.levels):  # the classes first
            name = "n_c" if level.level == self.L else "v"
            tuples = level.v**level.s
            if level.parents * level.m > tuples:
                where = "" if self.uniform else f" at level {level.level}"
                fix = f"Use m <= {tuples // level.parents}{where}"
                raise ArgumentError(
                    "m",
                    self.m,
                    f"is too large{where}: {name} * m = {level.parents} * {level.m} exceeds the v^s = {tuples} tuples",
                    fix if level.parents <= tuples else f"Use {name} <= {tuples}, or a larger s",
                )

    def _check_sizes(self) -> None:
        """Rules, positions and placements are numbered in 32-bit integers."""
        rules = max(level.parents * level.m for level in self.levels)
        if rules >= 2**31:
            raise ArgumentError(
                "m", self.m, f"makes {rules} rules per level, 2^31 or more", "Use a smaller m"
            )
        if self.d >= 2**31:
            length = f"{self.patch}^{self.L}" if self.uniform else "too many"
            raise ArgumentError(
                "L", self.L, f"makes inputs of {length} positions, 2^31 or more", "Use a smaller L, s or s0"
            )
        placements = max(level.placements for level in self.levels)
        if placements >= 2**31:
            raise ArgumentError(
                "s0", self.s0, f"makes {placements} placements a node, 2^31 or more", "Use a smaller s0"
            )

    @cached_property
    def levels(self) -> tuple[Level, ...]:
        """The numbers of each level, level 1 (the input) first."""
        found: list[Level] = []
        parents, nodes, patches = self.n_c, 1, 1
        for index in reversed(range(min(self.L, _MAX_LEVELS))):
            v, m, s, s0 = (_at(getattr(self, name), index) for name in PER_LEVEL)
            found.insert(0, Level(index + 1, v, m, s, s0, self.sparsity, parents, nodes, patches))
            parents, nodes, patches = v, nodes * s, patches * found[0].patch
        return tuple(found)

    def level(self, level: int) -> Level:
        """Return the numbers of one level.

        Raises
        ------
        ArgumentError
            If `level` is not between 1 and L.

        Examples
        --------
        >>> Params(v=(4, 6), m=2, s0=(1, 0), n_c=3).level(1)
        Level(level=1, v=4, m=2, s=2, s0=1, sparsity='A', parents=6, nodes=2, patches=2)
        """
        return self.levels[check_integer("level", level, minimum=1, maximum=self.L) - 1]

    @property
    def uniform(self) -> bool:
        """Whether v, m, s and s0 are the same at all levels."""
        return not any(isinstance(getattr(self, name), PerLevel) for name in PER_LEVEL)

    @property
    def has_blanks(self) -> bool:
        """Whether there are blanks at any level."""
        return any(level.s0 > 0 for level in self.levels)

    @property
    def patch(self) -> int:
        """Patch length p = s(s0+1) of all levels; where they differ see :meth:`level`."""
        return self.s * (self.s0 + 1)

    @property
    def d(self) -> int:
        """Input length: d = p^L where levels are equal."""
        return self.levels[0].positions

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of an input: (d,), or (rows, columns) in the plane, each the product of the sides ab of all patches."""
        return (isqrt(self.d),) * 2 if self.plane else (self.d,)

    def raster(self, level: int = 1) -> np.ndarray:
        """Return which position each pixel of the picture of a level is, [row, column].

        With this array of integers arrays over positions become pictures: ``x[:, params.raster()]`` is [sample,
        row, column, ...] for `x`, [sample, position, ...], of NumPy, JAX or PyTorch. Level 1 is the input. The patch of
        position q of the level above is its p = s(s0+1) positions from pq on, which fill the square of ab x ab pixels
        in the place of q.

        Raises
        ------
        ArgumentError
            If `level` is not between 1 and L, or the model is not in the plane.

        Examples
        --------
        >>> params = Params(v=4, m=1, s=4, s0=(0, 3), L=2, plane=True)
        >>> params.raster(2)  # four sub-patches of four places
        array([[ 0,  1,  4,  5],
               [ 2,  3,  6,  7],
               [ 8,  9, 12, 13],
               [10, 11, 14, 15]])
        >>> params.raster().shape, params.raster()[:2, :4].tolist()
        ((8, 8), [[0, 1, 4, 5], [2, 3, 6, 7]])
        """
        level = check_integer("level", level, minimum=1, maximum=self.L)
        if not self.plane:
            raise ArgumentError("plane", False, "has no pictures", "Use Params(..., plane=True)")
        return _raster(tuple((one.s, one.s0 + 1) for one in self.levels[level - 1 :])).copy()

    @property
    def num_leaves(self) -> int:
        """Number of informative input positions, the same in every sample: s^L where levels are equal."""
        return self.levels[0].features

    @property
    def num_nodes(self) -> int:
        """Number of nodes that choose a rule and a placement (the class is one): (s^L - 1)/(s - 1)."""
        return sum(level.nodes for level in self.levels)

    @property
    def placements(self) -> int:
        """Placements of one node's children, (s0+1)^s for sparsity A, C(p, s) for B; see :meth:`level`."""
        if self.sparsity == "A":
            return (self.s0 + 1) ** self.s
        return comb(self.patch, self.s)

    @property
    def relevant_fraction(self) -> float:
        """Fraction F of the input that is informative: (s0+1)^(-L) (paper, section 2.1)."""
        return prod(level.s0 + 1.0 for level in self.levels) ** -1

    @cached_property
    def data_per_class(self) -> int:
        """Number of distinct samples of one class, P_max / n_c, exact."""
        return prod((level.m * level.placements) ** level.nodes for level in self.levels)

    @property
    def P_max(self) -> int:
        """Number of distinct samples, n_c times the product of (m * placements)^nodes over levels, exact."""
        return self.n_c * self.data_per_class


@lru_cache(maxsize=64)
def _raster(levels: tuple[tuple[int, int], ...]) -> np.ndarray:
    """Lay out the positions of the lowest of some levels, given by s and s0+1 from it up to the class."""
    raster = np.zeros((1, 1), np.int64)
    for s, places in reversed(levels):
        a, b = isqrt(s), isqrt(places)
        patch = np.arange(s * places).reshape(a, a, b, b).transpose(0, 2, 1, 3).reshape(a * b, a * b)
        raster = np.kron(raster, np.full_like(patch, s * places)) + np.tile(patch, raster.shape)
    return raster


def _at(value: Any, index: int) -> int:
    return value[index] if isinstance(value, tuple) else value


def _listed(name: str, value: Any) -> Any:
    """Numbers for each level as a tuple; anything else as it is."""
    if not hasattr(value, "__len__") or isinstance(value, str | bytes | Mapping):
        return value
    numbers = tuple(value)
    if not numbers or any(hasattr(one, "__len__") for one in numbers):
        fix = f"Give one number, or one for each level, as {name}=(2, 0)"
        raise ArgumentError(name, value, "does not give one number for each level", fix)
    return numbers
