"""What is drawn is what was given: data, marks, legends, tiles; and files are whole and always the same."""

import io
import itertools
import math
import subprocess
import sys
from dataclasses import replace

import matplotlib
import numpy as np
import pytest
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.image import imread
from matplotlib.patches import Rectangle

from figure_checks import artists, check_layout, data, legend_rows, legend_texts
from srhm import (
    ArgumentError,
    Derivation,
    Grammar,
    Params,
    Stream,
    diffeomorphism,
    exchange_synonyms,
    expand,
    unrank,
)
from srhm.figures import (
    Curve,
    Estimate,
    ScalingPoint,
    derivation_trees,
    learning_curves,
    scaling,
    transformations,
)
from srhm.figures.map import complexity_map
from srhm.figures.style import (
    BLANK,
    FEATURE_COLOURS,
    LINE_COLOURS,
    feature_colour,
    log_axis,
    log_range,
    plain_number,
    render,
    save,
    styled,
    text_colour,
)
from srhm.figures.tiles import MARK
from srhm.measure.exponent import Exponent
from srhm.model.derivation import placement_of

THRESHOLDS = {"error": 0.1, "S_21": 0.4, "D_21": 0.2}


def curve(label: str, P_star: float, *, s0: int = 1, runs: int = 7, seeds: int = 1) -> Curve:
    """Falling error and sensitivities; D only where there are blanks."""
    P = [P_star * 2.0 ** (step - runs // 2) * 1.02**seed for seed in range(seeds) for step in range(runs)]
    error = [0.83 / (1 + 7.3 * (p / P_star) ** 2) for p in P]
    values = {"error": error, "S_21": [min(1.0, 1.2 * e + 0.1) for e in error]}
    marks, ends = {"error": P_star}, {"error": (0.9 * P_star, 1.1 * P_star)}
    if s0:
        values["D_21"] = [0.7 * e for e in error]
    return Curve(
        label,
        P,
        values,
        marks,
        ends,
        [seed for seed in range(seeds) for _ in range(runs)] if seeds > 1 else None,
    )


# Style and files


def test_numbers_are_written_as_a_person_would():
    shown = [
        plain_number(value) for value in (0.05, 0.1, 1, 12.34, 400, 1700.4, 25_000, 123_456, 2.5e6, 3e12)
    ]
    assert shown == ["0.05", "0.1", "1", "12.3", "400", "1,700", "25,000", "123,000", "2.5 M", "3e+12"]


def _seen(colours: list) -> np.ndarray:
    """Oklab coordinates [eye, colour, 3] for normal, protan, deutan and tritan eyes (Machado et al. 2009)."""
    eyes = np.array(
        [
            np.eye(3).tolist(),
            [
                [0.152286, 1.052583, -0.204868],
                [0.114503, 0.786281, 0.099216],
                [-0.003882, -0.048116, 1.051998],
            ],
            [
                [0.367322, 0.860646, -0.227968],
                [0.280085, 0.672501, 0.047413],
                [-0.011820, 0.042940, 0.968881],
            ],
            [
                [1.255528, -0.076749, -0.178779],
                [-0.078411, 0.930809, 0.147602],
                [0.004733, 0.691367, 0.303900],
            ],
        ]
    )
    to_cones = np.array(
        [[0.4122214708, 0.5363325363, 0.0514459929], [0.2119034982, 0.6806995451, 0.1073969566],
         [0.0883024619, 0.2817188376, 0.6299787005]]
    )  # fmt: skip
    to_lab = np.array(
        [[0.2104542553, 0.7936177850, -0.0040720468], [1.9779984951, -2.4285922050, 0.4505937099],
         [0.0259040371, 0.7827717662, -0.8086757660]]
    )  # fmt: skip
    red_green_blue = np.array([to_rgb(colour) for colour in colours])
    linear = np.where(
        red_green_blue <= 0.04045, red_green_blue / 12.92, ((red_green_blue + 0.055) / 1.055) ** 2.4
    )
    return np.cbrt(np.clip(linear @ eyes.transpose(0, 2, 1), 0, 1) @ to_cones.T) @ to_lab.T


def test_feature_colours_are_apart_for_every_eye():
    # Nearest among the published palette of Okabe and Ito: 0.156 for normal eyes, 0.076 for deutan ones.
    seen = _seen([*FEATURE_COLOURS, BLANK])
    distance = np.linalg.norm(seen[:, :, None] - seen[:, None], axis=-1) + 9 * np.eye(seen.shape[1])
    assert distance[0].min() > 0.15
    assert distance.min() > 0.075


def test_marks_have_no_feature_colour():
    seen = _seen([MARK, *FEATURE_COLOURS])[0]
    assert np.linalg.norm(seen[1:] - seen[0], axis=-1).min() > 0.12
    assert len(set(LINE_COLOURS)) == len(LINE_COLOURS)


def test_beyond_ten_features_colours_come_again_lighter():
    colours = [to_rgb(feature_colour(feature)) for feature in range(20)]
    assert len(set(colours)) == 20
    assert feature_colour(20) == feature_colour(0)


def test_numbers_are_readable_on_every_feature():
    def luminance(colour) -> float:
        parts = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in to_rgb(colour)]
        return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]

    for feature in range(20):
        fill, text = luminance(feature_colour(feature)), luminance(text_colour(feature_colour(feature)))
        assert (max(fill, text) + 0.05) / (min(fill, text) + 0.05) >= 4.5


