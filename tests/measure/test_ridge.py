"""Ridge regression: the primal solution and explicit leave-one-out refits as oracles."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from srhm.measure.ridge import PENALTIES, Ridge


def primal(x, y, penalty):
    """The minimum of sum |y - b - x W|^2 + penalty |W|^2 from its normal equations, as a function."""
    mean = x.mean(axis=0)
    square = (x - mean).T @ (x - mean) + penalty * np.eye(x.shape[1])
    weights = np.linalg.solve(square, (x - mean).T @ (y - y.mean(axis=0)))
    return lambda new: y.mean(axis=0) + (new - mean) @ weights


def press(x, y, penalty):
    """Every input predicted by the fit to all others."""
    left_out = []
    for i in range(len(x)):
        others = np.arange(len(x)) != i
        left_out.append(y[i] - primal(x[others], y[others], penalty)(x[i]))
    return (np.array(left_out) ** 2).sum()


def drawn(inputs, units, rank=None, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(inputs, units)) * np.geomspace(1, 0.1, units) + 3
    if rank is not None:
        x = 3 + rng.normal(size=(inputs, rank)) @ rng.normal(size=(rank, units))
    return x, np.tanh(x[:, :2]) + 0.3 * rng.normal(size=(inputs, 2))


SHAPES = [(30, 4, None), (12, 40, None), (15, 15, None), (20, 30, 3), (2, 5, None)]


@pytest.mark.parametrize(("inputs", "units", "rank"), SHAPES)
def test_press_is_that_of_explicit_refits(inputs, units, rank):
    x, y = drawn(inputs, units, rank)
    centred = x - x.mean(axis=0)
    found = Ridge(centred @ centred.T).fit(y)
    unit = (centred**2).sum() / inputs
    expected = [press(x, y, penalty * unit) for penalty in PENALTIES]
    np.testing.assert_allclose(found.press, expected, rtol=1e-6)
    chosen = int(np.argmin(found.press))
    assert found.penalty == pytest.approx(unit * PENALTIES[chosen])
    assert expected[chosen] == pytest.approx(min(expected), rel=1e-6)  # 2 inputs: all penalties are alike


@pytest.mark.parametrize(("inputs", "units", "rank"), SHAPES)
def test_the_map_is_the_primal_solution(inputs, units, rank):
    x, y = drawn(inputs, units, rank)
    new = drawn(7, units, seed=1)[0]
    mean = x.mean(axis=0)
    found = Ridge((x - mean) @ (x - mean).T).fit(y)
    expected = primal(x, y, found.penalty)(new)
    np.testing.assert_allclose(found((new - mean) @ (x - mean).T), expected, rtol=1e-6)


def test_the_penalty_grows_with_the_noise():
    """Targets that follow the inputs exactly take the least penalty, targets that do not the largest."""
    rng = np.random.default_rng(5)
    x = rng.normal(size=(60, 30))
    x -= x.mean(axis=0)
    ridge = Ridge(x @ x.T)
    exact, noise = ridge.fit(x[:, :3]), ridge.fit(rng.normal(size=(60, 200)))
    assert np.argmin(exact.press) == 0 and np.argmin(noise.press) == len(PENALTIES) - 1


@given(st.integers(2, 12), st.integers(1, 12), st.integers(0, 1000))
def test_targets_are_fitted_alike_alone_and_together(inputs, units, seed):
    """PRESS is a sum over targets; a constant target is predicted exactly."""
    x, y = drawn(inputs, units, seed=seed)
    y = np.concatenate([y[:, :1], np.ones((inputs, 1))], axis=1)
    centred = x - x.mean(axis=0)
    ridge = Ridge(centred @ centred.T)
    both, first = ridge.fit(y), ridge.fit(y[:, :1])
    np.testing.assert_allclose(both.press, first.press, rtol=1e-6)
    np.testing.assert_allclose(both.dual[:, 1], 0, atol=1e-12 / both.penalty)
    assert both.offset[1] == 1


def test_equal_inputs_give_the_mean():
    found = Ridge(np.zeros((4, 4))).fit(np.array([[0.0], [1.0], [1.0], [1.0]]))
    np.testing.assert_array_equal(found(np.zeros((2, 4))), [[0.75], [0.75]])


def test_one_input_is_refused(refuses):
    with refuses("kernel", "(1, 1)", "Give at least 2 inputs"):
        Ridge(np.ones((1, 1)))
