"""Draw docs/active_trees.svg: why a layer can be computed at its informative nodes alone (docs/speed.md).

Usage: python docs/draw_active_trees.py [FILE.png]    (writes the SVG beside this script, or another file)
"""

import sys
from pathlib import Path

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Circle, Rectangle

import srhm
from srhm.figures.style import BLANK, BLUE, DOUBLE_COLUMN, FAINT, INK, MUTED, VERMILLION, styled

MODEL = srhm.Params(n_c=4, v=4, m=4, s=2, s0=1, L=2)
ROW = 1
"""The sample that is drawn: its branches are at both ends of the top patch."""

PANEL, GAP = 141.0, 29.0
WIDTH, HEIGHT = 72 * DOUBLE_COLUMN, 276.0
LEFT = (WIDTH - 3 * PANEL - 2 * GAP) / 2
LEVELS = (150.0, 191.0, 232.0)
"""All in points: width of a tree, of the signs between trees, of the page; heights of the layers of a tree."""

CELL, NODE, ROOT = 6.4, 6.6, 7.6


class Tree:
    """Where the nodes of a sample are, and the colour of each: one for a branch, dark for the top, or none."""

    def __init__(self) -> None:
        data = srhm.Dataset.draw(srhm.Stream(srhm.Grammar(MODEL), 0), ROW + 1)
        drawn = srhm.expand(data.stream.grammar, data.derivation(ROW))
        branches = dict(zip(drawn.positions[1][0].tolist(), (BLUE, VERMILLION), strict=True))
        leaves = {place: branches[place // MODEL.patch] for place in drawn.positions[0][0].tolist()}
        self.colours: list[dict[int, str]] = [leaves, branches, {0: INK}]
        self.places = [MODEL.patch ** (MODEL.L - level) for level in range(MODEL.L + 1)]

    def x(self, left: float, level: int, place: int) -> float:
        return left + PANEL * (place + 0.5) / self.places[level]


def draw_tree(axes: Axes, tree: Tree, left: float, *, blank: bool, active: bool) -> None:
    """Draw one tree: its blank places, its informative ones, or both; a line is a product with weights."""
    for level, places in enumerate(tree.places):
        for place in range(places):
            colour = tree.colours[level].get(place) if active else None
            x, y = tree.x(left, level, place), LEVELS[level]
            if level < MODEL.L and (blank or colour):
                above = tree.x(left, level + 1, place // MODEL.patch), LEVELS[level + 1]
                line = {"color": colour or FAINT, "lw": 1.8 if colour else 0.7, "zorder": 2 if colour else 1}
                axes.plot([x, above[0]], [y, above[1]], solid_capstyle="butt", **line)
            draw_node(axes, x, y, level, colour, ghost=not blank)


def draw_node(axes: Axes, x: float, y: float, level: int, colour: str | None, *, ghost: bool = False) -> None:
    """Draw an input as a square and a unit of a layer as a circle; grey is blank, dotted is not computed."""
    ghost = ghost and colour is None
    look = {
        "facecolor": colour or ("white" if ghost else BLANK),
        "edgecolor": colour or (FAINT if ghost else MUTED),
        "lw": 0.5 if ghost else 0.8,
        "ls": (0, (1, 1.4)) if ghost else "-",
        "zorder": 3,
    }
    if level:
        axes.add_patch(Circle((x, y), ROOT if level == MODEL.L else NODE, **look))
    else:
        axes.add_patch(Rectangle((x - CELL / 2, y - CELL / 2), CELL, CELL, **look))


def draw_formula(axes: Axes, tree: Tree) -> None:
    """Write the response of the top node as that of the blank sample plus the changes of its two children."""
    y, radius = 78.0, 9.0
    terms = iter((LEFT + 0.5 * PANEL, LEFT + 1.5 * PANEL + GAP))
    for colour in (INK, None):
        x = next(terms)
        look = {"facecolor": colour or BLANK, "edgecolor": colour or MUTED, "lw": 0.8}
        axes.add_patch(Circle((x, y), radius, **look))
        axes.text(x, y - 0.5, "$z$", color="white" if colour else INK, ha="center", va="center", fontsize=10)
    big = {"ha": "center", "va": "center", "fontsize": 14, "color": INK}
    axes.text(LEFT + PANEL + GAP / 2, y, "=", **big)
    axes.text(LEFT + 2 * PANEL + 1.5 * GAP, y, "+", **big)
    left = LEFT + 2 * PANEL + 2 * GAP + 4
    for number, (place, colour) in enumerate(sorted(tree.colours[1].items())):
        x = left + 79 * number
        write = {"y": y, "ha": "center", "va": "center"}
        axes.text(x, s=f"$W_{place + 1}$", fontsize=9.5, color=colour, **write)
        axes.text(x + 12, s="(", fontsize=13, color=INK, **write)
        draw_node(axes, x + 22, y, 1, colour)
        axes.text(x + 34.5, s="−", fontsize=9, color=INK, **write)
        draw_node(axes, x + 47, y, 1, None)
        axes.text(x + 57, s=")", fontsize=13, color=INK, **write)
        if number:
            axes.text(x - 14.5, s="+", fontsize=11, color=INK, **write)


@styled
def draw() -> Figure:
    figure = Figure(figsize=(WIDTH / 72, HEIGHT / 72))
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(0, WIDTH), ylim=(12, 12 + HEIGHT))
    axes.set_axis_off()
    tree, centre = Tree(), lambda panel: LEFT + PANEL * (panel + 0.5) + GAP * panel
    every = sum(tree.places[:-1])
    changed = sum(map(len, tree.colours[:-1]))
    panels = (
        ("A sample", "a few informative inputs", f"{every} products for each sample"),
        ("The blank sample", "the same for all samples", f"{every} products, once"),
        ("What the sample changes", "along its branches only", f"{changed} products for each sample"),
    )
    for panel, (title, below, count) in enumerate(panels):
        draw_tree(axes, tree, LEFT + (PANEL + GAP) * panel, blank=panel < 2, active=panel != 1)
        line = {"ha": "center", "va": "center", "color": INK}
        axes.text(centre(panel), 274, title, fontsize=9.5, fontweight="bold", **line)
        axes.text(centre(panel), 259, below, fontsize=8.5, **(line | {"color": MUTED}))
        axes.text(centre(panel), 132, count, fontsize=8.5, **line)
    for panel, sign in enumerate("=+"):
        x = LEFT + PANEL * (panel + 1) + GAP * (panel + 0.5)
        axes.text(x, LEVELS[1], sign, ha="center", va="center", fontsize=20, color=INK)
    axes.plot([LEFT, WIDTH - LEFT], [116, 116], color=FAINT, lw=0.7)
    axes.text(
        LEFT, 103, "At every node, here the top one, before ReLU:", fontsize=8.5, color=MUTED, va="center"
    )
    draw_formula(axes, tree)
    words = (
        "its response",
        "its response in\nthe blank sample",
        "its coloured children alone:\na blank less a blank is zero",
    )
    for panel, text in enumerate(words):
        for number, part in enumerate(text.split("\n")):
            axes.text(centre(panel), 54 - 11 * number, part, fontsize=8.5, ha="center", color=INK)
    key = (
        "Squares: inputs.  Circles: nodes of a layer, all channels.  Grey: blank.  "
        "A line: a product with the weights of a place."
    )
    axes.text(WIDTH / 2, 22, key, fontsize=7.5, color=MUTED, ha="center", va="center")
    return figure


def main() -> None:
    path = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).with_name("active_trees.svg")
    metadata = {"Date": None, "Creator": None} if path.suffix == ".svg" else None
    figure = draw()
    with matplotlib.rc_context({"svg.hashsalt": "srhm"}):  # the same bytes every time
        figure.savefig(path, dpi=100 if path.suffix == ".png" else 72, facecolor="white", metadata=metadata)


if __name__ == "__main__":
    main()