@pytest.mark.parametrize("low, high", [(90, 400), (50, 13_000), (20, 3e6), (1, 1e12), (0.02, 0.9)])
def test_log_axis_has_some_labels_and_not_too_many(low, high):
    axes = Figure().add_subplot()
    log_axis(axes.xaxis, low, high, least_gap=0.2)
    ticks = [tick for tick in axes.xaxis.get_majorticklocs() if low <= tick <= high]
    assert axes.get_xscale() == "log" and axes.get_xlim() == (low, high)
    assert 1 <= len(ticks) <= 6
    assert np.diff(np.log(ticks)).min(initial=9) >= 0.2 * np.log(high / low)


def test_log_range_holds_the_values():
    low, high = log_range([30, 4000])
    assert low < 30 and high > 4000 and high / low < 250
    low, high = log_range([100])
    assert math.isclose(low * high, 100**2) and high / low >= 4
    assert log_range([]) == (1.0, 10.0)


def new_figure(kind: str) -> Figure:
    """Make a figure of a kind."""
    if kind == "curves":
        return learning_curves([curve("s0 = 1", 900)], THRESHOLDS, chance=0.75, L=2)
    if kind == "scaling":
        return scaling(POINTS, fits={"CNN": FIT})
    if kind == "map":
        return complexity_map()
    return derivation_trees(*batch(n_c=4, v=4, m=4, s=2, s0=1, L=2))


@pytest.mark.parametrize(
    "kind", ["curves", *(pytest.param(kind, marks=pytest.mark.long) for kind in ("scaling", "map", "trees"))]
)
def test_files_are_whole_and_always_the_same(kind, tmp_path):
    paths = save(new_figure(kind), tmp_path / "new" / "figure.v1")
    assert [path.name for path in paths] == ["figure.v1.pdf", "figure.v1.png"]
    assert set(paths) == set((tmp_path / "new").iterdir())
    pdf, png = (path.read_bytes() for path in paths)
    assert pdf.startswith(b"%PDF") and png.startswith(b"\x89PNG")
    assert b"CreationDate" not in pdf and b"Software" not in png
    assert [path.read_bytes() for path in save(new_figure(kind), tmp_path / "again")] == [pdf, png]


def test_png_has_200_dots_per_inch(tmp_path):
    figure = new_figure("trees")
    paths = save(figure, tmp_path / "trees.png")
    assert [path.name for path in paths] == ["trees.pdf", "trees.png"]
    assert imread(paths[1]).shape[1] == round(200 * figure.get_figwidth())


def test_a_failed_write_leaves_the_old_files(tmp_path, monkeypatch):
    old = [path.read_bytes() for path in save(new_figure("trees"), tmp_path / "figure")]
    monkeypatch.setattr("pathlib.Path.replace", lambda *_: (_ for _ in ()).throw(OSError("full")))
    with pytest.raises(OSError, match="full"):
        save(new_figure("curves"), tmp_path / "figure")
    assert [path.read_bytes() for path in sorted(tmp_path.iterdir())] == old


def test_settings_of_the_user_neither_change_nor_matter():
    before = render(new_figure("curves"), "png", dpi=60)
    with matplotlib.rc_context({"font.size": 30, "axes.facecolor": "red", "lines.linewidth": 9}):
        settings = dict(matplotlib.rcParams)
        assert render(new_figure("curves"), "png", dpi=60) == before
        assert dict(matplotlib.rcParams) == settings


def test_settings_come_back_after_an_error():
    @styled
    def fail() -> None:
        raise ValueError

    settings = dict(matplotlib.rcParams)
    with pytest.raises(ValueError):
        fail()
    assert dict(matplotlib.rcParams) == settings


def test_notebooks_show_every_figure():
    """As PNG at 100 pixels an inch; the picture itself has twice as many."""
    figures = [
        learning_curves([curve("s0 = 1", 900)]), scaling([point("CNN", 216, 400)]), complexity_map(),
    ]  # fmt: skip
    for figure in figures:
        png, look = figure._repr_png_()
        assert imread(io.BytesIO(png)).shape[1] == pytest.approx(2 * look["width"], abs=2)


