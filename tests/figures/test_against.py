"""Error against sensitivity: every run at its place, networks told apart, P as size."""

import numpy as np
import pytest

from figure_checks import artists, check_layout, data, legend_texts
from srhm.figures import NetworkRun, error_against_sensitivity
from srhm.figures.style import styled

NETS = ("LCN", "CNN", "FCN", "VGG11", "VGG16", "ResNet18", "ResNet34", "EfficientNetB0")
RUNS = [
    NetworkRun(
        net, P, 0.8 * 0.9**place / (P / 1000), S=0.7 / (P / 1000), D=0.5 * 0.8**place / (P / 1000) * 1.1**seed
    )
    for place, net in enumerate(NETS)
    for P in (1000, 4000)
    for seed in (0, 1)
] + [NetworkRun("LCN", 6630, 0.7706, 0.6733, 0.5294, "paper")]


def test_every_run_is_at_its_place():
    figure = error_against_sensitivity(RUNS)
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["Shifts", "Synonyms"]
    for axes, quantity in zip(figure.axes, "DS", strict=True):
        assert axes.get_xscale() == axes.get_yscale() == "log"
        marks = {**artists(axes, "ours/"), **artists(axes, "paper/")}
        assert len(marks) == len(RUNS)
        for place, run in enumerate(RUNS):
            line = marks[f"{run.whose}/{quantity}/{run.net}/{place}"]
            assert data(line) == ([getattr(run, quantity)], [run.error])
            assert (line.get_markerfacecolor() == "none") == (run.whose == "paper")
    assert figure.axes[0].get_ylim() == figure.axes[1].get_ylim()


def test_networks_have_colour_and_shape_of_their_own_whoever_else_is_there():
    def looks(runs) -> dict:
        lines = artists(error_against_sensitivity(runs).axes[0], "ours/")
        return {name.split("/")[2]: (line.get_color(), line.get_marker()) for name, line in lines.items()}

    all_looks = looks(RUNS)
    assert len(set(all_looks.values())) == len(NETS)
    assert looks(RUNS[8:12]) == {"FCN": all_looks["FCN"]}


def test_markers_grow_with_P():
    runs = [NetworkRun("CNN", P, 0.5, D=0.1 * place) for place, P in enumerate((87, 1000, 3923), 1)]
    figure = error_against_sensitivity(runs)
    sizes = [line.get_markersize() for line in artists(figure, "ours/").values()]
    assert sizes == sorted(sizes) and len(set(sizes)) == 3
    in_key = legend_texts(figure)
    assert [text for text in in_key if text.startswith("$P$")] == ["$P$ = 87", "$P$ = 584", "$P$ = 3,920"]
    same = error_against_sensitivity([NetworkRun("CNN", 7400, 0.5, D=0.1)])
    assert [text for text in legend_texts(same) if text.startswith("$P$")] == ["$P$ = 7,400"]


def test_the_path_joins_the_geometric_means_in_the_order_of_P():
    pairs = {1000: [(0.4, 0.8), (0.6, 0.5)], 300: [(0.9, 0.9)], 4000: [(0.1, 0.2), (0.05, 0.0)]}
    runs = [NetworkRun("CNN", P, error, D=D) for P, those in pairs.items() for D, error in those]
    (path,) = artists(error_against_sensitivity(runs), "path/D/CNN").values()
    x, y = data(path)
    assert np.allclose(x, [0.9, np.sqrt(0.4 * 0.6), 0.1]) and np.allclose(y, [0.9, np.sqrt(0.8 * 0.5), 0.2])


def test_no_errors_stand_at_the_lower_edge_with_an_arrow():
    runs = [NetworkRun("CNN", 1000, 0.5, D=0.4), NetworkRun("CNN", 9000, 0.0, D=0.02)]
    figure = error_against_sensitivity(runs)
    floor = figure.axes[0].get_ylim()[0]
    assert floor < 0.5
    assert data(artists(figure, "ours/D/CNN/1")["ours/D/CNN/1"]) == ([0.02], [floor])
    assert set(artists(figure, "below/")) == {"below/D/CNN/1"} and "no errors" in legend_texts(figure)
    assert "no errors" not in legend_texts(error_against_sensitivity(runs[:1]))


def test_the_correlation_is_written_with_its_interval():
    given = {"D": (0.934, (0.81, 0.98)), "S": (0.5, None)}
    figure = error_against_sensitivity(RUNS, correlations=given, correlation_name="Spearman's")
    texts = [artists(axes, "correlation")["correlation"].get_text() for axes in figure.axes]
    assert texts == ["Spearman's 0.93\n(0.81 to 0.98)", "Spearman's 0.50"]
    assert not artists(error_against_sensitivity(RUNS), "correlation")
    styled(figure.draw_without_rendering)()
    for axes in figure.axes:
        below = artists(axes, "correlation")["correlation"].get_window_extent().y0
        assert below > max(axes.transData.transform((1, run.error))[1] for run in RUNS) + 3  # pixels


def test_panels_without_data_are_left_out():
    figure = error_against_sensitivity([NetworkRun("CNN", 10, 0.5, S=0.3)])
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["Synonyms"]


@pytest.mark.parametrize("runs", [RUNS, RUNS[:1]])
def test_texts_are_clear_of_each_other(runs):
    labels = {
        "D": "sensitivity of depth 0.8 to shifts, $D$",
        "S": "sensitivity of depth 0.8 to synonyms, $S$",
    }
    given = {name: (0.9, (0.8, 0.95)) for name in "DS"}
    check_layout(error_against_sensitivity(runs, x_labels=labels, correlations=given, title="Networks"))


def test_what_has_no_place_is_refused(refuses):
    with refuses("runs", [], "Give one run with S or D at least"):
        error_against_sensitivity([])
    for name, value in (("P", 0), ("S", -1), ("D", 0), ("error", -0.1)):
        with refuses(name, value, f"Give {name} as a finite number > 0"):
            NetworkRun(**{"net": "CNN", "P": 10, "error": 0.5, name: value})
