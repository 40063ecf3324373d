from itertools import product
from math import prod

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import oracles
import srhm.model.permutation
from srhm.model.permutation import KeyedPermutation, add_digits, digits_of, groups_of, limbs_of
from srhm.randomness import fold, role_key

FEISTEL, TABLE = 0, 2**31


def permutation(radices, seed=0, tweaks=4, limit=FEISTEL):
    return KeyedPermutation(fold(role_key(seed, "samples"), 2), radices, tweaks, limit)


def images(keyed, tweak=0, elements=None):
    """The numbers that elements (all, unless given) are sent to."""
    if elements is None:
        elements = np.arange(prod(keyed.radices), dtype=np.uint32)
    elements, tweak = np.broadcast_arrays(np.asarray(elements, np.uint32), np.asarray(tweak, np.uint32))
    digits = keyed(add_digits(0, elements, keyed.radices), tweak)
    number = np.zeros(len(elements), np.int64)
    for digit, radix in zip(digits, keyed.radices, strict=True):
        assert digit.dtype == np.uint32 and (digit < radix).all()
        number = number * radix + digit
    return number


RADICES = [
    (2, 2),
    (1, 7, 1, 5),
    (10, 9) * 2,
    (2,) * 12,
    (3, 1, 1000),
    (1000, 2),
    (2, 1, 3, 40, 1, 5),
    (1, 1, 30),
    (1, 1),
    (6, 4) * 3,
    (257, 256),
    (2**14 + 1, 3),
]


@pytest.mark.parametrize("limit", [FEISTEL, TABLE])
@pytest.mark.parametrize("radices", RADICES, ids=str)
def test_bijection(radices, limit):
    """Every element comes once, under each tweak, and the tweaks differ."""
    size = prod(radices)
    keyed = permutation(radices, limit=limit)
    orders = [images(keyed, tweak) for tweak in range(4)]
    assert all((np.sort(order) == np.arange(size)).all() for order in orders)
    if size > 1000:
        same = sum((a == b).sum() for i, a in enumerate(orders) for b in orders[:i])
        assert same < 6 + 4 * 6**0.5  # Poisson of mean 1 for each of the 6 pairs (false alarm 1e-3)
        assert len({tuple(order) for order in orders}) == 4


@given(st.lists(st.integers(1, 40), min_size=1, max_size=8).filter(lambda r: prod(r) <= 3000), st.booleans())
def test_bijection_of_any_radices(radices, table):
    order = images(permutation(tuple(radices), limit=TABLE if table else FEISTEL), 1)
    assert (np.sort(order) == np.arange(prod(radices))).all()


def test_the_table_of_a_few_of_many_tweaks(monkeypatch):
    """A large table is made for the tweaks asked for alone, and in parts: the same orders."""
    whole, few = (permutation((5, 3), 2, 400, TABLE) for _ in range(2))
    tweaks, elements = np.array([7, 399, 7, 0], np.uint32), np.array([0, 3, 14, 9], np.uint32)
    expected = images(whole, tweaks, elements)
    monkeypatch.setattr(srhm.model.permutation, "_WORDS_AT_ONCE", 100)
    assert (images(few, tweaks, elements) == expected).all() and "_table" not in vars(few)
    assert (few._table == whole._table).all()


def test_table_limit_decides():
    elements = np.arange(12, dtype=np.uint32)
    at_limit, above = permutation((3, 4), limit=12), permutation((3, 4), limit=11)
    assert (images(at_limit, 0, elements) == at_limit._table[0]).all()
    assert (images(above, 0, elements) != above._table[0]).any()


@pytest.mark.parametrize(
    ("radices", "limit", "keys"),
    [
        ((3, 4), TABLE, 1500),
        ((2, 3, 2), TABLE, 1500),
        pytest.param((16, 16), FEISTEL, 800, marks=pytest.mark.long),
    ],
)
def test_uniform_over_keys(radices, limit, keys):
    """The image of a fixed element is uniform (false alarm 2e-4 each)."""
    few = np.array([0, 5], np.uint32)
    drawn = np.array([images(permutation(radices, seed, 1, limit), 0, few) for seed in range(keys)])
    size = prod(radices)
    for column in drawn.T:
        oracles.check_uniform(column * 12 // size, 12) if size % 12 == 0 else oracles.check_uniform(
            column // 8, 32
        )
    if size == 12:  # all ordered pairs of distinct images are equally likely
        pairs = drawn[:, 0] * size + drawn[:, 1]
        counts = np.bincount(pairs, minlength=size**2).reshape(size, size)
        assert counts.trace() == 0
        oracles.check_counts(counts[~np.eye(size, dtype=bool)], keys / (size * (size - 1)))


