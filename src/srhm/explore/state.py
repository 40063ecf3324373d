"""What the page shows is all in its address: reading the state from a query, and writing it."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import lru_cache
from typing import Any
from urllib.parse import urlencode

from ..errors import ArgumentError, check_choice, check_integer, name_fix
from ..model.grammar import Grammar
from ..model.options import Model, Weighting
from ..model.params import PER_LEVEL, Params
from ..model.weights import WEIGHTS
from .walk import KINDS, KindName, Step, check_steps, stream_of

FIELDS = ("v", "n_c", "m", "s", "s0", "L", "sparsity", "plane", *WEIGHTS, "seed", "sample")
"""The fields of the form, in its order; the steps of the walk are next to it."""

MAX_RULES, MAX_ENTRIES, MAX_INPUT = 200_000, 2**22, 50_000
"""What the page computes with at most: rules times s of all levels, d times s^L, and d."""

_OPTIONAL = ("n_c", "m")  # left empty, they follow from v and s
_MAX_CHARACTERS = 1000
_MAX_DIGITS = 100


@dataclass(frozen=True)
class PageState:
    """A model, a sample of it, and a walk from that sample through its class.

    A number out of its range, or a model that is too large for a page, is an ArgumentError.
    """

    model: Model = field(default_factory=Model)
    """The parameters of the model, as the form has them: n_c and m may be left to follow from v and s."""
    seed: int = 0
    """Seed of the rules and of the data, as for `srhm sample`."""
    sample: int = 0
    """Number of the sample in the stream, from 0."""
    steps: tuple[Step, ...] = ()
    """Exchanges and shifts, in their order."""
    weights: Weighting = field(default_factory=Weighting)
    """The weights of rules, placements and classes, as texts."""

    def __post_init__(self) -> None:
        params = check_size(self.model.params())
        check_integer("seed", self.seed, minimum=0, maximum=2**64 - 1)
        length = stream_of(self.grammar, self.seed).length
        check_integer("sample", self.sample, minimum=0, maximum=length - 1)
        check_steps(params, self.steps)

    @property
    def params(self) -> Params:
        """The checked parameters of the model."""
        return self.model.params()

    @property
    def grammar(self) -> Grammar:
        """The rules, with their weights."""
        return _grammar(self.params, self.seed, self.weights)

    def query(self) -> str:
        """Return the state as the query of an address, which :func:`read` reads."""
        numbers = asdict(self.model) | asdict(self.weights) | {"seed": self.seed, "sample": self.sample}
        named = {
            name: numbers[name] for name in FIELDS if numbers[name] is not None and numbers[name] is not False
        }
        if self.steps:
            named["steps"] = "-".join(map(str, self.steps))
        return urlencode(named)

    def moved(self, kind: str) -> "PageState":
        """Return the state with the next sample (``"sample"``) or the next rules (``"rules"``), without steps."""
        if kind == "sample":
            last = stream_of(self.grammar, self.seed).length - 1
            return replace(self, sample=self.sample + 1 if self.sample < last else 0, steps=())
        if kind == "rules":
            return replace(self, seed=(self.seed + 1) % 2**64, steps=())
        raise ArgumentError("next", kind, "is not a next state", "Use 'sample' or 'rules'")


@lru_cache(maxsize=8)
def _grammar(params: Params, seed: int, weights: Weighting) -> Grammar:
    return Grammar(params, seed, **weights.of(params))


@dataclass(frozen=True)
class ParsedForm:
    """What was read from a query: a state, or what is wrong with which field."""

    texts: Mapping[str, str]
    """What each field of the form holds."""
    problems: Mapping[str, str]
    """What is wrong, by the name of the field; ``"page"`` for what no field holds."""
    state: PageState | None
    """The state; None if there is a problem."""


def read(query: Mapping[str, Sequence[str]]) -> ParsedForm:
    """Read the state of the page from a query, the values of every name, or find every problem of it.

    What it does not name has its default.
    """
    defaults = asdict(Model()) | asdict(Weighting()) | {"seed": 0, "sample": 0}
    texts = {name: "" if defaults[name] is None else str(defaults[name]) for name in FIELDS}
    problems: dict[str, str] = {}
    for name, values in query.items():
        if name in FIELDS:
            texts[name] = values[-1].strip()
        if name not in (*FIELDS, "steps", "next"):
            fix = name_fix(name, [*FIELDS, "steps"])
            problems["page"] = str(ArgumentError(name, values[-1], "is not known here", fix))
        elif len(values) > 1:
            problems[name] = str(ArgumentError(name, list(values), "is given more than once", "Give it once"))
    numbers: dict[str, Any] = {}
    for name in FIELDS:
        try:
            numbers[name] = _text(name, texts[name]) if name in _TEXTS else _number(name, texts[name])
            if name == "seed":
                check_integer(name, numbers[name], minimum=0, maximum=2**64 - 1)
        except ArgumentError as error:
            problems.setdefault(name, str(error))
    try:
        steps = steps_of((query.get("steps") or [""])[-1])
        if not problems:
            seed, sample = numbers.pop("seed"), numbers.pop("sample")
            weights = Weighting(**{name: numbers.pop(name) for name in WEIGHTS})
            return ParsedForm(texts, {}, PageState(Model(**numbers), seed, sample, steps, weights))
    except ArgumentError as error:
        problems[error.argument if error.argument in (*FIELDS, "steps") else "page"] = str(error)
    return ParsedForm(texts, problems, None)


def steps_of(text: str) -> tuple[Step, ...]:
    """Read steps as an address has them, ``p1-t2``: exchange at level 1, then shift at level 2."""
    words = text.split("-") if text else []
    if not all(re.fullmatch("[pt][1-9][0-9]?", word) for word in words):
        raise ArgumentError(
            "steps", text, "are not steps", "Use p1-t2 to exchange at level 1, then shift at level 2"
        )
    kinds: dict[str, KindName] = {kind.letter: name for name, kind in KINDS.items()}
    return tuple(Step(kinds[word[0]], int(word[1:])) for word in words)


def check_size(params: Params) -> Params:
    """Refuse a model that would make the page slow."""
    rules = sum(level.parents * level.m * level.s for level in params.levels)
    if rules > MAX_RULES:
        problem = f"makes rules of {rules:,} features, more than the {MAX_RULES:,} of a page"
        raise ArgumentError("m", params.m, problem, "Use a smaller m, v or L")
    if params.d * params.num_leaves > MAX_ENTRIES or params.d > MAX_INPUT:
        problem = f"makes inputs of d = {params.d:,} positions, {params.num_leaves:,} informative, too many for a page"
        raise ArgumentError("L", params.L, problem, "Use a smaller L, s or s0")
    return params


_TEXTS = ("sparsity", "plane", *WEIGHTS)


def _text(name: str, text: str) -> str | bool | None:
    if name == "plane":
        check_choice("plane", text, ("True", "False"), "is neither a plane nor a line")
        return text == "True"
    if len(text) > _MAX_CHARACTERS:
        problem = f"is longer than the {_MAX_CHARACTERS} characters of a page"
        raise ArgumentError(name, f"{text[:20]}...", problem, "Use a law such as zipf(1)")
    return text if name == "sparsity" else text or None


def _number(name: str, text: str) -> int | str | None:
    if text == "" and name in _OPTIONAL:
        return None
    if name in PER_LEVEL and re.fullmatch("[0-9]+( *, *[0-9]+)+", text) and len(text) <= _MAX_DIGITS:
        return text  # one for each level
    if re.fullmatch("[+-]?[0-9]+", text) and len(text) <= _MAX_DIGITS:
        return int(text)
    return check_integer(name, text)
