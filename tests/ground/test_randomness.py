import itertools

import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from jax.extend.random import threefry_2x32

import oracles
from srhm.randomness import (
    _ROLES,
    STREAM_VERSION,
    Key,
    add_wide,
    below,
    fold,
    fold_all,
    role_key,
    scan,
    split_words,
    subtract_wide,
    threefry2x32,
)

ONES = 0xFFFFFFFF
WORD = st.integers(0, ONES)
WIDE = st.integers(0, 2**64 - 1)


def scalars(*numbers):
    return tuple(np.uint32(number) for number in numbers)


@pytest.mark.parametrize(
    ("rounds", "counter", "key", "answer"),
    [
        (13, (0, 0), (0, 0), (0x9D1C5EC6, 0x8BD50731)),
        (13, (ONES, ONES), (ONES, ONES), (0xFD36D048, 0x2D17272C)),
        (13, (0x243F6A88, 0x85A308D3), (0x13198A2E, 0x03707344), (0xBA3E4725, 0xF27D669E)),
        (20, (0, 0), (0, 0), (0x6B200159, 0x99BA4EFE)),
        (20, (ONES, ONES), (ONES, ONES), (0x1CB996FC, 0xBB002BE7)),
        (20, (0x243F6A88, 0x85A308D3), (0x13198A2E, 0x03707344), (0xC4923A9C, 0x483DF7A0)),
    ],
)
def test_known_answers(rounds, counter, key, answer):
    """The vectors published with Random123, for scalars, NumPy and JAX arrays and the slow version."""
    key_words = Key(*scalars(*key))
    assert threefry2x32(key_words, *scalars(*counter), rounds) == answer
    assert oracles.threefry(key, counter, rounds) == answer
    for xp in (np, jnp):
        arrays = [xp.full(3, word, dtype=np.uint32) for word in counter]
        got = np.array(threefry2x32(key_words, *arrays, rounds))
        assert got.dtype == np.uint32 and (got == np.array(answer)[:, None]).all()


def test_twenty_rounds_are_the_generator_of_jax():
    key = role_key(5, "network")
    count = np.arange(1000, dtype=np.uint32) * np.uint32(0x9E3779B9)
    ours = np.concatenate(threefry2x32(key, count[:500], count[500:], 20))
    theirs = threefry_2x32(jnp.array([key.first, key.second]), jnp.asarray(count))
    assert (ours == np.asarray(theirs)).all()


@given(WORD, WORD, WORD, WORD)
def test_slow_version_agrees(first, second, key_first, key_second):
    fast = threefry2x32(Key(*scalars(key_first, key_second)), *scalars(first, second))
    assert fast == oracles.threefry((key_first, key_second), (first, second))


@given(WORD, st.one_of(st.integers(1, 2**16), st.integers(1, ONES)))
def test_below_is_the_exact_product(word, bound):
    words = np.array([word, 0, 1, 2**16 - 1, 2**16, ONES - 1, ONES], np.uint32)
    expected = [int(one) * bound >> 32 for one in words]
    assert below(words, bound).tolist() == expected and below(words, bound).dtype == np.uint32


