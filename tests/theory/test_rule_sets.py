from itertools import combinations, product

import numpy as np
import pytest

from oracles import close, name_of
from srhm import Grammar, Params
from srhm.theory import feature_moments, features
from srhm.theory.rule_sets import contraction

# n_c, v, m, s, s0, L; every tuple in use in the first four.
TINY = [
    Params(2, 2, 2, 2, 0, 1),
    Params(2, 2, 2, 2, 0, 2),
    Params(2, 2, 2, 2, 0, 3),
    Params(3, 3, 3, 2, 0, 1),
    Params(2, 2, 1, 2, 0, 2),
    Params(2, 2, 1, 2, 0, 3),
    Params(2, 3, 1, 2, 0, 2),
    Params(2, 3, 3, 2, 0, 1),
    Params(3, 2, 1, 3, 0, 2),
    Params(3, 2, 2, 3, 0, 1),
    Params(2, (2, 3), 1, 2, 0, 2),
    Params(2, 2, (2, 1), 2, 0, 2),
    Params(2, (2, 2, 3), 1, 2, 0, 3),
    Params(2, 2, 1, (3, 2), 0, 2),
]


def all_transitions(parents, m, v, s):
    """T of every way to deal m tuples to each parent, [set, child, parent, feature]."""
    every = list(product(range(v), repeat=s))

    def deal(left, hands):
        if hands == 0:
            yield ()
            return
        for hand in combinations(left, m):
            for rest in deal([one for one in left if one not in hand], hands - 1):
                yield (hand, *rest)

    rules = np.array(list(deal(every, parents)))  # [set, parent, m, child]
    return (rules[..., None] == np.arange(v)).mean(axis=2).transpose(0, 2, 1, 3)


def all_rule_sets(params):
    """P(feature at slot | class) of every rule set of a model, [set, slot, class_, feature]."""
    found = np.eye(params.n_c)[None, None]
    for level in range(params.L, 0, -1):
        numbers = params.level(level)
        below = all_transitions(numbers.parents, numbers.m, numbers.v, numbers.s)
        found = np.einsum("xjab,yibc->xyjiac", found, below)
        found = found.reshape(len(found) * len(below), -1, params.n_c, numbers.v)
    return found


@pytest.mark.parametrize("params", TINY, ids=name_of)
def test_moments_are_those_of_all_rule_sets(params):
    given = all_rule_sets(params)
    moments = feature_moments(params)
    covariance = (given - given.mean(axis=2, keepdims=True)) / params.n_c
    assert given.mean(axis=0) == pytest.approx(moments.probability, rel=1e-12)
    assert given.var(axis=0) == pytest.approx(moments.variance, rel=1e-11)
    assert covariance.mean(axis=0) == pytest.approx(0, abs=1e-13)
    assert (covariance**2).mean(axis=0) == pytest.approx(moments.covariance, rel=1e-11)
    # Slots are uncorrelated: features of other slots, of the same class or another.
    for first, second in combinations(range(given.shape[1]), 2):
        mixed = np.einsum("xaf,xbg->abfg", covariance[:, first], covariance[:, second]) / len(given)
        assert mixed == pytest.approx(0, abs=1e-13)
    if moments.exact:
        conditional = given / given.sum(axis=2, keepdims=True)
        correlation = conditional - 1 / params.n_c
        assert (correlation**2).mean(axis=0) == pytest.approx(moments.correlation, rel=1e-11)


def test_which_models_are_exact():
    """Those whose symbols are all as probable for every rule set."""
    for params in TINY:
        marginal = all_rule_sets(params).mean(axis=2)
        assert feature_moments(params).exact == (np.ptp(marginal) < 1e-12)


# Larger models, sampled: the mean over grammars has the standard error of their spread.
SAMPLED = [
    Params(n_c=6, v=6, m=6, s=2, s0=1, L=2),
    Params(n_c=4, v=4, m=16, s=3, s0=0, L=2),
    Params(n_c=4, v=4, m=4, s=2, s0=0, L=3),
    Params(n_c=5, v=8, m=3, s=2, s0=2, L=2),
    Params(n_c=10, v=16, m=10, s=2, s0=0, L=2),
]


@pytest.mark.parametrize("params", SAMPLED, ids=name_of)
def test_moments_are_those_of_sampled_grammars(params):
    """Means over 200 grammars within 4 standard errors, of at most three quantities (false-alarm rate 6e-5 each)."""
    drawn = [features(Grammar(params, seed)) for seed in range(200)]
    moments = feature_moments(params)
    checked = [
        ([(one.covariance**2).mean() for one in drawn], moments.covariance),
        ([(one.given_class**2).mean() for one in drawn], moments.variance + moments.probability**2),
    ]
    if moments.exact:
        checked.append(([(one.correlation**2).mean() for one in drawn], moments.correlation))
    for values, expected in checked:
        assert close(np.mean(values), expected, np.std(values) / np.sqrt(len(values)))


def test_the_leading_order_becomes_exact():
    """With half of the tuples in use, the correlation tends to its leading order as v grows."""
    deviations = []
    for v in (4, 8, 16):
        params = Params(n_c=v, v=v, m=v // 2, s=2, s0=0, L=1)
        drawn = [np.nanmean(features(Grammar(params, seed)).correlation ** 2) for seed in range(100)]
        deviations.append(np.mean(drawn) / feature_moments(params).correlation - 1)
    assert deviations[0] > deviations[1] > deviations[2] > 0 and deviations[2] < 0.1


def test_known_values():
    params = Params(n_c=10, v=10, m=10, s=2, s0=3, L=3)
    q = 0.9 / (10 * 0.99)
    assert contraction(params) == pytest.approx(q)
    for level in (1, 2, 3):  # n_c^-2 m^-(L-l+1) and (1/n_c) m^-(L-l+1) of the papers, up to factors near 1
        depth = 4 - level
        assert feature_moments(params, level).covariance == pytest.approx(0.9 * q**depth / 10 / 100)
        assert feature_moments(params, level).correlation == pytest.approx(0.9 * q**depth / 10)
    assert feature_moments(params).variance == pytest.approx(0.9 * q**2 / 10 * 90 / 99 / 10)


def test_levels_outside_the_model_are_named(refuses):
    with refuses("level", 3, "Use level <= 2"):
        feature_moments(TINY[1], 3)
