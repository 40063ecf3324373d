"""The tree of one sample as an SVG, with what the last step changed marked on it."""

import io
import threading
from functools import lru_cache

import matplotlib.style
from matplotlib.figure import Figure

from ..figures.layout import across, tree_height, tree_width
from ..figures.style import BLANK, FAINT, INK, MUTED, styled
from ..figures.tiles import MARK, Canvas
from ..figures.trees import mark_exchange, mark_shift
from ..model.derivation import Tree
from ..model.params import Params
from .state import PageState
from .walk import Step, walk

MAX_DRAWN = 512
"""Longest input that is drawn: beyond it a drawing takes seconds. A wide one is scrolled, never made smaller."""

_ON_DARK = {
    f"stroke: {INK}": "stroke: #ececee", f"fill: {INK}": "fill: #55585f",
    MUTED: "#a5a6ad", BLANK: "#2c2e33", FAINT: "#5b5d65", MARK: "#ff5fae",
}  # fmt: skip
"""The colours of branches, of the class, of names, of blanks and their hatches, and of marks on dark ground."""

PIXELS = 120
"""CSS pixels for an inch, so that 8 points of a drawing are about the size of text."""

_ABOVE = 0.17  # of the room for words above a tree, which are next to the drawing here
_BELOW = 0.1

_drawing = threading.Lock()  # matplotlib's settings belong to the process


def is_drawn(params: Params) -> bool:
    """Return whether the inputs are short enough to draw."""
    return params.d <= MAX_DRAWN


def size(params: Params) -> tuple[float, float]:
    """Return width and height of a tree's drawing, in inches."""
    return max(tree_width(params), 2.5), tree_height(params) - _ABOVE - _BELOW


def pixels(params: Params) -> tuple[int, int]:
    """Return width and height of a tree's drawing, in CSS pixels."""
    width, height = size(params)
    return round(PIXELS * width), round(PIXELS * height)


@styled
def tree_figure(params: Params, tree: Tree, before: Tree | None = None, step: Step | None = None) -> Figure:
    """Draw the tree of one sample, with what a step changed marked; d is at most `MAX_DRAWN`."""
    width, height = size(params)
    canvas = Canvas.blank(width, height, "")
    picture = across(canvas, 0, params, height + _ABOVE)
    picture.draw(tree, "")
    if before is not None and step is not None:
        if step.kind == "exchange":
            mark_exchange(picture, before, tree)
        else:
            mark_shift(picture, before, tree, step.level)
    return canvas.figure


@lru_cache(maxsize=64)
def tree_svg(state: PageState, marked: bool = True, dark: bool = False) -> bytes:
    """Return the tree at the end of a state's walk as an SVG file without ground, the same bytes every time.

    With or without the marks of the last step, for light or dark ground.
    """
    found = walk(state.grammar, state.seed, state.sample, state.steps)
    last = state.steps[-1] if state.steps and marked else None
    with _drawing:
        figure = tree_figure(state.params, found.after, found.before if marked else None, last)
        drawn = _render(figure)
    for colour, on_dark in _ON_DARK.items() if dark else ():
        drawn = drawn.replace(colour.lower().encode(), on_dark.encode())
    return drawn


@styled
def _render(figure: Figure) -> bytes:
    buffer = io.BytesIO()
    with matplotlib.style.context({"svg.hashsalt": "srhm"}):
        figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    return buffer.getvalue()
