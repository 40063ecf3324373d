"""P* against P*_S and P*_D: every point at its place, on square panels with the line of equality."""

import pytest

from figure_checks import artists, check_layout, data, legend_rows, legend_texts
from srhm import Params
from srhm.figures import Estimate
from srhm.figures.insensitivity import InsensitivityPoint, insensitivity


def point(
    label: str, s0: int = 1, v: int = 6, L: int = 2, s: int = 2, net: str = "LCN", **more
) -> InsensitivityPoint:
    return InsensitivityPoint(net, label, Params(v=v, s0=s0, L=L, s=s), **more)


MEASURED = point(
    "both", P_star=Estimate(3000, (2700, 3300)), P_star_S=Estimate(4300, (4000, 4700)), P_star_D=Estimate(2900),
    paper=3054, paper_S=4458, paper_D=3054,
)  # fmt: skip
DENSE = point("dense", s0=0, P_star=Estimate(600), P_star_S=Estimate(1800), paper=672, paper_S=2088)
NOT_RUN = point("not run", s0=2, paper=9504, paper_S=9504, paper_D=6510)
BOUNDED = point("bounded", v=4, L=3, P_star=Estimate(12000), P_star_S=Estimate(lower_bound=13000))
POINTS = [MEASURED, DENSE, NOT_RUN, BOUNDED]


def test_every_pair_is_at_its_place():
    figure = insensitivity(POINTS)
    places = {
        name: data(line) for start in ("ours/", "paper/") for name, line in artists(figure, start).items()
    }
    assert places == {
        "ours/S/LCN/both": ([4300], [3000]),
        "ours/S/LCN/dense": ([1800], [600]),
        "ours/S/LCN/bounded": ([13000], [12000]),
        "ours/D/LCN/both": ([2900], [3000]),
        "paper/S/LCN/both": ([4458], [3054]),
        "paper/S/LCN/dense": ([2088], [672]),
        "paper/S/LCN/not run": ([9504], [9504]),
        "paper/D/LCN/both": ([3054], [3054]),
        "paper/D/LCN/not run": ([6510], [9504]),
    }
    assert set(artists(figure, "beyond/")) == {"beyond/S/LCN/bounded"} and not artists(figure, "above/")
    for name in places:
        line = artists(figure, name)[name]
        assert line.axes is figure.axes[0 if "/S/" in name else 1]
        assert (line.get_markerfacecolor() == "none") == name.startswith("paper/")


def test_axes_are_alike_and_equality_is_the_diagonal():
    figure = insensitivity(POINTS)
    assert len({axes.get_xlim() for axes in figure.axes} | {axes.get_ylim() for axes in figure.axes}) == 1
    low, high = figure.axes[0].get_xlim()
    assert low < 600 and high > 13000
    for axes in figure.axes:
        (line,) = artists(axes, "identity").values()
        assert data(line) == ([low, high], [low, high]) and line.is_dashed()
        assert axes.get_box_aspect() == 1 and axes.get_xscale() == axes.get_yscale() == "log"


def test_each_s_and_each_network_has_its_panels():
    figure = insensitivity([MEASURED, point("other", s=3, paper=10, paper_S=20)])
    titles = [axes.get_title(loc="left") for axes in figure.axes]
    assert titles == [
        "Synonyms: LCN, $s$ = 2", "Synonyms: LCN, $s$ = 3", "Shifts: LCN, $s$ = 2", "Shifts: LCN, $s$ = 3",
    ]  # fmt: skip
    assert artists(figure.axes[1], "paper/S/LCN/other") and not artists(figure.axes[3], "paper/")
    assert figure.axes[1].get_xlim() == figure.axes[3].get_xlim() != figure.axes[0].get_xlim()


def test_without_shifts_there_is_no_panel_of_them():
    figure = insensitivity([DENSE])
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["Synonyms: LCN (locally connected)"]


def test_the_key_tells_all_that_is_drawn_and_no_more():
    (legend,) = insensitivity(POINTS).legends
    assert [text.get_text() for text in legend.get_texts() if text.get_text().strip()] == [
        "ours", "our 90% intervals", "ours: $P^*_S$ is above", "paper", "both are equal", "$s_0$ = 0 blanks",
        "$s_0$ = 1 blank", "$s_0$ = 2 blanks", "$v$ = 4 features", "$v$ = 6 features", "$L$ = 2 levels",
        "$L$ = 3 levels",
    ]  # fmt: skip
    keys = dict(zip([text.get_text() for text in legend.get_texts()], legend_rows(legend), strict=True))
    widths = [keys[f"$L$ = {L} levels"][-1].get_markeredgewidth() for L in (2, 3)]
    assert keys["$L$ = 2 levels"][-1].get_markerfacecolor() == "none" and widths[0] < widths[1]
    assert legend_texts(insensitivity([NOT_RUN])) == [
        "paper", "both are equal", "$s_0$ = 2 blanks", "$v$ = 6 features",
    ]  # fmt: skip
    assert "paper" not in legend_texts(insensitivity([BOUNDED]))


@pytest.mark.parametrize(
    "points", [POINTS, [MEASURED, point("other", s=3, v=4, paper=10, paper_S=2_000_000)]]
)
def test_texts_are_clear_of_each_other(points):
    labels = {
        "S": "$P^*_S$: training points for $S_{21}$ = 0.3",
        "D": "$P^*_D$: training points for $D_{21}$ = 0.1",
    }
    check_layout(insensitivity(points, x_labels=labels, title="Insensitive networks have learnt"))


def test_points_without_a_pair_are_refused(refuses):
    with refuses("points", [], "Give one point with both at least"):
        insensitivity([])
    alone = [point("alone", P_star=Estimate(3), paper_S=4)]
    with refuses("points", ["alone"], "Give one point with both at least"):
        insensitivity(alone)
    with refuses("paper_S", 0, "Give paper_S as a finite number > 0"):
        point("zero", paper=3, paper_S=0)