@pytest.mark.long
def test_pyplot_is_never_imported():
    code = "import sys, srhm.report.page, srhm.figures; sys.exit('matplotlib.pyplot' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


# Learning curves


def test_published_points_are_open_and_in_the_colour_of_their_curve():
    beside = replace(curve("s0 = 1", 900), paper={"error": [(30_000, 0.2), (60_000, 0.05)]})
    alone = Curve("s0 = 2", [], {}, paper={"error": [(50, 0.9)]})
    figure = learning_curves([beside, alone], THRESHOLDS, quantities=["error"])
    (axes,) = figure.axes
    lines = artists(axes, "paper/")
    assert data(lines["paper/error/s0 = 1"]) == ([30_000, 60_000], [0.2, 0.05])
    assert all(line.get_markerfacecolor() == "none" for line in lines.values())
    assert (
        lines["paper/error/s0 = 1"].get_color() == artists(axes, "curve/")["curve/error/s0 = 1"].get_color()
    )
    low, high = axes.get_xlim()
    assert low < 50 and high > 60_000 and axes.get_ylim()[1] > 0.9
    assert legend_texts(figure)[1:3] == ["s0 = 2", "paper"]
    assert not [text for text in axes.texts if text.get_text() == "no runs yet"]
    with pytest.raises(ArgumentError, match=r"paper\['error'\]"):
        Curve("s0 = 1", [], {}, paper={"error": [(0, 0.1)]})


def test_curves_show_the_data_given():
    given = curve("s0 = 1", 900)
    figure = learning_curves([given], THRESHOLDS, chance=0.75, L=2)
    assert [axes.get_title(loc="left") for axes in figure.axes] == [
        "Test error", "$S_{21}$: layer 2, level 1", "$D_{21}$: layer 2, level 1",
    ]  # fmt: skip
    for axes, name in zip(figure.axes, ("error", "S_21", "D_21"), strict=True):
        assert axes.get_xscale() == "log" and axes.get_yscale() == "linear"
        assert axes.get_xlim() == figure.axes[0].get_xlim()
        assert axes.get_xlim()[0] < min(given.P) and max(given.P) < axes.get_xlim()[1]
        assert axes.get_ylim()[0] == 0 and axes.get_ylim()[1] > max(given.values[name])
        (line,) = artists(axes, f"curve/{name}/").values()
        assert data(line) == (list(given.P), list(given.values[name]))
        dashed = [
            line for line in axes.lines if line.get_ydata()[0] == line.get_ydata()[-1] == THRESHOLDS[name]
        ]
        assert any(line.is_dashed() for line in dashed)


def test_P_star_its_interval_and_chance_are_marked():
    figure = learning_curves([curve("s0 = 1", 900)], THRESHOLDS, chance=0.75)
    (diamond,), (foot,), (bar,) = (
        artists(figure, f"{kind}/error/").values() for kind in ("P_star", "foot", "interval")
    )
    assert data(diamond) == ([900], [0.1])
    assert data(foot) == ([900, 900], [0, 0.1])
    assert data(bar) == ([810.0, 990.0000000000001], [0.1, 0.1])
    assert any(list(line.get_ydata()) == [0.75, 0.75] for line in figure.axes[0].lines)
    assert "chance" in {text.get_text() for text in figure.axes[0].texts}
    assert not artists(figure, "P_star/S_21/")  # no P* was given for it


def test_an_interval_without_an_end_stops_at_P_star():
    given = replace(curve("one", 900), P_star_interval={"error": (800, None)})
    (bar,) = artists(learning_curves([given]), "interval/error/").values()
    assert data(bar)[0] == [800.0, 900.0]


def test_the_ceiling_of_a_curve_is_a_line_and_its_interval_a_band():
    low = Curve("noisy", [10, 20], {"error": [0.8, 0.3]}, ceiling=(0.25, (0.2, 0.31)))
    figure = learning_curves(
        [Curve("clean", [10, 20], {"error": [0.7, 0.1]}), low], quantities=["error", "S_21"]
    )
    (line,) = artists(figure, "ceiling/").values()
    assert line.get_label() != "clean" and list(line.get_ydata()) == [0.25, 0.25]
    (curve,) = artists(figure, "curve/error/noisy").values()
    assert line.get_color() == curve.get_color()
    (band,) = artists(figure, "ceiling_interval/").values()
    assert band.get_extents().transformed(band.axes.transData.inverted()).intervaly == pytest.approx(
        (0.2, 0.31)
    )
    assert "Bayes error, the best there is" in legend_texts(figure)
    check_layout(figure)
    assert "Bayes error, the best there is" not in legend_texts(learning_curves([low], quantities=["S_21"]))


