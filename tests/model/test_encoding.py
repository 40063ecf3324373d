from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings

import oracles
from oracles import ORACLES, equal, name_of
from srhm import Grammar, Params, Stream, encode, enumerate_all, expand
from srhm.inference import Masking
from srhm.model.encoding import ENCODINGS, channels, check_encoding, encode_symbols
from strategies import any_params

DENSE = ("whitened", "onehot", "onehot_blank")


def leaves(params, count, seed=0):
    grammar = Grammar(params, seed)
    tree = expand(grammar, Stream(grammar, seed, "replacement").take(0, count))
    return tree.features[0], tree.positions[0]


def integers_of(x, encoding):
    """Read the feature at each position of a dense input, -1 on blanks."""
    if encoding == "onehot_blank":
        last = x.shape[-1] - 1
        return np.where(x.argmax(axis=-1) == last, -1, x.argmax(axis=-1))
    return np.where(x.max(axis=-1) == 1, x.argmax(axis=-1), -1)


@given(any_params())
def test_encodings_agree(params):
    """Each is the integer encoding in other words, and that one is the leaves."""
    features, positions = leaves(params, 3)
    integers = encode(params, features, positions, "integer")
    assert integers.shape == (3, params.d) and integers.dtype == np.int32
    slow = np.full((3, params.d), -1)
    for row in range(3):
        for feature, position in zip(features[row], positions[row], strict=True):
            slow[row, position] = feature
    assert (integers == slow).all() and ((integers >= 0).sum(axis=1) == params.num_leaves).all()
    for encoding in DENSE:
        x = encode(params, features, positions, encoding)
        assert x.shape == (3, params.d, channels(params, encoding)) and x.dtype == np.float32
        assert equal(x, encode(params, features, positions, encoding, np.float64).astype(np.float32))
        assert (integers_of(x, encoding) == integers).all()


@given(any_params())
def test_values(params):
    """The definitions, channel by channel."""
    features, positions = leaves(params, 2)
    integers = encode(params, features, positions, "integer", np.int32)
    channel = np.arange(params.v)
    on = integers[..., None] == channel
    c = (params.v - 1) ** -0.5
    whitened = encode(params, features, positions, "whitened", np.float64)
    assert (whitened == np.where(on, 1.0, -c)).all() and np.isclose(c**2 * (params.v - 1), 1)
    assert (encode(params, features, positions, "onehot") == on).all()
    with_blank = encode(params, features, positions, "onehot_blank")
    assert (with_blank[..., : params.v] == on).all() and (with_blank[..., params.v] == (integers == -1)).all()
    assert (with_blank.sum(axis=-1) == 1).all()


def test_whitened_channels_of_features_sum_like_white_noise():
    """Over the v features a channel has 1 once and -c otherwise: mean (1 - sqrt(v-1))/v, mean square 2/v."""
    params = Params(n_c=5, v=5, m=5, s=2, s0=0, L=1)
    x = encode(params, np.array([[0, 1], [2, 3], [4, 4]]), np.array([[0, 1]] * 3), dtype=np.float64)
    informative = x.reshape(-1, 5)[:5]
    assert np.allclose(informative.mean(axis=0), (1 - 2) / 5) and np.allclose(
        (informative**2).mean(axis=0), 2 / 5
    )


@pytest.mark.parametrize("params", ORACLES, ids=name_of)
def test_all_inputs_are_distinct(params):
    """The whole of a small model: P_max different inputs (so the derivation is the datum)."""
    tree = expand(Grammar(params, 1), enumerate_all(params))
    inputs = encode(params, tree.features[0], tree.positions[0], "integer", np.int8)
    assert len(np.unique(inputs, axis=0)) == params.P_max


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, jnp.bfloat16, np.int8, np.int32])
@pytest.mark.parametrize("encoding", ENCODINGS)
def test_types(refuses, encoding, dtype):
    params = ORACLES[0]
    if encoding == "whitened" and dtype in (np.int8, np.int32):  # -c would become 0
        with refuses("dtype", repr(dtype), "Use a floating type"):
            encode(params, *leaves(params, 3), encoding, dtype)
        return
    assert encode(params, *leaves(params, 3), encoding, dtype).dtype == dtype


def test_types_that_cannot_hold_the_integers(refuses):
    narrow, wide = Params(2, 128, 2, 2, 1, 1), Params(2, 129, 2, 2, 1, 1)
    assert encode(narrow, *leaves(narrow, 3), "integer", np.int8).dtype == np.int8
    for params, dtype in [(narrow, np.uint8), (narrow, bool), (wide, np.int8)]:
        with refuses("dtype", repr(dtype), "Use np.int32"):
            encode(params, *leaves(params, 3), "integer", dtype)


