"""The reproduction: what is read off a store, laid beside the paper, and computed if it is missing."""

from dataclasses import replace
from pathlib import Path

import matplotlib.figure
import pytest

import srhm
from paper_oracle import LAPTOP, SPREAD, oracle, runs_of, work
from srhm.paper.drawings import closed, draw, replicates_of
from srhm.paper.figures import FIGURES
from srhm.paper.plan import phases, reproduce
from srhm.paper.report import report, write_all
from srhm.paper.settings import model, setup
from srhm.paper.sharing import blank_exponent, by_sharing
from srhm.paper.tables import (
    comparison_table,
    comparisons,
    correlation_table,
    figure_table,
    powers,
    sharing_table,
)
from srhm.paper.tiers import TIERS, Tier, study_of
from srhm.paper.widths import Bias, Widths, missing_table, ratio_table, values_table, width_table
from srhm.runner.executors import InProcess
from srhm.runner.searches import all_sources
from srhm.store import Store
from srhm.store.index import RunIndex
from srhm.study import Setup


def index_of(*settings: Setup) -> RunIndex:
    return RunIndex(run for setting in settings for run in runs_of(setting))


def test_what_runs_tell_needs_not_have_been_asked_for():
    setting = setup("lcn", model(4, 1))
    study = study_of(setting, LAPTOP, index_of(setting))
    found, S, D = (study.read(name) for name in ("error", "S", "D"))
    assert found.P_star == pytest.approx(768, rel=0.02)
    assert found.interval[0] < 768 < found.interval[1] and found.status == "bracketed"
    assert pytest.approx(1536, rel=0.1) == S.P_star  # from neighbours within a factor 2
    assert pytest.approx(384, rel=0.1) == D.P_star
    assert len(study.all_runs) == 24 and study.seconds > 0


def test_nothing_is_told_where_runs_are_missing_or_far_apart():
    setting = setup("lcn", model(4, 1))
    assert study_of(setting, LAPTOP, RunIndex(())).read() is None
    laptop = LAPTOP.setup(setting)
    far = RunIndex(oracle(laptop.at(P, seed)) for seed in range(3) for P in (100, 5000))
    assert study_of(setting, LAPTOP, far).read() is None
    runs_of_two = [run for run in runs_of(setting) if run.spec.seeds.network < 2]
    two = RunIndex(runs_of_two)
    assert study_of(setting, LAPTOP, two).read() is None  # one replicate has no run
    found = study_of(setting, LAPTOP, two).read(begun=True)
    assert found.P_star == pytest.approx(768 * (SPREAD[0] * SPREAD[1]) ** 0.5, rel=0.01)
    begins = RunIndex([*runs_of_two, oracle(laptop.at(100, 2))])
    assert study_of(setting, LAPTOP, begins).read(begun=True) is None  # its search is not finished
    assert study_of(setup("lcn", model(4, 0)), LAPTOP, index_of(setting)).read("D") is None


def test_a_coarse_bracket_enters_no_fit():
    setting = setup("lcn", model(4, 1))
    assert closed(study_of(setting, LAPTOP, index_of(setting))).P_star == pytest.approx(768, rel=0.02)
    laptop = LAPTOP.setup(setting)
    coarse = RunIndex(oracle(laptop.at(P, seed)) for seed in range(3) for P in (600, 1100))
    study = study_of(setting, LAPTOP, coarse)
    assert study.read().P_star is not None and study.read().bracket == pytest.approx(11 / 6)
    assert closed(study) is None and closed(study_of(setting, LAPTOP, RunIndex(()))) is None


def test_runs_of_other_widths_and_options_are_not_taken():
    setting = setup("lcn", model(4, 1))
    other = RunIndex(runs_of(setting, replace(LAPTOP, width=64)))
    assert not any(study_of(setting, LAPTOP, other).runs)
    shared = setup("lcn", model(4, 1), shared_layers=(1,))
    assert not any(study_of(setting, LAPTOP, index_of(shared)).runs)