def test_legend_names_every_curve_with_its_P_star():
    given = [curve(f"s0 = {s0}", P, s0=s0) for s0, P in enumerate((400, 1712.3, 4300))]
    texts = legend_texts(learning_curves(given, THRESHOLDS, title="CNN"))
    assert texts == [
        "s0 = 0  ($P$* = 400)", "s0 = 1  ($P$* = 1,710)", "s0 = 2  ($P$* = 4,300)", "threshold, met at $P$*",
    ]  # fmt: skip
    without = replace(given[0], P_star=None, P_star_interval=None)
    assert legend_texts(learning_curves([without], THRESHOLDS)) == ["s0 = 0", "threshold"]


def test_missing_quantities_and_values_are_absent():
    dense = replace(curve("s0 = 0", 400, s0=0), P_star={"error": None})
    figure = learning_curves([dense], THRESHOLDS)
    assert len(figure.axes) == 2 and not artists(figure, "P_star/")
    figure = learning_curves([dense, curve("s0 = 1", 900)], THRESHOLDS)
    assert list(artists(figure, "curve/D_21/s0 = 1")) and not len(
        artists(figure, "curve/D_21/s0 = 0")["curve/D_21/s0 = 0"].get_xdata()
    )
    gaps = Curve("gaps", [30, 10, 20, 40], {"error": [0.2, 0.6, None, float("nan")]})
    (line,) = artists(learning_curves([gaps]), "curve/error/").values()
    assert data(line) == ([10, 30], [0.6, 0.2])


def test_several_seeds_are_points_with_their_median():
    P = [10, 100, 10, 100, 10, 1000]
    given = Curve("three", P, {"error": [0.8, 0.2, 0.6, 0.4, 0.9, 0.3]}, seeds=[0, 0, 1, 1, 2, 2])
    figure = learning_curves([given])
    points = artists(figure, "runs/error/three/")
    assert [data(points[f"runs/error/three/{seed}"]) for seed in range(3)] == [
        ([10, 100], [0.8, 0.2]), ([10, 100], [0.6, 0.4]), ([10, 1000], [0.9, 0.3]),
    ]  # fmt: skip
    (line,) = artists(figure, "curve/error/").values()
    assert data(line)[0] == [10, 100]  # at 1000 only one of three seeds has a run
    assert np.allclose(data(line)[1], [0.8, 0.4])  # the third seed passes 0.6 at 100


def test_seeds_that_never_meet_have_no_median():
    given = Curve("apart", [10, 100], {"error": [0.8, 0.2]}, seeds=[0, 1])
    (line,) = artists(learning_curves([given]), "curve/error/").values()
    assert data(line) == ([], [])


def test_the_output_is_named_when_L_is_known():
    given = Curve("one", [10, 20], {"S_31": [0.9, 0.2]})
    assert "the output" in learning_curves([given], quantities=["S_31"], L=2).axes[0].get_ylabel()
    assert "layer 3" in learning_curves([given], quantities=["S_31"]).axes[0].get_ylabel()
    names = ["depth 0.2", "depth 0.5", "depth 0.8"]
    assert "depth 0.8" in learning_curves([given], quantities=["S_31"], layers=names).axes[0].get_ylabel()
    with pytest.raises(ArgumentError, match="is one string"):
        learning_curves([given], quantities=["S_31"], layers="depth")
    with pytest.raises(ArgumentError, match="does not name layer 3"):
        learning_curves([given], quantities=["S_31"], layers=names[:2])


def test_chance_is_drawn_where_it_is_known():
    given = Curve("one", [10, 20], {"error": [0.7, 0.2], "probe_22": [0.3, 0.9], "S_21": [0.5, 0.1]})
    names = ["error", "probe_22", "S_21"]
    figure = learning_curves([given], quantities=names, chance={"error": 0.75, "probe_22": 0.25})
    heights = [line.get_ydata()[0] for line in figure.findobj() if line.get_gid() == "chance"]
    assert sorted(heights) == [0.25, 0.75]
    with pytest.raises(ArgumentError, match=r"chance\['probe_22'\]"):
        learning_curves([given], quantities=names, chance={"probe_22": 25})


def test_before_the_first_run_the_panels_say_so():
    figure = learning_curves([], THRESHOLDS, quantities=["error", "S_21"])
    assert ["no runs yet" in {text.get_text() for text in axes.texts} for axes in figure.axes] == [True, True]


