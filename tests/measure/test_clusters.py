"""Clusters of activations: layers that know the parents or do not, and the index against its definitions."""

from itertools import combinations, permutations, product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from layer_maps import of_any_shape
from srhm import Grammar, Params, expand, parse, split
from srhm.measure.clustering import adjusted_rand_index, clusters
from srhm.measure.layers import activations
from srhm.nets import build

PARAMS = Params(n_c=3, v=3, m=3, s=2, s0=1, L=2)  # every tuple has a parent
DEEP = Params(n_c=3, v=3, m=3, s=2, s0=1, L=3)
SPARSE_RULES = Params(n_c=3, v=4, m=2, s=2, s0=1, L=2)


def test_set(params=PARAMS, size=30, seed=3):
    return split(Grammar(params, seed), 1, size, 0).test


def parsed(dataset, x):
    x = np.asarray(x)
    return parse(dataset.stream.grammar, np.where(x.any(axis=-1), x.argmax(axis=-1), -1))


def onehot(values, size=3):
    return np.eye(size)[np.asarray(values)].reshape(len(values), -1)


def measure(layers, dataset, **options):
    return clusters(of_any_shape(layers), dataset, encoding="onehot", **options)


# Known answers


def holds(dataset, level, node=slice(None)):
    """A layer of the features of one level."""
    return lambda x: onehot(expand(dataset.stream.grammar, parsed(dataset, x)).features[level - 1][:, node])


@pytest.mark.parametrize("level", [1, 2])
def test_a_layer_of_the_parents_groups_the_tuples_below_them(level):
    dataset = test_set(DEEP)
    found = measure(holds(dataset, level + 1), dataset)
    assert found.layers == ("layer",) and found.contexts == 8
    assert found.ari[0, level - 1] == 1 and found.error[0, level - 1] == 0
    assert found.ari[0, level] < 0.5


def test_a_layer_of_the_class_groups_the_highest_tuples():
    dataset = test_set()
    assert measure(lambda x: onehot(parsed(dataset, x).label), dataset).ari[0, 1] == 1


def test_a_constant_layer_groups_nothing():
    found = measure(lambda x: np.ones((len(x), 3)), test_set())
    np.testing.assert_array_equal(found.ari, 0)
    np.testing.assert_array_equal(found.error, 0)


def test_contexts_take_turns_among_the_nodes():
    """A layer of one level-2 feature groups the tuples below it, and does not see those below the other."""
    dataset = test_set()
    found = measure(holds(dataset, 2, slice(0, 1)), dataset, contexts=4)
    assert found.ari[0, 0] == 0.5
    assert found.error[0, 0] == pytest.approx(np.std([1, 0, 1, 0], ddof=1) / 2)


@pytest.mark.parametrize("name", ["network", "input"])
def test_layers_that_know_no_rules_agree_by_chance(name):
    """Which tuples have one parent is drawn uniformly, so that the mean over grammars is 0, whatever the clusters.

    Mean of 50 grammars
    within 4 standard errors (false-alarm rate 6e-5 for each of 2 levels).
    """
    layers = activations(build("cnn", PARAMS, 6, seed=1)) if name == "network" else lambda x: x
    found = [measure(layers, test_set(size=2, seed=seed), contexts=2).ari[-1] for seed in range(50)]
    mean, error = np.mean(found, axis=0), np.std(found, axis=0, ddof=1) / np.sqrt(50)
    assert (abs(mean) < 4 * error).all() and (error < 0.05).all()


# The data that are compared


def test_the_order_of_the_tuples_tells_nothing_of_their_parents():
    """Where distances are equal the clusters follow from the order: it is the same for other rules."""
    params, seen = Params(n_c=3, v=3, m=3, s=2, s0=0, L=1), []
    for seed in (1, 2):
        measure(lambda x: seen.append(np.asarray(x)) or x, test_set(params, 2, seed), contexts=2)
    assert Grammar(params, 1) != Grammar(params, 2)
    for x in seen[1:]:
        np.testing.assert_array_equal(x, seen[0])


