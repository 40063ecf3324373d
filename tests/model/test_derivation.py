import inspect
import itertools
from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import oracles
from oracles import ORACLES, equal, name_of
from srhm import (
    ArgumentError,
    Derivation,
    Grammar,
    Params,
    Stream,
    diffeomorphism,
    enumerate_all,
    exchange_synonyms,
    expand,
    rank,
    unrank,
)
from srhm.model.derivation import child_offsets, placement_of, radices
from strategies import any_params, huge_params, large_params, small_params

BOTH = [
    Params(n_c=3, v=4, m=3, s=2, s0=2, L=3),
    Params(n_c=3, v=4, m=3, s=2, s0=2, L=3, sparsity="B"),
    Params(n_c=4, v=3, m=4, s=3, s0=1, L=2, sparsity="B"),
]


def draw(params, count, seed=0, rule="replacement"):
    return Stream(Grammar(params, seed), seed, rule).take(0, count)


# Derivations of other models.

OWN = Params(n_c=4, v=4, m=3, s=2, s0=1, L=2)
OTHERS = {
    "L": replace(OWN, L=3),
    "s": replace(OWN, s=3),
    "m": replace(OWN, m=4),
    "s0": replace(OWN, s0=2),
    "sparsity": replace(OWN, sparsity="B"),
    "n_c": replace(OWN, n_c=5),
}
USES = {
    "expand": lambda derivation: expand(Grammar(OWN), derivation),
    "exchange_synonyms": lambda derivation: exchange_synonyms(OWN, derivation, 1),
    "shift": lambda derivation: diffeomorphism(OWN, derivation, 1),
    "rank": lambda derivation: rank(OWN, derivation),
}


@pytest.mark.parametrize("use", USES)
@pytest.mark.parametrize("other", OTHERS)
def test_a_derivation_of_another_model_is_refused(use, other, unchecked):
    foreign = draw(OTHERS[other], 200)
    part = {"n_c": "label", "s0": "placements", "sparsity": "placements"}.get(other, "rules")
    for form in (foreign, jax.tree.map(jnp.asarray, foreign)):
        with pytest.raises(ArgumentError, match=rf"^derivation\.{part}.* = .*Give the derivation together"):
            USES[use](form)
    USES[use](draw(OWN, 200))


@pytest.mark.parametrize("use", USES)
def test_what_is_no_derivation_is_refused(use, unchecked):
    good = draw(OWN, 5)
    half = good._replace(rules=tuple(level.astype(np.float64) for level in good.rules))
    short = good._replace(placements=tuple(level[:3] for level in good.placements))
    listed = good._replace(label=good.label.tolist())
    for wrong, name in (
        (expand(Grammar(OWN), good), "derivation"),
        (half, r"derivation\.rules\[0\]"),
        (short, r"derivation\.placements\[0\]"),
        (listed, r"derivation\.label"),
    ):
        with pytest.raises(ArgumentError, match=f"^{name} = "):
            USES[use](wrong)


def test_compiled_functions_check_shapes():
    """Values are not known there."""
    grammar = Grammar(OWN)
    tree = jax.jit(lambda derivation: expand(grammar, derivation))
    derivation = draw(OWN, 5)
    assert equal(tree(derivation).features[0], expand(grammar, derivation).features[0])
    with pytest.raises(ArgumentError, match=r"^derivation\.rules = 3 levels do not fit L = 2"):
        tree(draw(replace(OWN, L=3), 5))


def test_places_of_another_model_are_refused(refuses):
    fix = "Give placements of this model"
    for number in (-1, 4):
        with refuses("placement", number, fix):
            child_offsets(OWN, np.array([0, number]))
    fix = "Give places of this model, as child_offsets returns them"
    wide, ordered = replace(OWN, s0=2), replace(OWN, sparsity="B")
    for params, offsets, value in (
        (OWN, child_offsets(wide, np.arange(9)), 5),
        (OWN, np.array([[0, 2], [2, 3]]), [2, 3]),
        (ordered, np.array([[0, 1], [1, 1]]), [1, 1]),
        (ordered, np.array([[3, 1]]), [3, 1]),
        (OWN, np.array([[0, 2, 3]]), "'int64 of shape (1, 3)'"),
    ):
        with refuses("offsets", value, fix):
            placement_of(params, offsets)


