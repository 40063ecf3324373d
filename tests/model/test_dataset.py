import itertools
from dataclasses import replace
from math import factorial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import oracles
import srhm.model.dataset
import srhm.model.stream
from oracles import ORACLES, equal, name_of, rows
from srhm import ArgumentError, Dataset, Grammar, Params, Stream, encode, expand, rank, split
from srhm.model.dataset import smallest_unsigned
from srhm.model.derivation import radices
from srhm.model.stream import PERMUTATION_LIMIT
from strategies import any_params, huge_params, small_params

RULES = ("permutation", "replacement")

FEISTEL = [  # more data a class than a table holds, and few enough to go through
    Params(n_c=3, v=6, m=6, s=2, s0=2, L=2),
    Params(n_c=2, v=6, m=5, s=2, s0=1, L=2, sparsity="B"),
    Params(n_c=2, v=2, m=2, s=2, s0=0, L=4, sparsity="B"),
]
FAR = [  # the permutations of these have 2^41 data and more, that of the last 2^61.6
    Params(n_c=3, v=6, m=6, s=2, s0=2, L=3),
    Params(n_c=4, v=8, m=8, s=2, s0=1, L=3, sparsity="B"),
    Params(n_c=2, v=17, m=289, s=3, s0=4, L=2),
]


def streams(params, seed=0):
    """Both kinds of stream of a model, as far as it has them, and the stream that counts from the back."""
    grammar = Grammar(params, seed)
    made = [Stream(grammar, seed, "replacement")]
    if params.P_max <= PERMUTATION_LIMIT:
        made += [Stream(grammar, seed), Stream(grammar, seed, reverse=True)]
    return made


def ranks_of(stream, start, count):
    return rank(stream.params, stream.take(start, count))


# Independent draws.


@pytest.mark.parametrize("params", ORACLES, ids=name_of)
def test_independent_draws_are_uniform(params):
    """Each datum comes equally often; balanced labels take n_c degrees of freedom (false alarm 2e-4 each)."""
    count = 10 * params.P_max
    ranks = ranks_of(Stream(Grammar(params), 1, "replacement"), 0, count)
    oracles.check_counts(np.bincount(ranks, minlength=params.P_max), 10, params.n_c)


@given(any_params(), st.integers(0, 2**64 - 1), st.integers(0, 2**64 - 2**32 - 1))
def test_independent_draws_follow_their_definition(params, seed, index):
    """Against the definition of the stream in Python integers, at any seed and any sample."""
    for role, number in [("samples", 2), ("test", 6)]:
        drawn = Stream(Grammar(params), seed, "replacement", role=role).take(index, 1)
        label, choices = oracles.independent_sample(params, seed, index, number)
        assert int(drawn.label[0]) == label and oracles.choices_of(params, drawn, 0) == choices


@pytest.mark.parametrize("rule", RULES)
def test_choices_are_independent(rule):
    """All pairs of choices of a datum, and of it and the next, and label orders (false alarm 2e-4 each)."""
    params = Params(n_c=4, v=4, m=4, s=2, s0=1, L=3)  # 4 classes, rules and placements; P_max = 2^30
    drawn = Stream(Grammar(params), 2, rule).take(0, 8000)
    columns = [drawn.label, *np.concatenate([*drawn.rules, *drawn.placements], axis=1).T]
    for column in columns[1:]:
        oracles.check_uniform(column, 4)
    for one, other in itertools.combinations(columns, 2):
        oracles.check_independent(one, other, (4, 4))
    for one, other in itertools.product(columns[1:], repeat=2):
        oracles.check_independent(one[:-4], other[4:], (4, 4))  # the next sample is of another class
        oracles.check_independent(one[:-1], other[1:], (4, 4))