@pytest.mark.parametrize("params", [DEEP, Params(n_c=3, v=3, m=3, s=2, s0=1, L=3, sparsity="B")])
def test_one_tuple_changes_and_nothing_else(params):
    """Parsed back: all tuples of a level below one node, rules and placements below as they were."""
    seen, dataset = [], test_set(params)
    measure(lambda x: seen.append(parsed(dataset, x)) or x, dataset, contexts=5)
    grammar = dataset.stream.grammar
    for (level, number), found in zip(product((1, 2, 3), range(5)), seen, strict=True):
        context, node = dataset.derivation(number, 1), number % params.level(level).nodes
        before, after = expand(grammar, context), expand(grammar, found)
        for one, other in zip(context.placements, found.placements, strict=True):
            assert (one == other).all()
        for lower in range(level - 1):
            assert (context.rules[lower] == found.rules[lower]).all()
        below = np.zeros(before.features[level - 1].shape[1], bool)
        below[node * 2 : node * 2 + 2] = True
        assert (after.features[level - 1][:, ~below] == before.features[level - 1][:, ~below]).all()
        tuples = after.features[level - 1][:, below]
        assert len(tuples) == len(np.unique(tuples, axis=0)) == 9


def test_rules_that_are_few():
    """Where not every tuple has a parent, the levels above need not be data; the tuples of the grammar are."""
    seen, dataset = [], test_set(SPARSE_RULES)
    measure(lambda x: seen.append(np.asarray(x)) or x, dataset, contexts=2)
    assert [len(x) for x in seen] == [8, 8, 6, 6]
    for x, node in zip(seen[:2], (0, 1), strict=True):
        symbols = np.where(x.any(axis=-1), x.argmax(axis=-1), -1)[:, 8 * node : 8 * node + 8]
        parents, _ = dataset.stream.grammar.parents_of(1, symbols[symbols >= 0].reshape(8, 2))
        assert sorted(parents) == [0, 0, 1, 1, 2, 2, 3, 3]


def test_the_number_of_synonyms():
    seen, dataset = [], test_set()
    found = measure(lambda x: seen.append(parsed(dataset, x)) or x, dataset, contexts=2, synonyms=2)
    assert found.contexts == 2
    for derivation in seen[2:]:
        assert sorted(zip(derivation.label, derivation.rules[1][:, 0], strict=True)) == list(
            product(range(3), range(2))
        )


# Invariances and what is returned


def test_rotations_shifts_and_units_do_not_matter():
    dataset, layers = test_set(), activations(build("cnn", PARAMS, 8, seed=0))

    def first(x):
        return np.asarray(layers(x)["layer_1"], np.float64).reshape(len(x), -1)

    turn = np.linalg.qr(np.random.default_rng(2).normal(size=(32, 32)))[0]
    plain = clusters(of_any_shape(first), dataset)
    assert (abs(plain.ari) > 0.001).all()
    for changed in (lambda x: first(x) @ turn, lambda x: -1e-3 * first(x) + 5):
        np.testing.assert_array_equal(clusters(of_any_shape(changed), dataset).ari, plain.ari)


def test_a_network_is_measured_as_the_map_that_it_is():
    net, dataset = build("lcn", PARAMS, 5, seed=0), test_set()
    found = clusters(net, dataset, contexts=3)
    assert found.layers == ("layer_1", "layer_2", "output")
    assert found.metrics() == clusters(activations(net), dataset, contexts=3).metrics()
    names = {f"ari_{k}{level}" for k, level in product((1, 2, 3), (1, 2))}
    assert set(found.metrics()) == names | {f"{name}_error" for name in names}
    assert found.metrics()["ari_21"] == found.ari[1, 0]
    assert found.metrics()["ari_12_error"] == found.error[0, 1]