@pytest.mark.parametrize(
    ("encoding", "dtype"),
    [*((encoding, None) for encoding in ENCODINGS), ("whitened", np.float16), ("onehot_blank", np.int8)],
)
def test_numpy_and_jax_agree(encoding, dtype):
    params = Params(n_c=3, v=4, m=3, s=2, s0=2, L=2)
    given = leaves(params, 5)
    compact = [one.astype(np.uint8) for one in given]
    expected = encode(params, *given, encoding, dtype)
    assert equal(expected, encode(params, *compact, encoding, dtype))
    arrays = [jnp.asarray(one) for one in compact]
    eager = encode(params, *arrays, encoding, dtype)
    compiled = jax.jit(lambda f, p: encode(params, f, p, encoding, dtype))(*arrays)
    for got in (eager, compiled):
        assert isinstance(got, jax.Array) and got.dtype == expected.dtype and equal(expected, got)


def test_number_of_channels(refuses):
    params = ORACLES[1]
    assert [channels(params, encoding) for encoding in DENSE] == [3, 3, 4]
    assert channels(params) == 3
    with refuses("encoding", "'integer'", "Use a dense one for a network"):
        channels(params, "integer")


def test_unknown_encodings(refuses):
    params = ORACLES[0]
    features, positions = leaves(params, 1)
    for encoding, near in (("white", "whitened"), (None, None), (1, None), ("Onehot", "onehot")):
        fix = "Use one of whitened, onehot, onehot_blank, integer"
        fix = fix if near is None else f"Did you mean {near!r}? {fix}"
        for function in (
            lambda encoding: encode(params, features, positions, encoding),
            lambda encoding: channels(params, encoding),
            check_encoding,
        ):
            with refuses("encoding", repr(encoding), fix):
                function(encoding)
    for encoding in ENCODINGS:
        check_encoding(encoding)


def test_no_samples():
    params = ORACLES[0]
    nothing = np.empty((0, params.num_leaves), np.uint8)
    assert encode(params, nothing, nothing).shape == (0, params.d, params.v)
    assert oracles.equal(encode(params, nothing, nothing, "integer"), np.empty((0, params.d)))


@settings(max_examples=20)
@given(any_params())
def test_symbols_are_written_as_leaves_are(params):
    """A masked position is written as a blank; NumPy and JAX agree."""
    features, positions = leaves(params, 3)
    symbols = encode(params, features, positions, "integer")
    for encoding in DENSE:
        dense = encode(params, features, positions, encoding)
        found = encode_symbols(params, symbols, encoding)
        assert found.dtype == dense.dtype and (found == dense).all()
        assert (encode_symbols(params, np.where(symbols < 0, -2, symbols), encoding) == dense).all()
        in_jax = jax.jit(lambda symbols, encoding=encoding: encode_symbols(params, symbols, encoding))
        assert (np.asarray(in_jax(jnp.asarray(symbols))) == dense).all()


def test_symbols_that_are_none_are_refused(refuses):
    params = Params(n_c=2, v=2, m=1, s=2, s0=1, L=1)
    with refuses("symbols", 2, "Use 0 to 1"):
        encode_symbols(params, np.array([[0, 2, -1, -1]]))
    with refuses("encoding", "'integer'", "Use a dense one for a network"):
        encode_symbols(params, np.array([[0, 1, -1, -1]]), "integer")
    assert encode_symbols(params, np.zeros((0, 4), int)).shape == (0, 4, 2)


def test_leaves_of_another_model_are_refused(refuses):
    fix = "Give leaves together with the params of their model"
    own = Params(n_c=4, v=4, m=3, s=2, s0=1, L=2)
    for other, argument, value in (
        (replace(own, v=5), "features", 4),
        (replace(own, s0=2), "positions", 35),
        (replace(own, L=3), "features", "'int32 of shape (300, 8)'"),
        (replace(own, s=3), "features", "'int32 of shape (300, 9)'"),
    ):
        tree = expand(Grammar(other), Stream(Grammar(other), 0, "replacement").take(0, 300))
        for form in (np.asarray, jnp.asarray):
            with refuses(argument, value, fix):
                encode(own, form(tree.features[0]), form(tree.positions[0]))
    tree = expand(Grammar(own), Stream(Grammar(own), 0, "replacement").take(0, 300))
    with refuses("positions", -1, fix):
        encode(own, tree.features[0], tree.positions[0] - 1)
    with refuses("positions", "'int32 of shape (299, 4)'", fix):
        encode(own, tree.features[0], tree.positions[0][1:])


def test_symbols_of_another_model_are_refused(refuses):
    own = Params(n_c=2, v=2, m=1, s=2, s0=1, L=1)
    with refuses("symbols", "(1, 6)", "Give [sample, 4] integers"):
        encode_symbols(own, np.zeros((1, 6), int))
    with refuses("received", 2, "Use -2 to 1"):
        Masking().evidence(own, jnp.array([[0, 1, 2, -1]]))
    compiled = jax.jit(lambda symbols: encode_symbols(own, symbols, "onehot"))
    assert compiled(np.array([[1, -1, -1, 0]], np.int32)).shape == (1, 4, 2)