@pytest.mark.parametrize("rule", RULES)
def test_classes_are_unrelated(rule):
    """Of two classes, the k-th data share no more choices than by chance (false alarm 6e-5 each)."""
    params = Params(n_c=4, v=4, m=4, s=2, s0=1, L=3)
    drawn = Stream(Grammar(params), 3, rule).take(0, 40_000)
    choices = np.concatenate([*drawn.rules, *drawn.placements], axis=1)
    by_class = [choices[drawn.label == label] for label in range(4)]
    for one, other in itertools.combinations(by_class, 2):
        same = (one == other).sum(axis=1)  # binomial of 14 choices, probability 1/4
        assert oracles.close(same.mean(), 14 / 4, (14 * 3 / 16 / len(same)) ** 0.5)
        assert oracles.close(same.var(), 14 * 3 / 16, 14 * 3 / 16 * (2 / len(same)) ** 0.5)


# Labels.


@given(any_params(), st.integers(0, 10**6))
def test_every_block_holds_each_class_once(params, start):
    for stream in streams(params):
        first = min(start, stream.length // params.n_c - 1) // 3
        count = min(5, stream.length // params.n_c - first)
        labels = stream.take(first * params.n_c, count * params.n_c).label
        assert (np.sort(labels.reshape(count, params.n_c)) == np.arange(params.n_c)).all()


@pytest.mark.parametrize("n_c", [2, 3, 4, 5])
def test_all_class_orders_are_equally_likely(n_c):
    """False alarm 2e-4 each, for orders and for the orders of successive blocks."""
    params = Params(n_c=n_c, v=5, m=3, s=2, s0=1, L=3)
    orders = {order: number for number, order in enumerate(itertools.permutations(range(n_c)))}
    blocks = 60 * factorial(n_c)
    for stream in streams(params, seed=4):
        labels = stream.take(0, blocks * n_c).label.reshape(blocks, n_c)
        numbers = np.array([orders[tuple(order)] for order in labels.tolist()])
        oracles.check_uniform(numbers, factorial(n_c))
        if n_c == 3:
            oracles.check_independent(numbers[:-1], numbers[1:], (6, 6))


@pytest.mark.parametrize("reverse", [False, True])
def test_sorted_and_compared_words_give_the_same_order(reverse):
    """How many classes decides what finds their order; both backends, and single samples, agree."""
    params = Params(n_c=100, v=100, m=2, s=2, s0=1, L=2)
    stream = Stream(Grammar(params), 3, "permutation", reverse)
    assert equal(stream.take(7, 450).label, stream.at(np.arange(7, 457, dtype=np.uint32)).label)
    words = np.random.default_rng(0).integers(0, 50, (100, 3), np.uint32)  # equal ones keep their order
    expected = np.argsort(np.argsort(words, axis=0, kind="stable"), axis=0)
    for compared in (1000, 1):
        for form in (words, jnp.asarray(words)):
            assert (stream._all_places(form, compared) == expected).all()


def test_equal_words_give_no_class_twice(monkeypatch):
    """Ties between the words that order a block come once in 2^32 pairs: here they are forced."""
    monkeypatch.setattr(
        srhm.model.stream, "threefry2x32", lambda key, low, high: (low & np.uint32(0), low & np.uint32(0))
    )
    params = ORACLES[9]
    assert Stream(Grammar(params), 0, "replacement").take(0, 8).label.tolist() == [0, 1, 2, 3] * 2


# Permutations.


@pytest.mark.parametrize("params", ORACLES + FEISTEL, ids=name_of)
def test_all_data_once(params):
    """Forward, in reverse, and any division into training and test set, whole blocks or not."""
    grammar = Grammar(params, 2)
    forward = ranks_of(Stream(grammar, 5), 0, params.P_max)
    assert (np.sort(forward) == np.arange(params.P_max)).all()
    reverse = ranks_of(Stream(grammar, 5, reverse=True), 0, params.P_max)
    assert (reverse == forward[::-1]).all()
    for P in {1, params.n_c + 1, params.P_max // 3, params.P_max - 1}:
        sets = split(grammar, P, params.P_max - P, seed=5)
        assert (len(sets.train), len(sets.test)) == (P, params.P_max - P)
        train, test = (rank(params, one.derivation()) for one in (sets.train, sets.test))
        assert (np.sort(np.concatenate([train, test])) == np.arange(params.P_max)).all()
        assert (sets.rule, sets.repeat_bound) == ("permutation", 0)


@given(small_params(), st.integers(0, 2**64 - 1), st.data())
def test_any_split_of_small_models(params, seed, data):
    P = data.draw(st.integers(1, params.P_max - 1))
    P_test = data.draw(st.integers(1, params.P_max - P))
    sets = split(Grammar(params), P, P_test, seed)
    train, test = (rank(params, one.derivation()) for one in (sets.train, sets.test))
    assert len({*train.tolist(), *test.tolist()}) == P + P_test
    for labels in (sets.train.labels, sets.test.labels):
        assert np.ptp(np.bincount(labels, minlength=params.n_c)) <= 1


@pytest.mark.parametrize("params", [ORACLES[1], ORACLES[7]], ids=name_of)
def test_every_datum_may_come_first(params):
    """Over seeds, the first datum, and the pair of the first two of class 0 (false alarm 2e-4 each)."""
    grammar = Grammar(params)
    K, seeds = params.data_per_class, 800
    ranks = np.array([ranks_of(Stream(grammar, seed), 0, 2 * params.n_c) for seed in range(seeds)])
    oracles.check_uniform(ranks[:, 0] // (params.P_max // 24), 24)
    first, second = ranks[ranks < K].reshape(seeds, 2).T
    oracles.check_uniform(second // (K // 8), 8)
    assert (first != second).all()
    if K == 8:
        counts = np.bincount(first * K + second, minlength=K**2).reshape(K, K)
        oracles.check_counts(counts[~np.eye(K, dtype=bool)], seeds / (K * (K - 1)))


@pytest.mark.parametrize("params", FEISTEL, ids=name_of)
def test_training_sets_of_a_permutation_are_typical(params):
    """The first tenth of all data has every choice as often as a draw without replacement (false alarm 2e-4)."""
    stream = Stream(Grammar(params), 7)
    P = params.P_max // 10 // params.n_c * params.n_c
    drawn = stream.take(0, P)
    counts = [radix for radix in radices(params)]
    for level in range(1, params.L + 1):
        for part, values in (("rules", counts[0]), ("placements", counts[1])):
            for column in getattr(drawn, part)[level - 1].T:
                if values > 1:  # hypergeometric: variance smaller by 1 - P / P_max
                    expected = P / values
                    deviations = (np.bincount(column, minlength=values) - expected) / (
                        1 - P / params.P_max
                    ) ** 0.5
                    oracles.check_counts(expected + deviations, expected)


# A sample is the same however it is batched.


STARTS = [0, 1, 2**32 - 7, 2**32 + 1, 2**40 + 123, 2**60]


@pytest.mark.parametrize("params", FAR, ids=name_of)
def test_far_samples(params):
    """take of a whole, of parts, at and derivation agree, across 2^32 blocks and samples too."""
    n_c = params.n_c
    for stream in streams(params, seed=1):
        for start in [*STARTS, n_c * 2**32 - 9, stream.length - 40]:
            if start + 40 > stream.length:
                continue
            whole = stream.take(start, 40)
            for cut in (1, 7, 20, 39):
                assert equal(rows(whole, slice(cut)), stream.take(start, cut))
                assert equal(rows(whole, slice(cut, None)), stream.take(start + cut, 40 - cut))
            base = start // n_c * n_c
            indices = np.arange(start - base, start - base + 40, dtype=np.uint32)
            assert equal(whole, stream.at(indices, base))
            mixed = np.random.default_rng(0).permutation(40)
            assert equal(rows(whole, mixed), stream.at(indices[mixed], base))
            earlier = max(0, base - 2**31 // n_c * n_c)
            assert equal(whole, stream.at(indices + np.uint32(base - earlier), earlier))
            assert equal(whole, Dataset.draw(stream, 40, start).derivation())


@given(any_params(), st.data())
def test_parts_make_the_whole(params, data):
    for stream in streams(params, seed=1):
        count = min(12, stream.length)
        start = data.draw(st.integers(0, min(stream.length - count, 2**63)))
        cut = data.draw(st.integers(0, count))
        whole = stream.take(start, count)
        assert equal(rows(whole, slice(cut)), stream.take(start, cut))
        assert equal(rows(whole, slice(cut, None)), stream.take(start + cut, count - cut))
        index = np.arange(start % params.n_c, start % params.n_c + count, dtype=np.uint32)
        assert equal(whole, stream.at(index, start - start % params.n_c))


@pytest.mark.parametrize("params", FAR, ids=name_of)
def test_backward_is_forward_from_the_end(params):
    grammar = Grammar(params)
    forward, reverse = Stream(grammar, 3), Stream(grammar, 3, reverse=True)
    for start in (0, 1, 2**32 + 5, 2**40 + 3, params.P_max // 2, params.P_max - 30):
        mirrored = ranks_of(forward, params.P_max - start - 30, 30)[::-1]
        assert (ranks_of(reverse, start, 30) == mirrored).all()


def test_far_samples_do_not_repeat():
    """No datum of a permutation comes twice, near or far: half a million of 4 * 10^12."""
    stream = Stream(Grammar(FAR[0]), 0)
    parts = [ranks_of(stream, start, 100_000) for start in (0, 10**6, 2**32, 2**40, stream.length - 10**5)]
    assert len(np.unique(np.concatenate(parts))) == 500_000


@pytest.mark.parametrize("replacement", [False, True])
@pytest.mark.parametrize("params", [FEISTEL[0], ORACLES[5]], ids=name_of)
def test_training_sets_are_nested(params, replacement):
    grammar = Grammar(params)
    large = split(grammar, 150, 30, seed=3, replacement=replacement)
    for P in (1, 17, 100):
        small = split(grammar, P, 30, seed=3, replacement=replacement)
        for field in ("features", "positions", "labels"):
            assert equal(getattr(small.train, field), getattr(large.train, field)[:P])
            assert equal(getattr(small.test, field), getattr(large.test, field))


def test_seeds_and_roles_give_other_samples():
    params = FEISTEL[0]
    grammar = Grammar(params)
    made = [
        Stream(grammar, seed, rule, role=role)
        for seed, rule, role in itertools.product((0, 1, 2**63), RULES, ("samples", "test"))
    ]
    for one, other in itertools.combinations(made, 2):
        assert (ranks_of(one, 0, 300) == ranks_of(other, 0, 300)).sum() < 5
        if one.rule == other.rule:
            assert not equal(one.take(0, 300).label, other.take(0, 300).label)


# Data sets.


@pytest.mark.parametrize("rule", RULES)
def test_a_data_set_is_its_stream(rule):
    """Across the chunks it is made in."""
    params = FEISTEL[0]
    stream = Stream(Grammar(params), 6, rule)
    data = Dataset.draw(stream, 40_000, start=1)
    tree = expand(stream.grammar, stream.take(1, 40_000))
    assert equal(
        (data.features, data.positions, data.labels), (tree.features[0], tree.positions[0], tree.label)
    )
    assert equal(data.derivation(), stream.take(1, 40_000))
    assert equal(data.derivation(100, 7), stream.take(101, 7))
    assert equal(data.derivation(39_990), stream.take(39_991, 10))
    assert len(data.derivation(40_000).label) == 0
    assert data.params is params and data.start == 1 and len(data) == 40_000
    part = data[10:20]
    assert (
        len(part) == 10
        and equal(part.features, data.features[10:20])
        and equal(part.labels, data.labels[10:20])
    )
    assert equal(data[np.array([5, 3])].positions, data.positions[[5, 3]])
    sizes = [len(batch) for batch in data.batches(15_000)]
    assert sizes == [15_000, 15_000, 10_000]
    together = np.concatenate([batch.labels for batch in data.batches(7_777)])
    assert equal(together, data.labels)


@pytest.mark.parametrize("encoding", ["whitened", "onehot", "onehot_blank", "integer"])
def test_a_data_set_encodes_itself(encoding):
    data = split(Grammar(ORACLES[0]), 20, 5).train
    x = data.encode(encoding)
    assert equal(x, encode(data.params, data.features, data.positions, encoding))
    assert x.dtype == (np.int32 if encoding == "integer" else np.float32)


def test_a_million_samples_are_small():
    """L = 3, s = 2: 8 leaves of a byte each for feature and position, and a label: 17 MB (at most 64)."""
    params = Params(n_c=10, v=10, m=10, s=2, s0=2, L=3)
    data = split(Grammar(params), 10**6, 1).train
    assert data.nbytes == 10**6 * (8 + 8 + 1) <= 64e6
    assert data.nbytes == data.features.nbytes + data.positions.nbytes + data.labels.nbytes
    assert (np.bincount(data.labels) == 10**5).all()
    assert data.positions.max() < params.d == 216


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (2, np.uint8),
        (256, np.uint8),
        (257, np.uint16),
        (2**16, np.uint16),
        (2**16 + 1, np.uint32),
        (2**32, np.uint32),
    ],
)
def test_smallest_integers(values, kind):
    assert smallest_unsigned(values) is kind


def test_wide_inputs_are_held_in_wider_integers():
    params = Params(n_c=300, v=300, m=2, s=2, s0=200, L=2)
    data = Dataset.draw(Stream(Grammar(params), 0), 600)
    assert (data.features.dtype, data.positions.dtype, data.labels.dtype) == (np.uint16, np.uint32, np.uint16)
    tree = expand(data.stream.grammar, data.derivation())
    assert equal(
        (data.features, data.positions, data.labels), (tree.features[0], tree.positions[0], tree.label)
    )


# Draws with replacement.


@pytest.mark.parametrize("fill", [0.3, 1.0, 2.5])
def test_number_of_distinct_data(fill):
    """With replacement, P draws hold P_max (1 - exp(-P/P_max)) distinct data.

    The P/n_c draws of a class miss each of its K data with probability q = (1 - 1/K)^(P/n_c); the number
    missed is normal, of variance K (q - q^2 - q^2 P/P_max) (Weiss 1958). Four deviations: 6e-5 each.
    """
    params = Params(n_c=4, v=4, m=4, s=2, s0=1, L=2)  # P_max = 16384
    P = int(fill * params.P_max) // 4 * 4
    for seed in range(3):
        sets = split(Grammar(params), P, 4000, seed, replacement=True)
        train, test = (set(rank(params, one.derivation()).tolist()) for one in (sets.train, sets.test))
        missing = (1 - 1 / params.data_per_class) ** (P // 4)
        expected = params.P_max * (1 - missing)
        assert expected == pytest.approx(params.P_max * (1 - np.exp(-P / params.P_max)), rel=1e-3)
        variance = params.P_max * (missing - missing**2 - missing**2 * P / params.P_max)
        assert oracles.close(len(train), expected, variance**0.5)
        # The same fraction of all data overlaps with the test set: here of its distinct data.
        overlap, share = len(train & test), len(train) / params.P_max
        assert oracles.close(overlap, len(test) * share, (len(test) * share * (1 - share)) ** 0.5)
        assert sets.rule == "replacement" and sets.repeat_bound == 1


def test_bound_on_repeats():
    """The bound exceeds the exact probability of any repeat, which the draws have (false alarm 6e-5)."""
    params = Params(n_c=2, v=4, m=4, s=2, s0=0, L=3)
    assert params.P_max == 2**15
    grammar = Grammar(params)
    repeats, seeds = 0, 250
    for seed in range(seeds):
        sets = split(grammar, 30, 20, seed, replacement=True)
        ranks = np.concatenate([rank(params, one.derivation()) for one in (sets.train, sets.test)])
        repeats += len(np.unique(ranks)) < 50
    bound = sets.repeat_bound
    assert bound == 50**2 / (2 * params.P_max)
    # Two samples of one block have different labels; two of different blocks or streams have the same label
    # with probability 1 / n_c, and then agree with probability 1 / K.
    pairs = 30 * 28 / 2 + 20 * 18 / 2 + 30 * 20
    exact = 1 - np.exp(-pairs / params.P_max)
    assert exact < bound
    assert oracles.close(repeats, seeds * exact, (seeds * exact) ** 0.5)


def test_very_large_models_are_drawn_independently():
    params = Params(n_c=10, v=10, m=10, s=2, s0=2, L=4)
    assert params.P_max > PERMUTATION_LIMIT
    sets = split(Grammar(params), 10_000, 1000)
    assert sets.rule == "replacement"
    assert sets.repeat_bound == pytest.approx(11_000**2 / (2 * params.P_max))
    ranks = np.concatenate([rank(params, one.derivation()) for one in (sets.train, sets.test)])
    assert len(set(ranks.tolist())) == 11_000


@settings(max_examples=15)
@given(huge_params())
def test_ranks_of_huge_models_are_spread(params):
    """Their mean over 200 samples is that of a uniform number to 6 deviations (false alarm 2e-9 each)."""
    ranks = ranks_of(Stream(Grammar(params), 0, "replacement"), 0, 200)
    within = [number % params.data_per_class / params.data_per_class for number in ranks.tolist()]
    assert abs(np.mean(within) - 0.5) < 6 / (12 * 200) ** 0.5


# NumPy and JAX.


WIDE = Params(n_c=3, v=17, m=17, s=2, s0=40, L=2)  # 2^46 data by few choices: little to compile


@pytest.mark.parametrize("how", ["compiled", pytest.param("eager", marks=pytest.mark.long)])
@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize(
    "params",
    [ORACLES[11], pytest.param(WIDE, marks=pytest.mark.long), replace(WIDE, sparsity="B")],
    ids=name_of,
)
def test_numpy_and_jax_agree(params, rule, how):
    """take and at, near and beyond 2^32; the permutations have a table and none."""
    n_c, stream = params.n_c, Stream(Grammar(params), 2**40 + 1, rule)
    start = 2**40 + 1 if stream.length > 2**41 else 31
    base = start // n_c * n_c
    expected = stream.take(start, 20)
    indices = jnp.arange(start - base, start - base + 20, dtype=jnp.uint32)

    def both(indices):
        return stream.take(start, 20, jnp), stream.at(indices, base)

    for got in (jax.jit(both) if how == "compiled" else both)(indices):
        assert equal(expected, got)
        leaves = list(zip(jax.tree.leaves(expected), jax.tree.leaves(got), strict=True))
        assert all(isinstance(theirs, jax.Array) and ours.dtype == theirs.dtype for ours, theirs in leaves)


@settings(max_examples=3)
@given(small_params())
def test_numpy_and_jax_agree_on_any_model(params):
    """From the number of a sample to the input of a network, in one compiled function."""
    made = streams(params)

    def inputs(indices):
        trees = [expand(stream.grammar, stream.at(indices)) for stream in made]
        return tuple(encode(params, tree.features[0], tree.positions[0]) for tree in trees)

    indices = np.array([0, 1, params.n_c, params.P_max - 1], np.uint32)
    assert equal(inputs(indices), jax.jit(inputs)(jnp.asarray(indices)))


def test_backward_in_jax():
    stream = Stream(Grammar(WIDE), 1, reverse=True)
    indices = np.arange(20, dtype=np.uint32)
    expected = stream.take(0, 20)
    assert equal(expected, jax.jit(lambda indices: stream.at(indices))(jnp.asarray(indices)))


FAST = Params(n_c=3, v=4, m=4, s=2, s0=1, L=3)  # 2^29 data: permuted by a Feistel network


@pytest.mark.parametrize("sparsity", ["A", pytest.param("B", marks=pytest.mark.long)])
def test_draws_of_both_backends_agree(sparsity, monkeypatch):
    """Within a chunk, over the borders of several, and to the last sample, from odd places too."""
    monkeypatch.setattr(srhm.model.dataset, "CHUNK", 32)  # 30 samples
    for stream in streams(replace(FAST, sparsity=sparsity), seed=2):
        end = stream.length
        for start, count in [(0, 30), (0, 1), (1, 29), (31, 100), (2**26 + 1, 95), (end - 70, 70)]:
            ours, theirs = (Dataset.draw(stream, count, start, backend) for backend in ("numpy", "jax"))
            tree = expand(stream.grammar, stream.take(start, count))
            for name, leaves in (
                ("features", tree.features[0]),
                ("positions", tree.positions[0]),
                ("labels", tree.label),
            ):
                one, other = getattr(ours, name), getattr(theirs, name)
                assert equal(leaves, one) and equal(leaves, other)
                assert type(other) is np.ndarray and other.flags.c_contiguous and one.dtype == other.dtype


@pytest.mark.parametrize(
    "params",
    [pytest.param(FAST, marks=pytest.mark.long), Params(n_c=10, v=10, m=10, s=2, s0=2, L=4)],
    ids=name_of,
)
def test_an_origin_is_an_argument(params):
    """One compilation serves all beginnings, near and as far as the stream goes."""
    indices = np.array([0, 1, 7, 26, 3], np.uint32)
    for stream in streams(params):

        def both(indices, origin, stream=stream):
            return stream.at(indices, origin), stream.take(origin, 8, jnp)

        compiled = jax.jit(both)
        starts = [0, params.n_c, *(start // params.n_c * params.n_c for start in (2**24, 2**32 + 5, 2**63))]
        for start in [*starts, (stream.length - 30) // params.n_c * params.n_c]:
            if start + 30 > stream.length:
                continue
            at, taken = compiled(indices, stream.origin(start))
            assert equal(at, rows(stream.take(start, 27), indices)) and equal(taken, stream.take(start, 8))
            assert equal(taken, stream.take(stream.origin(start), 8))
        assert compiled._cache_size() == 1


# What is refused.


def test_bad_streams(refuses):
    grammar, huge = Grammar(ORACLES[0]), Grammar(Params(10, 10, 10, 2, 2, 4))
    with refuses("rule", "'random'", "Use 'permutation' or 'replacement'"):
        Stream(grammar, 0, "random")
    with refuses("rule", "'permutation'", "Use 'replacement'"):
        Stream(huge, 0)
    with refuses("reverse", "True", "Use reverse=False"):
        Stream(grammar, 0, "replacement", reverse=True)
    roles = (
        "grammar, samples, network, order, transformation, test, channel, posterior, hold_out, deformation"
    )
    with refuses("role", "'training'", f"Use one of {roles}"):
        Stream(grammar, 0, role="training")
    for seed, fix in [
        (-1, "Use seed >= 0"),
        (2**64, f"Use seed <= {2**64 - 1}"),
        (0.5, "Give seed as an int"),
    ]:
        with refuses("seed", seed, fix):
            Stream(grammar, seed)
        with refuses("seed", seed, fix):
            split(grammar, 5, 5, seed)


def test_streams_of_equal_arguments_are_equal(unchecked):
    params = ORACLES[0]
    one, other = Stream(Grammar(params), 3), Stream(Grammar(params), np.uint8(3))
    assert one == other and hash(one) == hash(other) and type(other.seed) is int
    assert one != replace(one, reverse=True)


def test_bad_ranges(refuses):
    for stream in streams(ORACLES[0]):
        length = stream.length
        assert length == (2**64 - 2**32 if stream.rule == "replacement" else ORACLES[0].P_max)
        assert len(stream.take(length, 0).label) == 0 and len(stream.take(length - 1, 1).label) == 1
        for take in (stream.take, lambda start, count, stream=stream: Dataset.draw(stream, count, start)):
            for start, fix in [(-1, "Use start >= 0"), (0.0, "Give start as an int")]:
                with refuses("start", start, fix):
                    take(start, 1)
            with refuses("count", 2, "Take fewer"):
                take(length - 1, 2)
            with refuses("count", 2**31, f"Use count <= {2**31 - 1}"):
                take(0, 2**31)
            with refuses("count", "'3'", "Give count as an int"):
                take(0, "3")
        with refuses("count", -1, "Use count >= 0"):
            stream.take(0, -1)
        with refuses("count", 0, "Use count >= 1"):
            Dataset.draw(stream, 0)
        index = np.zeros(1, np.uint32)
        for start, fix in [
            (1, "Start at a whole block"),
            (-2, "Use start >= 0"),
            (length + 2, f"Use start <= {length}"),
        ]:
            with refuses("start", start, fix):
                stream.at(index, start)
            with refuses("start", start, fix):
                stream.origin(start)
        for wrong in (
            np.arange(3),
            np.arange(3, dtype=np.int32),
            [0, 1],
        ):  # 64 bits gave choices that are none
            with pytest.raises(ArgumentError, match=r"indices.*Give an array of 32-bit unsigned integers"):
                stream.at(wrong)
        with refuses("backend", "'torch'", "Use 'numpy' or 'jax'"):
            Dataset.draw(stream, 1, backend="torch")


def test_bad_parts_of_data_sets(refuses):
    data = split(Grammar(ORACLES[0]), 20, 5).train
    for first, count, argument, fix in [
        (-1, 1, "first", "Use first >= 0"),
        (21, None, "first", "Use first <= 20"),
        (0, -1, "count", "Use count >= 0"),
        (15, 6, "count", "Take fewer"),
    ]:
        with refuses(argument, first if argument == "first" else count, fix):
            data.derivation(first, count)
    with refuses("size", 0, "Use size >= 1"):
        next(data.batches(0))
    with pytest.raises(TypeError, match="not iterable"):
        iter(data)
    with refuses(
        "encoding", "'white'", "Did you mean 'whitened'? Use one of whitened, onehot, onehot_blank, integer"
    ):
        data.encode("white")


def test_data_sets_of_another_stream_are_refused(refuses):
    own = Params(n_c=4, v=4, m=2, s=2, s0=1, L=2)
    data = Dataset.draw(Stream(Grammar(own), 0, "replacement"), 300)
    leaves = "Give leaves together with the params of their model"
    for other, argument, value, fix in (
        (replace(own, v=3), "features", 3, leaves),
        (replace(own, s0=0), "positions", 15, leaves),
        (replace(own, L=3), "features", "'uint8 of shape (300, 4)'", leaves),
        (replace(own, n_c=3), "labels", 3, "Give labels of the stream's model"),
    ):
        with refuses(argument, value, fix):
            replace(data, stream=Stream(Grammar(other), 0, "replacement"))
    with refuses("labels", "'uint8 of shape (299,)'", "Give labels of the stream's model"):
        replace(data, labels=data.labels[1:])


def test_bad_splits(refuses):
    params = ORACLES[0]
    grammar = Grammar(params)
    for P, P_test, argument, fix in [
        (0, 5, "P", "Use P >= 1"),
        (5, 0, "P_test", "Use P_test >= 1"),
        (2**31, 5, "P", f"Use P <= {2**31 - 1}"),
        (5.0, 5, "P", "Give P as an int"),
        (5, None, "P_test", "Give P_test as an int"),
        (
            params.P_max - 4,
            5,
            "P",
            f"Use P + P_test <= {params.P_max}, or replacement=True to draw with replacement",
        ),
    ]:
        with refuses(argument, P if argument == "P" else P_test, fix):
            split(grammar, P, P_test)
    assert len(split(grammar, params.P_max, 5, replacement=True).train) == params.P_max