def test_a_layer_without_numbers_has_none():
    found = measure(lambda x: {"a": np.full((len(x), 2), np.nan), "b": x}, test_set())
    assert np.isnan(found.ari[0]).all() and np.isfinite(found.ari[1]).all()


def test_contexts_are_the_first_data():
    dataset = test_set(size=5)
    assert measure(lambda x: x, dataset, contexts=100).contexts == 5


def test_bad_arguments(refuses):
    dataset = test_set()
    for argument, value, fix in (
        ("contexts", 1, "Use contexts >= 2"),
        ("synonyms", 1, "Use synonyms >= 2"),
        ("encoding", "dense", "Use one of whitened, onehot, onehot_blank, integer"),
    ):
        with refuses(argument, repr(value), fix):
            clusters(lambda x: x, dataset, **{argument: value})
    with refuses("dataset", "1", "Use a test set of at least 2 points"):
        clusters(lambda x: x, test_set(size=1))
    with refuses("layers", "(", "Return one row per input"):
        clusters(lambda x: x[1:], dataset)
    with refuses("second", "array([0])", "Give as many items"):
        adjusted_rand_index(np.array([0, 1]), np.array([0]))


# The index


def partitions(least=1, most=12):
    return st.integers(least, most).flatmap(
        lambda n: st.tuples(*[st.lists(st.integers(0, 4), min_size=n, max_size=n).map(np.array)] * 2)
    )


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ([0, 0, 1, 1], [0, 0, 1, 1], 1),
        ([0, 0, 1, 1], [1, 1, 0, 0], 1),
        ([0, 0, 1, 2], [0, 0, 1, 1], 4 / 7),
        ([0, 0, 1, 1], [0, 0, 1, 2], 4 / 7),
        ([0, 0, 0, 0], [0, 1, 2, 3], 0),
        ([0, 0, 1, 1], [0, 1, 0, 1], -1 / 2),
        ([0], [7], 1),
        ([3, 3, 3], [1, 1, 1], 1),
        ([0, 1, 2], [2, 0, 1], 1),
    ],
)
def test_known_values_of_the_index(first, second, expected):
    assert adjusted_rand_index(np.array(first), np.array(second)) == pytest.approx(expected)


@given(partitions(2))
def test_the_index_counts_pairs(both):
    """2 (N11 N00 - N10 N01) over its largest value, with N11 the pairs together in both, N00 apart in both."""
    first, second = both
    counts = np.zeros((2, 2))
    for i, j in combinations(range(len(first)), 2):
        counts[int(first[i] == first[j]), int(second[i] == second[j])] += 1
    (apart, only_second), (only_first, together) = counts
    largest = (together + only_first) * (only_first + apart) + (together + only_second) * (
        only_second + apart
    )
    expected = 2 * (together * apart - only_first * only_second) / largest if largest else 1
    assert adjusted_rand_index(first, second) == pytest.approx(expected)


@given(partitions(), st.permutations(range(5)))
def test_the_index_knows_partitions_not_names(both, names):
    first, second = both
    value = adjusted_rand_index(first, second)
    assert value == adjusted_rand_index(second, first)
    assert value == adjusted_rand_index(np.array(names)[first], second)
    equal = all(
        (first[i] == first[j]) == (second[i] == second[j]) for i, j in combinations(range(len(first)), 2)
    )
    assert (value == 1) == equal and value <= 1
    assert adjusted_rand_index(first, np.array(names)[first]) == 1


def test_the_index_is_zero_on_average():
    """Over all orders of the items of one partition, exactly."""
    first, second = np.array([0, 0, 0, 1, 1, 2]), np.array([0, 0, 1, 1, 1, 1])
    values = [adjusted_rand_index(first, second[list(order)]) for order in permutations(range(6))]
    assert abs(np.mean(values)) < 1e-12 and np.std(values) > 0.1


test_set.__test__ = False
