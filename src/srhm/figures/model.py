"""A drawing of the generative model: its rules, a sample without and with blanks, and what leaves the class."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np
from matplotlib.figure import Figure

from ..errors import ArgumentError, check_integer
from ..model.derivation import Derivation, Tree
from ..model.grammar import Grammar
from ..model.params import Params
from ..model.resampling import diffeomorphism, exchange_synonyms
from .picture import NAMES, Picture, cell_width, height
from .style import DOUBLE_COLUMN, INK, MUTED, styled
from .tiles import EDGE, HEADING, KEY, TILE, Canvas
from .trees import changed, checked_model, mark_exchange, mark_shift, tree_of

MAX_INPUTS = 26
"""Largest input length d that is drawn: trees are drawn side by side here."""

_HALF = DOUBLE_COLUMN / 2
_ROW = 0.265  # inches from one parent to the next
_PARENTS = 4  # of a level, at most
_PARENT, _SYMBOL, _OR = 0.62, 0.2, 0.2  # widths: of a parent, of a symbol, of the gap between two tuples
_ARROW = 0.24
_LEVEL = 0.2  # height of the words above the rules of a level


@styled
def generative_model(
    grammar: Grammar,
    derivation: Derivation,
    row: int = 0,
    level: int = 1,
    seed: int = 0,
    *,
    title: str | None = None,
) -> Figure:
    """Draw the model (paper, Figure 2): rules, a sample without blanks and with them, and two changes of it.

    Panel a shows the rules of each level, those outlined that produced the sample; where there are too many to draw,
    dots mean the rest. Panel b is the sample as it would be with s0 = 0, panel c the sample itself, a row of the
    batch. In panel d synonyms are exchanged at a level, 1 (the input) to L, in panel e features are shifted there;
    row, level, seed and marks are those of :func:`srhm.figures.transformations`. An input that is longer than
    `MAX_INPUTS` or in the plane, and a model with s0 = 0 or m = 1, are errors.
    """
    params = checked_model(grammar, derivation, MAX_INPUTS)
    if not params.has_blanks or all(level.m == 1 for level in params.levels):
        problem = f"has s0 = {params.s0} blanks and m = {params.m} synonyms"
        raise ArgumentError("grammar", params, problem, "Use a model with s0 > 0 and m > 1")
    level = check_integer("level", level, minimum=1, maximum=params.L)
    tree = tree_of(grammar, derivation, row, "row")
    rows = min(_PARENTS, max(level.parents for level in params.levels))
    top = HEADING + 0.2 + _LEVEL + rows * _ROW + 0.3
    whole = top + 2 * height(params) + KEY
    canvas = Canvas.blank(DOUBLE_COLUMN, whole, title or "The Sparse Random Hierarchy Model")
    canvas.key(params)
    _draw_rules(canvas, grammar, _used(tree, derivation, row), whole - HEADING)
    for block, (own, drawn, words) in enumerate(_trees(grammar, derivation, row, level, seed, tree)):
        x, y = _HALF * (block % 2), whole - top - (block // 2) * height(params)
        picture = _picture(canvas, block, own, x, y)
        picture.draw(drawn, f"{_letter('bcde'[block])} {words}")
        if block == 2:
            mark_exchange(picture, tree, drawn)
        elif block == 3:
            mark_shift(picture, tree, drawn, level)
    return canvas.figure


def _letter(letter: str) -> str:
    return f"$\\bf{{{letter}}}$ "


def _trees(
    grammar: Grammar, derivation: Derivation, row: int, level: int, seed: int, tree: Tree
) -> list[tuple[Params, Tree, str]]:
    """Return the four data with the models they are of, and what to say of each."""
    params = grammar.params
    dense = replace(params, s0=0)
    packed = tuple(np.arange(features.shape[1])[None] for features in tree.features)
    exchanged = changed(grammar, derivation, row, level, seed, exchange_synonyms)
    shifted = changed(grammar, derivation, row, level, seed, diffeomorphism)
    places = "features float among blanks"
    if params.uniform and params.sparsity == "A":
        places = f"each feature at one of {params.s0 + 1} places"
    elif params.uniform:
        places = f"features at {params.s} of {params.patch} places"
    data = (
        (dense, tree._replace(positions=packed), "a sample without blanks, $s_0$ = 0"),
        (params, tree, f"the same, $s_0$ = {params.s0}: {places}"),
        (params, exchanged, f"other synonyms at level {level} (outlined): same class"),
        (params, shifted, f"other places at level {level} (arrows): same class"),
    )
    return [(own, drawn, words) for own, drawn, words in data if drawn is not None]


def _picture(canvas: Canvas, block: int, params: Params, x: float, y: float) -> Picture:
    """Return the place of a tree in a half of the canvas."""
    room = _HALF - 2 * EDGE - NAMES - 0.1
    cell = cell_width(params, room)
    left = x + EDGE + NAMES + 0.1 + (room - cell * params.d) / 2
    return Picture(canvas, block, params, x + EDGE, left, y, cell)


def _used(tree: Tree, derivation: Derivation, row: int) -> list[set[tuple[int, int]]]:
    """Return for each level the (parent, choice) of the rules that produced the sample."""
    parents = [*(features[0].tolist() for features in tree.features[1:]), [int(tree.label[0])]]
    choices = [np.asarray(level)[row].tolist() for level in derivation.rules]
    return [set(zip(*pair, strict=True)) for pair in zip(parents, choices, strict=True)]


def _shown(count: int, used: Iterable[int], most: int) -> list[int]:
    """Return which of some things are drawn: all if they fit, else the used ones first."""
    first = sorted(set(used))
    rest = [one for one in range(count) if one not in first]
    return sorted([*first, *rest][:most])


def _draw_rules(canvas: Canvas, grammar: Grammar, used: Sequence[set[tuple[int, int]]], top: float) -> None:
    """Draw the rules of all levels side by side, from the class at the left to the input at the right."""
    params = grammar.params
    words = f"{_letter('a')} rules: each class and each feature may become one of $m$ = {params.m} tuples"
    canvas.write(EDGE, top - 0.17, words + " (outlined: those used below)", 8.5, va="bottom", gid="rules")
    width = (DOUBLE_COLUMN - 2 * EDGE) / params.L
    for column, level in enumerate(range(params.L, 0, -1)):
        x, y = EDGE + column * width, top - 0.2 - _LEVEL
        above = "class" if level == params.L else f"level {level + 1}"
        below = f"level {level}" + (" (input)" if level == 1 else "")
        canvas.write(x, y + 0.05, f"{above} → {below}", color=MUTED, va="bottom")
        count = params.level(level).parents
        parents = _shown(count, (parent for parent, _ in used[level - 1]), _PARENTS)
        for place, parent in enumerate(parents):
            _draw_parent(canvas, grammar, level, parent, used[level - 1], (x, y - (place + 1) * _ROW, width))
        if len(parents) < count:
            canvas.write(x + _PARENT / 2, y - (len(parents) + 0.5) * _ROW, "⋮", 8, ha="center")


def _draw_parent(
    canvas: Canvas,
    grammar: Grammar,
    level: int,
    parent: int,
    used: set[tuple[int, int]],
    place: tuple[float, float, float],
) -> None:
    """Draw the rules of one class or feature, in a row of some width."""
    numbers, (x, y, width) = grammar.params.level(level), place
    if level == grammar.params.L:
        canvas.class_tile(x, y, _PARENT - 0.06, f"class {parent}", f"rule/{level}/{parent}")
    else:
        canvas.tile(x, y, _PARENT - 0.06, parent, f"rule/{level}/{parent}/feature")
    canvas.axes.annotate(
        "", xy=(x + _PARENT + _ARROW - 0.06, y + TILE / 2), xytext=(x + _PARENT - 0.02, y + TILE / 2),
        arrowprops={
            "arrowstyle": "-|>", "mutation_scale": 6, "color": INK, "linewidth": 0.9, "shrinkA": 0, "shrinkB": 0,
        },
    )  # fmt: skip
    step = numbers.s * _SYMBOL + _OR
    room = int((width - _PARENT - _ARROW) / step)
    choices = _shown(numbers.m, (choice for owner, choice in used if owner == parent), room)
    for number, choice in enumerate(choices):
        left = x + _PARENT + _ARROW + number * step
        gid = f"rule/{level}/{parent}/{choice}"
        for child, feature in enumerate(grammar.rules[level - 1][parent, choice].tolist()):
            canvas.tile(left + child * _SYMBOL + 0.01, y, _SYMBOL - 0.02, feature, f"{gid}/feature/{child}")
        if (parent, choice) in used:
            canvas.frame(left, y, numbers.s * _SYMBOL, 0.02, f"used/{level}/{parent}/{choice}", linewidth=1.3)
        between = "or" if number < len(choices) - 1 else "…" if len(choices) < numbers.m else ""
        canvas.write(left + numbers.s * _SYMBOL + _OR / 2, y + TILE / 2, between, color=MUTED, ha="center")
