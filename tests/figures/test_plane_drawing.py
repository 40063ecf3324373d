"""Drawings in the plane: pixels lie where the picture has them, and children below the cell of their parent."""

import numpy as np
import pytest

from figure_checks import artists, check_layout
from srhm import Grammar, Params, Stream, encode, expand
from srhm.figures import derivation_trees, transformations
from srhm.figures.model import generative_model
from srhm.figures.plane import _DEPTH, _SHEAR

PARAMS = Params(v=4, m=4, s=4, s0=3, L=2, plane=True)
GRAMMAR = Grammar(PARAMS, seed=1)
SAMPLES = Stream(GRAMMAR, seed=0).take(0, 12)
TREE = expand(GRAMMAR, SAMPLES)


def corners(figure, gid):
    return artists(figure, gid)[gid].get_xy()[:4]


def test_the_input_is_the_picture():
    figure = derivation_trees(GRAMMAR, SAMPLES, [5])
    picture = encode(PARAMS, TREE.features[0], TREE.positions[0], "integer")[5]
    cells = {
        int(gid.split("/")[3]): cell
        for kind in ("feature", "blank")
        for gid, cell in artists(figure, f"0/{kind}/0/").items()
    }
    assert sorted(cells) == list(range(256))
    middles = {position: cell.get_xy()[:4].mean(axis=0) for position, cell in cells.items()}
    xs, ys = (np.array([middle[axis] for middle in middles.values()]) for axis in (0, 1))
    span = xs.max() - xs.min()
    columns, rows = np.round(15 * (xs - xs.min()) / span), np.round(15 * (ys.max() - ys) / span)
    shown = {text: one.get_text() for text, one in artists(figure, "0/number/0/").items()}
    for position, row, column in zip(middles, rows.astype(int), columns.astype(int), strict=True):
        text = shown.get(f"0/number/0/{position}")
        assert picture[row, column] == (-1 if text is None else int(text))
        assert PARAMS.raster()[row, column] == position
    check_layout(figure)


def test_children_lie_below_the_cell_of_their_parent():
    figure = derivation_trees(GRAMMAR, SAMPLES, [2])

    def span(level, position):
        """Left, right, back and front of a cell as on its picture, seen from above."""
        x, y = corners(figure, f"0/feature/{level}/{position}").T
        front = min(one.get_xy()[:4, 1].min() for one in artists(figure, f"0/blank/{level}/").values())
        return (x - _SHEAR * (y - front) / _DEPTH)[[0, 1]], (y - front)[[3, 0]]

    for child, position in enumerate(TREE.positions[0][2].tolist()):
        parent = TREE.positions[1][2, child // 4]
        for inner, outer in zip(span(1, position), span(2, parent), strict=True):
            assert outer[0] - 0.1 < inner[0] < inner[1] < outer[1] + 0.1
        line = artists(figure, f"0/branch/1/{position}")[f"0/branch/1/{position}"]
        assert np.isclose(line.get_xdata()[1], corners(figure, f"0/feature/1/{position}")[:2, 0].mean())
    numbers = {gid.split("/")[3]: one.get_text() for gid, one in artists(figure, "0/number/2/").items()}
    assert numbers == dict(zip(map(str, TREE.positions[1][2]), map(str, TREE.features[1][2]), strict=True))


@pytest.mark.parametrize("level", [1, 2])
def test_changes_are_marked(level):
    grammar = Grammar(Params(v=4, m=4, s=4, s0=(3, 0) if level == 1 else (0, 3), plane=True), seed=1)
    figure = transformations(grammar, Stream(grammar, seed=0).take(0, 2), 0, level)
    for kind, block in (("changed", 1), ("moved", 2)):
        flat = {gid.split("/")[3] for gid in artists(figure, f"{block}/{kind}/0/")}
        assert flat and flat == {gid.split("/")[3] for gid in artists(figure, f"{block}/{kind}/1/")}
    assert artists(figure, f"2/arrow/{level}/") and not artists(figure, f"2/arrow/{3 - level}/")


def test_rules_are_not_drawn_next_to_pictures(refuses):
    params = Params(v=2, m=2, s=4, s0=3, L=1, plane=True)
    grammar = Grammar(params, seed=1)
    with refuses("grammar", params, "Use derivation_trees or transformations, or plane=False"):
        generative_model(grammar, Stream(grammar, seed=0).take(0, 2))
    large = Grammar(Params(v=2, m=2, s=4, s0=8, L=2, plane=True), seed=1)
    with refuses("grammar", large.params, "Use a model with d <= 400"):
        derivation_trees(large, Stream(large, 0, "replacement").take(0, 2))
