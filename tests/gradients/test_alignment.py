"""The alignment of backward signals: the measurement of benchmarks/alignment.py on networks whose value is known."""

import sys
from importlib.util import module_from_spec, spec_from_file_location

import numpy as np
import pytest

import srhm
from folders import ROOT
from srhm.model.derivation import expand
from srhm.nets import build

PARAMS = srhm.Params(n_c=3, v=3, m=3, s=2, s0=2, L=3)
GRAMMAR = srhm.Grammar(PARAMS, seed=0)
CHOICES = srhm.Dataset.draw(srhm.Stream(GRAMMAR, 0, "replacement"), 200).derivation(0, 200)


@pytest.fixture(scope="module")
def measuring():
    """The module benchmarks/alignment.py."""
    spec = spec_from_file_location("alignment_benchmark", ROOT / "benchmarks" / "alignment.py")
    module = module_from_spec(spec)
    sys.modules[spec.name] = module  # its dataclasses look it up
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("level", [2, 3])
def test_one_feature_moves_and_all_else_stays(level, measuring):
    before = expand(GRAMMAR, CHOICES)
    for place in range(PARAMS.s0 + 1):
        after = expand(GRAMMAR, measuring.moved(GRAMMAR, CHOICES, level, place))
        patches = after.positions[level - 1][:, 0] % PARAMS.patch
        assert np.all(patches == place)
        for low, high in zip(before.features, after.features, strict=True):
            assert np.array_equal(low, high)
        others = slice(PARAMS.s ** (level - 1), None)  # leaves that are not below it
        assert np.array_equal(after.positions[0][:, others], before.positions[0][:, others])


@pytest.mark.parametrize("level", [2, pytest.param(3, marks=pytest.mark.long)])
def test_signals_agree_where_upper_layers_share_their_weights_over_the_places_or_start_equal(
    level, measuring
):
    """And have random signs, so that 200 data of 64 units give next to nothing, where they are drawn at random."""
    for options in ({"shared_layers": (2, 3)}, {"init": "aligned"}):
        net = build("cnn", PARAMS, 64, 0, bias="none", **options)
        assert measuring.alignment(net, GRAMMAR, CHOICES, level) == pytest.approx(1, abs=1e-5)
    nets = [build("cnn", PARAMS, 256, seed) for seed in range(6)]
    found = [measuring.alignment(net, GRAMMAR, CHOICES, level) for net in nets]
    assert abs(np.mean(found)) < 0.1 and max(np.abs(found)) < 0.25


def test_the_step_half_way_is_found_between_two_looks(measuring):
    rows = [
        {"step": step, "value": value} for step, value in ((0, 0.0), (10, 0.25), (1000, 0.75), (2000, 1.0))
    ]
    assert measuring.halfway(rows, "value") == pytest.approx(100)
