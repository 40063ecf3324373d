"""What the page says of a state: numbers, rules, the tree in words, predictions, and the code that repeats it."""

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..figures.style import Number
from ..model.derivation import Tree, child_offsets
from ..model.encoding import encode
from ..model.params import Params
from ..model.plane import pixels as pixels_of
from ..model.stream import default_rule
from ..model.weights import TOTAL, LogNormal, Zipf
from ..study.overview import summary
from .drawing import MAX_DRAWN, is_drawn, pixels
from .state import PageState
from .walk import KINDS, MAX_STEPS, KindName, Step, Walk, hindrance, walk

MAX_LEVELS, MAX_PARENTS, MAX_CHOICES, MAX_SYMBOLS, MAX_PLACEMENTS = 5, 8, 6, 64, 16
"""How many levels of rules, rows and tuples of each table, features of a level in words, and placements of uneven
weights the page shows."""

_WHOLE = 10**15  # integers below are written in full


@dataclass(frozen=True)
class Rule:
    """One tuple of a row of rules."""

    features: list[int]
    used: bool
    """Whether it produced the sample."""
    share: str
    """Its probability, where those of its parent differ."""


@dataclass(frozen=True)
class RuleTable:
    """The rules of one level, or those that are shown."""

    level: int
    caption: str
    rows: list[tuple[int, str, list[Rule]]]
    """Parent, its probability if it is a class and classes differ, and its tuples."""
    parents_left_out: int
    choices_left_out: int
    placements: list[tuple[str, str]]
    """Placements and their probabilities, where these differ."""
    placements_left_out: int


@dataclass(frozen=True)
class TreeDrawing:
    """A drawing of a tree and all that goes with it."""

    query: str
    marked: bool
    title: str
    alt: str
    words: list[tuple[str, str]]
    """Each level and its features, in words."""
    input: str
    """The input, a dot for each blank, in the plane row by row; empty if it is long."""


def content(state: PageState) -> dict[str, Any]:
    """Return all that the page shows of a state."""
    params = state.params
    found = walk(state.grammar, state.seed, state.sample, state.steps)
    width, height = pixels(params)
    return {
        "params": params,
        "drawn": is_drawn(params),
        "most_drawn": MAX_DRAWN,
        "width": width,
        "height": height,
        "drawings": _drawings(state, found),
        "label": int(found.after.label[0]),
        "read": found.read_class(),
        "change": _change(found, state.steps),
        "trail": [("-".join(map(str, state.steps[:k])), step.words) for k, step in enumerate(state.steps, 1)],
        "actions": [_action(state, kind) for kind in KINDS],
        "numbers": _numbers(params),
        "rules": [rule_table(found, level) for level in range(params.L, max(0, params.L - MAX_LEVELS), -1)],
        "levels_left_out": max(0, params.L - MAX_LEVELS),
        "predictions": {} if state.grammar.weighted else _predictions(params),
        "code": code(state, found),
    }


def count(number: Number) -> str:
    """Write a count: in full below 10^15, as a power of ten above, however large.

    Examples
    --------
    >>> count(82944), count(10**5000)
    ('82,944', '1 × 10^5000')
    """
    if number < _WHOLE:
        return f"{number:,.0f}"
    logarithm = math.log10(number)
    exponent = math.floor(logarithm + 1e-9)
    return f"{10 ** max(0.0, logarithm - exponent):.3g} × 10^{exponent}"


def _numbers(params: Params) -> list[tuple[str, str, str]]:
    """Symbol, value and meaning of what follows from the parameters of the model."""
    rules = [level.parents * level.m for level in params.levels]
    below = f"; v m = {_by_level(rules[:-1])} of the features" if params.L > 1 else ""
    return [
        ("P_max", count(params.P_max), "different data"),
        ("d", count(params.d), "positions of an input"),
        ("s^L", count(params.num_leaves), "of them informative"),
        ("F", f"{params.relevant_fraction:.3g}", "the fraction that is informative"),
        ("p", _by_level(level.patch for level in params.levels), "positions of a patch"),
        ("n_c m", count(rules[-1]), f"rules of the classes{below}"),
    ]


