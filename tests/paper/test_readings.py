"""What the published rule reads off a curve, against the curve itself."""

import math

import numpy as np
import pytest

from fake_runs import fake_run
from srhm import Params
from srhm.paper.readings import crossing_table, rule_table
from srhm.paper.settings import setup
from srhm.paper.tiers import TIERS
from srhm.paper.widths import Widths
from srhm.reference import published
from srhm.store.index import RunIndex
from srhm.study import Seeds

MODEL, P_STAR = Params(v=6, s0=1, L=2), 3000
PRINTED = published("lcn", MODEL)


def error_at(P):
    return 0.8 / (1 + 7 * (P / P_STAR) ** 3)  # 10% at P_STAR


@pytest.fixture(scope="module")
def index():
    """Runs of one replicate of three, as near to one another as tells the curve."""
    narrow = TIERS["narrow"].setup(setup("lcn", MODEL))
    Ps = np.geomspace(P_STAR / 4, P_STAR * 4, 200).astype(int)
    specs = [narrow.at(int(P), Seeds.replicate(seed)) for P in Ps for seed in range(3)]
    return RunIndex(fake_run(spec, error=error_at(spec.P), S_21=None, D_21=None) for spec in specs)


def cells(text, *first):
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines()]
    return next(row for row in rows if tuple(row[: len(first)]) == first)


def test_the_rule_on_our_curves(index):
    step = math.log(PRINTED.high / PRINTED.low) / 2
    expected = []
    for phase in np.arange(20) / 20:
        pair = P_STAR * np.exp(step * np.array([-phase, 1 - phase]))
        expected.append(pair[np.argmin(abs(error_at(pair) - 0.1))] / P_STAR)
    mean, ends, readings = cells(rule_table(TIERS["narrow"], index), "LCN", "ours")[2:]
    assert float(mean) == pytest.approx(math.exp(np.mean(np.log(expected))), abs=0.011)
    assert float(mean) > 1.03  # a convex curve is nearer to 10% above its crossing
    assert [float(end) for end in ends.split(" to ")] == pytest.approx(
        [min(expected), max(expected)], abs=0.02
    )
    assert readings == "60"
    assert "ours" not in rule_table(TIERS["laptop"], index)


def test_curves_that_do_not_span_a_step_are_not_read(index):
    few = [run for study in index.studies() for _, run in study.all_runs if 2800 < run.spec.P < 3200]
    assert "ours" not in rule_table(TIERS["narrow"], RunIndex(few))


def test_crossings_stand_next_to_ours(index):
    row = cells(
        crossing_table(Widths.of(TIERS["narrow"], index), index), "its code", "LCN", "v=6, s=2, s0=1, L=2"
    )
    assert row[3] == f"{PRINTED.P_star:,}"
    crossing = int(row[4].split()[0].replace(",", ""))
    assert PRINTED.low < crossing < PRINTED.high
    assert (
        row[5:7] == ["", ""]
        and row[8] == "128"
        and float(row[9]) == pytest.approx(P_STAR / crossing, abs=0.01)
    )


def test_a_standard_architecture_stands_once(index):
    row = cells(crossing_table(Widths.of(TIERS["narrow"], index), index), "9", "VGG11")
    assert len(row) == 10