@pytest.mark.parametrize("bound", [1, 2, 3, 1000, 2**16 - 1, 2**16, 2**16 + 1, 10**6 + 3, 2**31 + 5, ONES])
def test_below_at_every_step(bound):
    """The result first reaches k at word ceil(k 2^32 / bound): every value has its share of words, to one."""
    steps = sorted({1, bound // 3, bound // 2, bound - 1} - {0, bound})
    edges = [-(-step * 2**32 // bound) for step in steps]
    at = below(np.array(edges, np.uint32), bound).tolist()
    before = below(np.array(edges, np.uint32) - np.uint32(1), bound).tolist()
    assert at == steps and before == [step - 1 for step in steps]
    assert below(np.array([0, ONES], np.uint32), bound).tolist() == [0, bound - 1]


@pytest.mark.parametrize("bound", [7, 90, 2**16 + 1, 3 * 2**20])
def test_below_is_uniform(bound):
    count = np.arange(100_000, dtype=np.uint32)
    numbers = below(threefry2x32(role_key(0, "samples"), count, np.zeros_like(count))[0], bound)
    every = np.arange(bound)
    for bins in (lambda n: n % 7, lambda n: n.astype(np.int64) * 64 // bound):  # low and high digits
        sizes = np.bincount(bins(every))
        counts = np.bincount(bins(numbers))
        oracles.check_counts(counts[sizes > 0], sizes[sizes > 0] / bound * len(numbers))


def test_below_takes_a_bound_for_each_word():
    words = threefry2x32(role_key(0, "samples"), *[np.arange(40, dtype=np.uint32)] * 2)[0]
    for bounds in ([1, 3, 2**16], [7, 2**16 + 1, ONES]):
        column = np.array(bounds, np.uint32)[:, None]
        expected = np.stack([below(words, bound) for bound in bounds])
        assert oracles.equal(below(words[None, :], column, max(bounds)), expected)
        assert oracles.equal(below(jnp.asarray(words)[None, :], column, max(bounds)), expected)


@given(WIDE, st.lists(WORD, min_size=1, max_size=5))
def test_wide_sums_and_differences(number, offsets):
    """Across 2^32 the carry counts; beyond 2^64 both wrap."""
    offsets = np.array([*offsets, 0, ONES], np.uint32)
    low, high = add_wide(number, offsets)
    expected = [(number + int(offset)) % 2**64 for offset in offsets]
    assert [int(a) | int(b) << 32 for a, b in zip(low, high, strict=True)] == expected
    low, high = subtract_wide(number, offsets)
    expected = [(number - int(offset)) % 2**64 for offset in offsets]
    assert [int(a) | int(b) << 32 for a, b in zip(low, high, strict=True)] == expected
    assert low.dtype == high.dtype == np.uint32


@pytest.mark.parametrize("number", [0, 1, 2**32 - 1, 2**32, 2**40 + 7, 2**63 + 2**32 - 1])
def test_numpy_and_jax_agree(number):
    offsets = np.array([0, 1, 2**31, ONES], np.uint32)
    for function in (add_wide, subtract_wide):
        assert oracles.equal(function(number, offsets), function(number, jnp.asarray(offsets)))
        assert oracles.equal(function(number, offsets), function(split_words(number), offsets))
    for bound in (3, 2**16, 2**16 + 1, 2**31):
        assert oracles.equal(below(offsets, bound), below(jnp.asarray(offsets), bound))
    key = fold(role_key(1, "samples"), number)
    ours, theirs = threefry2x32(key, offsets, offsets), threefry2x32(key, *[jnp.asarray(offsets)] * 2)
    assert oracles.equal(ours, theirs)


@given(WIDE)
def test_words_are_put_together_again(number):
    low, high = split_words(number)
    assert int(low) + (int(high) << 32) == number and low.dtype == high.dtype == np.uint32


def test_keys_are_distinct():
    """Threefry permutes its counters, so the keys of one key are all distinct; others differ by chance."""
    key = role_key(0, "samples")
    folded = {fold(key, number) for number in [*range(500), *(2**32 * k for k in range(1, 500)), 2**64 - 1]}
    assert len(folded) == 1000
    seeds = [*range(100), *(2**k for k in range(7, 64)), 2**64 - 1]
    keys = {role_key(seed, role) for seed, role in itertools.product(seeds, _ROLES)}
    assert len(keys) == len(seeds) * len(_ROLES) and not keys & folded


def test_keys_follow_their_definition():
    assert STREAM_VERSION == 1
    assert role_key(2**40 + 3, "test") == oracles.threefry((3, 2**8), (6, 1))
    assert fold(Key(*scalars(1, 2)), 2**40 + 3) == oracles.threefry((1, 2), (3, 2**8))


def test_many_keys_at_once():
    key = role_key(0, "samples")
    assert list(zip(*fold_all(key, 20), strict=True)) == [fold(key, number) for number in range(20)]


def test_scan_is_a_loop():
    """With and without results, over NumPy and JAX arrays, against a loop over the rows."""
    rows, scales = np.arange(12, dtype=np.int32).reshape(4, 3), np.array([1, -1, 2, 0], np.int32)

    def step(state, row, scale):
        state = state + row * scale
        return state, (state, row)

    states = np.cumsum(rows * scales[:, None], axis=0)
    for xp in (np, jnp):
        start = xp.zeros(3, dtype=np.int32)
        assert oracles.equal(scan(xp, step, start, rows, scales), (states[-1], (states, rows)))
        last, outs = scan(xp, lambda *given: (step(*given)[0], None), start, rows, scales)
        assert oracles.equal(last, states[-1]) and outs is None


def test_every_bit_of_a_seed_counts():
    """Flipping a bit of the seed flips each bit of the key with probability 1/2 (false alarm 6e-5 each)."""
    flips = []
    for seed, bit in itertools.product(range(40), range(64)):
        one, other = role_key(seed, "grammar"), role_key(seed ^ (1 << bit), "grammar")
        change = int(one.first ^ other.first) | int(one.second ^ other.second) << 32
        flips.append([change >> place & 1 for place in range(64)])
    flips = np.array(flips).reshape(40, 64, 64)
    assert oracles.close(flips.mean(), 0.5, 0.5 / flips.size**0.5)
    counts = flips.sum(axis=(1, 2))  # 64^2 flips a seed: binomial
    oracles.check_counts([(counts < 2048).sum(), (counts > 2048).sum()], (40 - (counts == 2048).sum()) / 2)
    for axis in ((0, 1), (0, 2)):
        deviation = 0.5 / (flips.size / 64) ** 0.5
        assert abs(flips.mean(axis=axis) - 0.5).max() < 5 * deviation  # 64 of them: 4e-5


def test_bad_seeds_and_roles(refuses):
    for seed, fix in [(-1, "Use seed >= 0"), (2**64, f"Use seed <= {2**64 - 1}")]:
        with refuses("seed", seed, fix):
            role_key(seed, "samples")
    for seed in (0.0, "0", None, True):
        with refuses("seed", repr(seed), "Give seed as an int"):
            role_key(seed, "samples")
    with refuses("role", "'sample'", f"Did you mean 'samples'? Use one of {', '.join(_ROLES)}"):
        role_key(0, "sample")
