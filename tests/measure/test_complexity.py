import math
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from srhm.errors import ArgumentError
from srhm.measure.complexity import Search, pstar
from srhm.measure.crossings import Crossing, combine, nearest_grid


def sigmoid(P, P_star, slope):
    """An error that falls from 0.8 to 0 in ln P and is 10% at P_star: 0.8 / (1 + 7) = 0.1."""
    return 0.8 / (1 + 7 * (P / P_star) ** slope)


def drive(search, measure):
    """Run a search to its end and return the asks."""
    asks = []
    while (P := search.ask()) is not None:
        assert len(asks) < 60, "the search does not end"
        asks.append(P)
        search.tell(P, measure(P))
    return asks


def is_closed(found, within=0.10):
    exact = found.P_high <= found.P_low * (1 + within) * (1 + 1e-9)
    return exact or found.P_high == found.P_low + 1


def test_near_P_star_three_runs_do():
    """A curve as steep as those of networks, from starts within 20%, with the noise of a test set."""
    rng, runs = np.random.default_rng(7), []
    for start in 3000 * np.geomspace(1 / 1.2, 1.2, 41):
        noisy = lambda P: {"error": rng.binomial(2000, sigmoid(P, 3000, 4.5)) / 2000}  # noqa: E731
        runs.append(len(drive(Search(start, smallest=2), noisy)))
    assert np.mean(runs) < 3.0 and max(runs) <= 5


# The claim that matters: does the interval hold the truth as often as it says, at the price it says?


@pytest.mark.parametrize(("slope", "P_star"), [(0.7, 3000), (1.5, 100), (1.5, 3000), (4.0, 20_000)])
def test_the_interval_covers_the_truth_as_often_as_it_claims(slope, P_star):
    rng = np.random.default_rng(20240410)
    trials, covered, half_widths, runs, deviations = 500, 0, [], [], []
    for _ in range(trials):
        start = P_star * 10 ** rng.uniform(-1, 1)
        own = P_star * np.exp(0.1 * rng.normal(size=3))

        def measure(P, seed, own=own):
            return {"error": rng.binomial(2000, sigmoid(P, own[seed], slope)) / 2000}

        found = pstar(measure, start=start, smallest=2)["error"]
        low, high = found.interval
        covered += low <= P_star <= high
        half_widths.append(math.log(high / low) / 2)
        runs += [crossing.runs for crossing in found.crossings]
        deviations += [math.log(c.P_star / own[seed]) for seed, c in enumerate(found.crossings)]
    assert 0.86 <= covered / trials <= 0.97
    assert np.median(half_widths) <= 0.25
    assert max(runs) <= 9
    # Bisection alone takes 6.1 to 6.5; a slope of 0.7 is a sixth of that of networks, by which runs are placed.
    assert np.mean(runs) < (6.6 if slope < 1 else 5.35)
    # A bias of the single seed must stay far below the half-width, as more seeds do not average it away.
    assert abs(np.mean(deviations)) < 0.01
    # Nor may choosing points by noisy values cost more than the noise of one test set at the threshold.
    noise = math.sqrt(0.1 * 0.9 / 2000) / (slope * 0.1 * (1 - 0.1 / 0.8))
    assert np.std(deviations) < noise


@pytest.mark.parametrize("slope", [0.5, 1.0, 2.0, 5.0])
def test_without_noise_the_crossing_is_right_to_half_a_percent_from_every_start(slope):
    for P_star in (150.5, 4321.0, 1e6):
        for factor in np.geomspace(0.1, 10, 21):
            search = Search(P_star * factor, smallest=2)
            drive(search, lambda P, P_star=P_star: {"error": sigmoid(P, P_star, slope)})
            found = search.crossing()
            assert found.status == "bracketed" and found.interpolated and found.runs <= 9
            assert is_closed(found) and found.P_low < P_star <= found.P_high
            # Linear between neighbours within 10%: the curvature left over is below (slope x 0.095)² / 8.
            assert abs(math.log(found.P_star / P_star)) < 0.005