@pytest.mark.parametrize("count, runs", [(1, 1), (1, 2), (3, 7), (5, 7)])
def test_texts_of_curves_are_clear_of_each_other(count, runs):
    given = [curve(f"CNN, s0 = {s0}", 400 * 3**s0, s0=s0, runs=runs) for s0 in range(count)]
    check_layout(learning_curves(given, THRESHOLDS, chance=5 / 6, L=2, title="CNN, v = m = n_c = 6"))


def test_many_panels_fit():
    given = curve("LCN", 900)
    values = {**given.values, "S_11": given.values["S_21"], "S_31": given.values["S_21"]}
    figure = learning_curves([replace(given, values=values)], THRESHOLDS, L=2)
    assert len(figure.axes) == 5
    check_layout(figure)
    check_layout(learning_curves([given], THRESHOLDS, quantities=["error"], title="One panel"))


def test_curves_refuse_what_does_not_fit(refuses):
    with refuses("values['error']", [0.1], "Give one entry for each P"):
        Curve("short", [1, 2], {"error": [0.1]})
    with refuses("seeds", [0], "Give one entry for each P"):
        Curve("short", [1, 2], {"error": [0.1, 0.2]}, seeds=[0])
    with refuses("P", 0, "Give P as a finite number > 0"):
        Curve("zero", [0], {"error": [0.1]})
    with refuses("quantities", [], 'Give one at least, such as "error"'):
        learning_curves([], quantities=[])
    curve = Curve("", [10], {"error": [0.1], "loss": [2.0]})
    learning_curves([curve], {"loss": 1.5}, quantities=["loss"], chance=0.75)
    names = "Did you mean 'error'? Use 'error' or 'loss'"
    with refuses("quantities", "'eror'", names):
        learning_curves([curve], quantities=["eror"])
    with refuses("thresholds", "'eror'", names):
        learning_curves([curve], {"eror": 0.1})
    with refuses("P_star", "'eror'", names):
        learning_curves([replace(curve, P_star={"eror": 10})])
    with refuses("thresholds['S_21']", 1.5, "Give thresholds['S_21'] as a finite number > 0 and < 1"):
        learning_curves([curve], {"S_21": 1.5})
    with refuses("chance", 75, "Give chance as a finite number > 0 and < 1"):
        learning_curves([curve], chance=75)


# P* against scaling laws


def point(net: str, scaling_law: float, P_star: float | None, **more) -> ScalingPoint:
    model = {"s0": 1, "v": 6, "L": 2, "s": 2}
    params = Params(**{name: more.pop(name, value) for name, value in model.items()})
    ours = Estimate(P_star, more.pop("interval", None), more.pop("lower_bound", None))
    label = more.pop("label", f"{net} {scaling_law}")
    return ScalingPoint(net, label, params, scaling_law, ours, **more)


POINTS = [
    point("CNN", 216, 400, interval=(372, 432), paper=520, paper_bracket=(390, 728), s0=0),
    point("CNN", 864, 1700, interval=(1581, 1836), paper=2767, paper_bracket=(2075, None)),
    point("CNN", 1944, None, lower_bound=3000, s0=2),
    point("LCN", 512, 900, interval=(850, None), paper=904, paper_bracket=(616, 1320), v=4),
]
FIT = Exponent(slope=1.04, interval=(0.95, 1.13), intercept=0.4, level=0.9, points=3)


def test_scaling_has_a_panel_for_each_net_on_log_axes():
    figure = scaling(POINTS)
    assert [axes.get_title(loc="left") for axes in figure.axes] == [
        "CNN (convolutional)",
        "LCN (locally connected)",
    ]
    assert [(axes.get_xscale(), axes.get_yscale()) for axes in figure.axes] == [("log", "log")] * 2


def test_scaling_shows_the_data_given():
    figure = scaling(POINTS)
    ours, paper, brackets = (artists(figure, f"{kind}/") for kind in ("ours", "paper", "bracket"))
    assert {name: data(line) for name, line in ours.items()} == {
        "ours/CNN/CNN 216": ([216], [400]),
        "ours/CNN/CNN 864": ([864], [1700]),
        "ours/CNN/CNN 1944": ([1944], [3000]),
        "ours/LCN/LCN 512": ([512], [900]),
    }
    assert {name: data(line) for name, line in paper.items()} == {
        "paper/CNN/CNN 216": ([216], [520]),
        "paper/CNN/CNN 864": ([864], [2767]),
        "paper/LCN/LCN 512": ([512], [904]),
    }
    assert [data(line)[1] for line in brackets.values()] == [[390, 728], [2075, 2767], [616, 1320]]
    for line in (*ours.values(), *paper.values(), *brackets.values()):
        assert line.get_transform() == line.axes.transData  # at its true place, not beside it
    for name, line in paper.items():
        beside = ours[name.replace("paper", "ours")]
        assert line.get_markerfacecolor() == "none" != beside.get_markerfacecolor()
        assert line.get_markersize() > beside.get_markersize() + 2  # a ring about ours where both agree
        assert line.get_marker() == beside.get_marker() and line.get_zorder() < beside.get_zorder()