# Expansion.


@given(any_params(), st.integers(0, 2**64 - 1))
def test_expansion_follows_the_rules(params, seed):
    """Against loops over one datum at a time: features and positions of every level."""
    grammar = Grammar(params, seed)
    derivation = Stream(grammar, seed, "replacement").take(seed % 2**40, 3)
    tree = expand(grammar, derivation)
    for row in range(3):
        label = int(derivation.label[row])
        levels = oracles.leaves_of(grammar, label, oracles.choices_of(params, derivation, row))
        for level in range(params.L):
            features, positions = zip(*levels[level], strict=True)
            assert tuple(tree.features[level][row]) == features
            assert tuple(tree.positions[level][row]) == positions


@given(large_params())
def test_positions_increase(params):
    """At every level, within the p^(L-l+1) positions; of a sub-tree, within the positions of its root."""
    tree = expand(Grammar(params), draw(params, 5))
    for level in range(1, params.L + 1):
        positions = tree.positions[level - 1]
        assert positions.shape == tree.features[level - 1].shape == (5, params.s ** (params.L - level + 1))
        assert (np.diff(positions) > 0).all()
        assert positions.min() >= 0 and positions.max() < params.patch ** (params.L - level + 1)
        parents = positions[:, :: params.s] // params.patch
        assert (positions // params.patch == np.repeat(parents, params.s, axis=1)).all()
        if level < params.L:
            assert (parents == tree.positions[level]).all()


# Placements.

PATCHES = [(2, 0), (2, 1), (2, 3), (3, 1), (3, 2), (4, 1), (5, 0), (2, 20)]


@pytest.mark.parametrize("sparsity", ["A", "B"])
@pytest.mark.parametrize(("s", "s0"), PATCHES)
def test_all_placements_in_order(s, s0, sparsity):
    params = Params(n_c=2, v=2, m=1, s=s, s0=s0, L=1, sparsity=sparsity)
    expected = np.array(oracles.all_offsets(params))
    numbers = np.arange(params.placements)
    offsets = child_offsets(params, numbers)
    assert len(expected) == params.placements and (offsets == expected).all()
    assert (placement_of(params, offsets) == numbers).all()
    assert (child_offsets(params, numbers[None, :, None]) == expected[None, :, None]).all()


@pytest.mark.parametrize(
    ("s", "s0", "sparsity"),
    [(2, 46338, "A"), (2, 32000, "B"), (3, 500, "B"), (15, 1, "B"), (5, 70, "A"), (61, 0, "B")],
)
def test_large_placement_numbers(s, s0, sparsity):
    """Up to 2^31 placements, against counting in Python integers."""
    params = Params(n_c=2, v=2, m=1, s=s, s0=s0, L=1, sparsity=sparsity)
    numbers = np.unique(np.linspace(0, params.placements - 1, 40).astype(np.int64))
    offsets = child_offsets(params, numbers)
    assert (placement_of(params, offsets) == numbers).all()
    if sparsity == "B":
        expected = [oracles.unrank_subset(int(number), params.patch, s) for number in numbers]
        assert offsets.tolist() == [list(one) for one in expected]
    in_jax = child_offsets(params, jnp.asarray(numbers.astype(np.int32)))
    assert equal(offsets, in_jax) and equal(numbers, placement_of(params, in_jax))


# Ranks.


@pytest.mark.parametrize("params", ORACLES, ids=name_of)
def test_enumeration_is_complete(params):
    """Every datum once: as many as P_max, in the order of ranks, and no two alike."""
    every = enumerate_all(params)
    assert len(every.label) == params.P_max
    assert (rank(params, every) == np.arange(params.P_max)).all()
    assert (np.bincount(every.label) == params.data_per_class).all()
    columns = [every.label[:, None], *every.rules, *every.placements]
    assert len(np.unique(np.concatenate(columns, axis=1), axis=0)) == params.P_max
    for level in range(1, params.L + 1):
        shape = (params.P_max, params.s ** (params.L - level))
        rules, placements = every.rules[level - 1], every.placements[level - 1]
        assert rules.shape == placements.shape == shape
        assert (np.unique(rules) == np.arange(params.m)).all()
        assert (np.unique(placements) == np.arange(params.placements)).all()


def as_digits(params, derivation, row):
    choices = itertools.chain(*oracles.choices_of(params, derivation, row))
    return [int(derivation.label[row]), *choices]


@given(st.one_of(small_params(), large_params(), huge_params()), st.data())
def test_ranks_are_a_bijection(params, data):
    """Against mixed-radix digits in Python integers, far beyond 2^64."""
    numbers = data.draw(st.lists(st.integers(0, params.P_max - 1), min_size=1, max_size=4))
    numbers += [0, params.P_max - 1]
    derivation = unrank(params, numbers)
    ranks = rank(params, derivation)
    assert ranks.tolist() == numbers
    assert ranks.dtype == (np.int64 if params.P_max < 2**63 else object)
    for row, number in enumerate(numbers):
        total = 0
        for digit, radix in zip(
            as_digits(params, derivation, row), (params.n_c, *radices(params)), strict=True
        ):
            assert 0 <= digit < radix
            total = total * radix + digit
        assert total == number
    assert (unrank(params, numbers[0]).label == derivation.label[:1]).all()


def test_ranks_at_the_border_of_64_bits():
    below, above = Params(2, 2, 2, 2, 0, 5), Params(2, 2, 2, 2, 0, 6)
    assert below.P_max == 2**32 and above.P_max == 2**64
    assert rank(above, unrank(above, [2**64 - 1]))[0] == 2**64 - 1
    edge = Params(n_c=2, v=8, m=4, s=2, s0=0, L=5)
    assert edge.P_max == 2**63 and rank(edge, unrank(edge, [2**63 - 1])).tolist() == [2**63 - 1]


@given(huge_params())
def test_ranks_of_samples(params):
    derivation = draw(params, 4)
    again = unrank(params, rank(params, derivation))
    assert equal(derivation, again)


def test_bad_ranks(refuses):
    params = ORACLES[0]
    for ranks, value, fix in [
        ([0, -1], -1, "Use ranks >= 0"),
        (params.P_max, params.P_max, f"Use ranks <= {params.P_max - 1}"),
        (1.0, 1.0, "Give ranks as an int"),
        (["1"], "'1'", "Give ranks as an int"),
        (None, None, "Give ranks as an int"),
    ]:
        with refuses("ranks", value, fix):
            unrank(params, ranks)
    assert len(unrank(params, []).label) == 0


def test_enumeration_has_a_limit(refuses):
    params = Params(n_c=10, v=10, m=10, s=2, s0=2, L=2)
    with refuses("limit", 10**6, "Enumerate a smaller model"):
        enumerate_all(params, limit=10**6)


# Transformations. Exchange replaces the rules of a level, shift its placements.


@pytest.mark.parametrize("cumulative", [False, True])
@pytest.mark.parametrize("transform", [exchange_synonyms, diffeomorphism])
@pytest.mark.parametrize("params", BOTH, ids=name_of)
def test_what_a_transformation_changes(params, transform, cumulative):
    grammar, derivation = Grammar(params), draw(params, 2000)
    tree = expand(grammar, derivation)
    part, other = ("rules", "placements") if transform is exchange_synonyms else ("placements", "rules")
    bound = params.m if part == "rules" else params.placements
    for level in range(1, params.L + 1):
        again = transform(params, derivation, level, 3, cumulative=cumulative)
        assert equal(again.label, derivation.label)
        assert equal(getattr(again, other), getattr(derivation, other))
        redrawn = range(1 if cumulative else level, level + 1)
        for one in range(1, params.L + 1):
            old, new = getattr(derivation, part)[one - 1], getattr(again, part)[one - 1]
            assert new.dtype == old.dtype and new.shape == old.shape
            if one in redrawn:  # uniform, whatever the old value was (false alarm 2e-4)
                oracles.check_independent(old, new, (bound, bound))
            else:
                assert equal(old, new)

        changed = expand(grammar, again)
        if part == "rules":
            assert equal(changed.positions, tree.positions)
            assert equal(changed.features[level:], tree.features[level:])
            for one in range(1, level + 1):
                assert not equal(changed.features[one - 1], tree.features[one - 1])
        else:
            assert equal(changed.features, tree.features)
            assert equal(changed.positions[level:], tree.positions[level:])
            for one in range(1, level + 1):
                assert not equal(changed.positions[one - 1], tree.positions[one - 1])


@pytest.mark.parametrize("level", [1, 2])
def test_law_of_exchanged_features(level):
    """The level-l features of a node become those of each of its parent's m rules equally often."""
    params = Params(n_c=2, v=3, m=3, s=2, s0=1, L=2)
    grammar = Grammar(params)
    one = unrank(params, [params.P_max // 3])
    many = oracles.rows(one, np.zeros(6000, int))
    tree = expand(grammar, exchange_synonyms(params, many, level, 1))
    parents = tree.label[:, None] if level == 2 else tree.features[1]
    for node, parent in enumerate(parents[0]):
        tuples = tree.features[level - 1][:, node * 2 : node * 2 + 2]
        owner, choice = grammar.parents_of(level, tuples)
        assert (owner == parent).all()
        oracles.check_uniform(choice, params.m)


@pytest.mark.parametrize("params", BOTH, ids=name_of)
@pytest.mark.parametrize("level", [1, 2])
def test_law_of_shifted_positions(params, level):
    """The children of a node take each of the placements equally often, with their sub-trees."""
    grammar = Grammar(params)
    many = oracles.rows(draw(params, 1), np.zeros(3000, int))
    before, after = expand(grammar, many), expand(grammar, diffeomorphism(params, many, level, 1))
    offsets = after.positions[level - 1] % params.patch
    for node in range(params.level(level).nodes):
        children = slice(node * params.s, (node + 1) * params.s)
        oracles.check_uniform(placement_of(params, offsets[:, children]), params.placements)
    for lower in range(1, level):  # a sub-tree moves as a whole
        size = params.patch ** (level - lower)
        assert equal(before.positions[lower - 1] % size, after.positions[lower - 1] % size)
        per = params.s ** (level - lower)
        roots = np.repeat(after.positions[level - 1], per, axis=1)
        assert (after.positions[lower - 1] // size == roots).all()


@pytest.mark.parametrize("transform", [exchange_synonyms, diffeomorphism])
def test_redrawn_choices_are_independent(transform):
    """Between nodes, rows, levels, seeds and the two transformations (false alarm 2e-4 each)."""
    params = Params(n_c=2, v=4, m=4, s=2, s0=1, L=3)  # 4 rules, 4 placements
    derivation = draw(params, 4000)
    part = "rules" if transform is exchange_synonyms else "placements"
    drawn = getattr(transform(params, derivation, 3, 0, cumulative=True), part)
    other_seed = getattr(transform(params, derivation, 1, 1), part)
    other_part = diffeomorphism(params, derivation, 1, 0).placements if part == "rules" else other_seed
    for one, other in [
        (drawn[0][:, 0], drawn[0][:, 1]),
        (drawn[0][:, 0], drawn[1][:, 0]),
        (drawn[1][:, 0], drawn[2][:, 0]),
        (drawn[0][:-1, 0], drawn[0][1:, 0]),
        (drawn[0][:, 0], other_seed[0][:, 0]),
        (drawn[0][:, 0], other_part[0][:, 0]),
        (drawn[0], derivation.placements[0]),
        (drawn[0], derivation.rules[0]),
    ]:
        oracles.check_independent(one, other, (4, 4))


@pytest.mark.parametrize("transform", [exchange_synonyms, diffeomorphism])
def test_cumulative_is_one_level_after_the_other(transform):
    params = BOTH[0]
    derivation = draw(params, 50)
    stepwise = derivation
    for level in (1, 2, 3):
        stepwise = transform(params, stepwise, level, 9)
        assert equal(stepwise, transform(params, derivation, level, 9, cumulative=True))


@pytest.mark.parametrize("sparsity", ["A", "B"])
def test_without_blanks_nothing_shifts(sparsity):
    params = Params(n_c=3, v=4, m=3, s=2, s0=0, L=3, sparsity=sparsity)
    derivation = draw(params, 100)
    for level in (1, 2, 3):
        assert equal(diffeomorphism(params, derivation, level, 1, cumulative=True), derivation)


def test_without_synonyms_nothing_is_exchanged():
    params = Params(n_c=3, v=4, m=1, s=2, s0=1, L=3)
    derivation = draw(params, 100)
    assert equal(exchange_synonyms(params, derivation, 3, 1, cumulative=True), derivation)


@pytest.mark.parametrize("transform", [exchange_synonyms, diffeomorphism])
def test_same_seed_same_choices(transform):
    params = BOTH[0]
    derivation = draw(params, 50)
    first = transform(params, derivation, 2, 7)
    assert equal(first, transform(params, derivation, 2, 7))
    assert equal(oracles.rows(first, slice(10)), transform(params, oracles.rows(derivation, slice(10)), 2, 7))
    assert not equal(first, transform(params, derivation, 2, 8))
    assert list(inspect.signature(transform).parameters.values())[-1].kind is inspect.Parameter.KEYWORD_ONLY


@pytest.mark.parametrize("transform", [exchange_synonyms, diffeomorphism])
def test_bad_transformations(refuses, transform):
    params = BOTH[0]
    derivation = draw(params, 5)
    for level, fix in [(0, "Use level >= 1"), (4, "Use level <= 3"), (1.0, "Give level as an int")]:
        with refuses("level", level, fix):
            transform(params, derivation, level)
    for seed, fix in [
        (-1, "Use seed >= 0"),
        (2**64, f"Use seed <= {2**64 - 1}"),
        (None, "Give seed as an int"),
    ]:
        with refuses("seed", seed, fix):
            transform(params, derivation, 1, seed)


# NumPy and JAX.


def everything(grammar, derivation):
    """One result of every function that takes both kinds of arrays."""
    params = grammar.params
    exchanged = exchange_synonyms(params, derivation, params.L, 5, cumulative=True)
    shifted = diffeomorphism(params, derivation, 1, 6)
    tree = expand(grammar, Derivation(derivation.label, exchanged.rules, shifted.placements))
    offsets = child_offsets(params, derivation.placements[0])
    return exchanged, shifted, tree, offsets, placement_of(params, offsets)


def in_jax(derivation):
    return jax.tree.map(jnp.asarray, derivation)


@pytest.mark.parametrize("how", ["compiled", pytest.param("eager", marks=pytest.mark.long)])
@pytest.mark.parametrize("params", BOTH, ids=name_of)
def test_numpy_and_jax_agree(params, how):
    """Eager, each operation is compiled for itself: test_encoding does it always."""
    grammar, derivation = Grammar(params), draw(params, 20)
    expected = everything(grammar, derivation)
    work = jax.jit(everything, static_argnums=0) if how == "compiled" else everything
    got = work(grammar, in_jax(derivation))
    assert equal(expected, got)
    types = [(a.dtype, b.dtype) for a, b in zip(*map(jax.tree.leaves, (expected, got)), strict=True)]
    assert all(isinstance(leaf, jax.Array) for leaf in jax.tree.leaves(got))
    assert all(ours == theirs for ours, theirs in types), types


@settings(max_examples=4)
@given(small_params())
def test_numpy_and_jax_agree_on_any_model(params):
    grammar = Grammar(params)
    derivation = unrank(params, np.linspace(0, params.P_max - 1, 5).astype(int))
    expected = everything(grammar, derivation)
    assert equal(expected, jax.jit(lambda one: everything(grammar, one))(in_jax(derivation)))


@pytest.mark.parametrize(("sparsity", "L"), [("A", 3), ("B", 2)])
def test_the_upper_levels_of_a_model_are_a_model_of_fewer_levels(sparsity, L):
    """Given the true features of level 2, with their places, what is left to learn is the model of L - 1 levels."""
    params = Params(n_c=2, v=2, m=1, s=2, s0=1, L=L, sparsity=sparsity)
    grammar = Grammar(params, 3)
    fewer = replace(params, L=L - 1)
    upper = Grammar.from_rules(fewer, grammar.rules[1:])
    whole, part = expand(grammar, enumerate_all(params)), expand(upper, enumerate_all(fewer))

    def counts(label, features, positions):
        rows = np.column_stack([label, features, positions])
        kinds, times = np.unique(rows, axis=0, return_counts=True)
        return kinds.tolist(), times

    kinds, times = counts(whole.label, whole.features[1], whole.positions[1])
    alone, once = counts(part.label, part.features[0], part.positions[0])
    assert kinds == alone and len(set(times.tolist())) == 1, "each as often as the others"
    assert times[0] * len(kinds) == params.P_max and set(once.tolist()) == {1}
