"""A walk through one class: from a sample by exchanges of synonyms and shifts, each seen on the tree."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np

from ..errors import ArgumentError
from ..inference import parse
from ..model.derivation import Derivation, Tree, expand
from ..model.encoding import encode
from ..model.grammar import Grammar
from ..model.params import Params
from ..model.resampling import diffeomorphism, exchange_synonyms
from ..model.stream import Stream, default_rule

MAX_STEPS = 40
"""Longest walk."""

_SEEDS = 64  # tried for a step that changes anything


class Kind(NamedTuple):
    """A transformation of a sample that leaves its class."""

    letter: str
    """Names it in addresses."""
    action: str
    """What the buttons say."""
    done: str
    """The same, after it was done."""
    part: Literal["rules", "placements"]
    """What it draws anew of a derivation."""
    transform: Callable[[Grammar, Derivation, int, int], Derivation]


KindName = Literal["exchange", "shift"]

KINDS: dict[KindName, Kind] = {
    "exchange": Kind("p", "Exchange synonyms", "synonyms exchanged", "rules", exchange_synonyms),
    "shift": Kind("t", "Shift features", "features shifted", "placements", diffeomorphism),
}


@dataclass(frozen=True)
class Step:
    """One transformation at one level: p_l, the exchange of synonyms, or tau_l, the shift."""

    kind: KindName
    level: int

    def __str__(self) -> str:
        return f"{KINDS[self.kind].letter}{self.level}"

    @property
    def words(self) -> str:
        """What is done, as a phrase."""
        return f"{KINDS[self.kind].done} at level {self.level}"


@dataclass(frozen=True)
class Walk:
    """A sample before and after the last step of a walk."""

    grammar: Grammar
    """The rules."""
    seeds: tuple[int, ...]
    """The seed of each step's transformation."""
    derivations: tuple[Derivation, ...]
    """The sample and what each step made of it, one row each."""

    @property
    def after(self) -> Tree:
        """The tree at the end of the walk."""
        return expand(self.grammar, self.derivations[-1])

    @property
    def before(self) -> Tree | None:
        """The tree before the last step; None without steps."""
        return expand(self.grammar, self.derivations[-2]) if self.seeds else None

    def read_class(self) -> int:
        """Return the class that is read from the last input alone, by the exact parse."""
        tree, params = self.after, self.grammar.params
        return int(
            parse(self.grammar, encode(params, tree.features[0], tree.positions[0], "integer")).label[0]
        )


def check_steps(params: Params, steps: Sequence[Step]) -> None:
    """Refuse steps that a model lacks, that change nothing in it (m = 1, s0 = 0), or more than `MAX_STEPS`."""
    if len(steps) > MAX_STEPS:
        raise ArgumentError("steps", len(steps), f"are more than {MAX_STEPS}", "Begin with another sample")
    for step in steps:
        if step.level > params.L:
            problem = f"is a step at level {step.level} of L = {params.L}"
            raise ArgumentError("steps", str(step), problem, "Use levels 1 to L")
        reason = hindrance(params, step.kind)
        if reason:
            raise ArgumentError("steps", str(step), f"cannot change anything: {reason}", "Leave it out")


def hindrance(params: Params, kind: str) -> str:
    """Return why a kind of step changes nothing in a model, or nothing."""
    if kind == "exchange":
        return "with m = 1 there are no synonyms" if all(level.m == 1 for level in params.levels) else ""
    return "with s0 = 0 there are no blanks" if not params.has_blanks else ""


def stream_of(grammar: Grammar, seed: int) -> Stream:
    """Return the data of a seed, numbered as by `srhm sample`."""
    return Stream(grammar, seed, default_rule(grammar))


def walk(grammar: Grammar, seed: int, sample: int, steps: Sequence[Step] = ()) -> Walk:
    """Draw a sample by its number, with the seed of the data, and take steps from it, exchanges and shifts.

    Step k takes the first seed from 64 k on whose choices differ from the old ones. The errors are those of
    :class:`srhm.explore.PageState`.
    """
    check_steps(grammar.params, steps)
    stream = stream_of(grammar, seed)
    derivations, seeds = [stream.take(sample, 1)], []
    for number, step in enumerate(steps):
        chosen, derivation = _changed(grammar, derivations[-1], step, _SEEDS * number)
        seeds.append(chosen)
        derivations.append(derivation)
    return Walk(stream.grammar, tuple(seeds), tuple(derivations))


def _changed(grammar: Grammar, old: Derivation, step: Step, first: int) -> tuple[int, Derivation]:
    """Transform with the first seed that changes anything.

    That none of 64 does has a probability below 2^-64, unless weights are very uneven.
    """
    kind, place, seed = KINDS[step.kind], step.level - 1, first
    before = getattr(old, kind.part)[place]
    new = kind.transform(grammar, old, step.level, seed)
    while np.array_equal(getattr(new, kind.part)[place], before) and seed < first + _SEEDS - 1:
        seed += 1
        new = kind.transform(grammar, old, step.level, seed)
    return seed, new