def test_the_key_of_one_thing_shows_nothing_of_another():
    """A grey circle once meant "ours" and "no blanks" as well, and a coloured one v and again no blanks."""
    (legend,) = scaling(POINTS).legends
    keys = {text.get_text(): row for text, row in zip(legend.get_texts(), legend_rows(legend), strict=True)}
    for name in ("ours", "paper"):
        assert [line.get_marker() for line in keys[name]] == ["o", "s", "^"]
        assert {line.get_markerfacecolor() == "none" for line in keys[name]} == {name == "paper"}
    assert [line.get_marker() for line in keys["$s_0$ = 1 blank"]] == ["s"]
    assert [type(mark) for mark in keys["$v$ = 4 features"]] == [Rectangle]


def test_error_bars_end_where_the_interval_does():
    figure = scaling(POINTS)
    ends = []
    for container in (container for axes in figure.axes for container in axes.containers):
        (bars,) = container.lines[2]
        ends += [(float(segment[0, 1]), float(segment[1, 1])) for segment in bars.get_segments()]
    assert np.allclose(ends, [(372, 432), (1581, 1836), (850, 900)])


def test_a_lower_bound_has_an_arrow_upwards():
    figure = scaling(POINTS)
    (arrow,) = artists(figure, "above/").values()
    assert arrow.xy == (1944, 3000)
    across, up = arrow.xyann  # the other end, in points from xy
    assert across == 0 and up > 0
    assert "ours: $P$* is above" in legend_texts(figure)
    assert "ours: $P$* is above" not in legend_texts(scaling(POINTS[:2]))


def test_shape_is_s0_colour_is_v_rim_is_L():
    points = [
        point("CNN", 10.0 * (1 + 10 * place), 20, s0=s0, v=v, L=L, label=str(place))
        for place, (s0, v, L) in enumerate(itertools.product((0, 1), (4, 6), (2, 3)))
    ]
    figure = scaling(points)
    marks = [artists(figure, f"ours/CNN/{place}")[f"ours/CNN/{place}"] for place in range(8)]
    for (a, one), (b, other) in itertools.combinations(zip(points, marks, strict=True), 2):
        assert (a.params.s0 == b.params.s0) == (one.get_marker() == other.get_marker())
        assert (a.params.v == b.params.v) == (one.get_markerfacecolor() == other.get_markerfacecolor())
        assert (a.params.L == b.params.L) == (one.get_markeredgecolor() == other.get_markeredgecolor())
    assert legend_texts(figure) == [
        "ours", "$s_0$ = 0 blanks", "$s_0$ = 1 blank", "$v$ = 4 features", "$v$ = 6 features",
        "$L$ = 2 levels", "$L$ = 3 levels",
    ]  # fmt: skip


def test_lines_have_slope_one_and_the_fitted_slope():
    figure = scaling(POINTS, fits={"CNN": FIT, "LCN": Exponent(2.0, None, 0.0, 0.9, 2)})
    for axes, factor in zip(figure.axes, (math.sqrt(400 / 216 * 1700 / 864), 900 / 512), strict=True):
        x, y = (np.array(values) for values in data(artists(axes, "slope 1")["slope 1"]))
        assert np.allclose(y, factor * x)
    x, y = (np.array(values) for values in data(artists(figure.axes[0], "fit")["fit"]))
    assert list(x) == [216, 864] and np.allclose(y, np.exp(0.4) * x**1.04)
    texts = [[text.get_text() for text in axes.get_legend().get_texts()] for axes in figure.axes]
    assert texts == [["fit: slope 1.04 (0.95 to 1.13)", "slope 1"], ["fit: slope 2.00", "slope 1"]]


def test_without_measurements_the_paper_stands_alone():
    figure = scaling([replace(one, ours=Estimate()) for one in POINTS])
    assert not artists(figure, "ours/")
    x, y = (np.array(values) for values in data(artists(figure.axes[1], "slope 1")["slope 1"]))
    assert np.allclose(y, 904 / 512 * x)
    assert "ours" not in legend_texts(figure)


def test_texts_of_scaling_are_clear_of_each_other():
    check_layout(scaling(POINTS, fits={"CNN": FIT}, title="P* follows the scaling law"))
    check_layout(scaling(POINTS[:2], write_labels=True))