def _by_level(numbers: Iterable[int]) -> str:
    """One number, or those of the levels from level 1 on."""
    distinct = list(numbers)
    return ", ".join(count(number) for number in (distinct if len(set(distinct)) > 1 else distinct[:1]))


def rule_table(found: Walk, level: int) -> RuleTable:
    """Return the rules that produce the features of a level, those that the sample used among them."""
    grammar, params, tree = found.grammar, found.grammar.params, found.after
    used = set(zip(_parents(tree, level), found.derivations[-1].rules[level - 1][0].tolist(), strict=True))
    numbers = params.level(level)
    parents = _some(numbers.parents, (parent for parent, _ in used), MAX_PARENTS)
    rows = []
    of_rules, of_placements = grammar.rule_weights[level - 1], grammar.placement_weights[level - 1]
    of_classes = grammar.class_weights if level == params.L else None
    for parent in parents:
        choices = _some(numbers.m, (choice for owner, choice in used if owner == parent), MAX_CHOICES)
        tuples = grammar.rules[level - 1][parent]
        shares = [_share(of_rules, (parent, choice)) for choice in choices]
        rules = [
            Rule(tuples[choice].tolist(), (parent, choice) in used, share)
            for choice, share in zip(choices, shares, strict=True)
        ]
        rows.append((parent, _share(of_classes, parent), rules))
    shown = 0 if of_placements is None else min(numbers.placements, MAX_PLACEMENTS)
    places = child_offsets(numbers, np.arange(shown)).tolist()
    placements = [(", ".join(map(str, one)), _share(of_placements, k)) for k, one in enumerate(places)]
    left_out = 0 if of_placements is None else numbers.placements - shown
    above = "class" if level == params.L else f"feature of level {level + 1}"
    caption = f"Each {above} becomes {numbers.s} features of level {level}" + (
        ", the input" if level == 1 else ""
    )
    beyond = numbers.parents - len(parents), max(0, numbers.m - MAX_CHOICES)
    return RuleTable(level, caption, rows, *beyond, placements, left_out)


def _share(weights: Any, choice: Any) -> str:
    """The probability of a choice, or nothing if all are alike."""
    return "" if weights is None else f"{100 * float(weights[choice]) / TOTAL:.3g}%"


def _parents(tree: Tree, level: int) -> list[int]:
    above = tree.label if level == len(tree.features) else tree.features[level][0]
    return np.asarray(above).tolist()


def _some(number: int, wanted: Iterable[int], most: int) -> list[int]:
    """Return at most so many of 0 to number - 1, the wanted ones first, in order."""
    first = sorted(set(wanted))[:most]
    rest = (one for one in range(min(number, 2 * most)) if one not in first)
    return sorted([*first, *rest][:most]) if len(first) < most else first


def _drawings(state: PageState, found: Walk) -> list[TreeDrawing]:
    """The sample; after a step, the sample before and after it."""
    if found.before is None:
        return [_drawing(state, found.after, "The sample", marked=False)]
    old = replace(state, steps=state.steps[:-1])
    return [
        _drawing(old, found.before, "Before", marked=False),
        _drawing(state, found.after, f"After: {state.steps[-1].words}", marked=True),
    ]


def _drawing(state: PageState, tree: Tree, title: str, *, marked: bool) -> TreeDrawing:
    params = state.params
    words = [("class", str(int(tree.label[0])))]
    for level in range(params.L, 0, -1):
        features, places = tree.features[level - 1][0].tolist(), tree.positions[level - 1][0].tolist()
        side = params.raster(level).shape[1] if params.plane else 0
        if params.plane:
            places = [divmod(one, side) for one in pixels_of(params, level)[places].tolist()]
        shown = [f"{feature} at {place}" for feature, place in zip(features, places, strict=True)][
            :MAX_SYMBOLS
        ]
        more = f", and {len(features) - len(shown)} more" if len(features) > len(shown) else ""
        name = f"level {level}" + (" (input)" if level == 1 else "")
        last = params.level(level).positions - 1
        where = f"rows and columns 0 to {side - 1}" if params.plane else f"positions 0 to {last:,}"
        words.append((name, f"{', '.join(shown)}{more} ({where})"))
    dense = encode(params, tree.features[0], tree.positions[0], "integer", "int64")[0].tolist()
    rows = (dense if params.plane else [dense]) if is_drawn(params) else []
    line = "\n".join(" ".join("." if feature < 0 else str(feature) for feature in row) for row in rows)
    said = "; ".join(f"{name}: {value}" for name, value in words)
    alt = f"Tree of a sample. {said}." + " All other positions are blank." * params.has_blanks
    return TreeDrawing(state.query(), marked, title, alt, words, line)


