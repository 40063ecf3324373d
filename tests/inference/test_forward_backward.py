"""What changes under noise and exact denoising, against enumeration, limits and draws."""

import jax
import numpy as np
import pytest

from enumeration import Enumeration
from oracles import MIXED, ORACLES, name_of
from srhm import Dataset, Grammar, LogNormal, Params, Stream, Zipf, encode, expand
from srhm.inference import (
    BeliefNoise,
    Masking,
    UniformNoise,
    forward_backward,
    sample_posterior,
)

PROCESSES = [BeliefNoise(0.6), UniformNoise(0.3), Masking(0.5)]
WEIGHTED = [
    (ORACLES[0], {"rule_weights": Zipf(1), "placement_weights": LogNormal(0.7)}),
    (ORACLES[11], {"placement_weights": {1: LogNormal(1.0)}, "class_weights": Zipf(1)}),
]


def data_of(grammar, count):
    return Dataset.draw(Stream(grammar, 0, "replacement"), count)


def by_ancestor(covariance, params):
    """The sums of a covariance matrix over the blocks of inputs that share an ancestor 0 to L levels up."""
    sizes = np.cumprod([1, *(level.patch for level in params.levels)])
    return [sum(covariance[a : a + n, a : a + n].sum() for a in range(0, params.d, n)) for n in sizes]


def check_enumerated(grammar, process):
    """Probabilities and covariances against all derivations, weighed one by one."""
    oracle, params, data = Enumeration(grammar), grammar.params, data_of(grammar, 4)
    found = forward_backward(data, process, seed=5, dtype=np.float64)
    inputs, tree = data.encode("integer"), expand(grammar, data.derivation())
    evidence = process.evidence(params, process.corrupt(params, inputs, 5), np.float64)
    for row in range(len(data)):
        p = np.exp(oracle.joint(evidence[row]))
        p /= p.sum()
        changed = (oracle.inputs != inputs[row]).astype(float)
        apart = changed - p @ changed
        wanted = by_ancestor(apart.T @ (apart * p[:, None]), params)
        np.testing.assert_allclose(found.variance[row], wanted, rtol=0, atol=1e-10)
        np.testing.assert_allclose(1 - found.same[0][row], p @ changed, rtol=0, atol=1e-10)
        for level in range(1, params.L + 1):
            every = np.full((params.P_max, params.level(level).positions), -1)
            rows = np.arange(params.P_max)[:, None]
            every[rows, oracle.tree.positions[level - 1]] = oracle.tree.features[level - 1]
            own = np.full(every.shape[1], -1)
            own[tree.positions[level - 1][row]] = tree.features[level - 1][row]
            np.testing.assert_allclose(found.same[level - 1][row], p @ (every == own), rtol=0, atol=1e-10)
            np.testing.assert_allclose(found.filled[level - 1][row], p @ (every >= 0), rtol=0, atol=1e-10)
            assert (found.was_filled[level - 1][row] == (own >= 0)).all()
        right = p[oracle.tree.label == data.labels[row]].sum()
        np.testing.assert_allclose(found.same[-1][row], right, rtol=0, atol=1e-10)


@pytest.mark.parametrize("process", PROCESSES, ids=lambda one: one.name)
@pytest.mark.parametrize("params", [*ORACLES, *MIXED], ids=name_of)
def test_by_enumeration(params, process):
    check_enumerated(Grammar(params, 3), process)


@pytest.mark.parametrize(("params", "weights"), WEIGHTED, ids=["A", "B"])
def test_weights_by_enumeration(params, weights):
    check_enumerated(Grammar(params, 3, **weights), UniformNoise(0.4))


@pytest.mark.parametrize("sparsity", "AB")
def test_draws_of_noise_add_their_variance(sparsity):
    """By enumeration of the mixture over draws, with the unbiased variance between them."""
    params = Params(n_c=2, v=3, m=2, s=2, s0=1, L=2, sparsity=sparsity)
    oracle = Enumeration(Grammar(params, 3))
    data, process = data_of(oracle.grammar, 3), UniformNoise(0.4)
    inputs = data.encode("integer")
    found = forward_backward(data, process, draws=4, seed=1, dtype=np.float64)
    for row in range(3):
        changed, inside, means = (oracle.inputs != inputs[row]).astype(float), [], []
        for draw in range(4):
            received = process.corrupt(params, inputs, 1, draw << 32)
            p = np.exp(oracle.joint(process.evidence(params, received, np.float64)[row]))
            p /= p.sum()
            means.append(p @ changed)
            inside.append((changed - means[-1]).T @ ((changed - means[-1]) * p[:, None]))
        between = np.cov(np.array(means).T)
        wanted = by_ancestor(np.mean(inside, axis=0) + between, params)
        np.testing.assert_allclose(found.variance[row], wanted, rtol=0, atol=1e-10)
        np.testing.assert_allclose(1 - found.same[0][row], np.mean(means, axis=0), rtol=0, atol=1e-10)


