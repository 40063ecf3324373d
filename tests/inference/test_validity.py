"""The share of valid tuples, and the parse of some rows among others, against loops and enumeration."""

from itertools import product

import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from oracles import MIXED, all_offsets, equal, name_of, rows
from srhm import Grammar, Params, Stream, encode, enumerate_all, expand, parse, rank
from srhm.inference import validity
from strategies import any_params

TINY = [
    Params(n_c=2, v=2, m=2, s=2, s0=0, L=2),
    Params(n_c=3, v=3, m=2, s=2, s0=0, L=2),
    Params(n_c=2, v=3, m=2, s=2, s0=1, L=1),
    Params(n_c=2, v=3, m=2, s=2, s0=1, L=1, sparsity="B"),
    Params(n_c=2, v=2, m=1, s=2, s0=(1, 0)),
    Params(n_c=2, v=2, m=1, s=2, s0=(0, 1)),
    Params(n_c=2, v=2, m=1, s=2, s0=(0, 1), sparsity="B"),
    Params(n_c=2, v=(2, 3), m=(1, 2), s=(2, 3), s0=0),
    Params(n_c=2, v=2, m=2, s=2, s0=0, L=3),
]


def inputs_of(grammar, derivation):
    tree = expand(grammar, derivation)
    return encode(grammar.params, tree.features[0], tree.positions[0], "integer")


def shares(grammar, row):
    """The validity of one input, patch by patch, in plain Python."""
    found, symbols = [], [value if -1 <= value < grammar.params.level(1).v else None for value in row]
    for level in grammar.params.levels:
        owner = {
            tuple(one): parent
            for parent, rules in enumerate(grammar.rules[level.level - 1].tolist())
            for one in rules
        }
        parents = []
        for patch in range(level.patches):
            places = symbols[patch * level.patch : (patch + 1) * level.patch]
            at = tuple(place for place, symbol in enumerate(places) if symbol != -1)
            tuple_ = tuple(places[place] for place in at)
            if not at:
                parents.append(-1)
            else:
                parents.append(owner.get(tuple_) if at in all_offsets(level) else None)
        valid = sum(parent not in (-1, None) for parent in parents)
        filled = sum(parent != -1 for parent in parents)
        found.append(valid / max(filled, level.nodes))
        symbols = parents
    return found


