from math import log

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import oracles
from enumeration import Enumeration, check_alike, check_oracle, received
from oracles import MIXED, ORACLES, equal, name_of
from srhm import Dataset, Grammar, Params, Stream, encode, expand, rank
from srhm.inference import (
    MASKED,
    Masking,
    UniformNoise,
    class_posterior,
    log_likelihood,
    most_probable,
    parse,
    posterior,
    sample_posterior,
)
from strategies import any_params

MODELS = [
    *ORACLES,
    Params(n_c=3, v=2, m=1, s=2, s0=2, L=2),
    Params(n_c=2, v=2, m=1, s=3, s0=1, L=2),
    Params(n_c=2, v=2, m=1, s=2, s0=1, L=3),
    Params(n_c=2, v=3, m=2, s=2, s0=2, L=2, sparsity="B"),
    Params(n_c=3, v=3, m=2, s=3, s0=1, L=1, sparsity="B"),
    Params(n_c=3, v=2, m=2, s=4, s0=1, L=1, sparsity="B"),
    Params(n_c=2, v=2, m=2, s=2, s0=0, L=3, sparsity="B"),
    *MIXED,
]
LARGEST = [
    Params(n_c=2, v=2, m=1, s=3, s0=1, L=2, sparsity="B"),
    Params(n_c=2, v=2, m=1, s=2, s0=1, L=3, sparsity="B"),
]
"""320,000 and 559,872 derivations."""

LARGE = Params(n_c=7, v=6, m=5, s=2, s0=2, L=3)


