"""The numbers of one Sparse Random Hierarchy Model, and everything that follows from them."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from math import comb
from typing import Any, Literal

from ..errors import ArgumentError, check_choice, check_integer

Sparsity = Literal["A", "B"]

_OPEN: Any = None
"""The default of a number that is left open."""


@dataclass(frozen=True)
class Params:
    """The numbers of one model (paper, section 2); what is left open is as in the paper.

    Level 1 is the input and level L lies just below the class. A class owns `m` ordered s-tuples of
    level-L features; a level-(l+1) feature owns `m` s-tuples of level-l features.

    Parameters
    ----------
    n_c
        Number of classes, at least 2. Default: v.
    v
        Number of features of each level, at least 2.
    m
        Number of synonyms: the rules of one class or feature. `n_c * m` and `v * m` (if L > 1) are at
        most `v**s`, because no two parents share a tuple. Default: the most for n_c classes and v features, v^(s-1)
        where n_c <= v.
    s
        Number of informative children of a feature, at least 2. Default: 2.
    s0
        Number of blanks beside each informative child, at least 0. `s0 = 0` is the Random Hierarchy Model.
    L
        Number of levels, at least 1.
    sparsity
        ``"A"``: each child sits at a uniform place in its own sub-patch of s0+1 places.
        ``"B"``: the s children take any s of the s(s0+1) places, their order kept.

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
    """

    n_c: int = _OPEN
    v: int = _OPEN
    m: int = _OPEN
    s: int = 2
    s0: int = _OPEN
    L: int = _OPEN
    sparsity: Sparsity = "A"

    def __post_init__(self) -> None:
        for name in ("v", "s0", "L"):
            if getattr(self, name) is None:
                raise ArgumentError(name, None, "is missing", "Give v, s0 and L; n_c, m and s have defaults")
        self._check("v", 2)
        self._check("s", 2)
        if self.s * (self.v.bit_length() - 1) > 62 or self.v**self.s >= 2**62:
            raise ArgumentError(
                "s", self.s, f"makes v^s = {self.v}^{self.s} tuples, more than 2^62", "Use a smaller s or v"
            )
        self._check("n_c", 2, default=self.v)
        self._check("m", 1, default=max(1, self.v**self.s // max(self.v, self.n_c)))
        self._check("s0", 0)
        self._check("L", 1)
        check_choice("sparsity", self.sparsity, ("A", "B"), "is not a kind of sparsity")
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

    def _check(self, name: str, least: int, default: int | None = None) -> None:
        value = getattr(self, name)
        value = default if value is None else value
        object.__setattr__(self, name, check_integer(name, value, least=least))

    def _check_tuples(self) -> None:
        """Every tuple has at most one parent, so the parents of a level need parents * m <= v^s tuples."""
        tuples = self.v**self.s
        for name, parents in (("n_c", self.n_c), ("v", self.v)):
            if name == "v" and self.L == 1:  # no feature has children when the only level is the input
                continue
            if parents * self.m > tuples:
                raise ArgumentError(
                    "m",
                    self.m,
                    f"is too large: {name} * m = {parents} * {self.m} exceeds the v^s = {tuples} tuples",
                    f"Use m <= {tuples // parents}"
                    if parents <= tuples
                    else f"Use {name} <= {tuples}, or a larger s",
                )

    def _check_sizes(self) -> None:
        """Rules, positions and placements are numbered in 32-bit integers."""
        parents = self.n_c if self.L == 1 else max(self.n_c, self.v)
        if parents * self.m >= 2**31:
            raise ArgumentError(
                "m", self.m, f"makes {parents * self.m} rules per level, 2^31 or more", "Use a smaller m"
            )
        if self.L * (self.patch.bit_length() - 1) >= 31 or self.d >= 2**31:
            raise ArgumentError(
                "L",
                self.L,
                f"makes inputs of {self.patch}^{self.L} positions, 2^31 or more",
                "Use a smaller L, s or s0",
            )
        if self.placements >= 2**31:
            raise ArgumentError(
                "s0", self.s0, f"makes {self.placements} placements a node, 2^31 or more", "Use a smaller s0"
            )

    @property
    def patch(self) -> int:
        """Patch length p = s(s0+1): the positions that one node spreads its children over."""
        return self.s * (self.s0 + 1)

    @property
    def d(self) -> int:
        """Input length d = p^L."""
        return self.patch**self.L

    @property
    def num_leaves(self) -> int:
        """Number s^L of informative input positions, the same in every datum."""
        return self.s**self.L

    @property
    def num_nodes(self) -> int:
        """Number (s^L - 1)/(s - 1) of nodes that choose a rule and a placement (the class is one)."""
        return (self.s**self.L - 1) // (self.s - 1)

    @property
    def placements(self) -> int:
        """Placements of one node's children: (s0+1)^s for sparsity A, C(p, s) for B."""
        if self.sparsity == "A":
            return (self.s0 + 1) ** self.s
        return comb(self.patch, self.s)

    @property
    def relevant_fraction(self) -> float:
        """Fraction F = (s0+1)^(-L) of the input that is informative (paper, section 2.1)."""
        return (self.s0 + 1.0) ** -self.L

    @cached_property
    def data_per_class(self) -> int:
        """Number of distinct data of one class, P_max / n_c, exact."""
        return (self.m * self.placements) ** self.num_nodes

    @property
    def P_max(self) -> int:
        """Number of distinct data, n_c (m * placements)^((s^L - 1)/(s - 1)), exact however large."""
        return self.n_c * self.data_per_class

    def nodes_at(self, level: int) -> int:
        """Number s^(L-l) of nodes whose children are the level-l features.

        Raises
        ------
        ArgumentError
            If `level` is not between 1 and L.
        """
        level = check_integer("level", level, least=1, most=self.L)
        return self.s ** (self.L - level)

    def parents_at(self, level: int) -> int:
        """Number of symbols that own level-l tuples: n_c at level L, v below."""
        level = check_integer("level", level, least=1, most=self.L)
        return self.n_c if level == self.L else self.v