@pytest.mark.parametrize(("before", "after"), [(0.8, 0.0), (0.1001, 0.0), (0.8, 0.0999), (0.11, 0.09)])
def test_a_jump_misleads_every_prediction_and_still_takes_at_most_9_runs(before, after):
    for P_star in (11, 40, 97, 1000, 54_321):
        for factor in np.geomspace(0.1, 10, 41):
            search = Search(max(1.0, P_star * factor), smallest=1)
            drive(search, lambda P, P_star=P_star: {"error": before if P_star > P else after})
            found = search.crossing()
            assert is_closed(found) and found.P_low < P_star <= found.P_high
            assert found.runs <= 9


def test_small_P_closes_on_neighbouring_integers():
    search = Search(5, smallest=1)
    drive(search, lambda P: {"error": 0.5 if P < 7 else 0.0})
    found = search.crossing()
    assert (found.P_low, found.P_high) == (6, 7)


def test_a_finer_bracket_is_delivered_when_asked_for():
    search = Search(1000, smallest=1, within=0.01)
    drive(search, lambda P: {"error": sigmoid(P, 2500, 1.5)})
    assert is_closed(search.crossing(), 0.01)


# Several thresholds


def three(P):
    """Three metrics that cross their thresholds at THREE_STAR."""
    return {
        "error": sigmoid(P, 3000, 2.0),
        "S_21": 0.05 + 0.95 / (1 + (P / 1500) ** 1.5),
        "D_21": 1 / (1 + 4 * (P / 2200) ** 3),
    }


THREE = {"error": 0.10, "S_21": 0.30, "D_21": 0.20}
THREE_STAR = {"error": 3000.0, "S_21": 1500 * (0.7 / 0.25) ** (1 / 1.5), "D_21": 2200.0}


def test_thresholds_share_their_runs():
    alone = 0
    for name, threshold in THREE.items():
        search = Search(1000, thresholds={name: threshold}, smallest=10)
        alone += len(drive(search, three))
    calls = []

    def measure(P, seed):
        calls.append(P)
        return three(P)

    found = pstar(measure, start=1000, seeds=[4], thresholds=THREE, smallest=10)
    assert len(calls) == len(set(calls)) <= alone - 4  # at least the steps to the crossing are shared
    for name in THREE:
        (crossing,) = found[name].crossings
        assert is_closed(crossing) and crossing.runs == len(calls)
        assert found[name].P_star == pytest.approx(THREE_STAR[name], rel=0.005)


def test_further_thresholds_cost_about_one_run_each():
    starts = 3000 * np.geomspace(0.1, 10, 41)
    first = [len(drive(Search(start, smallest=10), three)) for start in starts]
    total = [len(drive(Search(start, thresholds=THREE, smallest=10), three)) for start in starts]
    assert np.mean(total) - np.mean(first) < 2.3


def test_results_beside_the_search_are_used_and_noise_among_them_is_outvoted():
    results = {700: 0.4, 800: 0.3, 900: 0.09, 1000: 0.2, 1100: 0.15, 1200: 0.08, 1300: 0.05, 1400: 0.03}
    search = Search(5000, smallest=1)
    for P, error in results.items():
        search.tell(P, {"error": error})
    assert search.ask() is None
    found = search.crossing()
    assert (found.P_low, found.P_high) == (1100, 1200)  # not (800, 900): that cut has two on its wrong side


@pytest.mark.parametrize(("errors", "bracket"), [((0.05, 0.11), (850, 900)), ((0.09, 0.15), (950, 1000))])
def test_of_two_results_that_contradict_each_other_the_one_nearer_the_threshold_is_noise(errors, bracket):
    search = Search(5000, smallest=1)
    for P, error in zip((850, 900, 950, 1000), (0.2, *errors, 0.02), strict=True):
        search.tell(P, {"error": error})
    assert (search.crossing().P_low, search.crossing().P_high) == bracket


def test_results_outside_the_bounds_are_kept_but_not_used():
    search = Search(1000, smallest=100, largest=2000)
    search.tell(5000, {"error": 0.0})
    search.tell(50, {"error": 0.0})
    assert search.ask() == 1000
    asks = drive(search, lambda P: {"error": 0.5})
    assert all(100 <= P <= 2000 for P in asks)
    assert search.crossing().status == "above"
    assert [P for P, _ in search.points] == [50, *sorted(asks), 5000]


# Never extrapolate


