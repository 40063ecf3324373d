from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oracles import MIXED, ORACLES, all_offsets, name_of
from srhm import Grammar, Params, enumerate_all, expand
from srhm.model.marginals import transitions
from srhm.theory import features, patches, positions, tuples
from srhm.theory.class_statistics import ClassStatistics
from srhm.theory.population import slot_probability
from strategies import any_params, small_params


def given_class(params, label, symbols, count):
    """P(symbol at place | class) of all data of a model, counted one by one."""
    counts = np.zeros((symbols.shape[1], params.n_c, count))
    for place, column in enumerate(symbols.T):
        np.add.at(counts[place], (label, column), 1)
    return counts / params.data_per_class


@pytest.mark.parametrize("params", [*ORACLES, *MIXED], ids=name_of)
@pytest.mark.parametrize("seed", [1, 2])
def test_every_statistic_is_that_of_all_data(params, seed):
    grammar = Grammar(params, seed)
    derivation = enumerate_all(params)
    tree = expand(grammar, derivation)
    label = tree.label
    for level in range(1, params.L + 1):
        numbers = params.level(level)
        seen, where = tree.features[level - 1], tree.positions[level - 1]
        expected = given_class(params, label, seen, numbers.v)
        assert np.abs(features(grammar, level).given_class - expected).max() < 1e-12

        parent = label[:, None] if level == params.L else tree.features[level]
        rules, count = parent * numbers.m + derivation.rules[level - 1], numbers.parents * numbers.m
        expected = given_class(params, label, rules, count)
        assert np.abs(tuples(grammar, level).given_class - expected).max() < 1e-12

        grid = np.full((len(label), numbers.positions), numbers.v)
        np.put_along_axis(grid, where, seen, axis=1)
        expected = given_class(params, label, grid, numbers.v + 1)
        assert np.abs(positions(grammar, level).given_class - expected).max() < 1e-12

        grid = np.full((len(label), numbers.patches), count)
        np.put_along_axis(grid, where[:, :: numbers.s] // numbers.patch, rules, axis=1)
        expected = given_class(params, label, grid, count + 1)
        assert np.abs(patches(grammar, level).given_class - expected).max() < 1e-12


def test_what_is_derived_from_the_probabilities():
    """Conditional, correlation, covariance and visible P of one table, by loops and by hand."""
    statistics = ClassStatistics(
        np.array([[[0.5, 0.5, 0.0], [0.0, 1.0, 0.0]], [[0.2, 0.8, 0.0], [0.2, 0.8, 0.0]]])
    )
    for place, class_, symbol in product(range(2), range(2), range(2)):
        joint = statistics.given_class[place, :, symbol] / 2
        conditional = joint[class_] / joint.sum()
        assert statistics.probability[place, symbol] == pytest.approx(joint.sum())
        assert statistics.conditional[place, class_, symbol] == pytest.approx(conditional)
        assert statistics.correlation[place, class_, symbol] == pytest.approx(conditional - 0.5)
        assert statistics.covariance[place, class_, symbol] == pytest.approx(joint[class_] - joint.sum() / 2)
    assert np.isnan(statistics.conditional[:, :, 2]).all() and np.isnan(statistics.visible_P[:, 2]).all()
    # Symbol 0: in 1/4 of the data, always of class 0. Symbol 1: in 3/4, of class 0 with probability 1/3.
    assert statistics.visible_P[0, :2] == pytest.approx([0.5 / (0.25 * 0.5), 0.5 / (0.75 * 2 / 36)])
    assert (statistics.visible_P[1, :2] == np.inf).all()
    assert statistics.pooled().given_class == pytest.approx(np.array([[[0.35, 0.65, 0], [0.1, 0.9, 0]]]))


@settings(max_examples=25)
@given(any_params().filter(lambda params: params.d <= 500), st.integers(0, 2**64 - 1), st.data())
def test_laws_of_every_model(params, seed, data):
    grammar, level = Grammar(params, seed), data.draw(st.integers(1, params.L))
    dilution = float(params.s0 + 1) ** -(params.L - level + 1)
    assert slot_probability(params, level).sum(axis=0) == pytest.approx(dilution)
    assert slot_probability(params, level).sum(axis=1) == pytest.approx(1)
    assert transitions(grammar, level).sum(axis=2) == pytest.approx(1)
    for statistics in (features, tuples, positions, patches):
        found = statistics(grammar, level)
        assert found.given_class.sum(axis=2) == pytest.approx(1)
        assert np.abs(found.covariance.sum(axis=1)).max() < 1e-12
    # Where something stands says nothing of the class; which tuple of its parent stands there, neither.
    blank = positions(grammar, level).given_class[..., -1]
    assert blank == pytest.approx(1 - dilution) and np.ptp(blank, axis=1).max() == 0
    of_parent = tuples(grammar, level).given_class.reshape(
        params.level(level).nodes, params.n_c, params.level(level).parents, params.m
    )
    assert np.ptp(of_parent, axis=3).max() == 0
    if level < params.L:
        assert of_parent.sum(axis=3) == pytest.approx(features(grammar, level + 1).given_class)


@given(small_params())
def test_where_slots_stand(params):
    """The first level below the class: every placement counts once."""
    expected = np.zeros((params.s, params.patch))
    for offsets in all_offsets(params):
        expected[range(params.s), offsets] += 1 / params.placements
    assert slot_probability(params, params.L) == pytest.approx(expected)


@pytest.mark.parametrize("params", ORACLES, ids=name_of)
def test_names_of_features_and_classes_do_not_matter(params):
    random = np.random.default_rng(0)
    grammar = Grammar(params, 5)
    names = [random.permutation(params.v) for _ in range(params.L)]
    parents = [*names[1:], random.permutation(params.n_c)]
    rules = []
    for level in range(params.L):
        renamed = np.empty_like(grammar.rules[level])
        renamed[parents[level]] = names[level][grammar.rules[level]]
        rules.append(renamed)
    other = Grammar.from_rules(params, rules)
    for level in range(1, params.L + 1):
        before, after = features(grammar, level).given_class, features(other, level).given_class
        assert after[:, parents[-1]][..., names[level - 1]] == pytest.approx(before, abs=1e-15)


@pytest.mark.parametrize("statistics", [features, tuples, positions, patches])
@pytest.mark.parametrize("level", [0, 3])
def test_levels_outside_the_model_are_named(statistics, level, refuses):
    grammar = Grammar(ORACLES[0])
    with refuses("level", level, "Use level >= 1" if level == 0 else "Use level <= 2"):
        statistics(grammar, level)


def test_levels_of_transitions_are_checked(refuses):
    params = Params(n_c=2, v=2, m=1, s=2, s0=1, L=2)
    with refuses("level", 0, "Use level >= 1"):
        transitions(Grammar(params), 0)
