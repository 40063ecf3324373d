"""The bias of narrow networks: found again from runs whose P* depends on the width as is known."""

import json
import math
from dataclasses import replace

import jax
import pytest

from fake_runs import fake_run
from setups import setup
from srhm import Params
from srhm.nets import build
from srhm.paper.report import report
from srhm.paper.tables import powers
from srhm.paper.tiers import TIERS
from srhm.paper.widths import Bias, exponent_table, storage_table, width_table
from srhm.runner.executors import InProcess
from srhm.runner.searches import search
from srhm.runner.work import RunJob, finished
from srhm.store import Store
from srhm.store.index import RunIndex
from srhm.study import Study

BLANKS, WIDTHS = (0, 1, 2), (64, 128, 256)
LOSS = {64: 0.12, 128: 0.05, 256: 0.0}
"""P* is lower by a factor (s0+1)^-LOSS."""


def on(s0, width, m=None, **options):
    return setup(Params(v=6, m=m, s0=s0, L=2), "cnn", width=width, **options)


def work(content):
    run = RunJob.from_dict(json.loads(content)).spec
    s0 = run.params.s0
    P_star = (
        400 * (s0 + 1) ** (1.8 - LOSS[run.setup.width]) * (1 + 0.2 * run.seeds.samples) * (run.params.m / 6)
    )
    error = 0.8 / (1 + 7 * (run.P / P_star) ** 4.5)
    return finished(fake_run(run, error=error, S_21=None, D_21=None))


@pytest.fixture(scope="module")
def index(tmp_path_factory):
    store = Store(tmp_path_factory.mktemp("widths") / "runs.sqlite")
    studies = [Study(on(s0, width), 3) for width in WIDTHS for s0 in BLANKS]
    studies += [Study(on(1, 64, batch_per_class=8), 2), Study(on(1, 128, replacement=True), 2)]  # not plain
    search(studies, store, InProcess(work))
    return RunIndex.of(store)


def cells(table):
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in table.splitlines()
        if line.startswith("|")
    ]
    return [dict(zip(rows[0], row, strict=True)) for row in rows[2:]]


def test_ratios_are_those_of_the_same_replicates(index):
    bias = Bias.of(index)
    assert sorted(bias.by_width) == [64, 128]
    for width, of_group in bias.by_width.items():
        assert {group[2] for group in of_group} == set(BLANKS)
        for (net, L, s0, quantity), ratios in of_group.items():
            assert (net, L, quantity, len(ratios)) == ("CNN", 2, "P_star", 3)
            assert ratios == pytest.approx([(s0 + 1) ** -LOSS[width]] * 3, rel=0.01)
    rows = cells(width_table(bias))
    assert rows[2]["width 64 / width 256"].startswith("**0.88**")  # off by more than 10%
    assert rows[2]["width 128 / width 256"].startswith("0.95 (")
    assert rows[0]["width 64 / width 256"].startswith("1.00 (")


def test_a_crossing_in_a_wide_bracket_has_no_ratio(index):
    """The smallest and the largest run leave P* open by much more than 20%."""
    of_width = {one.setup.width: one for one in index.studies() if one.setup in (on(1, 64), on(1, 256))}
    runs = {
        width: [run for _, run in one.all_runs if run.spec.seeds == one.seeds[0]]
        for width, one in of_width.items()
    }
    assert Bias.of(RunIndex(runs[64] + runs[256])).by_width[64]
    runs[64] = [pick(runs[64], key=lambda run: run.spec.P) for pick in (min, max)]
    found = RunIndex(runs[64] + runs[256])
    assert all(study.read().P_star is not None for study in found.studies())
    assert not Bias.of(found).by_width[64]


def test_the_exponent_changes_with_the_width(index):
    rows = cells(exponent_table(Bias.of(index)))
    assert [(row["width"], row["s0"], row["rate"]) for row in rows] == [
        ("64", "0, 1, 2", "published"), ("128", "0, 1, 2", "published"),
    ]  # fmt: skip
    for row, width in zip(rows, (64, 128), strict=True):
        assert float(row["difference (90% interval)"].split()[0]) == pytest.approx(-LOSS[width], abs=0.02)
        assert float(row["at width 256"]) == pytest.approx(1.8, abs=0.02)


def test_models_with_fewer_rules_are_another_series(index, tmp_path):
    store = Store(tmp_path / "runs.sqlite")
    others = search([Study(on(1, width, m=3), 3) for width in (64, 256)], store, InProcess(work))
    runs = [run for study in (*index.studies(), *others) for _, run in study.all_runs]
    assert exponent_table(Bias.of(RunIndex(runs))) == exponent_table(Bias.of(index))


def test_what_a_run_below_P_star_stores_is_its_labels_over_the_weights_of_the_network(index):
    stored = {}
    for width in WIDTHS:
        for s0 in BLANKS:
            net = build("cnn", Params(v=6, s0=s0, L=2), width=width, seed=0)
            weights = sum(leaf.size for leaf in jax.tree.leaves(net) if hasattr(leaf, "size"))
            runs = index.fill(Study(on(s0, width), 3)).all_runs
            below = [run.spec.P for _, run in runs if run.metrics["error"] >= 0.1]
            stored |= {(s0, width, P): P * math.log2(6) / weights for P in below}
    (row,) = cells(storage_table(index))
    s0, width, P = max(stored, key=stored.__getitem__)
    assert (row["model"], row["width"], row["P"]) == (f"v=6, s=2, s0={s0}, L=2", str(width), f"{P:,}")
    assert float(row["most bits for a weight"]) == pytest.approx(stored[s0, width, P], abs=0.006)


def test_a_narrow_value_has_its_bias_stated(index):
    bias = Bias.of(index)
    assert bias.stated(on(2, 128), "P_star") == "0.95"
    assert bias.stated(on(4, 128), "P_star") == "0.95 (of s0 = 2)"
    assert bias.stated(on(2, 128), "P_star_S") == "not measured"
    text = report([], TIERS["narrow"], index)
    rows = [line for line in text.splitlines() if "| CNN | v=6, s=2, s0=1, L=2 | P* |" in line]
    assert any(" | 0.97 | " in row for row in rows)


def test_narrow_values_enter_no_exponent(index):
    """Those of width 128 are there, and would change it."""
    narrow, wide = (powers(TIERS[name], index) for name in ("narrow", "laptop"))
    assert narrow == wide and wide
    without = RunIndex(run for run in _runs(index) if run.spec.setup.width == 128)
    assert powers(TIERS["narrow"], without) == []


def _runs(index):
    return [replace(run) for study in index.studies() for _, run in study.all_runs]