def _change(found: Walk, steps: tuple[Step, ...]) -> str:
    """Say what the last step changed in the input."""
    if found.before is None:
        return ""
    part, what = ("features", "changed") if steps[-1].kind == "exchange" else ("positions", "moved")
    old, new = (getattr(tree, part)[0] for tree in (found.before, found.after))
    return f"{int((old != new).sum())} of the {new.size} features of the input {what}"


def _action(state: PageState, kind: KindName) -> dict[str, Any]:
    """The buttons of a kind of step, one a level, or why there are none."""
    before = [str(step) for step in state.steps]
    reason = hindrance(state.params, kind)
    if not reason and len(state.steps) >= MAX_STEPS:
        reason = f"this walk has {MAX_STEPS} steps, the most that a page shows"
    levels, letter = range(1, state.params.L + 1), KINDS[kind].letter
    buttons = [(level, "-".join([*before, f"{letter}{level}"])) for level in levels]
    return {"kind": kind, "words": KINDS[kind].action, "reason": reason, "buttons": buttons}


def _predictions(params: Params) -> dict[str, Any]:
    """The predicted P* of each architecture, and what it rests on."""
    found = summary(params)
    rows, sentences = [], {}
    for one in found["predictions"]:
        low, high = one["range"]
        for sentence in one["assumptions"]:
            sentences.setdefault(sentence, []).append(one["net"].upper())
        rows.append(
            {
                "net": one["net"].upper(),
                "P_star": count(float(f"{one['P_star']:.3g}")),
                "range": f"{count(float(f'{low:.3g}'))} to {count(float(f'{high:.3g}'))}",
                "formula": one["formula"],
                "source": one["source"],
                "beyond": one["P_star"] > params.P_max,
            }
        )
    every = [row["net"] for row in rows]
    assumptions = [
        ("all" if nets == every else ", ".join(nets), sentence) for sentence, nets in sentences.items()
    ]
    visible = [(what, count(float(f"{value:.3g}"))) for what, value in found["visible_P"].items()]
    return {"rows": rows, "assumptions": assumptions, "visible": visible}


def code(state: PageState, found: Walk) -> str:
    """Return Python code that makes the rules, the sample and its walk; `tree` is what is drawn last."""
    functions = {step.kind: KINDS[step.kind].transform.__name__ for step in state.steps}
    weights = state.weights.of(state.params)
    given = "".join(f", {name}={_written(one)}" for name, one in weights.items())
    laws = [kind.__name__ for kind in (Zipf, LogNormal) if f"{kind.__name__}(" in given]
    names = sorted(["Grammar", "Params", "Stream", "expand", *functions.values(), *laws])
    stream = f'Stream(grammar, seed={state.seed}, rule="{default_rule(found.grammar)}")'
    lines = [
        f"from srhm import {', '.join(names)}",
        "",
        f"params = {state.params!r}",
        f"grammar = Grammar(params, seed={state.seed}{given})",
        f"derivation = {stream}.take({state.sample}, 1)",
    ]
    for step, seed in zip(state.steps, found.seeds, strict=True):
        lines.append(
            f"derivation = {functions[step.kind]}(grammar, derivation, level={step.level}, seed={seed})"
        )
    return "\n".join([*lines, "tree = expand(grammar, derivation)"])


def _written(weights: Any) -> str:
    """Weights as Python code; a law's infinity is a text there."""
    return repr(weights).replace("=inf", '=float("inf")')