def test_a_metric_that_never_falls_is_above_the_largest_P():
    found = pstar(lambda P, seed: {"error": 0.5}, start=100, smallest=10, largest=900)["error"]
    assert (found.status, found.P_star, found.ln_spread) == ("above", None, None)
    assert found.interval == (pytest.approx(900), None)
    assert found.interval_kind == "lower bound: 3 of 3 seeds above the largest P tried"
    assert found.crossings[0] == Crossing("error", 0.10, "above", None, 900, None, found.runs // 3)


def test_a_metric_learned_from_the_start_is_below_the_smallest_P():
    found = pstar(lambda P, seed: {"error": 0.01}, start=100, smallest=10, largest=900)["error"]
    assert (found.status, found.P_star) == ("below", None)
    assert found.interval == (None, pytest.approx(10))
    assert found.crossings[0].P_low is None and found.crossings[0].P_high == 10


def test_without_a_largest_P_the_search_ends_at_a_thousand_times_the_start():
    search = Search(7, smallest=2)
    assert max(drive(search, lambda P: {"error": 0.5})) == 7000


def test_a_crossing_at_the_very_bounds_is_found():
    for P_star in (11, 10_000):
        search = Search(300, smallest=10, largest=10_000)
        drive(search, lambda P, P_star=P_star: {"error": 0.5 if P_star > P else 0.0})
        assert search.crossing().P_low < P_star <= search.crossing().P_high


# Seeds


def bracketed(P_star, **changes):
    made = Crossing("error", 0.1, "bracketed", P_star, round(P_star * 0.97), round(P_star * 1.04), 5, True)
    return replace(made, **changes)


def test_seeds_combine_to_the_geometric_mean_with_a_t_interval():
    found = combine([bracketed(1000.0), bracketed(2000.0), bracketed(4000.0)])
    assert (found.status, found.runs) == ("bracketed", 15)
    assert found.P_star == pytest.approx(2000)
    assert found.ln_spread == pytest.approx(math.log(2))
    half = 2.919986 * math.log(2) / math.sqrt(3)
    assert np.log(found.interval) == pytest.approx([math.log(2000) - half, math.log(2000) + half], abs=1e-6)
    assert found.interval_kind == "90% t-interval over 3 seeds"
    wider = combine(found.crossings, level=0.99)
    assert wider.interval[0] < found.interval[0] and wider.interval_kind.startswith("99% ")


def test_one_seed_has_its_bracket_for_an_interval():
    found = combine([bracketed(1000.0)])
    assert found.interval == (970, 1040) and found.interval_kind == "bracket of one seed"
    assert found.P_star == pytest.approx(1000) and found.ln_spread is None


def test_a_seed_that_never_crossed_leaves_a_bound_and_no_number():
    above = Crossing("error", 0.1, "above", None, 1000, None, 5)
    below = Crossing("error", 0.1, "below", None, None, 100, 5)
    unfinished = Crossing("error", 0.1, "open", None, 100, None, 5)
    # The bound holds for the mean over the seeds: 1000 itself would not, as the others lie below it.
    found = combine([bracketed(800.0), bracketed(900.0), above])
    assert (found.status, found.P_star, found.ln_spread) == ("above", None, None)
    assert found.interval == (pytest.approx((800 * 900 * 1000) ** (1 / 3)), None)
    found = combine([bracketed(200.0), below])
    assert found.status == "below" and found.interval == (None, pytest.approx(math.sqrt(200 * 100)))
    assert combine([above, below]).status == "mixed" and combine([above, below]).interval is None
    assert combine([bracketed(10.0), unfinished, above]).status == "open"


def test_the_search_says_open_until_it_is_done():
    search = Search(1000, smallest=1)
    assert search.crossing() == Crossing("error", 0.1, "open", None, None, None, 0)
    search.tell(search.ask(), {"error": 0.5})
    assert (search.crossing().status, search.crossing().P_low) == ("open", 1000)


# Failed runs


@pytest.mark.parametrize("failed", [None, math.nan, math.inf, -math.inf])
def test_runs_that_all_diverge_measure_nothing(failed):
    """They do not count as above the threshold, of which nothing was measured."""
    search = Search(100, smallest=10, largest=900)
    asks = drive(search, lambda P: {"error": failed})
    found = search.crossing()
    assert (found.status, found.P_star, found.P_low, found.diverged) == ("diverged", None, 900, len(asks))


def test_a_search_that_ends_at_runs_that_diverged_has_no_P_star():
    """Between a run that diverged and one that learned nothing says where the error falls to its threshold."""
    search = Search(1000, smallest=10)
    drive(search, lambda P: {"error": None if P < 2500 else 0.03})
    found = search.crossing()
    assert is_closed(found) and found.P_low < 2500 <= found.P_high
    assert (found.status, found.P_star) == ("diverged", None) and found.diverged > 1


def test_the_largest_P_decides_whether_it_was_measured_to_be_above():
    search = Search(100, smallest=10, largest=900)
    asks = drive(search, lambda P: {"error": 0.5 if P == 900 else math.nan})
    assert (search.crossing().status, search.crossing().diverged) == ("above", len(asks) - 1)


def test_a_seed_that_diverged_leaves_no_number_and_no_bound():
    found = pstar(
        lambda P, seed: {"error": math.nan if seed == 2 else 250 / P}, start=500, smallest=10, largest=9000
    )["error"]
    assert (found.status, found.P_star, found.interval) == ("diverged", None, None)
    assert found.interval_kind == "none: training diverged in 1 of 3 seeds" and found.diverged > 0
    above = Crossing("error", 0.1, "above", None, 900, None, 3)
    assert combine([above, found.crossings[2]]).status == "diverged"


def test_results_are_shown_in_a_line():
    found = pstar(lambda P, seed: {"error": (90 + 10 * seed) / P}, start=500, smallest=10)["error"]
    low, high = found.interval
    assert repr(found) == (
        f"SampleComplexity(error = 0.1: P* = {found.P_star:,.0f} [{low:,.0f}, {high:,.0f}], "
        f"90% t-interval over 3 seeds, {found.runs} runs)"
    )
    crossing = Crossing("S_21", 0.3, "diverged", None, 9000, None, 4, diverged=2)
    assert repr(crossing) == (
        "Crossing(S_21 = 0.3: diverged, P_low = 9,000, P_high = none, 4 runs, 2 of them diverged)"
    )
    kind = "none: training diverged in 1 of 1 seeds"
    assert (
        repr(combine([crossing]))
        == f"SampleComplexity(S_21 = 0.3: diverged, {kind}, 4 runs, 2 of them diverged)"
    )


@pytest.mark.parametrize("start", [1000, 4000, 16_000])
def test_a_run_that_fails_by_accident_past_P_star_does_not_move_it(start):
    # The first run past P* fails. Without a look below it the bracket would close on it, 60% too high at start = 4000.
    calm = drive(Search(start, smallest=10), lambda P: {"error": sigmoid(P, 2500, 1.5)})
    failing = next(P for P in calm if P > 2500)
    search = Search(start, smallest=10)
    asks = drive(search, lambda P: {"error": None if failing == P else sigmoid(P, 2500, 1.5)})
    found = search.crossing()
    assert failing in asks and found.interpolated and is_closed(found)
    assert found.P_star == pytest.approx(2500, rel=0.005)


def test_a_run_that_fails_by_accident_at_P_star_is_stepped_over():
    search = Search(2490, smallest=10)
    asks = drive(search, lambda P: {"error": math.nan if 2450 < P < 2550 else sigmoid(P, 2500, 1.5)})
    found = search.crossing()
    assert 2490 in asks and found.interpolated
    assert found.P_low <= 2450 and found.P_high >= 2550 and found.P_high / found.P_low <= 1.1**2
    assert found.P_star == pytest.approx(2500, rel=0.01)  # curvature over a bracket twice as wide


# Replay: a driver resumes a search from its store


@st.composite
def curves(draw):
    """A start, bounds and a falling step curve of two metrics, some runs of which fail."""
    smallest = draw(st.integers(1, 50))
    largest = draw(st.integers(smallest, 100_000))
    start = draw(st.integers(smallest, largest))
    heights = {
        name: sorted(draw(st.lists(st.floats(0, 1), min_size=1, max_size=6)), reverse=True) for name in "ab"
    }
    edges = sorted(draw(st.lists(st.floats(0.5, 120_000), min_size=5, max_size=5)))
    rarity = draw(st.sampled_from([3, 10, 10**9]))
    failing = draw(st.integers(0, 2))

    def measure(P):
        if P % rarity == failing:
            return {"a": None, "b": None}
        place = sum(edge < P for edge in edges)
        return {name: values[min(place, len(values) - 1)] for name, values in heights.items()}

    return start, smallest, largest, measure


@settings(max_examples=50, deadline=None, derandomize=True)
@given(curves())
def test_what_may_be_asked_ahead_changes_nothing_and_could_be_asked(curve):
    start, smallest, largest, measure = curve
    searches = [
        Search(start, thresholds={"a": 0.4, "b": 0.3}, smallest=smallest, largest=largest) for _ in range(2)
    ]
    quiet = drive(searches[0], measure)
    asks = []
    while (P := searches[1].ask()) is not None:
        ahead = searches[1].ask_ahead()
        told = {Q for Q, _ in searches[1].points}
        assert len(set(ahead)) == len(ahead) and not told & {P, *ahead} and P not in ahead
        assert all(smallest <= Q <= largest for Q in ahead)
        asks.append(P)
        searches[1].tell(P, measure(P))
    assert asks == quiet and searches[1].ask_ahead() == []


def test_many_runs_are_known_ahead():
    """Of a smooth curve: mostly the run that closes the bracket; steps follow from the value of a run."""
    asked = known = 0
    for start in np.geomspace(1000, 9000, 20):
        search, ahead = Search(start, smallest=10), []
        while (P := search.ask()) is not None:
            asked, known = asked + 1, known + (P in ahead)
            ahead = search.ask_ahead()
            search.tell(P, {"error": sigmoid(P, 3000, 1.5)})
    assert known / (asked - 20) > 0.3


@settings(max_examples=150, deadline=None, derandomize=True)
@given(curves(), st.lists(st.integers(1, 120_000), max_size=6), st.randoms(use_true_random=False))
def test_asks_follow_from_the_results_told(curve, extra, random):
    start, smallest, largest, measure = curve

    def fresh():
        return Search(start, thresholds={"a": 0.3, "b": 0.2}, smallest=smallest, largest=largest)

    search = fresh()
    for P in extra:
        search.tell(P, measure(P))
    asks = drive(search, measure)
    assert all(smallest <= P <= largest for P in asks)
    assert len(set(asks)) == len(asks) and not set(asks) & set(extra)
    # The same results in the same order give the same asks ...
    replay = fresh()
    for P in extra:
        replay.tell(P, measure(P))
    for P in asks:
        assert replay.ask() == P
        replay.tell(P, measure(P))
    assert replay.ask() is None
    # ... and in any order the same answer, since a store returns its rows in an order of its own.
    results = list(search.points)
    random.shuffle(results)
    other = fresh()
    for P, metrics in results:
        other.tell(P, metrics)
    assert other.ask() is None and other.points == search.points
    for name, threshold in search.thresholds.items():
        found = search.crossing(name)
        assert other.crossing(name) == found and found.status != "open"
        if found.status == "bracketed":
            assert found.P_low <= found.P_star <= found.P_high
            assert measure(found.P_high)[name] <= threshold
            # A run that diverged is stepped over: then there are two steps of 10%, or of one point, in between.
            middle = max(found.P_low + 1, math.floor(found.P_low * 1.1 + 1e-9))
            assert is_closed(found) or found.P_high <= max(middle + 1, middle * 1.1 * (1 + 1e-9))


@settings(max_examples=150, deadline=None, derandomize=True)
@given(st.integers(50, 10**6), st.floats(-1, 1), st.lists(st.floats(0, 1), min_size=9, max_size=9))
def test_any_falling_curve_takes_at_most_9_runs(P_star, decade, heights):
    # Nine values placed about P_star, four above the threshold and five below, joined linearly in ln P.
    values = sorted((0.1 + 1e-6 + 0.7 * y for y in heights[:4]), reverse=True)
    values += sorted((0.1 * y for y in heights[4:]), reverse=True)
    places = math.log(P_star) + np.array([-2, -0.5, -0.1, 0, 1e-6, 0.1, 0.2, 1, 2])
    search = Search(P_star * 10**decade, smallest=1)
    asks = drive(search, lambda P: {"error": float(np.interp(math.log(P), places, values))})
    found = search.crossing()
    assert len(asks) == found.runs <= 9
    assert is_closed(found) and found.P_low <= P_star * (1 + 1e-6) <= found.P_high + 1


def test_asking_does_not_change_a_search_and_telling_again_replaces():
    search = Search(1000, smallest=1)
    assert search.ask() == search.ask() == 1000
    search.tell(1000, {"error": 0.5})
    up = search.ask()
    search.tell(1000, {"error": 0.01, "S_21": 0.3})
    assert search.points == ((1000, {"error": 0.01, "S_21": 0.3}),)
    assert up > 1000 > search.ask()


def test_pstar_measures_every_seed_as_a_driver_of_searches_would():
    calls = []

    def measure(P, seed):
        calls.append((P, seed))
        return {"error": sigmoid(P, 1000 * 1.1**seed, 2.0)}

    found = pstar(measure, start=400, seeds=(5, 0), smallest=10)["error"]
    crossings = []
    for seed in (5, 0):
        search = Search(400, smallest=10)
        drive(search, lambda P, seed=seed: {"error": sigmoid(P, 1000 * 1.1**seed, 2.0)})
        crossings.append(search.crossing())
    assert found == combine(crossings)
    assert len(calls) == found.runs and all(type(number) is int for call in calls for number in call)


# The published rule

GRID = [(100, 0.85), (150, 0.6), (225, 0.28), (340, 0.06), (510, 0.01)]


def grid(pairs):
    return [(P, {"error": error}) for P, error in pairs]


def test_the_published_rule_takes_the_grid_point_nearest_the_threshold():
    found = nearest_grid(grid(reversed(GRID)))
    assert found == Crossing("error", 0.1, "bracketed", 340.0, 225, 510, 5, False)
    assert nearest_grid(grid(GRID[-1:])).P_low is None and nearest_grid(grid(GRID[-1:])).P_high is None
    # A grid that ends above the threshold still yields a number by this rule, if within its tolerance.
    assert nearest_grid(grid([(100, 0.5), (150, 0.19)])).P_star == 150


def test_the_published_rule_takes_nothing_out_of_tolerance():
    found = nearest_grid(grid(GRID[:3]))  # nearest is 0.28
    assert (found.status, found.P_star, found.P_low, found.P_high) == ("above", None, 225, None)
    found = nearest_grid(grid([(100, 0.01), (150, 0.0)]), tolerance=(0.05, 0.15))
    assert (found.status, found.P_star, found.P_low, found.P_high) == ("below", None, None, 100)
    assert nearest_grid(grid([(100, 0.9), (150, 0.0)]), tolerance=(0.05, 0.15)).status == "open"
    # The wider tolerance of the sensitivities takes what that of the error would not.
    points = [(100, {"S_21": 0.95}), (200, {"S_21": 0.7})]
    assert nearest_grid(points, "S_21", 0.3, (-0.2, 0.8)).P_star == 200


def test_the_published_rule_skips_failed_runs():
    assert nearest_grid(grid([(100, None), (150, 0.15), (225, math.nan)])).P_star == 150
    assert nearest_grid(grid([(100, None), (150, None)])).status == "diverged"
    assert nearest_grid(grid([(100, 0.9), (150, None)])).status == "diverged"
    assert nearest_grid(grid([(100, None), (150, 0.9)])).status == "above"


# Bad arguments


@pytest.mark.parametrize(
    ("argument", "changes"),
    [
        ("start", {"start": 0}),
        ("start", {"start": -5.0}),
        ("start", {"start": math.nan}),
        ("start", {"start": math.inf}),
        ("start", {"start": 1001}),
        ("start", {"start": 9}),
        ("smallest", {"smallest": 0}),
        ("largest", {"smallest": 2000}),
        ("largest", {"largest": 5}),
        ("within", {"within": 0}),
        ("within", {"within": -0.1}),
        ("within", {"within": 1e-9}),
        ("within", {"within": 10}),
        ("within", {"within": math.nan}),
        ("thresholds", {"thresholds": {}}),
        ("thresholds['error']", {"thresholds": {"error": math.nan}}),
        ("thresholds['error']", {"thresholds": {"error": 1.5}}),
        ("thresholds['D_21']", {"thresholds": {"D_21": 1}}),
        ("thresholds['error']", {"thresholds": {"error": "0.1"}}),
        ("thresholds['S_21']", {"thresholds": {"error": 0.1, "S_21": 0.0}}),
        ("seeds", {"seeds": ()}),
        ("seeds", {"seeds": (0, -1)}),
        ("seeds", {"seeds": (1, 2, 1)}),
    ],
)
def test_bad_arguments_are_named_before_any_run(argument, changes):
    def measure(P, seed):
        pytest.fail("measured before the arguments were checked")

    arguments = {"start": 100, "smallest": 10, "largest": 1000} | changes
    with pytest.raises(ArgumentError) as caught:
        pstar(measure, **arguments)
    assert caught.value.argument == argument
    assert "Use" in str(caught.value) or "Give" in str(caught.value) or "Start" in str(caught.value)


def test_bad_results_are_named():
    search = Search(100, smallest=10)
    for P, metrics, argument in [
        (0, {"error": 0.1}, "P"),
        (-3, {"error": 0.1}, "P"),
        (50, {"S_21": 0.1}, "metrics"),
        (50, 0.1, "metrics"),  # a number in place of a dict
        (50, [0.1], "metrics"),
        (50, None, "metrics"),
        (50, {"error": 12.0}, "metrics['error']"),  # a percentage
        (50, {"error": -0.1}, "metrics['error']"),
    ]:
        with pytest.raises(ArgumentError) as caught:
            search.tell(P, metrics)
        assert caught.value.argument == argument
    assert search.points == ()
    with pytest.raises(ArgumentError, match=r"has no threshold in this search\. Use 'error'"):
        search.crossing("S_21")
    with pytest.raises(ArgumentError, match="lacks 'error'"):
        pstar(lambda P, seed: {"loss": 0.1}, start=100, smallest=10)


def test_bad_arguments_of_the_summaries_are_named():
    other = bracketed(1000.0, quantity="S_21")
    for arguments in ([], [bracketed(1000.0), other]):
        with pytest.raises(ArgumentError, match="crossings"):
            combine(arguments)
    for level in (0.0, 1.0, math.nan):
        with pytest.raises(ArgumentError, match="level"):
            combine([bracketed(1000.0)], level=level)
    for points, changes, argument in [
        ([], {}, "points"),
        ([(0, {"error": 0.1})], {}, "points"),
        ([(5, {"error": 0.1})], {"quantity": "S_21"}, "metrics"),
        ([(5, {"error": 0.1})], {"threshold": math.nan}, "threshold"),
        ([(5, {"error": 0.1})], {"tolerance": (0.2, 0.0)}, "tolerance"),
        ([(5, {"error": 0.1})], {"threshold": 0.3}, "tolerance"),
    ]:
        with pytest.raises(ArgumentError) as caught:
            nearest_grid(points, **changes)
        assert caught.value.argument == argument


def test_a_search_steps_by_at_most_a_factor_that_bisection_can_pay_for():
    # Guards the budget of 9: start, three steps, and 5 bisections of a factor 12 at most.
    for low in (0.15, 0.2, 0.8):
        search = Search(1000, smallest=1)
        asks = drive(search, lambda P, low=low: {"error": low if P < 1050 else 0.1001 if P < 11_900 else 0.0})
        assert max(b / a for a, b in pairwise(sorted(asks[:4]))) <= 12 and len(asks) <= 9


def test_an_interval_contains_the_brackets_of_a_coarse_grid():
    """Three seeds cross between the same two far neighbours: their scatter alone would say too little."""

    def crossing(P_star, low, high):
        return Crossing("error", 0.1, "bracketed", P_star, low, high, 5, True)

    coarse = combine([crossing(P, 7_400, 12_000) for P in (11_500, 11_600, 11_700)])
    assert coarse.interval == pytest.approx((7_400, 12_000))
    assert coarse.interval_kind == "90% t-interval over 3 seeds, with their brackets"
    close = combine([crossing(P, P / 1.04, P * 1.04) for P in (1_000.0, 1_200.0, 1_100.0)])
    assert close.interval_kind == "90% t-interval over 3 seeds" and close.interval[0] > 900
    wide = combine([crossing(500, 490, 510), crossing(2_000, 1_500, 2_500)])  # scatter beyond the brackets
    assert wide.interval[0] < 500 and wide.interval[1] > 2_000
