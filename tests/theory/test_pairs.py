"""Covariances of pairs of symbols: by enumeration, over rule sets, and counted."""

import numpy as np
import pytest
from scipy.stats import chi2

from oracles import MIXED, ORACLES, name_of
from srhm import ArgumentError, Grammar, Params, Zipf, enumerate_all, expand, split
from srhm.theory import count_pairs, pairs, symbol_pairs
from srhm.theory.pairs import pair_moment


def ancestor_level(params, left, right):
    """Levels up to the lowest common ancestor of two leaves, by dividing their numbers."""
    for level in params.levels:
        left, right = left // level.s, right // level.s
        if left == right:
            return level.level
    raise AssertionError


def pairs_of(params, distance, last):
    leaves = range(params.num_leaves)
    found = [(i, j) for i in leaves for j in leaves if i < j and ancestor_level(params, i, j) == distance]
    return [pair for pair in found if not last or pair[1] == params.num_leaves - 1]


@pytest.mark.parametrize("params", [*ORACLES, *MIXED], ids=name_of)
def test_pairs_are_those_of_all_data(params):
    grammar = Grammar(params, 1)
    leaves = expand(grammar, enumerate_all(params)).features[0]
    v = params.level(1).v
    for distance in range(1, params.L + 1):
        for last in (False, True):
            expected = np.zeros((0, v, v))
            for i, j in pairs_of(params, distance, last):
                table = np.zeros((v, v))
                np.add.at(table, (leaves[:, i], leaves[:, j]), 1 / len(leaves))
                expected = np.concatenate([expected, table[None]])
            found = symbol_pairs(grammar, distance, last=last).joint
            assert found.shape == expected.shape
            # In any order: the same tables.
            order = [sorted(map(tuple, one.reshape(len(one), -1).round(9))) for one in (found, expected)]
            assert np.abs(np.array(order[0]) - order[1]).max() < 1e-8


def test_uneven_weights_count():
    """Rules of probability 3/4 and 1/4, and classes likewise, by hand."""
    params = Params(n_c=2, v=3, m=2, s=2, s0=1, L=1)
    rules = [[[[0, 1], [0, 2]], [[1, 1], [2, 1]]]]
    grammar = Grammar.from_rules(params, rules, rule_weights=[3, 1], class_weights=[1, 3])
    expected = np.zeros((3, 3))
    expected[0, 1], expected[0, 2], expected[1, 1], expected[2, 1] = 3 / 16, 1 / 16, 9 / 16, 3 / 16
    assert symbol_pairs(grammar, 1).joint[0] == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize(
    "params",
    [
        Params(v=16, m=4, s=2, s0=0, L=3),
        Params(v=16, m=32, s=3, s0=1, L=2),
        Params(v=(24, 16), m=(5, 4), s=2, s0=0, n_c=12),
    ],
    ids=str,
)
def test_closed_form_over_rule_sets(params):
    """Within 3% (what it leaves out, at these v) and four standard errors of 100 rule sets."""
    for distance in range(1, params.L + 1):
        drawn = [symbol_pairs(Grammar(params, seed), distance).mean_square for seed in range(100)]
        error = np.std(drawn) / 10 / np.mean(drawn)
        assert pair_moment(params, distance) / np.mean(drawn) == pytest.approx(1, abs=0.03 + 4 * error)


def test_large_v_is_the_published_law():
    params = Params(v=512, m=64, s=2, s0=0, L=3)
    f = 64 / 512
    for distance in (1, 2, 3):
        law = (1 - f) / (512**3 * 64 ** (2 * distance - 1))
        assert pair_moment(params, distance) == pytest.approx(law, rel=0.02)


def test_counts_have_the_noise_of_independent_symbols():
    """Their mean square minus the noise is the exact one; that of many independent sets scatters around it."""
    params = Params(v=6, m=3, s=3, s0=1, L=2)
    grammar = Grammar(params, 1)
    data = split(grammar, P=40_000, P_test=1, replacement=True).train
    for distance in (1, 2):
        counts, exact = count_pairs(data, distance), symbol_pairs(grammar, distance)
        assert counts.samples == 40_000 and counts.counts.shape == exact.joint.shape
        measured = counts.statistics.mean_square - counts.noise
        assert measured == pytest.approx(exact.mean_square, rel=0.1)
        # Chi-square of the most frequent pair against its exact probabilities, at a false-alarm rate of 1e-4.
        expected = exact.joint[0] * counts.samples
        used = expected > 0
        statistic = ((counts.counts[0] - expected)[used] ** 2 / expected[used]).sum()
        assert statistic < chi2.ppf(1 - 1e-4, used.sum() - 1) and counts.counts[0][~used].sum() == 0


def test_zipf_and_refusals():
    grammar = Grammar(Params(v=4, m=4, s=2, s0=0, L=2), rule_weights=Zipf(1))
    assert symbol_pairs(grammar, 2).visible_P < np.inf
    for wrong in (0, 3):
        with pytest.raises(ArgumentError, match="distance"):
            symbol_pairs(grammar, wrong)
    data = split(grammar, P=1, P_test=1).train
    with pytest.raises(ArgumentError, match="dataset = 1"):
        count_pairs(data, 1)


def test_memory_is_that_of_all_pairs_of_branches(monkeypatch):
    """At s = 3 a node has three pairs of children."""
    asked = []
    monkeypatch.setattr(pairs, "check_memory", lambda name, value, size, *rest: asked.append(size))
    params = Params(n_c=3, v=3, m=2, s=3, s0=0, L=2)
    found = symbol_pairs(Grammar(params, 0), 1)
    assert found.joint.shape == (9, 3, 3) and asked == [24 * 9 * 3**2]
