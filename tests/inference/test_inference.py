import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from oracles import ORACLES, equal, name_of
from srhm import Grammar, Params, Stream, encode, enumerate_all, expand, parse, rank
from strategies import any_params


def inputs_of(grammar, derivation, dtype=None):
    tree = expand(grammar, derivation)
    return encode(grammar.params, tree.features[0], tree.positions[0], "integer", dtype)


@pytest.mark.parametrize("params", ORACLES, ids=name_of)
def test_every_input_of_a_model(params):
    grammar = Grammar(params, 4)
    found = parse(grammar, inputs_of(grammar, enumerate_all(params)))
    assert (rank(params, found) == np.arange(params.P_max)).all()


@given(any_params(), st.integers(0, 2**64 - 1))
def test_parse_is_the_inverse_of_expand(params, seed):
    grammar = Grammar(params, seed)
    derivation = Stream(grammar, seed, "replacement").take(seed % 2**30, 4)
    for dtype in (np.int8, np.int64):
        assert equal(parse(grammar, inputs_of(grammar, derivation, dtype)), derivation)


@pytest.mark.parametrize("params", ORACLES[:2] + ORACLES[7:9], ids=name_of)
def test_nothing_else_is_an_input(params):
    """Of all changes of one position, those are accepted that give another datum, and no others."""
    grammar = Grammar(params, 4)
    inputs = inputs_of(grammar, enumerate_all(params))
    known = {tuple(row): number for number, row in enumerate(inputs.tolist())}
    accepted = refused = 0
    for row in inputs[:: max(1, params.P_max // 20)].tolist():
        for place in range(params.d):
            for value in range(-1, params.v):
                changed = (*row[:place], value, *row[place + 1 :])
                if changed in known:
                    found = parse(grammar, np.array([changed]))
                    assert rank(params, found)[0] == known[changed]
                    accepted += 1
                else:
                    with pytest.raises(ValueError, match="is not a sample of this grammar"):
                        parse(grammar, np.array([changed]))
                    refused += 1
    assert accepted and refused


MODEL = Params(n_c=2, v=3, m=2, s=2, s0=1, L=2)
GRAMMAR = Grammar.from_rules(
    MODEL,
    [
        [[[0, 0], [0, 1]], [[1, 1], [1, 2]], [[2, 2], [2, 0]]],
        [[[0, 1], [1, 2]], [[2, 0], [0, 0]]],
    ],
)
GOOD = [0, -1, -1, 1, -1, -1, -1, -1, -1, -1, -1, -1, 1, -1, 2, -1]  # class 0 -> (0, 1) -> (0, 1), (1, 2)


def test_an_example_by_hand():
    found = parse(GRAMMAR, np.array([GOOD]))
    assert found.label.tolist() == [0]
    assert [level.tolist() for level in found.rules] == [[[1, 1]], [[0]]]
    assert [level.tolist() for level in found.placements] == [[[1, 0]], [[1]]]  # places 0, 3 | 0, 2 | 0, 3


def put(**changes):
    row = list(GOOD)
    for place, value in changes.items():
        row[int(place[1:])] = value
    return row


@pytest.mark.parametrize(
    ("row", "level", "why"),
    [
        (put(p0=-2), 1, "a number is below -1"),
        (put(p0=-1), 1, "a patch does not have 2 features"),
        (put(p1=0), 1, "a patch does not have 2 features"),
        ([-1] * 16, 1, "the number of patches with features is wrong"),
        (put(p4=0, p6=1), 1, "the number of patches with features is wrong"),
        (put(p2=0, p0=-1), 1, "two features share a sub-patch"),
        (put(p3=2), 1, "no rule produces one of its tuples"),
        (put(p3=3), 1, "no rule produces one of its tuples"),
        ([*GOOD[:4], *GOOD[12:], *GOOD[4:12]], 2, "two features share a sub-patch"),
        (put(p12=2, p14=0), 2, "no rule produces one of its tuples"),
    ],
)
def test_what_is_wrong_is_said(refuses, row, level, why):
    with refuses(
        "inputs", "'samples 2, 4'", "Give inputs in the 'integer' encoding, drawn from the same grammar"
    ):
        parse(GRAMMAR, np.array([GOOD, GOOD, row, GOOD, row]))
    with pytest.raises(ValueError, match=f"at level {level} {why}"):
        parse(GRAMMAR, np.array([row]))


def test_sub_patches_may_be_shared_in_sparsity_b():
    params = Params(n_c=2, v=3, m=2, s=2, s0=1, L=2, sparsity="B")
    grammar = Grammar.from_rules(params, GRAMMAR.rules)
    moved = [*GOOD[:4], *GOOD[12:], *GOOD[4:12]]
    assert parse(grammar, np.array([moved])).placements[1].tolist() == [[0]]
    assert parse(grammar, np.array([GOOD])).placements[1].tolist() == [[2]]


def test_an_input_of_another_grammar(refuses):
    params = Params(n_c=4, v=8, m=4, s=2, s0=0, L=2)
    inputs = inputs_of(Grammar(params, 0), Stream(Grammar(params, 0), 0).take(0, 50))
    with refuses("inputs", "'sample", "Give inputs in the 'integer' encoding, drawn from the same grammar"):
        parse(Grammar(params, 1), inputs)


def test_kinds_of_arrays():
    params = ORACLES[3]
    grammar = Grammar(params)
    every = enumerate_all(params)
    inputs = inputs_of(grammar, every)
    assert equal(parse(grammar, jnp.asarray(inputs)), every)
    without_blanks = Params(n_c=3, v=3, m=2, s=2, s0=0, L=2)
    dense = inputs_of(Grammar(without_blanks), enumerate_all(without_blanks)).astype(np.uint8)
    assert equal(parse(Grammar(without_blanks), dense), enumerate_all(without_blanks))
    nothing = parse(grammar, inputs[:0])
    assert nothing.label.shape == (0,) and nothing.rules[0].shape == (0, params.level(1).nodes)


def test_wrong_arrays(refuses):
    fix = "Give [sample, 16] integers"
    for inputs in (np.array(GOOD), np.array([GOOD[:-1]]), np.array([[GOOD]]), np.array([GOOD], float)):
        shown = f"'{inputs.dtype} of shape {inputs.shape}'"
        with refuses("inputs", shown, fix):
            parse(GRAMMAR, inputs)
