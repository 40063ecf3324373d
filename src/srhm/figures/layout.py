"""Where trees are on a canvas: one above the other, of any model."""

from ..model.params import Params
from . import picture, plane
from .picture import LABELS, Picture, cell_width
from .plane import PlanePicture
from .style import DOUBLE_COLUMN
from .tiles import EDGE, HEADING, KEY, Canvas


def canvas_of_trees(params: Params, trees: int, title: str) -> tuple[Canvas, list[Picture]]:
    """Make a figure with room for some trees, one above the other, and the key of their tiles."""
    width = max(tree_width(params), 0.7 * DOUBLE_COLUMN)
    height = HEADING + trees * tree_height(params) + KEY
    canvas = Canvas.blank(width, height, title)
    canvas.key(params)
    tops = [height - HEADING - block * tree_height(params) for block in range(trees)]
    return canvas, [across(canvas, block, params, top) for block, top in enumerate(tops)]


def across(canvas: Canvas, block: int, params: Params, top: float) -> Picture:
    """Return the place of a tree that has the width of a canvas."""
    if params.plane:
        return PlanePicture(canvas, block, params, EDGE, LABELS, top, 0.0)
    cell = cell_width(params, DOUBLE_COLUMN - LABELS - EDGE)
    left = LABELS + max(0.0, (canvas.figure.get_figwidth() - LABELS - EDGE - params.d * cell) / 2)
    return Picture(canvas, block, params, EDGE, left, top, cell)


def tree_width(params: Params) -> float:
    """Width of a tree with the names of its rows, in inches."""
    if params.plane:
        return plane.WIDTH
    return LABELS + params.d * cell_width(params, DOUBLE_COLUMN - LABELS - EDGE) + EDGE


def tree_height(params: Params) -> float:
    """Height of a tree with its words and the gap below it, in inches."""
    return plane.height(params) if params.plane else picture.height(params)