def test_what_is_read_off():
    """C(r) from the pairs themselves, and what follows from it."""
    params = Params(n_c=3, v=3, m=2, s=2, s0=0, L=2)
    oracle = Enumeration(Grammar(params, 3))
    data, process = data_of(oracle.grammar, 1), BeliefNoise(0.6)
    found = forward_backward(data, process, dtype=np.float64)
    p = np.exp(oracle.joint(process.evidence(params, data.encode("integer"), np.float64)[0]))
    changed = (oracle.inputs != data.encode("integer")[0]).astype(float)
    covariance = np.cov(changed.T, aweights=p, bias=True)
    pairs = {1: [(i, i) for i in range(4)], 2: [(0, 1), (2, 3)], 4: [(0, 2), (0, 3), (1, 2), (1, 3)]}
    C = [np.mean([covariance[pair] for pair in pairs[r]]) for r in (1, 2, 4)]
    assert found.distance.tolist() == [1, 2, 4]
    np.testing.assert_allclose(found.covariance, C)
    np.testing.assert_allclose(found.susceptibility, covariance.sum() / np.trace(covariance))
    np.testing.assert_allclose(found.correlation_length, (8 * C[1] + 32 * C[2]) / (4 * C[1] + 8 * C[2]))


@pytest.mark.parametrize("sparsity", "AB")
def test_no_noise_and_nothing_but_noise(sparsity):
    params = Params(n_c=4, v=4, m=3, s=2, s0=1, L=2, sparsity=sparsity)
    data = data_of(Grammar(params, 3), 20)
    for process in (BeliefNoise, UniformNoise, Masking):
        clean = forward_backward(data, process(0), dtype=np.float64)
        assert np.abs(clean.changed).max() < 1e-12 and np.isnan(clean.susceptibility)
        assert (clean.places_kept > 1 - 1e-12).all() and (clean.features_kept > 1 - 1e-12).all()
    wholes = [
        forward_backward(data, process(1), dtype=np.float64)
        for process in (BeliefNoise, UniformNoise, Masking)
    ]
    for whole in wholes:
        np.testing.assert_allclose(whole.variance, wholes[0].variance, atol=1e-12)
        np.testing.assert_allclose(whole.changed[-1], 3 / 4)
        np.testing.assert_allclose(whole.places_kept, [1 / 4, 1 / 2])  # of sub-patches of two
    fresh = (
        Dataset.draw(Stream(data.stream.grammar, 9, "replacement"), 4000).encode("integer")[:, None]
        != data.encode("integer")
    ).mean(axis=0)
    assert np.abs(1 - wholes[0].same[0] - fresh).max() < 5 * (0.25 / 4000) ** 0.5


def test_posterior_draws_agree():
    """Means and block covariances of 4000 draws: within five standard errors."""
    params = Params(n_c=3, v=3, m=3, s=2, s0=1, L=2)
    grammar = Grammar(params, 3)
    data, process = data_of(grammar, 1), UniformNoise(0.3)
    found = forward_backward(data, process, dtype=np.float64)
    inputs = data.encode("integer")
    evidence = process.evidence(params, process.corrupt(params, inputs), np.float64)
    tree = expand(grammar, sample_posterior(grammar, evidence, 4000, seed=1))
    changed = (encode(params, tree.features[0], tree.positions[0], "integer") != inputs).astype(float)
    assert (np.abs(changed.mean(axis=0) - (1 - found.same[0][0])) < 5 * (0.25 / 4000) ** 0.5).all()
    N = changed.sum(axis=1)
    error = ((N - N.mean()) ** 2).std() / 4000**0.5
    assert abs(N.var() - found.variance[0, -1]) < 5 * error


@pytest.mark.parametrize("params", [ORACLES[3], ORACLES[8]], ids=name_of)
def test_backends_and_parts_agree(params, monkeypatch):
    data = data_of(Grammar(params, 1), 50)
    whole = forward_backward(data, UniformNoise(0.3), draws=2)
    compiled = forward_backward(data, UniformNoise(0.3), draws=2, backend="jax")
    monkeypatch.setitem(forward_backward.__globals__, "_NUMBERS", 2 * 17 * params.d * (params.level(1).v + 1))
    parts = forward_backward(data, UniformNoise(0.3), draws=2)
    for other, tolerance in ((compiled, 2e-5), (parts, 1e-12)):
        for one, two in zip(
            jax.tree.leaves((whole.same, whole.filled, whole.variance)),
            jax.tree.leaves((other.same, other.filled, other.variance)),
            strict=True,
        ):
            np.testing.assert_allclose(one, two, rtol=tolerance, atol=tolerance)


def test_wrong_arguments(refuses):
    data = data_of(Grammar(ORACLES[0]), 4)
    with refuses("draws", 0, "Use draws >= 1"):
        forward_backward(data, Masking(0.1), 0)
    with refuses("backend", "'torch'", "Use 'numpy' or 'jax'"):
        forward_backward(data, Masking(0.1), backend="torch")