@pytest.mark.parametrize(
    "radices", [(256, 257), (10, 9) * 3, (2,) * 17, (2, 90601), (5, 1, 5, 1) * 4], ids=str
)
def test_pairs_over_tweaks(radices):
    """Neighbours go to two places that are uniform and independent (false alarm 2e-4 each, two a model).

    Tweaks stand for keys, which tests them too. Images are sorted into 16 parts of the domain.
    """
    size, tweaks = prod(radices), np.arange(60_000)
    keyed = permutation(radices, 3, 60_000)
    first = images(keyed, tweaks, np.full(60_000, 1000))
    for neighbour in (1001, 1000 + size // 2):
        second = images(keyed, tweaks, np.full(60_000, neighbour))
        assert (first != second).all()
        sizes = np.bincount(np.arange(size) * 16 // size)
        counts = np.bincount((first * 16 // size) * 16 + second * 16 // size, minlength=256)
        oracles.check_counts(counts, 60_000 * np.outer(sizes, sizes).ravel() / size**2)
        difference = (second - first) % size  # never 0, else uniform
        counts = np.bincount((difference - 1) * 97 // (size - 1), minlength=97)
        oracles.check_counts(
            counts, 60_000 * np.bincount(np.arange(size - 1) * 97 // (size - 1)) / (size - 1)
        )


@pytest.mark.parametrize("radices", [(256, 257), (10, 9) * 3, (2,) * 16, (2, 40_000), (3, 1) * 10], ids=str)
def test_order_of_a_feistel_network(radices):
    """One permutation of tens of thousands of elements looks shuffled (false alarm about 3e-4 each)."""
    order = images(permutation(radices, 1))
    size = len(order)
    elements = np.arange(size)
    for lag in (0, 1, 2, radices[-1] if radices[-1] > 2 else 3):
        correlation = np.corrcoef(np.roll(elements, lag), order)[0, 1]
        assert oracles.close(correlation, 0, size**-0.5)
    for lag in (1, 2):
        serial = np.corrcoef(order[:-lag], order[lag:])[0, 1]
        assert oracles.close(serial, 0, size**-0.5)
    # Differences of neighbours: about Poisson of mean 1 for each residue, as between any two places.
    counts = np.bincount(np.diff(order) % size, minlength=size)[1:]
    assert oracles.close((counts == 0).mean(), np.exp(-1), (np.exp(-1) / size) ** 0.5)
    assert counts.max() <= 12  # P(more) < 1e-10 a residue
    assert oracles.close((order == elements).sum(), 1, 1)
    # Every digit of the image is independent of every digit of the element.
    into, out = np.unravel_index(elements, radices), np.unravel_index(order, radices)
    if max(radices) < 20:
        for i in np.flatnonzero(np.array(radices) > 1)[[0, -1]]:
            for j in np.flatnonzero(np.array(radices) > 1)[[0, -1]]:
                pair = into[i] * radices[j] + out[j]
                cells = radices[i] * radices[j]
                degrees = (radices[i] - 1) * (radices[j] - 1)
                oracles.check_counts(np.bincount(pair, minlength=cells), size / cells, cells - degrees)


@pytest.mark.parametrize(("radices", "change"), [((2,) * 17, 2), ((10, 1) * 5, 10)], ids=str)
def test_tweaks_are_unrelated(radices, change):
    """No change of the last two digits carries one tweak's permutation into another's.

    A tweak that is merged with a digit gives such pairs: the data of two classes would be the same choices
    but for one digit. By chance, two images agree up to such a change in about change^2 elements of `size`.
    """
    size, sample = prod(radices), 20_000
    keyed = permutation(radices)
    digits = [i for i, radix in enumerate(radices) if radix > 1][-2:]
    strides = [prod(radices[digit + 1 :]) for digit in digits]
    elements = np.random.default_rng(0).permutation(size)[:sample]

    def without_last_two(numbers):
        return numbers // (strides[0] * change)

    orders = [images(keyed, tweak) for tweak in range(3)]
    mean = sample * change**2 / size
    for one, other in [(0, 1), (0, 2), (1, 2)]:
        ours = without_last_two(orders[one][elements])
        for shifts in product(range(change), repeat=2):
            moved = elements
            for stride, shift in zip(strides, shifts, strict=True):
                digit = moved // stride % change
                moved = moved + ((digit + shift) % change - digit) * stride
            alike = (ours == without_last_two(orders[other][moved])).sum()
            assert alike < mean + 6 * mean**0.5 + 6  # P < 1e-6 each


def slow_feistel(keyed, digits, tweak):
    """The network of a permutation by its definition, on one list of digits in Python integers."""
    digits, halves, sizes = list(digits), ([], []), [1, 1]
    for index, radix in enumerate(keyed.radices):
        if radix > 1:
            smaller = int(sizes[1] < sizes[0])
            halves[smaller].append(index)
            sizes[smaller] *= radix
    rounds = 2 * (2 + max(sizes).bit_length() // (min(sizes).bit_length() - 1))
    key = int(keyed.key.first), int(keyed.key.second)
    for number in range(rounds):
        moved, source = halves[number % 2], halves[1 - number % 2]
        packed, size = [tweak], 2**32
        for index in source:
            if size * keyed.radices[index] > 2**32:
                packed.append(0)
                size = 1
            packed[-1] = packed[-1] * keyed.radices[index] + digits[index]
            size *= keyed.radices[index]
        packed += [0] * (len(packed) % 2)
        round_key, state = oracles.threefry(key, (number, 0)), (0, 0)
        for first, second in zip(packed[::2], packed[1::2], strict=True):
            state = oracles.threefry(round_key, (state[0] ^ first, state[1] ^ second))
        words, spent = list(state), 1
        for index in moved:
            radix = keyed.radices[index]
            if spent > 1 and spent * radix > 2**24:
                words, spent = words[1:], 1
            if not words:
                state = oracles.threefry(round_key, state)
                words = list(state)
            digits[index] = (digits[index] + (words[0] * radix >> 32)) % radix
            words[0] = words[0] * radix % 2**32
            spent *= radix
    return digits


LISTS_OF_RADICES = st.one_of(
    st.lists(st.integers(1, 12), min_size=4, max_size=16),
    st.lists(st.sampled_from([1, 2, 3, 300, 2**16 + 1, 2**20, 2**31 - 1]), min_size=2, max_size=12),
)


@given(LISTS_OF_RADICES, st.integers(0, 2**64 - 1), st.data())
def test_feistel_network_follows_its_definition(radices, seed, data):
    """With halves of any size, so that rounds pack their source into, and draw from, different words."""
    keyed = permutation(tuple(radices), seed, limit=0)
    if not all(keyed._halves):
        return
    digits = [data.draw(st.integers(0, radix - 1)) for radix in radices]
    tweak = data.draw(st.integers(0, 2**32 - 1))
    got = keyed([np.array([digit], np.uint32) for digit in digits], np.array([tweak], np.uint32))
    assert [int(digit[0]) for digit in got] == slow_feistel(keyed, digits, tweak)


def test_a_single_digit_is_shuffled():
    """A domain that cannot be halved gets a table at any size: a Feistel network would only rotate it."""
    order = images(permutation((1, 66049, 1), limit=2**16))
    assert (np.sort(order) == np.arange(66049)).all()
    assert oracles.close((np.diff(order) == 1).sum(), 1, 1)
    assert oracles.close(np.corrcoef(order, np.arange(66049))[0, 1], 0, 66049**-0.5)


@pytest.mark.parametrize(
    ("radices", "limit"),
    [
        ((10, 9, 1, 4), TABLE),
        ((10, 9) * 4, FEISTEL),
        ((5, 2**20, 3, 2**20), FEISTEL),
        ((2**20, 2, 2**20, 2**20, 2**20), FEISTEL),
    ],
    ids=str,
)
@pytest.mark.parametrize("how", ["compiled", pytest.param("eager", marks=pytest.mark.long)])
def test_numpy_and_jax_agree(radices, limit, how):
    keyed = permutation(radices, limit=limit)
    elements = np.random.default_rng(0).integers(0, min(prod(radices), 2**32), 50).astype(np.uint32)
    tweak = (elements % np.uint32(4)).astype(np.uint32)
    digits = add_digits(0, elements, radices)
    expected = tuple(keyed(digits, tweak))
    in_jax = [jnp.asarray(digit) for digit in digits]

    def work(digits, tweak):
        return tuple(keyed(digits, tweak))

    found = (jax.jit(work) if how == "compiled" else work)(in_jax, jnp.asarray(tweak))
    assert oracles.equal(expected, found)


@given(st.lists(st.integers(1, 2**20), min_size=1, max_size=8), st.data())
def test_digits(radices, data):
    """Mixed-radix digits are those of divmod, and the sum with an offset carries."""
    size = prod(radices)
    number = data.draw(st.integers(0, min(size, 2**62) - 1))
    offset = data.draw(st.integers(0, min(size - 1 - number, 2**32 - 1)))

    def value(digits):
        total = 0
        for digit, radix in zip(digits, radices, strict=True):
            assert 0 <= digit < radix
            total = total * radix + int(digit)
        return total

    assert value(digits_of(number, radices)) == number
    added = add_digits(number, np.array([offset], np.uint32), radices)
    assert value([digit[0] for digit in added]) == number + offset
    from_limbs = add_digits(limbs_of(number, radices), np.array([offset], np.uint32), radices)
    assert value([digit[0] for digit in from_limbs]) == number + offset


@given(st.lists(st.integers(1, 2**31 - 1), min_size=1, max_size=8), st.data())
def test_limbs(radices, data):
    """They are the digits of a number in base the products of the groups, the least significant first."""
    groups = groups_of(radices)
    assert [radix for group in groups[::-1] for radix in group] == radices
    assert all(prod(group) <= 2**31 for group in groups)
    number = data.draw(st.integers(0, prod(radices) - 1))
    total = 0
    for group, limb in zip(groups[::-1], limbs_of(number, radices)[::-1].tolist(), strict=True):
        assert limb < prod(group)
        total = total * prod(group) + limb
    assert total == number
