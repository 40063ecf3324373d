"""One node redrawn: what changes, what does not, by which law, and the same in NumPy and JAX."""

import inspect

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import oracles
from oracles import MIXED, equal
from srhm import (
    Grammar,
    LogNormal,
    Params,
    Stream,
    diffeomorphism,
    encode,
    exchange_synonyms,
    expand,
    resample_placements,
    resample_rules,
    resample_symbols,
)
from srhm.inference import parse, validity
from srhm.model.derivation import placement_of
from strategies import any_params

MODELS = st.one_of(any_params(), st.sampled_from(MIXED))
SEEDS = st.integers(0, 2**64 - 1)
TINY = Params(n_c=2, v=3, m=2, s=2, s0=1, L=2)
DEEP = Params(n_c=3, v=(3, 4, 3), m=2, s=(2, 2, 3), s0=(1, 0, 1))
DEEP_B = Params(n_c=3, v=(3, 4, 3), m=2, s=(2, 2, 3), s0=(1, 0, 1), sparsity="B")


def drawn(params, seed, count, **weights):
    grammar = Grammar(params, seed, **weights)
    return grammar, Stream(grammar, seed, "replacement").take(seed % 2**30, count)


def below(params, level, start, stop):
    """Yield each level from one down to the input, with the features on it below the features start to stop - 1."""
    for lower in range(level, 0, -1):
        if lower < level:
            start, stop = start * params.level(lower).s, stop * params.level(lower).s
        yield lower, slice(start, stop)


def beside(array, nodes):
    return np.delete(np.asarray(array), nodes, axis=1)


@given(MODELS, SEEDS, st.data())
def test_one_rule_and_all_below(params, seed, data):
    """Of the node it is what an exchange of synonyms of this level and all below does; beside it nothing changes."""
    grammar, derivation = drawn(params, seed, 4)
    level = data.draw(st.integers(1, params.L))
    node = data.draw(st.integers(0, params.level(level).nodes - 1))
    again = resample_rules(params, derivation, level=level, node=node, seed=seed)
    exchanged = exchange_synonyms(params, derivation, level, seed, cumulative=True)
    assert equal(again.label, derivation.label) and equal(again.placements, derivation.placements)
    assert equal(again.rules[level:], derivation.rules[level:])
    before, after = expand(grammar, derivation), expand(grammar, again)
    start, stop = node, node + 1
    for lower in range(level, 0, -1):
        nodes = slice(start, stop)
        old, new = derivation.rules[lower - 1], again.rules[lower - 1]
        assert new.dtype == old.dtype
        assert equal(beside(new, nodes), beside(old, nodes))
        assert equal(new[:, nodes], exchanged.rules[lower - 1][:, nodes])
        start, stop = start * params.level(lower).s, stop * params.level(lower).s
        features = slice(start, stop)
        old, new = before.features[lower - 1], after.features[lower - 1]
        assert equal(beside(new, features), beside(old, features))
    assert equal(after.features[level:], before.features[level:])
    assert equal(after.positions, before.positions)
    inputs = encode(params, after.features[0], after.positions[0], "integer")
    assert equal(parse(grammar, inputs), again), "a sample of the same class"


@given(MODELS, SEEDS, st.data())
def test_one_placement(params, seed, data):
    grammar, derivation = drawn(params, seed, 4)
    level = data.draw(st.integers(1, params.L))
    node = data.draw(st.integers(0, params.level(level).nodes - 1))
    again = resample_placements(params, derivation, level=level, node=node, seed=seed)
    moved = diffeomorphism(params, derivation, level, seed)
    own = slice(node, node + 1)
    assert equal(again.label, derivation.label) and equal(again.rules, derivation.rules)
    for one in range(params.L):
        if one == level - 1:
            assert equal(beside(again.placements[one], own), beside(derivation.placements[one], own))
            assert equal(again.placements[one][:, own], moved.placements[one][:, own])
        else:
            assert equal(again.placements[one], derivation.placements[one])
    assert equal(expand(grammar, again).features, expand(grammar, derivation).features)


@pytest.mark.parametrize(
    "weights", [{}, {"rule_weights": LogNormal(1.0), "placement_weights": LogNormal(1.0)}]
)
def test_all_nodes_of_a_level_are_the_level(weights):
    grammar, derivation = drawn(DEEP, 3, 200, **weights)
    for level in range(1, DEEP.L + 1):
        rules = placements = derivation
        for node in range(DEEP.level(level).nodes):
            rules = resample_rules(grammar, rules, level=level, node=node, seed=5)
            placements = resample_placements(grammar, placements, level=level, node=node, seed=5)
        assert equal(rules, exchange_synonyms(grammar, derivation, level, 5, cumulative=True))
        assert equal(placements, diffeomorphism(grammar, derivation, level, 5))
        assert not equal(rules, derivation) and (level == 2 or not equal(placements, derivation))