@pytest.mark.parametrize("params", MODELS, ids=name_of)
def test_posterior_by_enumeration(params):
    oracle = Enumeration(Grammar(params, 3))
    inputs = oracle.inputs[:: max(1, params.P_max // 3)][:3]
    evidence = received(oracle.grammar, inputs)
    found = posterior(oracle.grammar, evidence)
    check_oracle(found, evidence, oracle)
    check_alike(oracle.grammar, evidence, found)


@pytest.mark.parametrize(
    "params", [LARGEST[0], pytest.param(LARGEST[1], marks=pytest.mark.long)], ids=name_of
)
def test_posterior_by_enumeration_of_many(params):
    oracle = Enumeration(Grammar(params, 3))
    evidence = received(oracle.grammar, oracle.inputs[12345:12346])[[1, 3, 6]]
    check_oracle(posterior(oracle.grammar, evidence), evidence, oracle)


@pytest.mark.parametrize(
    "params", [ORACLES[5], pytest.param(ORACLES[8], marks=pytest.mark.long)], ids=name_of
)
def test_posterior_by_enumeration_with_jax(params):
    oracle = Enumeration(Grammar(params, 3))
    with jax.enable_x64(True):
        evidence = jnp.asarray(received(oracle.grammar, oracle.inputs[7:9]))
        check_oracle(
            jax.jit(lambda evidence: posterior(oracle.grammar, evidence))(evidence), evidence, oracle
        )


@pytest.mark.parametrize("params", MODELS, ids=name_of)
def test_most_probable_by_enumeration(params):
    oracle = Enumeration(Grammar(params, 3))
    evidence = received(oracle.grammar, oracle.inputs[:: max(1, params.P_max // 3)][:3])
    found = most_probable(oracle.grammar, evidence)
    ranks = rank(params, found.derivation)
    for one, number, log_probability in zip(evidence, ranks, found.log_probability, strict=True):
        joint = oracle.joint(one)
        order = np.sort(joint)
        np.testing.assert_allclose(joint[number], order[-1], rtol=0, atol=1e-10)
        assert number == joint.argmax() or order[-1] - order[-2] < 1e-10
        exact = order[-1] - np.logaddexp.reduce(joint)
        np.testing.assert_allclose(log_probability, exact, rtol=0, atol=1e-10)


@pytest.mark.parametrize("params", [ORACLES[0], ORACLES[4], ORACLES[7], MODELS[16]], ids=name_of)
def test_draws_by_enumeration(params):
    """Chi-square of the counts of all derivations, rare ones together: false-alarm rate 2e-4 each."""
    oracle, draws = Enumeration(Grammar(params, 3)), 4000
    evidence = received(oracle.grammar, oracle.inputs[11:12], seed=5)
    drawn = rank(params, sample_posterior(oracle.grammar, evidence, draws, seed=2))
    for one, ranks in zip(evidence, drawn.reshape(-1, draws), strict=True):
        joint = oracle.joint(one)
        p = np.exp(joint - np.logaddexp.reduce(joint))
        counts, expected = np.bincount(ranks, minlength=params.P_max), draws * p
        assert (counts[p == 0] == 0).all()
        rare = expected < 6
        if expected[rare].sum() >= 6:
            counts = np.append(counts[~rare], counts[rare].sum())
            expected = np.append(expected[~rare], expected[rare].sum())
        else:
            counts, expected = counts[~rare], expected[~rare]
            expected = expected * counts.sum() / expected.sum()
        if len(counts) > 1:
            oracles.check_counts(counts, expected)


def test_draws_are_independent():
    """Draws of one sample, and of neighbours with the same evidence: rates 2e-4."""
    params = Params(n_c=4, v=4, m=4, s=2, s0=1, L=1)
    grammar = Grammar(params)
    evidence = Masking().evidence(params, np.full((2, params.d), MASKED))
    drawn = rank(params, sample_posterior(grammar, evidence, 4000, seed=1)).reshape(2, -1)
    oracles.check_uniform(drawn[0], params.P_max)
    for first, second in [(drawn[0], drawn[1]), (drawn[0, ::2], drawn[0, 1::2])]:
        oracles.check_independent(first % 8, second % 8, (8, 8))
    other = rank(params, sample_posterior(grammar, evidence, 4000, seed=2)).reshape(2, -1)
    oracles.check_independent(drawn[0] % 8, other[0] % 8, (8, 8))


QUESTIONS = [
    log_likelihood,
    class_posterior,
    posterior,
    most_probable,
    lambda grammar, evidence: sample_posterior(grammar, evidence, 1, 3),
]


@pytest.mark.parametrize("sparsity", "AB")
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_batch_is_its_samples(sparsity, dtype):
    """To the bit, whatever the batch; a draw depends on its number too, so only the first can stand alone."""
    grammar = Grammar(Params(n_c=5, v=4, m=3, s=2, s0=1, L=3, sparsity=sparsity), 2)
    inputs = Dataset.draw(Stream(grammar, 0), 300).encode("integer")
    evidence = received(grammar, inputs)[::7].astype(dtype)
    assert len(evidence) == 300  # more than a chunk
    for question in QUESTIONS:
        whole = question(grammar, evidence)
        for row in (0,) if question is QUESTIONS[-1] else (0, 1, 130, 299):
            alone = question(grammar, evidence[row : row + 1])
            assert all_bits(alone) == all_bits(oracles.rows(whole, slice(row, row + 1)))
        start = question(grammar, evidence[:77])
        assert all_bits(start) == all_bits(oracles.rows(whole, slice(77)))


@pytest.mark.parametrize("sparsity", [pytest.param("A", marks=pytest.mark.long), "B"])
def test_a_compiled_batch_is_its_samples(sparsity):
    grammar = Grammar(Params(n_c=3, v=3, m=2, s=2, s0=1, L=2 if sparsity == "A" else 1, sparsity=sparsity), 2)
    inputs = Dataset.draw(Stream(grammar, 0, "replacement"), 400).encode("integer")
    evidence = jnp.asarray(received(grammar, inputs), jnp.float32)
    assert len(evidence) == 2800  # three chunks
    whole = posterior(grammar, evidence)
    for row in (0, 1111, 2799):
        alone = posterior(grammar, evidence[row : row + 1])
        assert all_bits(alone) == all_bits(oracles.rows(whole, slice(row, row + 1)))


def all_bits(arrays):
    return [np.asarray(array).tobytes() for array in jax.tree.leaves(arrays)]


def test_draws_are_counted():
    """Draw k of sample i depends on the seed, i, k and the evidence: not on how many others are drawn."""
    params = Params(n_c=7, v=6, m=5, s=3, s0=2, L=1)
    grammar, noise = Grammar(params), UniformNoise(0.2)
    inputs = Dataset.draw(Stream(grammar, 0, "replacement"), 30).encode("integer")
    evidence = noise.evidence(params, Masking(0.3).corrupt(params, noise.corrupt(params, inputs)))
    many = sample_posterior(grammar, evidence, 6, seed=9)
    few = sample_posterior(grammar, evidence[:20], 2, seed=9)
    which = np.arange(180).reshape(30, 6)[:20, :2].ravel()
    assert equal(few, oracles.rows(many, which))
    compiled = sample_posterior(grammar, jnp.asarray(evidence), 6, seed=9)
    same = (rank(params, compiled) == rank(params, many)).mean()
    assert same > 0.9  # rounding may turn a close decision


def small_enough(params):
    rules = max(params.n_c, params.v) * params.m
    return params.d * rules * (params.s if params.sparsity == "B" else 1) < 10**6


@given(any_params().filter(small_enough), st.integers(0, 2**64 - 1))
@settings(max_examples=20)
def test_a_clean_input_tells_everything(params, seed):
    grammar = Grammar(params, seed)
    derivation = Stream(grammar, seed, "replacement").take(seed % 2**30, 3)
    tree = expand(grammar, derivation)
    inputs = encode(params, tree.features[0], tree.positions[0], "integer")
    evidence = Masking().evidence(params, inputs)
    found = posterior(grammar, evidence)
    assert (found.label == np.eye(params.n_c)[derivation.label]).all()
    for level in range(1, params.L + 1):
        grid = np.full(found.symbols[level - 1].shape[:2], params.v)
        np.put_along_axis(grid, tree.positions[level - 1], tree.features[level - 1], 1)
        assert (found.symbols[level - 1] == np.eye(params.v + 1)[grid]).all()
    rounding = 1e-6 * log(params.P_max)
    np.testing.assert_allclose(found.log_likelihood, -log(params.P_max), rtol=0, atol=rounding)
    assert (found.label_entropy == 0).all() and (found.derivation_entropy == 0).all()
    best = most_probable(grammar, evidence)
    assert equal(best.derivation, derivation) and equal(parse(grammar, inputs), derivation)
    np.testing.assert_allclose(best.log_probability, 0, rtol=0, atol=rounding)
    assert equal(sample_posterior(grammar, evidence, 1, seed), derivation)


@given(any_params().filter(small_enough), st.integers(0, 2**64 - 1))
@settings(max_examples=20)
def test_nothing_received_leaves_the_prior(params, seed):
    grammar = Grammar(params, seed)
    evidence = np.zeros((2, params.d, params.v + 1))
    found = posterior(grammar, evidence)
    np.testing.assert_allclose(found.log_likelihood, 0, rtol=0, atol=1e-9)
    np.testing.assert_allclose(found.label, 1 / params.n_c)
    np.testing.assert_allclose(found.label_entropy, log(params.n_c))
    np.testing.assert_allclose(found.derivation_entropy, log(params.P_max))
    for level in range(1, params.L + 1):
        depth = params.L - level
        informative = 1 - found.symbols[level - 1][..., params.v]
        np.testing.assert_allclose(informative.sum(axis=1), params.s ** (depth + 1))
        np.testing.assert_allclose(found.rules[level - 1].sum(axis=(1, 2, 3)), params.s**depth)
        if params.sparsity == "A":
            np.testing.assert_allclose(informative, (params.s0 + 1.0) ** -(depth + 1))


@pytest.mark.parametrize("sparsity", "AB")
def test_posteriors_agree_with_each_other(sparsity):
    """Probabilities add up to one, and the rules of a node to its symbols."""
    params = Params(n_c=7, v=6, m=5, s=2, s0=2, L=3, sparsity=sparsity)
    grammar = Grammar(params, 1)
    evidence = received(grammar, Dataset.draw(Stream(grammar, 0, "replacement"), 5).encode("integer"))
    found = posterior(grammar, evidence)
    np.testing.assert_allclose(found.label.sum(axis=1), 1)
    np.testing.assert_allclose(found.rules[-1].sum(axis=3)[:, 0], found.label)
    for level in range(1, params.L + 1):
        np.testing.assert_allclose(found.symbols[level - 1].sum(axis=2), 1)
        if level < params.L:
            above = found.symbols[level][:, :, : params.v]
            np.testing.assert_allclose(found.rules[level - 1].sum(axis=3), above, atol=1e-12)
    assert (found.label_entropy <= found.derivation_entropy + 1e-9).all()
    # By Bayes' rule, as all are alike: -ln p(d | received) = ln P_max + ln p(received) - ln p(received | d).
    known = (found.symbols[0] * np.where(found.symbols[0] > 0, evidence, 0)).sum(axis=(1, 2))
    left = log(params.P_max) + found.log_likelihood - known
    np.testing.assert_allclose(found.derivation_entropy, left, rtol=0, atol=1e-10)
    best = most_probable(grammar, evidence).log_probability
    assert (-best <= found.derivation_entropy + 1e-9).all()  # the best is no rarer than the mean


@pytest.mark.parametrize("sparsity", ["A", pytest.param("B", marks=pytest.mark.long)])
def test_single_precision(sparsity):
    """What is lost is relative to the differences of log-probabilities: large where evidence has no structure."""
    for L in (2, 3):
        params = Params(n_c=7, v=6, m=5, s=2, s0=2, L=L, sparsity=sparsity)
        grammar = Grammar(params, 1)
        inputs = Dataset.draw(Stream(grammar, 0, "replacement"), 20).encode("integer")
        evidence = received(grammar, inputs).astype(np.float32)
        double = posterior(grammar, evidence.astype(np.float64))
        for array in (np.asarray, jnp.asarray)[: 4 - L]:
            found = posterior(grammar, array(evidence))
            for value, exact in zip(jax.tree.leaves(found), jax.tree.leaves(double), strict=True):
                assert value.dtype == np.float32
                np.testing.assert_allclose(value[:100], exact[:100], rtol=2e-5, atol=2e-5)
                np.testing.assert_allclose(value, exact, rtol=2e-5, atol=1e-3)


@pytest.mark.parametrize(
    ("sparsity", "L"),
    [("A", 1), *(pytest.param(*one, marks=pytest.mark.long) for one in (("A", 2), ("B", 1)))],
)
def test_the_derivative_of_the_likelihood_is_the_posterior(sparsity, L):
    params = Params(n_c=3, v=3, m=2, s=2, s0=1, L=L, sparsity=sparsity)
    grammar = Grammar(params, 2)
    inputs = Dataset.draw(Stream(grammar, 0), 4).encode("integer")
    with jax.enable_x64(True):
        evidence = jnp.asarray(received(grammar, inputs))
        gradient = jax.jit(jax.grad(lambda evidence: log_likelihood(grammar, evidence).sum()))(evidence)
        found = posterior(grammar, np.asarray(evidence))
        np.testing.assert_allclose(gradient, found.symbols[0], rtol=0, atol=1e-12)

        def all_of_it(evidence):
            found = posterior(grammar, evidence)
            return sum((leaf**2).sum() for leaf in jax.tree.leaves(found))

        gradient = np.asarray(jax.jit(jax.grad(all_of_it))(evidence))
    assert np.isfinite(gradient).all()
    evidence = np.asarray(evidence)
    ahead, step = np.random.default_rng(0).normal(size=evidence.shape), 1e-5
    for row in np.flatnonzero(np.isfinite(evidence).all(axis=(1, 2)))[[5, -1]]:
        part, direction = evidence[row : row + 1], ahead[row : row + 1]
        change = all_of_it(part + step * direction) - all_of_it(part - step * direction)
        np.testing.assert_allclose(change / (2 * step), (gradient[row] * direction[0]).sum(), rtol=1e-6)


def test_impossible_inputs(refuses):
    params = Params(n_c=4, v=5, m=2, s=2, s0=1, L=1)
    grammar = Grammar(params)
    inputs = Dataset.draw(Stream(grammar, 0, "replacement"), 3).encode("integer")
    inputs[1, np.flatnonzero(inputs[1] >= 0)[0]], inputs[2] = -1, -1
    evidence = Masking().evidence(params, inputs)
    assert (log_likelihood(grammar, evidence)[1:] == -np.inf).all()
    fix = "Give inputs of the same grammar, or a process with noise"
    for question in QUESTIONS[1:]:
        with refuses("evidence", "'samples 1, 2' have probability zero", fix):
            question(grammar, evidence)
        with refuses("evidence", "'sample 0' has probability zero", fix):
            question(grammar, evidence[1:2])
    possible = posterior(grammar, evidence[:1])
    masked = posterior(grammar, evidence, invalid="mask")
    assert (masked.log_likelihood[1:] == -np.inf).all()
    for one, alone in zip(jax.tree.leaves(masked), jax.tree.leaves(possible), strict=True):
        assert np.array_equal(one[:1], alone)
    for probabilities in (masked.label, *masked.symbols, *masked.rules):
        assert (probabilities[1:] == 0).all()
    assert np.array_equal(class_posterior(grammar, evidence, invalid="mask"), masked.label)
    for question in (class_posterior, posterior):
        with refuses("invalid", "'ignore'", "Use 'raise' or 'mask'"):
            question(grammar, evidence, invalid="ignore")
    compiled = jnp.asarray(evidence)
    assert (class_posterior(grammar, compiled)[1:] == 0).all()
    assert all((symbols[1:] == 0).all() for symbols in posterior(grammar, compiled).rules)
    gradient = jax.grad(lambda evidence: log_likelihood(grammar, evidence)[0])(compiled)
    assert jnp.isfinite(gradient).all() and (gradient[1:] == 0).all()


@pytest.mark.parametrize("question", QUESTIONS)
def test_wrong_evidence(refuses, question):
    grammar = Grammar(LARGE)
    good = np.zeros((2, LARGE.d, LARGE.v + 1), np.float32)
    fix = f"Give floats of shape [sample, {LARGE.d}, {LARGE.v + 1}], as Masking.evidence does"
    for wrong in (good[0], good[:, 1:], good[:, :, 1:], jnp.asarray(good[0])):
        with refuses("evidence", f"'{type(wrong).__name__} of shape {wrong.shape}'", fix):
            question(grammar, wrong)
    for wrong in (good.astype(np.float16), good.astype(int)):
        with refuses("evidence", f"'{wrong.dtype}'", fix):
            question(grammar, wrong)
    for number in (np.nan, np.inf):
        wrong = good.copy()
        wrong[1, 5, 3] = number
        with refuses("evidence", f"{number}", "Give numbers and -inf"):
            question(grammar, wrong)


def test_no_samples():
    grammar = Grammar(LARGE)
    nothing = np.zeros((0, LARGE.d, LARGE.v + 1), np.float32)
    assert posterior(grammar, nothing).rules[0].shape == (0, 36, LARGE.v, LARGE.m)
    small = np.zeros((0, 4, 3), np.float32)
    assert log_likelihood(Grammar(MODELS[2]), jnp.asarray(small[:, [0] * 6])).shape == (0,)
    assert sample_posterior(grammar, nothing, 5).rules[0].shape == (0, 4)


def test_wrong_numbers_of_draws(refuses):
    grammar = Grammar(LARGE)
    nothing = np.zeros((1, LARGE.d, LARGE.v + 1), np.float32)
    with refuses("draws", 0, "Use draws >= 1"):
        sample_posterior(grammar, nothing, 0)
    with refuses("seed", -1, "Use seed >= 0"):
        sample_posterior(grammar, nothing, 1, seed=-1)