def test_ours_beside_the_papers():
    near, far = setup("lcn", model(4, 1)), setup("lcn", model(6, 2))
    compared = {(one.setting, one.quantity): one for one in comparisons(LAPTOP, index_of(near, far))}
    one = compared[near, "P_star"]
    assert (one.paper, one.agrees) == (904, True) and one.ratio == pytest.approx(768 / 904, rel=0.02)
    assert compared[near, "P_star_S"].ratio == pytest.approx(1536 / 904, rel=0.1)
    assert compared[near, "P_star_S"].agrees is False
    assert compared[far, "P_star"].ratio == pytest.approx(5832 / 9504, rel=0.02)
    text = comparison_table(compared.values(), "P_star")
    assert "| 4B | LCN | v=4, s=2, s0=1, L=2 | 904 |" in text and text.count("\n") == 4


def test_the_exponents_of_the_law_are_found():
    settings = [
        one for name in ("4B", "4C", "rules") for one in LAPTOP.settings(FIGURES[name]) if one.params.L == 2
    ]
    found = {
        (one.net, one.what, one.variable): one.found.slope for one in powers(LAPTOP, index_of(*settings))
    }
    for net in ("lcn", "cnn"):
        assert found[net, "L = 2", "s0+1"] == pytest.approx(2, abs=0.02)
        assert found[net, "L = 2", "m"] == pytest.approx(2, abs=0.02)
        assert found[net, "L = 2, s0 > 0", "n_c"] == pytest.approx(1, abs=0.05)


def test_exponents_that_the_points_cannot_tell_apart_are_taken_together():
    settings = [setup("cnn", model(v, s0)) for v in (3, 4, 6) for s0 in (1, 2)]
    found = {one.variable: one for one in powers(LAPTOP, index_of(*settings)) if one.what == "L = 2"}
    assert set(found) == {"s0+1", "m = n_c"}
    assert found["m = n_c"].scaling_law == 3 and found["m = n_c"].found.slope == pytest.approx(3, abs=0.02)


def test_each_shared_layer_takes_one_from_the_exponent():
    kinds = by_sharing(LAPTOP.drawn(FIGURES["sharing"]))
    index = index_of(*(one for settings in kinds.values() for one in settings))
    for (net, layers), settings in kinds.items():
        assert [one.params.s0 for one in settings] == [0, 1, 2]
        fit = blank_exponent(replicates_of({one: study_of(one, LAPTOP, index).read() for one in settings}))
        assert fit.points == 9 and fit.slope == pytest.approx(2 - len(layers), abs=0.03), (net, layers)
    assert blank_exponent([(1, 3.0), (1, 4.0), (1, 5.0)]) is None and blank_exponent([]) is None
    for line in sharing_table(LAPTOP, index).splitlines()[2:]:
        cells = [cell.strip() for cell in line.split("|")]
        layers = 0 if cells[2] == "none" else len(cells[2].split(" and "))
        saved = float(cells[-2].split(" (")[0]) if cells[-2] else 0.0
        assert saved == pytest.approx(layers, abs=0.03) and bool(cells[-2]) == bool(layers), line


def test_error_goes_with_sensitivity_over_architectures():
    """In the oracle's runs both fall with P alone, so that their ranks are the same within each architecture."""
    settings = [one for one in LAPTOP.settings(FIGURES["sharing"]) if one.params.s0 == 1]
    frozen = setup("cnn", model(6, 1), frozen_layers=(1,))  # left out
    text = correlation_table(index_of(*settings, frozen))
    row = [cell.strip() for cell in text.splitlines()[2].split("|")]
    assert row[1:5] == ["v=6, s=2, s0=1, L=2, sparsity A", "all P", "7", str(24 * len(settings))]
    assert float(row[5].split()[0]) > 0.8 and float(row[6].split()[0]) > 0.8
    assert correlation_table(index_of(*settings[:1])).count("\n") == 2  # one architecture tells nothing


@pytest.mark.parametrize("figure", FIGURES.values(), ids=FIGURES)
def test_every_figure_is_drawn_with_the_papers_values_alone(figure):
    # The paper's curves of the CNN were not read off; one figure is a table.
    if figure.name in ("rules", "15", "probes", "published"):
        with pytest.raises(srhm.SrhmError, match=f"srhm reproduce {figure.name}"):
            draw(figure, LAPTOP, RunIndex(()))
    else:
        assert isinstance(draw(figure, LAPTOP, RunIndex(())), matplotlib.figure.Figure)


def gids(figure) -> set[str]:
    return {artist.get_gid() for artist in figure.findobj() if artist.get_gid()}


