"""Steps of uniform diffusion: levels, draws, the exact denoiser and the way back, against matrices and enumeration."""

import jax.numpy as jnp
import numpy as np
import pytest

import oracles
from enumeration import Enumeration
from oracles import ORACLES, name_of
from srhm import Dataset, Grammar, Params, Stream
from srhm.inference.noise import words_of
from srhm.inference.uniform_diffusion import UniformDiffusion
from srhm.randomness import Key

FEW = UniformDiffusion(30, 0.05, 0.4)
BLANKS = Params(n_c=3, v=3, m=2, s=2, s0=1, L=2)
NONE = Params(n_c=3, v=3, m=2, s=2, s0=0, L=2)


def inputs_of(params, count):
    return Dataset.draw(Stream(Grammar(params), 0, "replacement"), count).encode("integer")


def received(diffusion, params, inputs, steps, seed=0):
    rows = np.arange(len(inputs), dtype=np.uint32)
    words = words_of(Key(np.uint32(seed), np.uint32(1)), (rows, np.zeros_like(rows)), params.d)
    return diffusion.drawn(params, inputs, words, np.asarray(steps))


def kernels(diffusion, count):
    """The matrices q(x_t | x_(t-1)) of each step."""
    return [(1 - beta) * np.eye(count) + beta / count for beta in diffusion.betas]


def test_levels_are_those_of_a_product_of_steps():
    whole, usual = np.eye(4), UniformDiffusion()
    for kernel, level in zip(kernels(usual, 4), usual.levels, strict=True):
        whole = whole @ kernel
        np.testing.assert_allclose(whole, (1 - level) * np.eye(4) + level / 4, atol=1e-14)
    assert (usual.steps, usual.betas[0], usual.betas[-1]) == (200, 0.001, 0.1)


@pytest.mark.parametrize("params", [NONE, BLANKS], ids=name_of)
def test_what_a_number_of_steps_does(params):
    """Counts of what becomes of each symbol: false-alarm rate 2e-4 each."""
    inputs, count = inputs_of(params, 3000), params.v + (params.s0 > 0)
    steps = np.arange(3000) % 3 * 5 + 1
    found = received(FEW, params, inputs, steps)
    assert (np.asarray(received(FEW, params, jnp.asarray(inputs), steps)) == found).all()
    for step in (1, 6, 11):
        for symbol in range(params.v - count, params.v):
            own = (inputs == symbol) & (steps == step)[:, None]
            counts = np.bincount(found[own] + count - params.v, minlength=count)
            p = FEW.levels[step - 1] / count + (1 - FEW.levels[step - 1]) * np.eye(count)[symbol]
            p = np.roll(p, count - params.v)
            oracles.check_counts(counts, counts.sum() * p)


@pytest.mark.parametrize("params", [*ORACLES[:3], *ORACLES[7:9]], ids=name_of)
def test_the_exact_denoiser_by_enumeration(params):
    """To 1e-10: each sample at a step of its own."""
    oracle = Enumeration(Grammar(params, 3))
    inputs = oracle.inputs[:: max(1, len(oracle.inputs) // 6)][:6]
    steps = np.array([1, 3, 8, 15, 30, 8])[: len(inputs)]
    noisy = received(FEW, params, inputs, steps)
    found = FEW.exact(oracle.grammar, noisy, steps)
    count, v = params.v + (params.s0 > 0), params.v
    for row, step in enumerate(steps):
        level, p = FEW.levels[step - 1], np.exp(oracle.log_prior)
        for position in range(params.d):
            same = oracle.inputs[:, position] == noisy[row, position]
            p = p * ((1 - level) * same + level / count)
        p /= p.sum()
        wanted = np.stack([p @ (oracle.inputs == symbol) for symbol in [*range(v), -1]], axis=1)
        np.testing.assert_allclose(found[row], wanted, rtol=0, atol=1e-10)


@pytest.mark.parametrize("params", [NONE, BLANKS], ids=name_of)
def test_one_step_back_is_that_of_bayes(params):
    """q(x_(t-1) | x_t, x_0) from the matrices of all steps, averaged over random beliefs."""
    random, count = np.random.default_rng(0), params.v + (params.s0 > 0)
    noisy = random.integers(params.v - count, params.v, (5, params.d)).astype(np.int32)
    beliefs = random.random((5, params.d, params.v + 1))
    beliefs /= beliefs.sum(axis=2, keepdims=True)
    matrices = kernels(FEW, count)
    for step in (1, 2, 7, 30):
        earlier = np.linalg.multi_dot([np.eye(count), np.eye(count), *matrices[: step - 1]])
        found = FEW.before(params, noisy, beliefs, step)
        wanted = np.zeros_like(found)
        for row, position in np.ndindex(noisy.shape):
            now, p = noisy[row, position] % count, beliefs[row, position, :count]
            for clean in range(count):
                joint = earlier[clean] * matrices[step - 1][:, now]
                wanted[row, position] += p[clean] / p.sum() * joint / joint.sum()
        np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-12)
        np.testing.assert_allclose(found.sum(axis=2), 1)


@pytest.mark.parametrize(
    ("wrong", "argument", "value", "fix"),
    [
        ({"steps": 0}, "steps", "0", "Use steps >= 1"),
        ({"steps": 50}, "steps", "50", "Use more steps, or a larger beta_last"),
        ({"beta_first": 0.0}, "beta_first", "0.0", "Use 0 < beta_first < 1"),
        ({"beta_last": 1.0}, "beta_last", "1.0", "Use 0 < beta_last < 1"),
    ],
)
def test_wrong_numbers(wrong, argument, value, fix, refuses):
    with refuses(argument, value, fix):
        UniformDiffusion(**wrong)
