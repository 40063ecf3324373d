"""The paper's table: its numbers, its figures, their tiers and their costs."""

import math
from dataclasses import replace

import pytest

import srhm
from srhm.nets import FAMILIES
from srhm.paper.cost import Device, run_seconds, run_steps, shown
from srhm.paper.estimate import figure_costs
from srhm.paper.figures import FIGURES, figures_named
from srhm.paper.plan import phases
from srhm.paper.settings import model, setup
from srhm.paper.tiers import TIERS, cost_near, near
from srhm.reference.published import entries, published, published_series
from srhm.store.index import RunIndex
from srhm.study.expected import expected_P

LAPTOP = TIERS["laptop"]


# Its numbers


def test_known_numbers_of_the_paper():
    paper = published("lcn", model(6, 1))
    assert (paper.P_star, paper.low, paper.high, paper.figure, paper.valid) == (3054, 2088, 4458, "4B", True)
    assert published("cnn", model(4, 0, s=3)).P_star == 6120
    assert not published("fcn", model(6, 1, L=3)).valid
    assert published("lcn", model(4, 0), "P_star_S").P_star == 196
    assert published("lcn", model(6, 1, sparsity="B")) is None
    assert published("lcn", srhm.Params(n_c=3, v=6, m=6, s=2, s0=1, L=2)) is None


def test_every_published_point_is_of_a_setting_of_its_figure():
    """The table of figures misses none of the P* of the paper's own figures."""
    of_figures = {
        "4B": "4B", "4B and 10 right": "4B", "4C": "4C", "13": "13", "16": "16",
        "10 left (and 10 right for v=4,s0=1)": "10", "6C": "6", "6D": "6", "11 left": "11", "11 right": "11",
        "14 top-left": "14", "14 top-right": "14", "14 bottom-left": "14", "14 bottom-right": "14",
        "16 left": "16", "16 right": "16",
    }  # fmt: skip
    seen = 0
    for entry in entries():
        name = of_figures.get(entry["figure"])
        if name is not None and entry["quantity"].startswith("P_star"):
            point = model(entry["v"], entry["s0"], L=entry["L"], s=entry["s"], sparsity=entry["sparsity"])
            assert setup(entry["arch"], point) in FIGURES[name].settings, entry
            seen += 1
    assert seen > 150


def test_curves_are_in_order_and_have_errors_below_chance():
    for figure in ("4A", "7", "8", "12", "9"):
        for series in published_series(figure, "test_error"):
            Ps = [P for P, _ in series.points]
            assert Ps == sorted(Ps) and len(Ps) > 3
            assert all(0 <= error <= 1 - 1 / series.params.n_c + 0.02 for _, error in series.points)
    (series,) = [one for one in published_series("12", "S_kl") if (one.layer, one.level) == ("1", 2)][:1]
    assert series.net == "lcn" and series.params.v == 8


# Its figures


@pytest.mark.parametrize(
    ("name", "found"),
    [("4B", ["4B"]), ("4", ["4A", "4B", "4C"]), ("1", ["1"]), ("1C", ["1"]), ("6d", ["6"]), ("17", ["17"])],
)
def test_figures_are_found_by_their_names(name, found):
    assert [figure.name for figure in figures_named(name)] == found


@pytest.mark.parametrize("name", ["18", "0", "", "4D", "B", "lcn"])
def test_other_figures_are_refused_with_those_there_are(name):
    with pytest.raises(srhm.ArgumentError, match="Use one of 1, 2, 3, 4A"):
        figures_named(name)


def test_all_figures_of_the_paper_are_there():
    numbers = {name.rstrip("ABC") for name in FIGURES if name[0].isdigit()}
    assert numbers == {str(number) for number in range(1, 18)}


@pytest.mark.parametrize("tier", TIERS.values(), ids=TIERS)
@pytest.mark.parametrize("figure", FIGURES.values(), ids=FIGURES)
def test_every_figure_has_runs_that_can_be_specified(figure, tier):
    """At each tier each setting gives searches and runs that pass all checks, the cheapest first."""
    settings = tier.settings(figure)
    assert settings == sorted(settings, key=cost_near)
    for setting in settings:
        if figure.kind.searches:
            assert tier.study(setting).replicates == tier.replicates(setting)
            assert "error" in tier.study(setting, sensitivities=True).thresholds
        if figure.kind.curved:
            runs = tier.curve(figure, setting)
            assert len(runs) >= 3 * tier.replicates(setting) and len({run.hash for run in runs}) == len(runs)