def test_what_was_measured_is_drawn_filled_and_the_rest_hollow():
    setting = setup("lcn", model(4, 1))
    drawn = gids(draw(FIGURES["4B"], LAPTOP, index_of(setting)))
    label = "LCN/v=4, s=2, s0=1, L=2"
    assert {f"ours/{label}", f"paper/{label}"} <= drawn
    assert f"paper/{label.replace('v=4', 'v=6')}" in drawn
    assert [name for name in drawn if name.startswith("ours/")] == [f"ours/{label}"]


def test_what_only_narrow_networks_measured_is_drawn_pale_and_enters_no_fit():
    wide = [setup("lcn", model(4, s0)) for s0 in (0, 1, 2)]
    narrow = {setup("lcn", model(6, 2)): TIERS["narrow"], setup("lcn", model(10, 0)): TIERS["narrowest"]}
    runs = [run for setting in wide for run in runs_of(setting)]
    runs += runs_of(wide[0], TIERS["narrow"]) + runs_of(setup("lcn", model(6, 2)), TIERS["narrowest"])
    figure = draw(FIGURES["4B"], LAPTOP, index_of(*wide))
    runs += [run for setting, tier in narrow.items() for run in runs_of(setting, tier)]
    both = draw(FIGURES["4B"], LAPTOP, RunIndex(runs))

    def marks(figure: matplotlib.figure.Figure) -> dict:
        return {line.get_gid(): line for line in figure.axes[0].lines if line.get_gid()}

    names = {"LCN/v=6, s=2, s0=2, L=2", "LCN/v=10, s=2, s0=0, L=2"}
    before, after = marks(figure), marks(both)
    assert {f"ours/{name}" for name in names} <= set(after) - set(before)
    for name in after:
        if name.startswith("ours/"):
            pale = name.removeprefix("ours/") in names
            assert (after[name].get_markerfacecolor() != after[name].get_color()) is pale, name
    assert after["fit"].get_ydata() == pytest.approx(before["fit"].get_ydata())
    (row,) = figure_table([FIGURES["4B"]], LAPTOP, RunIndex(runs)).splitlines()[2:]
    assert [cell.strip() for cell in row.split("|")][3:5] == ["5 of 27", "2"]
    texts = {text.get_text() for text in both.legends[0].get_texts()}
    assert {"ours", "ours, width 64 or 128"} <= texts
    assert not any("width" in text.get_text() for text in figure.legends[0].get_texts())


def test_the_models_of_s2_next_to_those_of_s3_have_their_own_rates():
    figure = FIGURES["10"]
    panels = figure.kind.panels(figure.settings)
    known = {one.digest for name in ("4B", "10") for one in FIGURES[name].settings}
    assert {one.digest for own in panels.values() for one in own} <= known


@pytest.mark.parametrize("name", ["6", "7", "12", "15", "16", "sharing", "batch", "rules", "10"])
def test_figures_are_drawn_with_runs(name):
    figure = FIGURES[name]
    index = index_of(*LAPTOP.settings(figure)[:3])
    assert len(gids(draw(figure, LAPTOP, index))) > 3


def test_all_is_written(tmp_path: Path):
    figures = [FIGURES[name] for name in ("4B", "5", "rules")]
    index = index_of(setup("lcn", model(4, 1)), setup("lcn", model(4, 0)), setup("lcn", model(6, 0)))
    written = write_all(figures, LAPTOP, index, tmp_path)
    names = {path.name for path in written}
    assert names == {f"figure_{n}.{k}" for n in ("4B", "5") for k in ("pdf", "png")} | {"tables.md"}
    text = (tmp_path / "tables.md").read_text()
    assert text == report(figures, LAPTOP, index)
    hours = sum(sum(run.seconds.values()) for study in index.studies() for _, run in study.all_runs) / 3600
    assert f"72 runs, which took {hours:.1f} hours on a core: 3 replicates of each point" in text
    assert "Of 6 published values that were measured" in text


