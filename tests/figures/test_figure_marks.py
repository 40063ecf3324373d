"""A setting has the same mark everywhere, and everything that can be told apart is."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.figure import Figure

from figure_checks import artists, check_layout, data, legend_texts
from srhm import Params
from srhm.figures import Estimate, ScalingPoint, scaling
from srhm.figures.marks import Marks, draw_estimate
from srhm.figures.style import styled

LOOK = {"color": "red", "marker": "o"}


def setting(v: int, s0: int, L: int, s: int) -> Params:
    return Params(v=v, s0=s0, L=L, s=s)


SETTINGS = [
    setting(*numbers) for numbers in itertools.product((3, 4, 6, 8, 10, 12), (0, 1, 2, 4, 6), (2, 3), (2, 3))
]


KINDS = [(2, 2), (2, 3), (3, 2), (3, 3), (2, 2), (2, 2)]


@pytest.mark.parametrize("whose", ["ours", "paper"])
def test_settings_of_the_paper_all_have_different_marks(whose):
    marks = Marks(SETTINGS)
    looks = [tuple(sorted(map(str, getattr(marks, whose)(one).items()))) for one in SETTINGS]
    assert len(set(looks)) == len(SETTINGS)


def test_the_paper_is_open_larger_and_of_the_same_colour_and_shape():
    marks = Marks(SETTINGS)
    for one in SETTINGS:
        ours, paper = marks.ours(one), marks.paper(one)
        assert paper["markerfacecolor"] == "none" and paper["markersize"] > ours["markersize"]
        assert paper["markeredgecolor"] == ours["color"] and paper["marker"] == ours["marker"]


def test_s_has_no_rim_where_it_has_panels():
    marks = Marks(SETTINGS, rim_shows_s=False)
    assert marks.ours(setting(4, 1, 2, 2)) == marks.ours(setting(4, 1, 2, 3))
    assert marks.ours(setting(4, 1, 2, 2)) != marks.ours(setting(4, 1, 3, 2))


number = st.floats(1e-3, 1e9)


@given(number, st.tuples(st.none() | number, st.none() | number) | st.none(), number)
def test_an_estimate_reaches_over_all_it_knows(value, interval, bound):
    known = Estimate(value, interval, bound)
    assert known.place == value and not known.bounded
    assert set(known.reach) >= {value} | {end for end in interval or () if end is not None}
    assert known.ends is None or all(end in (value, *interval) for end in known.ends)
    unknown = Estimate(None, interval, bound)
    assert unknown.place == bound and unknown.bounded and unknown.reach == [bound] and unknown.ends is None
    assert Estimate().place is None and not Estimate().reach


def drawn(x: Estimate, y: Estimate) -> Figure:
    figure = Figure()
    styled(draw_estimate)(figure.subplots(), x, y, LOOK, "it")
    return figure


def test_error_bars_end_where_the_intervals_do():
    figure = drawn(Estimate(10, (8, 15)), Estimate(100, (None, 130)))
    assert data(artists(figure, "ours/")["ours/it"]) == ([10], [100])
    across, up = figure.axes[0].containers[0].lines[2]
    assert across.get_segments()[0].tolist() == [[8, 100], [15, 100]]
    assert up.get_segments()[0].tolist() == [[10, 100], [10, 130]]


def test_arrows_lead_away_from_bounds():
    figure = drawn(Estimate(lower_bound=10), Estimate(lower_bound=100))
    above, beyond = (artists(figure, f"{words}/")[f"{words}/it"] for words in ("above", "beyond"))
    assert above.xy == beyond.xy == (10, 100)
    assert above.xyann[0] == 0 < above.xyann[1] and beyond.xyann[1] == 0 < beyond.xyann[0]
    assert not artists(drawn(Estimate(10), Estimate(lower_bound=100)), "beyond/")
    assert not artists(drawn(Estimate(10), Estimate()), "ours/")


def test_a_long_key_is_not_cut_off():
    some = [
        setting(v, s0, L, s)
        for v, s0, (L, s) in zip((3, 4, 6, 8, 10, 12), (0, 1, 2, 4, 6, 6), KINDS, strict=True)
    ]
    points = [
        ScalingPoint("CNN", "any", one, 10, Estimate(20 if one.v < 5 else None, (15, 30), 9), 30, (20, 40))
        for one in some
    ]
    assert len(legend_texts(scaling(points))) == 5 + 5 + 6 + 4  # rows of the key, empty ones apart
    check_layout(scaling(points))


def test_estimates_refuse_what_no_log_axis_holds(refuses):
    with refuses("value", 0, "Give value as a finite number > 0"):
        Estimate(0)
    with refuses("interval[1]", -2, "Give interval[1] as a finite number > 0"):
        Estimate(3, (1, -2))
    with refuses("lower_bound", -1, "Give lower_bound as a finite number > 0"):
        Estimate(lower_bound=-1)
