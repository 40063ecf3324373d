"""The recursion of the belief process against exact inference, published numbers and limits."""

import numpy as np
import pytest

from srhm import Dataset, Grammar, Params, Stream
from srhm.inference import BeliefNoise, forward_backward
from srhm.theory import belief_transition
from srhm.theory.transition import _above, _inputs

PUBLISHED = Params(n_c=32, v=32, m=8, s=2, s0=0, L=9)


def test_the_published_transition():
    """The map of Sclocchi, Favero and Wyart, whose fixed point is a root of a quadratic for s = 2."""
    found = belief_transition(PUBLISHED)
    v, m, s = 32, 8, 2
    f = (m * v - 1) / (v**s - 1)

    def F(p):
        return (p**s + f * (m - 1) / (m * v - 1) * (1 - p**s)) / (p**s + f * (1 - p**s))

    p = found.belief
    assert F(p) == pytest.approx(p, abs=1e-12)
    assert found.slope == pytest.approx((F(p + 1e-6) - F(p - 1e-6)) / 2e-6, rel=1e-6)
    assert found.epsilon == pytest.approx((1 - p) / (1 - 1 / v), rel=1e-10)
    assert (round(found.epsilon, 4), round(found.slope, 4), round(found.nu, 4)) == (0.7312, 1.4422, 1.8928)


@pytest.mark.parametrize(("s0", "sparsity"), [(1, "A"), (2, "B")])
def test_known_blanks_change_nothing(s0, sparsity):
    """By the recursion, and exactly: each true placement has only itself, so probabilities of features agree."""
    sparse = Params(n_c=4, v=4, m=2, s=2, s0=s0, L=2, sparsity=sparsity)
    dense = Params(n_c=4, v=4, m=2, s=2, s0=0, L=2)
    one, two = belief_transition(sparse, over="features"), belief_transition(dense)
    assert (one.epsilon, one.belief, one.slope, one.places) == (two.epsilon, two.belief, two.slope, 1.0)
    found = []
    for params in (sparse, dense):
        data = Dataset.draw(Stream(Grammar(params, 3), 0, "replacement"), 30)
        noise = BeliefNoise(0.6, over="features")
        x = forward_backward(data, noise, dtype=np.float64)
        features = [level[was].reshape(30, -1) for level, was in zip(x.same, x.was_filled, strict=False)]
        found.append((*features, x.same[-1], data.labels, data.features))
        assert (x.places_kept > 1 - 1e-12).all()
    # The two draw other samples; those of equal features are compared.
    sparse, dense = ({tuple(row): k for k, row in enumerate(one[-1])} for one in found)
    both = [(sparse[row], dense[row]) for row in sparse.keys() & dense.keys()]
    assert len(both) > 5
    for here, there in both:
        for one, two in zip(found[0][:3], found[1][:3], strict=True):
            np.testing.assert_allclose(one[here], two[there], rtol=0, atol=1e-12)


def test_one_level_is_exact_on_average():
    """t' and y' of one level are ratios of the mean weights of rules: from evidence by evidence, rule by rule."""
    params = Params(n_c=3, v=3, m=2, s=2, s0=1, L=1)
    t, y = _inputs(params, "symbols", 0.4)
    e = 0.4 / 4
    assert (t, y) == pytest.approx(((1 - 3 * e) / (1 - e), e / (1 - e) * e / (1 - 3 * e)))
    weight = {True: t + y, False: (1 - t) / 2 + y}  # of the true feature, and of another one, at either place
    tuples = np.array([[weight[a == 0] * weight[b == 0] for b in range(3)] for a in range(3)])
    true, others = tuples[0, 0], (tuples.sum() - tuples[0, 0]) / 8
    wanted = (true + others) / (true + 5 * others)
    assert _above(params, (t, y))[0] == pytest.approx(wanted, rel=1e-12)


@pytest.mark.parametrize("s0", [0, 1, 2, 4])
def test_what_is_certain_or_unknown_stays_so(s0):
    params = Params(n_c=8, v=8, m=3, s=2, s0=s0, L=4)
    found = belief_transition(params)
    np.testing.assert_allclose(found.levels(1.0)[:, 0], 1 / 8, rtol=1e-12)
    if s0:
        np.testing.assert_allclose(found.levels(1.0)[:, 1], 1 / 8, rtol=1e-12)
    assert (found.levels(0.0)[:, 1] == 0).all() and (np.diff(found.levels(0.0)[:, 0]) <= 0).all()


def test_what_sparsity_moves():
    """Unknown blanks lower the threshold of features; at s = 2 places have one below 1 only if s0 > 1."""
    found = [belief_transition(Params(n_c=32, v=32, m=8, s=2, s0=s0, L=2)) for s0 in (0, 1, 2, 4)]
    assert np.diff([one.epsilon for one in found]).max() < 0
    assert [one.places < 1 for one in found] == [False, False, True, True]
    assert all(one.places > one.epsilon and one.slope == pytest.approx(found[0].slope) for one in found)


def test_without_a_transition():
    never, always = (belief_transition(Params(n_c=4, v=4, m=m, s=s, s0=0, L=2)) for m, s in ((4, 2), (1, 3)))
    assert (never.epsilon, always.epsilon) == (0.0, 1.0) and np.isnan([never.nu, always.nu]).all()


def test_wrong_arguments(refuses):
    with refuses("params", "Params(", "Use the same numbers at all levels"):
        belief_transition(Params(n_c=2, v=(3, 2), m=2, s=2, s0=0))
    for wrong in (-0.1, 1.1):
        with refuses("epsilon", repr(wrong), "Use 0 <= epsilon <= 1"):
            belief_transition(Params(n_c=3, v=3, m=2, s=2, s0=0, L=2)).levels(wrong)
    with refuses("params", "Params(", "Use sparsity A, or over='features'"):
        belief_transition(Params(n_c=3, v=3, m=2, s=2, s0=1, L=2, sparsity="B"))