def test_the_laptop_reaches_what_a_night_can_pay():
    assert len(LAPTOP.settings(FIGURES["4B"])) >= 10 and len(LAPTOP.settings(FIGURES["4C"])) >= 14
    assert all(expected_P(setting) <= 12_000 for setting in LAPTOP.settings(FIGURES["4B"]))
    assert {setting.params.s0 for setting in LAPTOP.settings(FIGURES["12"])} == {0, 1}
    assert {setting.params.s0 for setting in TIERS["full"].settings(FIGURES["12"])} == {0, 1, 2, 4}


def test_the_narrow_tier_has_fewer_replicates_of_what_is_dear():
    tier = TIERS["narrow"]
    found = {
        setting: tier.replicates(setting) for name in ("4B", "4C") for setting in tier.settings(FIGURES[name])
    }
    assert set(found.values()) == {1, 2, 3} and len(found) == 72
    for setting, count in found.items():
        expected = expected_P(setting)
        assert count == (3 if expected < 12_000 else 2 if expected < 60_000 else 1)
        assert tier.setup(setting).net.width == 128


def test_each_shared_layer_takes_a_factor_from_what_is_expected():
    one, two = (setup("lcn", model(6, 2), shared_layers=tuple(range(1, q + 1))) for q in (0, 1))
    assert expected_P(one) == pytest.approx(3 * expected_P(two))


def test_the_thresholds_are_those_of_the_layers_of_the_paper():
    assert FAMILIES["lcn"].thresholds(model(6, 1)) == {"error": 0.1, "S_21": 0.3, "D_21": 0.1}
    assert FAMILIES["cnn"].thresholds(model(4, 0, s=3)) == {"error": 0.1, "S_21": 0.5}
    assert FAMILIES["fcn"].thresholds(model(4, 1, L=3)) == {"error": 0.1, "S_41": 0.2, "D_41": 0.2}


# What they cost


def test_estimates_grow_with_the_tier_and_count_shared_runs_once():
    figures = [FIGURES[name] for name in ("4B", "6", "12", "5")]
    laptop = figure_costs(figures, LAPTOP, Device.core())
    full = figure_costs(figures, TIERS["full"], Device.core())
    assert [one.name for one in laptop] == ["4B", "6", "12", "5", "all"]
    assert laptop[3].runs == 0 and laptop[3].shown == ""
    for small, large in zip(laptop, full, strict=True):
        assert large.seconds >= small.seconds and large.run >= small.run
    assert (
        max(one.seconds for one in laptop[:3]) < laptop[-1].seconds < sum(one.seconds for one in laptop[:3])
    )
    half = figure_costs(figures, LAPTOP, Device.core(2))
    assert half[-1].seconds == pytest.approx(laptop[-1].seconds / 2)


def test_a_run_never_takes_more_steps_than_its_epochs():
    spec = near(LAPTOP.setup(setup("lcn", model(6, 1))))
    stopping = replace(spec.setup.stopping, max_epochs=2)
    short = replace(spec.setup, stopping=stopping).at(spec.P)
    assert run_steps(short) == pytest.approx(2 * spec.P / 24) and run_steps(spec) > run_steps(short)
    assert 0 < run_seconds(spec, Device.core()) < 3600


@pytest.mark.parametrize(
    ("seconds", "words"), [(0.2, "1 s"), (119, "119 s"), (121, "3 min"), (7201, "3 h"), (1e6, "12 days")]
)
def test_times_in_words(seconds, words):
    assert shown(seconds) == words


def test_phases_have_every_search_and_run_once():
    figures = list(FIGURES.values())
    found = phases(figures, LAPTOP, RunIndex(()))
    assert [phase.title for phase in found] == ["P*", "curves", "P*_S and P*_D"]
    hashes = [study.setup.digest for study in found[0].studies]
    assert len(set(hashes)) == len(hashes)
    specs = [spec.hash for spec in found[1].specs]
    assert len(set(specs)) == len(specs) and math.isfinite(sum(map(cost_near, FIGURES["4B"].settings)))
