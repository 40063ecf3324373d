"""Curves over P and over P / scale: what was given, at P and at P / scale, in the grid that was asked for."""

import numpy as np
import pytest

from figure_checks import artists, check_layout, data, legend_texts
from srhm.figures import Curve
from srhm.figures.rescaled import RescaledCurve, rescaled
from srhm.figures.style import LINE_COLOURS

SCALES = {0: 216.0, 1: 864.0, 2: 1944.0}


def one_curve(s0: int, L: int = 2, seeds: int = 2, paper: bool = True) -> RescaledCurve:
    """Curves that are the same function of P / scale."""
    scale = SCALES[s0]
    P = [scale * 2.0**step * 1.01**seed for seed in range(seeds) for step in range(-2, 4)]
    error = [0.83 / (1 + (p / scale) ** 2) for p in P]
    values = {"error": error, "S_21": [1.1 * one for one in error]} | (
        {"D_21": [0.7 * one for one in error]} if s0 else {}
    )
    points = {"error": [(1.5 * scale, 0.3), (4 * scale, 0.05)]} if paper else None
    each = [seed for seed in range(seeds) for _ in range(6)]
    curve = Curve(f"$L$ = {L}, $s_0$ = {s0}", P, values, seeds=each, paper=points)
    return RescaledCurve(curve, scale, s0, L)


CURVES = [one_curve(s0) for s0 in (0, 1, 2)]


def panels(figure) -> list[str]:
    return [axes.get_gid() for axes in figure.axes]


@pytest.mark.parametrize("name", ["curve", "paper"])
def test_the_same_points_stand_at_P_and_at_P_over_scale(name):
    raw, scaled = rescaled(CURVES).axes
    for one in CURVES:
        gid = f"{name}/error/{one.curve.label}"
        (x, y), (x_scaled, y_scaled) = (data(artists(axes, gid)[gid]) for axes in (raw, scaled))
        assert np.allclose(np.array(x) / one.scale, x_scaled) and y == y_scaled
        if name == "paper":
            assert (x, y) == ([1.5 * one.scale, 4 * one.scale], [0.3, 0.05])


def test_curves_of_one_law_fall_together():
    raw, scaled = rescaled(CURVES, thresholds={}).axes

    def spread(axes) -> float:
        grid = np.geomspace(100, 1500, 9) if axes is raw else np.geomspace(0.5, 4, 9)
        curves = [data(line) for line in artists(axes, "curve/error/").values()]
        return float(np.ptp([np.interp(np.log(grid), np.log(x), y) for x, y in curves], axis=0).max())

    assert spread(scaled) < 0.02 < 0.3 < spread(raw)


def test_every_run_is_a_point():
    raw, scaled = rescaled(CURVES).axes
    for one in CURVES:
        for seed, (P, values) in one.curve.runs("error").items():
            gid = f"runs/error/{one.curve.label}/{seed}"
            assert data(artists(raw, gid)[gid]) == (P.tolist(), values.tolist())
            assert np.allclose(data(artists(scaled, gid)[gid])[0], P / one.scale)


def test_the_grid_is_the_one_asked_for():
    rows = [["S_21", "D_21"], [None, "error"]]
    assert panels(rescaled(CURVES, rows)) == [
        "panel/S_21/P", "panel/S_21/rescaled", "panel/D_21/P", "panel/D_21/rescaled", "panel/error/P",
        "panel/error/rescaled",
    ]  # fmt: skip
    figure = rescaled(CURVES, rows, over="rescaled")
    assert panels(figure) == ["panel/S_21/rescaled", "panel/D_21/rescaled", "panel/error/rescaled"]
    assert panels(rescaled(CURVES, over="P")) == ["panel/error/P"]
    sensitivities = [axes for axes in figure.axes if "error" not in axes.get_gid()]
    assert len({axes.get_ylim() for axes in sensitivities}) == 1
    assert len({axes.get_xlim() for axes in figure.axes}) == 1


def test_axes_are_labelled_where_no_neighbour_is():
    figure = rescaled(CURVES, [["S_21", "D_21"], ["S_31", "error"]], over="P")
    shown = {
        axes.get_gid().split("/")[1]: tuple(
            bool(axis.get_label_text()) and axis.get_tick_params()[side]
            for axis, side in ((axes.xaxis, "labelbottom"), (axes.yaxis, "labelleft"))
        )
        for axes in figure.axes
    }
    assert shown == {
        "S_21": (False, True), "D_21": (True, False), "S_31": (True, True), "error": (True, True),
    }  # fmt: skip