@pytest.mark.parametrize("narrow", [TIERS["narrow"], TIERS["narrowest"]], ids=lambda tier: tier.name)
def test_every_published_value_stands_next_to_ours_at_two_widths(narrow: Tier):
    """The oracle's P* does not depend on the width: ratios of widths are 1."""
    setting = setup("lcn", model(4, 1))
    index = RunIndex([*runs_of(setting), *runs_of(setting, narrow)])
    widths, bias = Widths.of(narrow, index), Bias.of(index)
    rows = [line.split(" | ") for line in values_table(widths, bias).splitlines()[2:]]
    assert len(rows) > 150
    both = next(row for row in rows if row[1:4] == ["LCN", "v=4, s=2, s0=1, L=2", "P*"])
    assert both[4] == "904 (616 to 1,320)" and both[5] == both[7] != "" and both[6] == both[9] != ""
    assert sum(row[6] != "" for row in rows) == 3  # P*, P*_S and P*_D of this setting
    assert both[8] == str(narrow.width) and both[10] == "1.00"
    assert widths.coverage == (
        f"Of {len(rows)} published values 4 are not valid (left over from other settings, see the errata), and 3 "
        f"exceed the number of distinct data. Of the other {len(rows) - 7}, 3 are measured; of all, 3."
    )
    assert "| LCN | 2 | 1 | P* | 1.00 (1.00 to 1.00; 3) |" in width_table(bias)
    assert "| P* | LCN | 26 | 1 | 0.85 | 0.85 to 0.85 | 1 | 1 | 0.85 |" in ratio_table(widths)
    missing = missing_table(widths, index)
    assert "v=10, s=2, s0=2, L=3" in missing and "LCN | v=4, s=2, s0=1, L=2" not in missing
    assert missing.count("\n") == 2 + len(rows) - 3
    assert not Bias.of(index_of(setting)).by_width


def test_of_a_search_that_is_not_finished_the_bound_is_shown():
    setting, narrow = setup("lcn", model(4, 1)), TIERS["narrow"]
    for side, words in ((1, "< "), (-1, "> ")):
        runs = [run for run in runs_of(setting, narrow) if side * (run.metrics["error"] - 0.1) < 0]
        end = min if side == 1 else max
        index = RunIndex(runs)
        row = next(
            line.split(" | ")
            for line in missing_table(Widths.of(narrow, index), index).splitlines()
            if "| LCN | v=4, s=2, s0=1, L=2 | P* |" in line
        )
        assert row[5] == f"{words}{end(run.spec.P for run in runs):,} at width 128"


def test_a_tier_of_the_published_widths_is_compared_alone():
    setting, full = setup("lcn", model(4, 1)), TIERS["full"]
    index = RunIndex(runs_of(setting, full))
    widths = Widths.of(full, index)
    assert widths.words == ["the published width"]
    assert "| P* | LCN | 26 | 1 | 0.85 | 0.85 to 0.85 | 1 | 1 | 0.85 |" in ratio_table(widths)
    text = report([FIGURES["4B"]], full, index)
    assert "### Every published value" in text and "### Width" not in text


def test_what_is_missing_is_computed_once_and_the_rest_is_kept(tmp_path: Path):
    tier = replace(LAPTOP, seeds=2, reach=300)
    figures = [FIGURES["4B"], FIGURES["6"]]
    store = Store(tmp_path / "runs.sqlite")
    done = reproduce(figures, tier, store, lambda: InProcess(work))
    assert [one.failed for one in done] == [0, 0] and done[0].computed > 4
    setting = setup("lcn", model(4, 0))
    assert tier.settings(FIGURES["4B"]) == [tier.setup(setting)]
    found = study_of(setting, tier, RunIndex.of(store))
    assert found.read().P_star == pytest.approx(192, rel=0.1) and found.read("S") is not None
    again = reproduce(figures, tier, store, lambda: InProcess(work))
    assert [one.computed for one in again] == [0, 0]


def test_shards_do_all_of_it_together(tmp_path: Path):
    tier = replace(LAPTOP, seeds=2, reach=300)
    whole, parts = Store(tmp_path / "whole.sqlite"), []
    reproduce([FIGURES["4B"]], tier, whole, lambda: InProcess(work))
    for number in (1, 2):
        parts.append(Store(tmp_path / f"{number}.sqlite"))
        reproduce([FIGURES["4B"]], tier, parts[-1], lambda: InProcess(work), part=(number, 2))
    assert parts[0].hashes() | parts[1].hashes() == whole.hashes()
    assert not parts[0].hashes() & parts[1].hashes()


def test_searches_take_what_the_store_has():
    setting = setup("lcn", model(4, 0))
    (first, *_) = phases([FIGURES["4B"]], replace(LAPTOP, reach=300), index_of(setting))
    assert first.studies[0].finished
    assert all(source.ask() is None for source in all_sources(first.specs, first.studies))
