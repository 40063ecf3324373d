import numpy as np
import pytest
from scipy.stats import norm

from srhm import Grammar, Params
from srhm.theory import features, predicted_P, tuples
from srhm.theory.confusion import learner_error, misgrouped

SMALL = Params(n_c=2, v=2, m=2, s=2, s0=1, L=2)
# The first child of class 0 is feature 0 with probability 1/2, that of class 1 too; the second tells the class.
HALF_BLIND = Grammar.from_rules(
    SMALL, [[[[0, 0], [1, 1]], [[0, 1], [1, 0]]], [[[0, 0], [1, 0]], [[0, 1], [1, 1]]]]
)


def test_an_example_by_hand():
    """At slot 0 the classes of both features are (1/2, 1/2), at slot 1 (1, 0) and (0, 1): δ² = 0 and 4."""
    assert features(HALF_BLIND, 2).conditional[0] == pytest.approx(0.5)
    assert features(HALF_BLIND, 2).conditional[1] == pytest.approx(np.eye(2))
    for P in (1, 30, 200):
        second = norm.sf(np.sqrt(P / 4 * 4) / 2)  # each tuple is seen P/4 times
        assert misgrouped(HALF_BLIND, P, knows_positions=True) == pytest.approx((0.5 + second) / 2)
        raw = norm.sf(np.sqrt(P / 4 / 8 * 4) / 2)  # half of the time elsewhere, and in 4 placements
        assert misgrouped(HALF_BLIND, P) == pytest.approx((0.5 + raw) / 2)
        # All slots: classes (3/4, 1/4) and (1/4, 3/4), δ² = 1, seen twice a datum.
        pooled = norm.sf(np.sqrt(2 * P / 4) / 2)
        assert misgrouped(HALF_BLIND, P, knows_positions=True, shared=True) == pytest.approx(pooled)
        wrong = learner_error(HALF_BLIND, P, knows_positions=True, shared=True)
        assert wrong == pytest.approx(0.5 * (1 - (1 - pooled) ** 2))
    assert predicted_P(HALF_BLIND, knows_positions=True) == np.inf
    found = predicted_P(HALF_BLIND, knows_positions=True, shared=True)
    assert learner_error(HALF_BLIND, found, knows_positions=True, shared=True) == pytest.approx(0.1, rel=0.01)


def test_the_bound_is_near_the_error_with_known_probabilities():
    """Draw the sightings of tuples and give each the likeliest parent: the bound is not exceeded by far.

    4,000 patches of one slot: the standard error of the simulated fraction is below 0.008.
    """
    params = Params(n_c=6, v=6, m=6, s=2, s0=0, L=2)
    random = np.random.default_rng(0)
    for seed, P in ((0, 200), (1, 600), (2, 1500)):
        grammar = Grammar(params, seed)
        wrong = []
        for given, conditional in zip(
            tuples(grammar).probability, features(grammar, 2).conditional, strict=True
        ):
            chosen = random.integers(0, params.v * params.m, 4000)
            times = random.binomial(P, given[chosen])
            seen = np.array(
                [random.multinomial(n, conditional[:, x // 6]) for n, x in zip(times, chosen, strict=True)]
            )
            with np.errstate(divide="ignore"):
                score = seen @ np.maximum(np.log(conditional), -1e6)
            score += 1e-9 * random.random(score.shape)  # a tie is a guess
            wrong.append((score.argmax(axis=1) != chosen // 6).mean())
        bound = misgrouped(grammar, P, knows_positions=True)
        assert np.mean(wrong) < 1.1 * bound + 0.02
        assert np.mean(wrong) > 0.4 * bound - 0.02


@pytest.mark.parametrize("options", [{}, {"shared": True}, {"knows_positions": True}])
def test_limits_and_order(options):
    params = Params(n_c=6, v=6, m=6, s=2, s0=1, L=3)
    grammar = Grammar(params, 1)
    points = np.geomspace(1, 1e9, 10)
    for level in (1, 2):
        errors = [misgrouped(grammar, P, level, **options) for P in points]
        assert errors == sorted(errors, reverse=True) and errors[0] > 0.9 and errors[-1] < 1e-3
    assert learner_error(grammar, 1, **options) > 0.8  # chance is 5/6
    assert 1 < predicted_P(grammar, **options) < predicted_P(grammar, error=0.01, **options)


def test_blanks_multiply_the_prediction():
    """The same rules with s0 = 1 and 2: exactly (s0+1)^(L-1+s), shared (s0+1)^s, and 1 where blanks are away."""
    ends = []
    for s0 in (0, 1, 2):
        grammar = Grammar(Params(n_c=6, v=6, m=6, s=2, s0=s0, L=2), 1)
        ends.append(
            [predicted_P(grammar, **options) for options in ({}, {"shared": True}, {"knows_positions": True})]
        )
    for s0 in (1, 2):
        ratio = np.divide(ends[s0], ends[0])
        assert ratio == pytest.approx([(s0 + 1) ** 3, (s0 + 1) ** 2, 1], rel=0.002)


def test_one_level_has_nothing_to_group():
    assert learner_error(Grammar(Params(n_c=2, v=2, m=2, s=2, s0=0, L=1)), 1) == 0


def test_bad_arguments_are_named(refuses):
    for level, fix in ((0, "Use level >= 1"), (2, "Use level <= 1")):
        with refuses("level", level, fix):
            misgrouped(HALF_BLIND, 10, level)
    for estimate in (misgrouped, learner_error):
        with refuses("P", 0, "Give P as a finite number > 0"):
            estimate(HALF_BLIND, 0)
    with refuses("error", 1.0, "Give error as a finite number > 0 and < 1"):
        predicted_P(HALF_BLIND, error=1.0)
