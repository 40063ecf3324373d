"""Next and hidden symbols against enumeration, the chain rule, and the published rules of a language model."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from enumeration import Enumeration
from oracles import MIXED, ORACLES, name_of
from srhm import ArgumentError, Dataset, Grammar, LogNormal, Params, Stream, Zipf, expand, split
from srhm.inference import (
    MASKED,
    Masking,
    annotate,
    log_likelihood,
    masked_symbol,
    next_symbol,
    posterior,
    prefix_posterior,
    surprisal,
)
from strategies import any_params

WEIGHTED = [
    (ORACLES[0], {"rule_weights": Zipf(1), "placement_weights": LogNormal(0.7)}),
    (ORACLES[11], {"rule_weights": Zipf(0.5), "placement_weights": LogNormal(1.0)}),
    (MIXED[7], {"placement_weights": {2: LogNormal(0.5)}}),
    (MIXED[9], {"rule_weights": {1: LogNormal(1.0)}}),
    (ORACLES[0], {"class_weights": Zipf(0.5)}),
    (MIXED[7], {"rule_weights": Zipf(0.5), "class_weights": LogNormal(1.0)}),
]
MODELS = [(params, {}) for params in (*ORACLES, *MIXED)] + WEIGHTED


def short(value):
    return name_of(value) if isinstance(value, Params) else "-".join(value) or "even"


def by_enumeration(oracle, inputs, seen):
    """p(symbol at t | the symbols at the positions seen(t)), from all derivations."""
    weights, v = np.exp(oracle.log_prior), oracle.params.level(1).v
    found = np.zeros((*inputs.shape, v + 1))
    for row, symbols in enumerate(inputs):
        for t in range(oracle.params.d):
            which = list(seen(t))
            agree = (oracle.inputs[:, which] == symbols[which]).all(axis=1)
            column = np.where(oracle.inputs[:, t] < 0, v, oracle.inputs[:, t])
            found[row, t] = np.bincount(column, weights * agree, v + 1)
    return found / found.sum(axis=2, keepdims=True)


def some_inputs(oracle):
    return oracle.inputs[:: max(1, oracle.params.P_max // 3)][:3]


@pytest.mark.parametrize(("params", "weights"), MODELS, ids=short)
def test_next_symbols_by_enumeration(params, weights):
    oracle = Enumeration(Grammar(params, 3, **weights))
    inputs = some_inputs(oracle)
    found = next_symbol(oracle.grammar, inputs)
    np.testing.assert_allclose(found, by_enumeration(oracle, inputs, range), rtol=0, atol=1e-10)


@pytest.mark.parametrize(("params", "weights"), MODELS[::3], ids=short)
def test_predictors_that_see_less_by_enumeration(params, weights):
    oracle = Enumeration(Grammar(params, 3, **weights))
    inputs, size = some_inputs(oracle), 1
    for levels in range(params.L + 1):
        size *= params.level(levels).patch if levels else 1
        found = next_symbol(oracle.grammar, inputs, levels=levels)
        wanted = by_enumeration(oracle, inputs, lambda t, size=size: range(t // size * size, t))
        np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-10)
    found = next_symbol(oracle.grammar, inputs, window=2)
    wanted = by_enumeration(oracle, inputs, lambda t: range(max(0, t - 2), t))
    np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-10)


@pytest.mark.parametrize(("params", "weights"), MODELS[::3], ids=short)
def test_hidden_symbols_by_enumeration(params, weights):
    oracle = Enumeration(Grammar(params, 3, **weights))
    inputs = some_inputs(oracle)
    mask = np.random.default_rng(1).random(inputs.shape) < 0.5
    found = masked_symbol(oracle.grammar, inputs, mask)
    for row in range(len(inputs)):
        seen = np.flatnonzero(~mask[row])
        wanted = by_enumeration(oracle, inputs[row : row + 1], lambda t, seen=seen: seen)[0]
        np.testing.assert_allclose(found[row], wanted, rtol=0, atol=1e-10)


@given(any_params().filter(lambda params: params.d <= 200), st.integers(0, 2**64 - 1))
@settings(max_examples=15)
def test_surprisals_add_up_to_the_likelihood(params, seed):
    """The chain rule, for models of any size; with the symbols masked in part it is that of what is left."""
    grammar = Grammar(params, seed)
    inputs = Dataset.draw(Stream(grammar, seed, "replacement"), 3).encode("integer")
    whole = log_likelihood(grammar, Masking().evidence(params, inputs, np.float64))
    found = surprisal(next_symbol(grammar, inputs), inputs)
    np.testing.assert_allclose(found.sum(axis=1), -whole, rtol=1e-12, atol=1e-10)
    received = Masking(0.5).corrupt(params, inputs, seed)
    part = log_likelihood(grammar, Masking().evidence(params, received, np.float64))
    found = surprisal(next_symbol(grammar, received), inputs)
    np.testing.assert_allclose(
        np.where(received == MASKED, 0, found).sum(axis=1), -part, rtol=1e-12, atol=1e-10
    )


def test_the_floor_of_published_rules():
    """Rules drawn as in a public run of language models on this data: the mean of positions 2 to 8."""
    random = np.random.default_rng(0)
    pairs = np.stack(np.meshgrid(range(8), range(8), indexing="ij"), axis=-1).reshape(64, 2)
    from_the_class = [pairs[random.choice(64, 16, replace=False)].reshape(8, 2, 2) for _ in range(3)]
    params = Params(v=8, m=2, s=2, s0=0, L=3)
    oracle = Enumeration(Grammar.from_rules(params, from_the_class[::-1]))
    assert len(oracle.inputs) == 1024
    floor = surprisal(next_symbol(oracle.grammar, oracle.inputs), oracle.inputs).mean(axis=0)
    assert abs(floor[1:].mean() - 0.7252624411934) < 1e-12


@pytest.mark.parametrize("params", [ORACLES[5], ORACLES[11]], ids=name_of)
def test_latents_after_every_prefix(params):
    grammar = Grammar(params, 3)
    inputs = Dataset.draw(Stream(grammar, 0), 4).encode("integer")
    found = prefix_posterior(grammar, inputs)
    for n in (0, 3, params.d):
        received = np.where(np.arange(params.d) < n, inputs, MASKED)
        wanted = posterior(grammar, Masking().evidence(params, received, np.float64))
        ours = jax.tree.map(lambda array, n=n: array[:, n], tuple(found))
        assert jax.tree.all(jax.tree.map(np.array_equal, ours, tuple(wanted)))
    few = prefix_posterior(grammar, inputs, [3])
    assert np.array_equal(few.label[:, 0], found.label[:, 3])
    assert np.allclose(found.symbols[0][:, range(params.d), range(params.d)], next_symbol(grammar, inputs))


@pytest.mark.parametrize("sparsity", ["A", pytest.param("B", marks=pytest.mark.long)])
def test_jax_predicts_the_same(sparsity):
    params = Params(n_c=3, v=3, m=2, s=2, s0=1, L=2 if sparsity == "A" else 1, sparsity=sparsity)
    grammar = Grammar(params, 2)
    inputs = Dataset.draw(Stream(grammar, 0), 20).encode("integer")
    with jax.enable_x64(True):
        found = next_symbol(grammar, jnp.asarray(inputs), dtype=np.float64)
        np.testing.assert_allclose(found, next_symbol(grammar, inputs), rtol=0, atol=1e-12)
        found = masked_symbol(grammar, jnp.asarray(inputs), jnp.asarray(inputs) > 1, dtype=np.float64)
        np.testing.assert_allclose(found, masked_symbol(grammar, inputs, inputs > 1), rtol=0, atol=1e-12)


def test_samples_with_everything_known_of_them():
    params = Params(v=(4, 3), m=2, s=2, s0=(1, 0))
    sets = split(Grammar(params, 1), P=20, P_test=6)
    found = annotate(sets.test, [2, 8])
    tree = expand(sets.test.stream.grammar, sets.test.derivation())
    assert np.array_equal(found.symbols[0], found.inputs)
    assert np.array_equal(found.symbols[1], tree.features[1])  # no blanks at level 2
    assert np.array_equal(found.posterior.label[:, 1].argmax(axis=1), found.label)
    assert np.array_equal(found.posterior.symbols[1][:, 1].argmax(axis=2), found.symbols[1])


def test_what_is_refused():
    grammar = Grammar(ORACLES[5], 3)
    inputs = Dataset.draw(Stream(grammar, 0), 2).encode("integer")
    impossible = inputs.copy()
    impossible[1] = 0
    for call, argument in [
        (lambda: next_symbol(grammar, inputs[:, 1:]), "inputs"),
        (lambda: next_symbol(grammar, impossible), "inputs"),
        (lambda: next_symbol(grammar, inputs, levels=3), "levels"),
        (lambda: next_symbol(grammar, inputs, levels=1, window=3), "window"),
        (lambda: next_symbol(grammar, inputs, window=-1), "window"),
        (lambda: masked_symbol(grammar, inputs, inputs[:, 1:] > 0), "mask"),
        (lambda: masked_symbol(grammar, inputs, inputs), "mask"),
        (lambda: masked_symbol(grammar, inputs, np.ones(inputs.shape, bool)), "mask"),
        (lambda: masked_symbol(grammar, impossible, inputs < 0), "inputs"),
        (lambda: prefix_posterior(grammar, inputs, [17]), "lengths"),
        (lambda: surprisal(next_symbol(grammar, inputs), inputs[:1]), "probabilities"),
    ]:
        with pytest.raises(ArgumentError) as error:
            call()
        assert error.value.argument == argument
