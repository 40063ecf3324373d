"""The parameters of a model as commands and files of runs take them, each with a default."""

import re
from dataclasses import dataclass
from typing import Any

from ..errors import ArgumentError
from .params import PER_LEVEL, Params, PerLevel, Sparsity
from .weights import WEIGHTS, weights_of_text, weights_text


@dataclass(frozen=True)
class Model:
    """The parameters of the model."""

    v: int | str = 6
    """Features of each level: one number, or one for each level, level 1 first, as 6,4."""
    n_c: int | None = None
    """Classes. Default: v, as in the paper."""
    m: int | str | None = None
    """Synonyms of each feature, one number or one for each level. Default: v^(s-1), the most there can be."""
    s: int | str = 2
    """Informative children of a feature, one number or one for each level."""
    s0: int | str = 1
    """Blanks for each informative child, one number or one for each level, as 2,0."""
    L: int = 2
    """Levels."""
    sparsity: Sparsity = "A"
    """A: each child in its own sub-patch of s0+1 places. B: any s of the s(s0+1) places, order kept."""
    plane: bool = False
    """Inputs are pictures: s and s0+1 are squares, and so are patches."""

    def params(self) -> Params:
        """Return the checked numbers.

        Raises
        ------
        ArgumentError
            If they are not those of a model.
        """
        numbers: dict[str, Any] = dict(vars(self))
        return Params(**numbers | {name: _read(name, numbers[name]) for name in PER_LEVEL})

    @classmethod
    def of(cls, params: Params) -> "Model":
        """Return the numbers of a model as commands write them."""
        by_level: dict[str, Any] = {name: _written(getattr(params, name)) for name in PER_LEVEL}
        return cls(n_c=params.n_c, L=params.L, sparsity=params.sparsity, plane=params.plane, **by_level)


@dataclass(frozen=True)
class Weighting:
    """The weights of rules, placements and classes, as texts."""

    rule_weights: str | None = None
    """Weights of the rules: zipf(1), lognormal(0.5) or numbers such as 3,1, for all levels, or by level as in
    2:zipf(1). Default: all alike."""
    placement_weights: str | None = None
    """Weights of the placements, as those of rules. Default: all alike."""
    class_weights: str | None = None
    """Weights of the classes, as those of rules, without levels. Default: all alike, and balanced."""

    def of(self, params: Params) -> dict[str, Any]:
        """Return the weights as :class:`~srhm.Grammar` takes them.

        Raises
        ------
        ArgumentError
            If they are not weights of the model.
        """
        texts = {name: weights_text(name, params, getattr(self, name)) for name in WEIGHTS}
        return {name: weights_of_text(name, text) for name, text in texts.items() if text}


def _written(value: int | PerLevel) -> int | str:
    return str(value) if isinstance(value, PerLevel) else value


def _read(name: str, value: Any) -> Any:
    """Numbers that a text has for each level; anything else as it is."""
    if isinstance(value, list):
        fix = f'Write one number for each level as a text, {name} = "2,0"; a list means several settings'
        raise ArgumentError(name, value, "is a list", fix)
    if not isinstance(value, str):
        return value
    words = [word.strip() for word in value.split(",")]
    if not all(re.fullmatch("[+-]?[0-9]{1,20}", word) for word in words):
        raise ArgumentError(name, value, "is not a number, or one for each level", "Write it as 2, or as 2,0")
    return int(words[0]) if len(words) == 1 else tuple(map(int, words))