@pytest.mark.parametrize("params", TINY, ids=name_of)
def test_all_inputs_of_a_small_alphabet(params):
    """Blanks, features, and at few positions numbers that are neither: the samples alone are valid throughout."""
    grammar = Grammar(params, 4)
    alphabet = range(-2 if params.d < 5 else -1, params.level(1).v + (params.d < 5))
    inputs = np.array(list(product(alphabet, repeat=params.d)))
    every = enumerate_all(params)
    number = {tuple(row): rank for rank, row in enumerate(inputs_of(grammar, every).tolist())}
    ranks = np.array([number.get(tuple(row), -1) for row in inputs.tolist()])
    assert (ranks >= 0).sum() == params.P_max < len(inputs)
    found = validity(grammar, inputs)
    assert found.shape == (len(inputs), params.L) and found.dtype == np.float64
    assert equal(found[:, -1] == 1, ranks >= 0) and equal((found == 1).all(axis=1), ranks >= 0)
    assert set(found[:, -1]) == {0.0, 1.0} and found.min() == 0 and found.max() == 1
    for row in range(0, len(inputs), max(1, len(inputs) // 1500)):
        assert found[row].tolist() == shares(grammar, inputs[row].tolist())

    parsed = parse(grammar, inputs, invalid="mask")
    assert equal(parsed.label >= 0, ranks >= 0)
    assert equal(rank(params, rows(parsed, ranks >= 0)), ranks[ranks >= 0])
    for part in (parsed.label[:, None], *parsed.rules, *parsed.placements):
        assert part.dtype == np.int32 and (part[ranks < 0] == -1).all()
    assert equal(parse(grammar, inputs[ranks >= 0]), rows(parsed, ranks >= 0))


@given(st.one_of(any_params(), st.sampled_from(MIXED)), st.integers(0, 2**64 - 1), st.data())
def test_changed_samples(params, seed, data):
    """Samples are valid; after some changes the shares are those of the loops, and what is left whole is parsed."""
    grammar = Grammar(params, seed)
    derivation = Stream(grammar, seed, "replacement").take(seed % 2**30, 3)
    inputs = inputs_of(grammar, derivation)
    assert (validity(grammar, inputs) == 1).all()
    if params.d > 300:
        return
    values = st.integers(-3, params.level(1).v + 1)
    for _ in range(data.draw(st.integers(1, 4))):
        inputs[data.draw(st.integers(1, 2)), data.draw(st.integers(0, params.d - 1))] = data.draw(values)
    found = validity(grammar, inputs)
    assert found.tolist() == [shares(grammar, row) for row in inputs.tolist()]
    parsed = parse(grammar, inputs, invalid="mask")
    assert equal(parsed.label >= 0, found[:, -1] == 1)
    assert equal(rows(parsed, slice(1)), rows(derivation, slice(1)))


MODEL = Params(n_c=2, v=3, m=2, s=2, s0=1, L=2)
GRAMMAR = Grammar(MODEL, 0)
GOOD = inputs_of(GRAMMAR, Stream(GRAMMAR, 0).take(0, 30))


def test_where_features_are_wrong():
    """A second sample in the blank patches: its tuples are valid, but two too many, and the class does not fit."""
    row = GOOD[0].reshape(4, 4)
    blank = np.flatnonzero((row < 0).all(axis=1))
    filled = np.flatnonzero((row >= 0).any(axis=1))
    both = row.copy()
    both[blank] = row[filled]
    gone = row.copy()
    gone[filled[0]] = -1
    nothing = np.full_like(row, -1)
    found = validity(GRAMMAR, np.stack([row, both, gone, nothing]).reshape(4, 16))
    assert found.tolist() == [[1, 1], [1, 0], [0.5, 0], [0, 0]]


def test_no_number_is_refused():
    """Whatever integers there are, in whatever type; -1 alone is a blank."""
    for dtype in (np.int8, np.uint8, np.int64, np.uint64):
        limits = np.iinfo(dtype)
        inputs = np.concatenate([GOOD[:4], GOOD[:4]]).astype(dtype)
        inputs[:4][GOOD[:4] < 0] = limits.max
        inputs[4:][GOOD[:4] >= 0] = limits.min
        assert validity(GRAMMAR, inputs)[:4].max() == 0
        assert (parse(GRAMMAR, inputs, invalid="mask").label[:4] == -1).all()
    extreme = np.full((1, 16), np.iinfo(np.int64).min)
    assert validity(GRAMMAR, extreme).tolist() == [[0, 0]]
    assert validity(GRAMMAR, GOOD[:0]).shape == (0, 2)
    assert parse(GRAMMAR, GOOD[:0], invalid="mask").rules[0].shape == (0, 2)


def test_arrays_of_jax():
    inputs = GOOD.copy()
    inputs[3:9, 5] = 1
    assert equal(validity(GRAMMAR, jnp.asarray(inputs)), validity(GRAMMAR, inputs))
    assert equal(parse(GRAMMAR, jnp.asarray(inputs), invalid="mask"), parse(GRAMMAR, inputs, invalid="mask"))


def test_errors_name_the_rows(refuses):
    fix = "Give inputs in the 'integer' encoding, drawn from the same grammar"
    inputs = np.concatenate([GOOD, np.full((1, 16), -1)])
    with refuses(
        "inputs", "'sample 30' is not a sample of this grammar: at level 1 the number of patches", fix
    ):
        parse(GRAMMAR, inputs)
    inputs[2, np.flatnonzero(inputs[2] >= 0)[0]] = -1
    with refuses(
        "inputs", "'samples 2, 30' are not samples of this grammar: sample 2, at level 1 a patch", fix
    ):
        parse(GRAMMAR, inputs)
    named = (
        "'samples 4, 5, 6, 7, 8, 9, 10, 11, 12, 13 and 16 more' are not samples of this grammar: sample 4,"
    )
    with refuses("inputs", named, fix):
        parse(GRAMMAR, np.concatenate([GOOD[:4], np.full((26, 16), -2)]))


def test_wrong_arguments(refuses):
    fix = "Give [sample, 16] integers"
    for inputs in (GOOD[0], GOOD[:, 1:], GOOD[None], GOOD.astype(float), GOOD > 0):
        with refuses("inputs", f"'{inputs.dtype} of shape {inputs.shape}'", fix):
            validity(GRAMMAR, inputs)
        with refuses("inputs", f"'{inputs.dtype} of shape {inputs.shape}'", fix):
            parse(GRAMMAR, inputs, invalid="mask")
    with refuses("invalid", "'skip'", "Use 'raise' or 'mask'"):
        parse(GRAMMAR, GOOD, invalid="skip")
    with refuses("grammar", "", "Give a Grammar"):
        validity(MODEL, GOOD)