@given(MODELS, SEEDS, st.data())
def test_one_symbol(params, seed, data):
    """Above and beside nothing changes; below, all tuples are those of the new symbol."""
    grammar, derivation = drawn(params, seed, 4)
    level = data.draw(st.integers(1, params.L))
    node = data.draw(st.integers(0, params.level(level).features - 1))
    before = expand(grammar, derivation)
    after = resample_symbols(grammar, derivation, level=level, node=node, seed=seed)
    assert equal(after.label, before.label)
    assert equal(after.features[level:], before.features[level:])
    assert equal(after.positions[level - 1 :], before.positions[level - 1 :])
    for lower, nodes in below(params, level, node, node + 1):
        for old, new in ((before.features, after.features), (before.positions, after.positions)):
            assert new[lower - 1].dtype == old[lower - 1].dtype
            assert equal(beside(new[lower - 1], nodes), beside(old[lower - 1], nodes))
        assert after.features[lower - 1].min() >= 0
        assert after.features[lower - 1].max() < params.level(lower).v
        assert (np.diff(after.positions[lower - 1]) > 0).all()
    for lower in range(1, level):
        numbers = params.level(lower)
        shape = (4, numbers.nodes, numbers.s)
        parent, _ = grammar.parents_of(lower, after.features[lower - 1].reshape(shape))
        assert equal(parent, after.features[lower])
        places = after.positions[lower - 1].reshape(shape)
        assert (places // numbers.patch == after.positions[lower][:, :, None]).all()
        placement_of(numbers, places % numbers.patch)  # refuses what is none
    found = validity(grammar, encode(params, after.features[0], after.positions[0], "integer"))
    assert (found[:, : level - 1] == 1).all()
    parent, _ = grammar.parents_of(level, after.features[level - 1].reshape(4, -1, params.level(level).s))
    assert equal(found[:, level - 1], (parent >= 0).mean(axis=1))


def counted(columns, sizes):
    return np.bincount(np.ravel_multi_index(tuple(columns), sizes), minlength=np.prod(sizes))


@pytest.mark.parametrize("sparsity", ["A", "B"])
def test_law_of_a_symbol_and_all_below(sparsity):
    """All v (m placements)^nodes outcomes are equally likely, whatever the sample was (false-alarm rate 2e-4)."""
    params = Params(n_c=2, v=3, m=2, s=2, s0=1, L=2, sparsity=sparsity)
    grammar, derivation = drawn(params, 2, 20_000)
    old = expand(grammar, derivation).features[1][:, 1]
    tree = resample_symbols(grammar, derivation, level=2, node=1, seed=4)
    _, rules = grammar.parents_of(1, tree.features[0][:, 2:])
    placements = placement_of(params, tree.positions[0][:, 2:] % params.patch)
    sizes = (3, 3, 2, params.placements)
    counts = counted((old, tree.features[1][:, 1], rules, placements), sizes).reshape(3, -1)
    expected = counts.sum(axis=1, keepdims=True) / counts.shape[1]
    oracles.check_counts(counts, np.broadcast_to(expected, counts.shape).ravel(), lost=3)


def test_law_with_weights():
    """By the weights of rules and placements; the symbol itself is uniform (false-alarm rate 2e-4 for each check)."""
    weights = {"rule_weights": {1: [[1, 2], [5, 1], [3, 4]], 2: [3, 1]}, "placement_weights": [4, 2, 1, 1]}
    grammar, derivation = drawn(TINY, 2, 20_000, **weights)
    rule, placement = grammar.rule_probability(1), grammar.placement_probability(1)

    tree = resample_symbols(grammar, derivation, level=2, node=0, seed=4)
    symbols, rules = grammar.parents_of(1, tree.features[0][:, :2])
    placements = placement_of(TINY, tree.positions[0][:, :2] % TINY.patch)
    assert equal(symbols, tree.features[1][:, 0])
    expected = len(rules) / 3 * rule[:, :, None] * placement
    oracles.check_counts(counted((symbols, rules, placements), (3, 2, 4)), expected.ravel())

    again = resample_rules(grammar, derivation, level=2, node=0, seed=4)
    tree = expand(grammar, again)
    top = np.array(grammar.rule_probability(2))
    for label in range(2):
        rows = again.label == label
        first = again.rules[1][rows, 0]
        oracles.check_counts(np.bincount(first, minlength=2), rows.sum() * top[label])
    for node in range(2):
        symbols = tree.features[1][:, node]
        expected = np.bincount(symbols, minlength=3)[:, None] * rule
        drawn_here = counted((symbols, again.rules[0][:, node]), (3, 2))
        oracles.check_counts(drawn_here, expected.ravel(), lost=3)

    moved = resample_placements(grammar, derivation, level=1, node=1, seed=4).placements[0][:, 1]
    oracles.check_counts(np.bincount(moved, minlength=4), len(moved) * placement)


def test_redraws_are_independent():
    """Of the old choices, of rows, nodes, seeds, levels, and of each other (false-alarm rate 2e-4 each)."""
    params = Params(n_c=2, v=4, m=4, s=2, s0=1, L=3)  # 4 symbols, rules and placements
    grammar, derivation = drawn(params, 0, 4000)
    rules = resample_rules(params, derivation, level=3, node=0).rules
    symbols = [
        resample_symbols(grammar, derivation, level=2, node=node).features[1][:, node] for node in (0, 1)
    ]
    other = resample_symbols(grammar, derivation, level=2, node=0, seed=1).features[1][:, 0]
    lower = resample_symbols(grammar, derivation, level=1, node=0).features[0][:, 0]
    placement = resample_placements(params, derivation, level=2, node=0).placements[1][:, 0]
    for one, two in [
        (rules[2][:, 0], derivation.rules[2][:, 0]),
        (rules[0][:, 0], rules[0][:, 3]),
        (rules[0][:, 0], rules[1][:, 0]),
        (symbols[0], symbols[1]),
        (symbols[0], other),
        (symbols[0], lower),
        (symbols[0][1:], symbols[0][:-1]),
        (symbols[0], rules[1][:, 0]),
        (symbols[0], placement),
        (rules[1][:, 0], placement),
    ]:
        oracles.check_independent(one, two, (4, 4))


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("params", [DEEP, DEEP_B], ids=["A", "B"])
def test_numpy_and_jax_agree(params, weighted):
    laws = {"rule_weights": LogNormal(1.0), "placement_weights": LogNormal(0.5)} if weighted else {}
    grammar, derivation = drawn(params, 1, 50, **laws)

    def everything(derivation):
        return (
            resample_rules(grammar, derivation, level=2, node=1, seed=7),
            resample_placements(grammar, derivation, level=1, node=3, seed=7),
            resample_symbols(grammar, derivation, level=3, node=2, seed=7),
        )

    ours = everything(derivation)
    theirs = jax.jit(everything)(jax.tree.map(jnp.asarray, derivation))
    assert equal(ours, theirs)
    for one, other in zip(jax.tree.leaves(ours), jax.tree.leaves(theirs), strict=True):
        assert isinstance(other, jax.Array) and one.dtype == other.dtype


@settings(max_examples=3)
@given(st.sampled_from(MIXED))
def test_numpy_and_jax_agree_on_levels_that_differ(params):
    grammar, derivation = drawn(params, 5, 6)
    node = params.level(params.L).features - 1
    ours = resample_symbols(grammar, derivation, level=params.L, node=node, seed=2)
    in_jax = jax.tree.map(jnp.asarray, derivation)
    assert equal(
        ours, jax.jit(lambda one: resample_symbols(grammar, one, level=params.L, node=node, seed=2))(in_jax)
    )


USES = (resample_rules, resample_placements, resample_symbols)


@pytest.mark.parametrize("resample", USES)
def test_a_row_depends_on_its_seed_level_number_and_node(resample):
    grammar, derivation = drawn(DEEP, 2, 60)
    first = resample(grammar, derivation, level=3, node=0, seed=1)
    assert equal(
        oracles.rows(first, slice(9)),
        resample(grammar, oracles.rows(derivation, slice(9)), level=3, node=0, seed=1),
    )
    assert not equal(first, resample(grammar, derivation, level=3, node=0, seed=2))
    names = list(inspect.signature(resample).parameters.values())[2:]
    assert [one.name for one in names] == ["level", "node", "seed"]
    assert all(one.kind is inspect.Parameter.KEYWORD_ONLY for one in names)


@pytest.mark.parametrize("resample", USES)
def test_what_is_refused(refuses, resample):
    grammar, derivation = drawn(TINY, 0, 3)
    for level, fix in ((0, "Use level >= 1"), (3, "Use level <= 2"), (1.0, "Give level as an int")):
        with refuses("level", level, fix):
            resample(grammar, derivation, level=level, node=0)
    last = {1: 4, 2: 2} if resample is resample_symbols else {1: 2, 2: 1}
    for level, count in last.items():
        resample(grammar, derivation, level=level, node=count - 1)
        with refuses("node", count, f"Use node <= {count - 1}"):
            resample(grammar, derivation, level=level, node=count)
        with refuses("node", -1, "Use node >= 0"):
            resample(grammar, derivation, level=level, node=-1)
        with refuses("node", None, "Give node as an int"):
            resample(grammar, derivation, level=level, node=None)
    with refuses("seed", -1, "Use seed >= 0"):
        resample(grammar, derivation, level=1, node=0, seed=-1)
    other = drawn(Params(n_c=2, v=3, m=2, s=2, s0=1, L=3), 0, 3)[1]
    with refuses(
        "derivation.rules",
        3,
        "Give the derivation together with the params, or the grammar, that it was drawn from",
    ):
        resample(grammar, other, level=1, node=0)