def test_scaling_refuses_what_no_log_axis_holds(refuses):
    with refuses("scaling_law", 0, "Give scaling_law as a finite number > 0"):
        point("CNN", 0, 1)
    with refuses("interval[0]", -1, "Give interval[0] as a finite number > 0"):
        point("CNN", 1, 1, interval=(-1, 2))
    with refuses("points", [], "Give one point at least"):
        scaling([])


# Trees


def batch(count: int = 24, seed: int = 3, **numbers) -> tuple[Grammar, Derivation]:
    grammar = Grammar(Params(**numbers), seed=seed)
    return grammar, Stream(grammar, seed=1).take(0, min(count, grammar.params.P_max))


MODELS = [
    {"n_c": 6, "v": 6, "m": 6, "s": 2, "s0": 1, "L": 2},
    {"n_c": 6, "v": 6, "m": 6, "s": 2, "s0": 2, "L": 2, "sparsity": "B"},
    {"n_c": 4, "v": 4, "m": 4, "s": 2, "s0": 1, "L": 3},
    {"n_c": 3, "v": 12, "m": 5, "s": 3, "s0": 0, "L": 2},
    {"n_c": 2, "v": 3, "m": 2, "s": 2, "s0": 1, "L": 1},
]


@pytest.mark.parametrize("numbers", MODELS)
def test_every_feature_and_blank_has_its_tile(numbers):
    grammar, derivation = batch(**numbers)
    figure, params, tree = (
        derivation_trees(grammar, derivation, rows=(0, 5)),
        grammar.params,
        expand(grammar, derivation),
    )
    for block, row in enumerate((0, 5)):
        for level in range(1, params.L + 1):
            tiles = artists(figure, f"{block}/feature/{level}/")
            blanks = artists(figure, f"{block}/blank/{level}/")
            numbers_shown = artists(figure, f"{block}/number/{level}/")
            assert len(tiles) == params.s ** (params.L - level + 1)
            assert len(tiles) + len(blanks) == params.patch ** (params.L - level + 1)
            assert len(artists(figure, f"{block}/branch/{level}/")) == len(tiles)
            features, positions = tree.features[level - 1][row], tree.positions[level - 1][row]
            for feature, position in zip(features.tolist(), positions.tolist(), strict=True):
                assert numbers_shown[f"{block}/number/{level}/{position}"].get_text() == str(feature)
                tile = tiles[f"{block}/feature/{level}/{position}"]
                assert to_rgb(tile.get_facecolor()[:3]) == to_rgb(feature_colour(feature))
            assert all(tile.get_hatch() for tile in blanks.values())
        assert f"class {tree.label[row]}" in {text.get_text() for text in figure.axes[0].texts}
    check_layout(figure)


def test_children_lie_below_their_parents():
    grammar, derivation = batch(**MODELS[2])
    figure = derivation_trees(grammar, derivation)
    tiles = {**artists(figure, "0/feature/"), **artists(figure, "0/blank/")}
    spans = {}
    for gid, tile in tiles.items():
        level, position = map(int, gid.split("/")[2:])
        spans[level, position] = (tile.get_x(), tile.get_x() + tile.get_width(), tile.get_y())
    for (level, position), (left, right, y) in spans.items():
        if level > 1:
            below = [spans[level - 1, 4 * position + place] for place in range(4)]
            assert all(low < y for _, _, low in below)
            assert left - 0.03 < below[0][0] and below[-1][1] < right + 0.03
            assert all(a[1] < b[0] for a, b in itertools.pairwise(below))


def test_the_default_rows_are_of_one_class():
    grammar, derivation = batch(**MODELS[0])
    figure = derivation_trees(grammar, derivation)
    texts = [text.get_text() for text in figure.axes[0].texts]
    assert texts.count(f"class {derivation.label[0]}") == 2
    assert "Two samples of one class: other features, other places" in texts
    alone = Derivation(*(derivation.label[:1], *(tuple(x[:1] for x in part) for part in derivation[1:])))
    assert len(artists(derivation_trees(grammar, alone), "0/class")) == 1


def first_change(
    transform, grammar: Grammar, derivation: Derivation, row: int, level: int, seed: int
) -> tuple:
    """The trees before and after the first seed that changes the row."""
    before = expand(grammar, derivation)
    while True:
        after = expand(grammar, transform(grammar.params, derivation, level, seed))
        pairs = zip((*before.features, *before.positions), (*after.features, *after.positions), strict=True)
        if any((old[row] != new[row]).any() for old, new in pairs):
            return before, after
        seed += 1


