import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from oracles import name_of
from srhm import Grammar, Params
from srhm.nets import predict
from srhm.theory import feature_moments, features, patches, positions, tuples, visible_P
from srhm.theory.class_statistics import ClassStatistics
from srhm.theory.population import slot_probability
from srhm.theory.rule_sets import contraction
from srhm.theory.visibility import dilution, earliest_visible_P
from strategies import any_params

# All rule sets of v = m = n_c = s = 2 are two deals of 4 tuples, 6 a level, each as likely as any other.
DEALS = [
    [[0, 1], [2, 3]],
    [[0, 2], [1, 3]],
    [[0, 3], [1, 2]],
    [[1, 2], [0, 3]],
    [[1, 3], [0, 2]],
    [[2, 3], [0, 1]],
]


def all_grammars(params):
    tables = [np.array([[divmod(code, 2) for code in hand] for hand in deal]) for deal in DEALS]
    if params.L == 1:
        return [Grammar.from_rules(params, [table]) for table in tables]
    return [Grammar.from_rules(params, [low, high]) for low in tables for high in tables]


def measured(params, statistics, places=1):
    """P of unit signal-to-noise from the definition: mean squares over all rule sets; `places` seen per datum."""
    every = [statistics(grammar) for grammar in all_grammars(params)]
    signal = np.mean([one.covariance**2 for one in every], axis=0).mean(axis=1)
    probability = np.mean([one.probability for one in every], axis=0)
    noise = 0.25 * probability / places  # (1/n_c)(1 - 1/n_c) / (P p), times p²
    return noise / signal


@pytest.mark.parametrize(
    "params",
    [Params(2, 2, 2, 2, s0, L, sparsity) for sparsity in "AB" for s0 in (0, 1, 2) for L in (1, 2)],
    ids=name_of,
)
def test_visible_P_is_that_of_all_rule_sets(params):
    """All ways of counting, at every place, against the mean squares that they are made of."""
    v, n = params.v, params.num_leaves

    def check(found, expected):
        assert expected == pytest.approx(np.broadcast_to(found[:, None], expected.shape), rel=1e-10)

    check(visible_P(params, "features", knows_positions=True), measured(params, features))
    check(visible_P(params, "tuples", knows_positions=True), measured(params, tuples))
    check(
        visible_P(params, "features"),
        measured(params, lambda grammar: ClassStatistics(positions(grammar).given_class[..., :v])),
    )

    def raw(grammar):  # one placement of each tuple
        statistics = patches(grammar)
        return ClassStatistics(statistics.given_class[..., :-1] / params.placements)

    check(visible_P(params, "tuples"), measured(params, raw))
    count = params.patch ** (params.L - 1)
    check(
        visible_P(params, "tuples", shared=True),
        measured(params, lambda grammar: raw(grammar).pooled(), count),
    )

    def by_place(grammar):
        given = positions(grammar).given_class[..., :v]
        return ClassStatistics(given.reshape(count, params.patch, *given.shape[1:]).mean(axis=0))

    check(visible_P(params, "features", shared=True), measured(params, by_place, count))
    nodes = n // params.s
    known = measured(params, lambda grammar: tuples(grammar).pooled(), nodes)
    check(visible_P(params, "tuples", knows_positions=True, shared=True), known)

    def by_child(grammar):
        given = features(grammar).given_class
        return ClassStatistics(given.reshape(nodes, params.s, *given.shape[1:]).mean(axis=0))

    check(visible_P(params, "features", knows_positions=True, shared=True), measured(params, by_child, nodes))


def test_one_grammars_signal_to_noise_has_that_mean():
    """The mean of 1/P over rule sets, where all symbols are equally probable."""
    params = Params(2, 2, 2, 2, 0, 2)
    inverse = np.mean([1 / features(grammar).visible_P for grammar in all_grammars(params)], axis=0)
    assert 1 / inverse == pytest.approx(
        np.full((4, 2), visible_P(params, "features", knows_positions=True)[0])
    )


@given(any_params(), st.data())
def test_dilution_of_sparsity_A_in_closed_form(params, data):
    level = data.draw(st.integers(1, params.L))
    if params.sparsity == "B" or params.d > 2000:
        return
    across, depth = params.s0 + 1.0, params.L - level + 1
    assert dilution(params, "features", level) == pytest.approx(across**depth)
    assert dilution(params, "features", level, shared=True) == pytest.approx(across)
    assert dilution(params, "tuples", level) == pytest.approx(across ** (depth - 1 + params.s))
    assert dilution(params, "tuples", level, shared=True) == pytest.approx(across**params.s)
    for shared in (False, True):
        for what in ("features", "tuples"):
            assert dilution(params, what, level, knows_positions=True, shared=shared) == pytest.approx(1)


@given(any_params())
def test_the_equations_of_the_paper(params):
    """Features at each position: Eq. 3 without its s^(L/2). Pooled patches: Eq. 4 for s = 2."""
    if params.sparsity == "B" or params.d > 2000:
        return
    finite = params.m * contraction(params)  # (1 - 1/v)/(1 - v^-s), near 1
    local = predict("lcn", params).scaling_law / params.s ** (params.L / 2)
    assert visible_P(params, "features") == pytest.approx(local * finite**-params.L)
    pooled = predict("cnn", params).scaling_law * (params.s0 + 1) ** (params.s - 2)
    assert visible_P(params, "tuples", shared=True) == pytest.approx(pooled * finite ** (1 - params.L))


def test_visible_P_follows_from_the_moments():
    params = Params(n_c=6, v=6, m=6, s=2, s0=0, L=3)
    for level in (1, 2, 3):
        noise = (1 / 6) * (5 / 6) * 6  # one feature in six, a point
        expected = noise / feature_moments(params, level).correlation
        assert visible_P(params, "features", level) == pytest.approx(expected)


def test_bad_arguments_are_named(refuses):
    params = Params(n_c=2, v=2, m=2, s=2, s0=1, L=1)
    with refuses("what", "'words'", "Use 'features' or 'tuples'"):
        dilution(params, "words")
    with refuses("level", 2, "Use level <= 1"):
        visible_P(params, "features", 2)


@given(any_params(), st.data())
def test_the_earliest_is_the_least_of_all_places(params, data):
    level = data.draw(st.integers(1, params.L))
    for what in ("features", "tuples"):
        for known in (False, True):
            for shared in (False, True):
                options = {"knows_positions": known, "shared": shared}
                least = visible_P(params, what, level, **options).min()
                assert earliest_visible_P(params, what, level, **options) == pytest.approx(least)


@given(any_params(), st.data())
def test_dilution_is_that_of_the_slots(params, data):
    """Against the sums over all slots, for both kinds of sparsity."""
    level = data.draw(st.integers(1, params.L))
    if params.d * params.num_leaves > 10**5:
        return
    seen = slot_probability(params, level)
    assert dilution(params, "features", level) == pytest.approx(seen.sum(axis=0) / (seen**2).sum(axis=0))
    above = np.ones((1, 1)) if level == params.L else slot_probability(params, level + 1)
    expected = params.placements * above.sum(axis=0) / (above**2).sum(axis=0)
    assert dilution(params, "tuples", level) == pytest.approx(expected)