def test_ranges_hold_all_points():
    for axes in rescaled(CURVES, [["error"], ["S_21"]], chance=0.9).axes:
        for line in (*artists(axes, "runs/").values(), *artists(axes, "paper/").values()):
            x, y = data(line)
            assert axes.get_xlim()[0] < min(x) and max(x) < axes.get_xlim()[1]
            assert axes.get_ylim()[0] == 0 and max(y) < axes.get_ylim()[1]


def test_colour_and_shape_are_s0_and_the_line_is_L():
    curves = [one_curve(s0, L) for s0 in (1, 2) for L in (2, 3)]
    figure = rescaled(curves)
    lines = [artists(figure.axes[0], "curve/")[f"curve/error/{one.curve.label}"] for one in curves]
    assert [line.get_color() for line in lines] == [LINE_COLOURS[0]] * 2 + [LINE_COLOURS[1]] * 2
    assert [line.is_dashed() for line in lines] == [False, True] * 2
    papers = [artists(figure.axes[0], "paper/")[f"paper/error/{one.curve.label}"] for one in curves]
    assert all(line.get_markerfacecolor() == "none" for line in papers)
    assert [line.get_marker() for line in papers] == ["s", "s", "^", "^"]
    assert papers[0].get_markeredgewidth() < papers[1].get_markeredgewidth()


def test_thresholds_and_chance_are_drawn_where_they_belong():
    figure = rescaled(CURVES, [["error"], ["S_21"]], thresholds={"error": 0.1, "S_21": 0.4}, chance=0.9)
    for axes in figure.axes:
        name = axes.get_gid().split("/")[1]
        (line,) = artists(axes, "threshold/").values()
        assert set(line.get_ydata()) == {0.1 if name == "error" else 0.4} and line.is_dashed()
        assert bool(artists(axes, "chance")) == (name == "error")


def test_the_legend_shows_what_there_is():
    nothing = Curve("not run", [], {}, paper={"error": [(1000, 0.2)]})
    curves = [CURVES[0], RescaledCurve(nothing, 900, 1, 2)]
    figure = rescaled(curves)
    assert legend_texts(figure) == ["$L$ = 2, $s_0$ = 0", "not run", "a run", "paper", "threshold"]
    handles = figure.legends[0].legend_handles
    assert [handle.get_markerfacecolor() == "none" for handle in handles[:2]] == [False, True]
    single = rescaled([one_curve(1, seeds=1, paper=False)], thresholds={})
    assert legend_texts(single) == ["$L$ = 2, $s_0$ = 1"]


@pytest.mark.parametrize(
    "rows, over",
    [
        ([["S_21"], ["error"]], "both"),
        ([["S_21", "D_21"], ["error"]], "both"),
        ([["S_31", "S_32", "D_31", "D_32"], ["error"]], "rescaled"),
    ],
)
def test_texts_are_clear_of_each_other(rows, over):
    check_layout(
        rescaled(
            CURVES, rows, over=over, L=2, chance=0.83, x_label=r"$P\ /\ [(s_0+1)^2\, n_c\, m^L]$",
            thresholds={"error": 0.1, "S_21": 0.4, "D_21": 0.2}, title="CNN",
        )
    )  # fmt: skip


def test_what_cannot_be_drawn_is_refused(refuses):
    with refuses("curves", [], "Give one curve at least"):
        rescaled([])
    with refuses("rows", [[None]], 'Give one at least, such as [["error"]]'):
        rescaled(CURVES, [[None]])
    with refuses("rows", "'eror'", "Did you mean 'error'? Use 'D_21', 'S_21' or 'error'"):
        rescaled(CURVES, [["eror"]])
    with refuses("over", "'scaled'", "Did you mean 'rescaled'? Use 'both', 'P' or 'rescaled'"):
        rescaled(CURVES, over="scaled")
    with refuses("scale", 0, "Give scale as a finite number > 0"):
        RescaledCurve(CURVES[0].curve, 0, 1, 2)
    with refuses("paper['error']", -5, "Give paper['error'] as a finite number > 0"):
        Curve("paper", [], {}, paper={"error": [(-5, 0.1)]})