@pytest.mark.parametrize("numbers", MODELS[:4])
@pytest.mark.parametrize("level", [1, 2])
def test_the_exchanged_picture_marks_exactly_the_changed_symbols(numbers, level):
    grammar, derivation = batch(**numbers)
    figure = transformations(grammar, derivation, row=2, level=level, seed=7)
    before, after = first_change(exchange_synonyms, grammar, derivation, 2, level, 7)
    expected = {
        f"1/changed/{one}/{after.positions[one - 1][2, place]}"
        for one in range(1, grammar.params.L + 1)
        for place in np.flatnonzero(before.features[one - 1][2] != after.features[one - 1][2])
    }
    assert expected and set(artists(figure, "1/changed/")) == expected
    for one in range(1, grammar.params.L + 1):
        for feature, position in zip(after.features[one - 1][2], after.positions[one - 1][2], strict=True):
            shown = artists(figure, f"1/number/{one}/{position}")[f"1/number/{one}/{position}"]
            assert shown.get_text() == str(feature)
    check_layout(figure)


@pytest.mark.parametrize("numbers", MODELS[:3])
@pytest.mark.parametrize("level", [1, 2])
def test_the_shifted_picture_has_an_arrow_for_every_move(numbers, level):
    grammar, derivation = batch(**numbers)
    figure = transformations(grammar, derivation, row=2, level=level, seed=7)
    before, after = first_change(diffeomorphism, grammar, derivation, 2, level, 7)
    old, new = before.positions[level - 1][2], after.positions[level - 1][2]
    assert set(artists(figure, "2/arrow/")) == {f"2/arrow/{level}/{place}" for place in new[old != new]}
    assert set(artists(figure, "2/left/")) == {f"2/left/{level}/{place}" for place in set(old) - set(new)}
    moved = {
        f"2/moved/{one}/{place}"
        for one in range(1, level + 1)
        for place in after.positions[one - 1][2][before.positions[one - 1][2] != after.positions[one - 1][2]]
    }
    assert moved and set(artists(figure, "2/moved/")) == moved


def test_the_words_say_what_may_change():
    grammar, derivation = batch(**MODELS[0])
    words = artists(transformations(grammar, derivation), "")
    assert [words[f"{block}/words"].get_text() for block in range(3)] == [
        "the sample",
        "same class, other synonyms in the input (changed symbols outlined)",
        "same class, other positions in the input (arrows show the moves)",
    ]


def test_a_seed_that_changes_nothing_is_passed_over():
    grammar = Grammar(Params(n_c=2, v=2, m=2, s=2, s0=1, L=1), seed=0)
    derivation = unrank(grammar.params, [0])
    for seed in range(8):
        figure = transformations(grammar, derivation, seed=seed)
        assert artists(figure, "1/changed/") and artists(figure, "2/arrow/")


def test_what_cannot_change_is_left_out(refuses):
    dense = transformations(*batch(**MODELS[3]))
    assert "1/words" in artists(dense, "") and "2/words" not in artists(dense, "")
    single = {"n_c": 3, "v": 3, "m": 1, "s": 2, "s0": 1, "L": 2}
    only_shift = artists(transformations(*batch(**single)), "")
    assert "other positions" in only_shift["1/words"].get_text() and "2/words" not in only_shift
    with refuses("grammar", "Params(", "Use a model with m > 1 or s0 > 0"):
        transformations(*batch(**{**single, "s0": 0}))


def test_features_that_swap_places_leave_no_empty_frame():
    params = Params(n_c=2, v=2, m=2, s=2, s0=1, L=1, sparsity="B")
    grammar = Grammar(params, seed=0)
    start = placement_of(params, np.array([[[0, 1]]]))
    derivation = Derivation(np.array([0]), (np.array([[0]]),), (start,))
    for seed in range(12):
        figure = transformations(grammar, derivation, seed=seed)
        left = {int(gid.split("/")[-1]) for gid in artists(figure, "2/left/")}
        taken = {int(gid.split("/")[-1]) for gid in artists(figure, "2/feature/1/")}
        assert left and not left & taken


def test_trees_refuse_what_is_unreadable(refuses):
    grammar, derivation = batch(n_c=4, v=4, m=4, s=2, s0=1, L=4)
    with refuses("grammar", "Params(", "Use a model with d <= 100"):
        derivation_trees(grammar, derivation)
    with pytest.raises(ArgumentError, match=r"d = 256 .* d <= 100"):
        transformations(grammar, derivation)
    grammar, derivation = batch(**MODELS[0])
    with refuses("rows", 24, "Use rows <= 23"):
        derivation_trees(grammar, derivation, rows=(0, 24))
    with refuses("rows", (), "Give one row at least"):
        derivation_trees(grammar, derivation, rows=())
    with refuses("row", 24, "Use row <= 23"):
        transformations(grammar, derivation, row=24)
    with refuses("level", 3, "Use level <= 2"):
        transformations(grammar, derivation, level=3)
