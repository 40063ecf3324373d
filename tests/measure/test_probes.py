"""Linear probes: layers that hold one variable and nothing else, an independent slow version, invariances."""

from itertools import product

import numpy as np
import pytest

import srhm.measure.probing
from layer_maps import of_any_shape
from srhm import Dataset, Grammar, Params, enumerate_all, expand, parse, split
from srhm.measure.layers import activations
from srhm.measure.probing import probes
from srhm.measure.ridge import PENALTIES
from srhm.nets import build

PARAMS = Params(n_c=4, v=4, m=4, s=2, s0=1, L=2)  # every tuple has a parent
DENSE = Params(n_c=4, v=4, m=4, s=2, s0=0, L=3)
SPARSE_RULES = Params(n_c=3, v=4, m=2, s=2, s0=1, L=2)  # some features are more frequent than others


def test_set(params=PARAMS, size=600, seed=0):
    return split(Grammar(params, seed=3), 1, size, seed).test


def onehot(values, size):
    return np.eye(size)[np.asarray(values)].reshape(len(values), -1)


def looks_at(dataset, what):
    """A function of the derivation that it parses from its one-hot inputs."""
    grammar = dataset.stream.grammar

    def layers(x):
        x = np.asarray(x)
        return what(grammar, parse(grammar, np.where(x.any(axis=-1), x.argmax(axis=-1), -1)))

    return layers


def measure(layers, dataset, **options):
    return probes(of_any_shape(layers), dataset, encoding="onehot", **options)


def within(accuracy, chance, inputs):
    """Whether an accuracy is chance, up to 4 standard errors of one node: false-alarm rate below 6e-5."""
    return abs(accuracy - chance) < 4 * np.sqrt(chance * (1 - chance) / (inputs // 2))


# Known answers


@pytest.mark.parametrize("params", [PARAMS, DENSE])
def test_the_input_holds_features_rules_and_placements_of_level_1(params):
    """A feature is the sum of its channel over its sub-patch; tuples and placements are sums over children.

    Of tuples and placements there are 16 and 4 a node, which 300 inputs do not fit without a fault.
    """
    found = measure(lambda x: x, test_set(params))
    assert found.layers == ("layer",) and found.inputs == 600
    assert found.feature.accuracy[0, 0] == 1 and found.rule.accuracy[0, 0] > 0.85
    assert found.feature.error[0, 0] == 0 and found.feature.corrected[0, 0] == 1
    assert (found.feature.accuracy[0, 1:] < 0.9).all()  # parents are no linear function of their tuples
    if params.s0:
        assert (found.placement.accuracy > 0.95).all()
    else:
        assert found.placement is None


def test_a_layer_of_the_level_2_features_has_forgotten_the_synonyms():
    dataset = test_set()
    found = measure(looks_at(dataset, lambda g, d: onehot(expand(g, d).features[1], 4)), dataset)
    assert found.feature.accuracy[0, 1] == 1 and found.rule.accuracy[0, 1] == 1
    assert within(found.rule.accuracy[0, 0], 1 / 4, 600)
    for level in range(2):
        assert within(found.placement.accuracy[0, level], 1 / 4, 600)
    assert found.feature.accuracy[0, 0] > 0.3  # a parent still says something of its children
    assert 0.3 < found.feature.accuracy[0, 2] < 0.95  # and of the class, but not linearly


KINDS = {
    # what a layer holds: the readings (kind, level) that are perfect, and those that are chance
    "class": (lambda g, d: onehot(d.label, 4), {("feature", 3)}, {("rule", 1), ("rule", 2)}),
    "level-1 rules": (lambda g, d: onehot(d.rules[0], 4), {("rule", 1)}, {("feature", 3), ("rule", 2)}),
    "level-2 rules": (lambda g, d: onehot(d.rules[1], 4), {("rule", 2)}, {("feature", 3), ("rule", 1)}),
    "level-1 placements": (
        lambda g, d: onehot(d.placements[0], 4),
        {("placement", 1)},
        {("placement", 2), ("feature", 1), ("feature", 3), ("rule", 1)},
    ),
    "level-2 positions": (
        lambda g, d: onehot(expand(g, d).positions[1], 4),
        {("placement", 2)},
        {("placement", 1), ("feature", 2), ("rule", 2)},
    ),
}


@pytest.mark.parametrize("name", KINDS)
def test_what_a_layer_holds_is_read_and_nothing_else(name):
    dataset = test_set()
    what, perfect, chance = KINDS[name]
    found = measure(looks_at(dataset, what), dataset)
    for kind, level in perfect:
        assert getattr(found, kind).accuracy[0, level - 1] == 1, (kind, level)
    for kind, level in chance:
        reading = getattr(found, kind)
        assert within(reading.accuracy[0, level - 1], reading.chance[level - 1], 600), (kind, level)


def test_a_random_layer_is_read_by_chance():
    """10 units drawn anew for every input: 7 accuracies within 4 standard errors (false-alarm rate 4e-4)."""
    rng = np.random.default_rng(8)
    found = measure(lambda x: rng.normal(size=(len(x), 10)), test_set())
    for reading in (found.feature, found.rule, found.placement):
        for accuracy, chance in zip(reading.accuracy[0], reading.chance, strict=True):
            assert within(accuracy, chance, 600)


def test_a_constant_layer_gives_the_most_frequent_choice():
    dataset = test_set(SPARSE_RULES, 700)
    found = measure(lambda x: np.ones((len(x), 2)), dataset)
    tree = expand(dataset.stream.grammar, dataset.derivation())
    for level in range(2):
        nodes = tree.features[level].T
        right = [(node[350:] == np.bincount(node[:350]).argmax()).mean() for node in nodes]
        assert found.feature.accuracy[0, level] == pytest.approx(np.mean(right), abs=1e-12)


@pytest.mark.parametrize(
    "params", [PARAMS, SPARSE_RULES, Params(n_c=2, v=3, m=1, s=2, s0=1, L=2, sparsity="B")]
)
def test_chance_is_that_of_all_data(params):
    """The most frequent feature of every node, counted over all derivations, which are equally likely."""
    grammar = Grammar(params, seed=3)
    tree = expand(grammar, enumerate_all(params))
    every = [*tree.features, tree.label[:, None]]
    expected = [np.mean([np.bincount(node).max() / len(node) for node in level.T]) for level in every]
    found = measure(lambda x: x[:, :1], split(grammar, 1, 20, 0).test)
    np.testing.assert_allclose(found.feature.chance, expected)
    assert (found.rule is None) == (params.m == 1)
    if params.m > 1:
        np.testing.assert_allclose(found.rule.chance, 1 / params.m)
    np.testing.assert_allclose(found.placement.chance, 1 / params.placements)


def test_the_error_of_one_node_is_binomial():
    found = measure(lambda x: x, test_set())
    accuracy = found.feature.accuracy[0, -1]
    assert found.feature.error[0, -1] == pytest.approx(np.sqrt(accuracy * (1 - accuracy) / 299))


# An independent version


def slow_probe(x, codes, guesses):
    """Accuracy over nodes: ridge from normal equations, the penalty from refits, all classes one by one.

    `codes[j]` are the classes of node j; `guesses[j][i]` those among which sample i is told to be.
    """
    half = len(x) // 2
    unit = ((x[:half] - x[:half].mean(axis=0)) ** 2).sum() / half

    def fitted(rows, target, penalty):
        mean, offset = x[rows].mean(axis=0), target[rows].mean()
        square = (x[rows] - mean).T @ (x[rows] - mean) + penalty * unit * np.eye(x.shape[1])
        weights = np.linalg.solve(square, (x[rows] - mean).T @ (target[rows] - offset))
        return lambda new: offset + (new - mean) @ weights

    def left_out(penalty):
        total = 0.0
        for code in codes:
            for value in set(code[:half]):
                target = (code == value).astype(float)
                for i in range(half):
                    rows = [j for j in range(half) if j != i]
                    total += (target[i] - fitted(rows, target, penalty)(x[i])) ** 2
        return total

    best = min(PENALTIES, key=left_out)
    right = []
    for code, told in zip(codes, guesses, strict=True):
        maps = {
            value: fitted(list(range(half)), (code == value).astype(float), best)
            for value in set(code[:half])
        }
        for i in range(half, len(x)):
            scores = {value: maps[value](x[i]) if value in maps else 0.0 for value in told[i]}
            right.append(max(scores, key=scores.get) == code[i])
    return np.mean(right)


def test_probes_against_an_independent_version():
    """40 inputs, few enough that some choices never occur in the half that is fitted."""
    dataset = test_set(SPARSE_RULES, 40)
    tree, derivation = expand(dataset.stream.grammar, dataset.derivation()), dataset.derivation()
    rng = np.random.default_rng(0)
    x = np.tanh(dataset.encode("onehot").reshape(40, -1) @ rng.normal(size=(64, 9)))
    order = iter(np.split(x, [15, 30]))
    found = measure(lambda _: next(order), dataset, batch=15)
    levels = [*tree.features, tree.label[:, None]]
    for level, (nodes, v) in enumerate(zip(levels, (4, 4, 3), strict=True)):
        expected = slow_probe(x, list(nodes.T), [[range(v)] * 40] * nodes.shape[1])
        assert found.feature.accuracy[0, level] == pytest.approx(expected, abs=1e-12), level
    for level in range(2):
        parents, rules = levels[level + 1].T, derivation.rules[level].T
        codes = [2 * parent + rule for parent, rule in zip(parents, rules, strict=True)]
        told = [[(2 * one, 2 * one + 1) for one in parent] for parent in parents]
        assert found.rule.accuracy[0, level] == pytest.approx(slow_probe(x, codes, told), abs=1e-12), level


# Invariances


@pytest.fixture(scope="module")
def net():
    return build("cnn", PARAMS, 8, seed=0)


def same(first, second):
    for kind in ("feature", "rule", "placement"):
        np.testing.assert_array_equal(getattr(first, kind).accuracy, getattr(second, kind).accuracy)


def test_rotations_shifts_and_units_do_not_matter(net, monkeypatch):
    """Nor do constant units, nor how many units are taken at a time."""
    dataset, layers = test_set(size=300), activations(net)
    rng = np.random.default_rng(2)

    def first(x):
        return np.asarray(layers(x)["layer_1"], np.float64).reshape(len(x), -1)

    turn = np.linalg.qr(rng.normal(size=(32, 32)))[0]
    plain = probes(of_any_shape(first), dataset)
    assert 0.2 < plain.rule.accuracy[0, 1] < 0.9  # neither all nor nothing
    for changed in (
        lambda x: first(x) @ turn,
        lambda x: 1e-3 * first(x) + 5,
        lambda x: np.concatenate([first(x), np.ones((len(x), 9))], axis=1),
    ):
        same(probes(of_any_shape(changed), dataset), plain)
    monkeypatch.setattr(srhm.measure.probing, "_COLUMNS", 7)
    same(probes(of_any_shape(first), dataset), plain)


def test_a_network_is_measured_as_the_map_that_it_is(net):
    dataset = test_set(size=300)
    found, expected = probes(net, dataset), probes(activations(net), dataset)
    assert found.layers == expected.layers == ("layer_1", "layer_2", "output")
    assert found.metrics() == expected.metrics() == probes(net, dataset).metrics()


def test_the_batch_does_not_matter():
    dataset = test_set(size=301)
    for batch in (7, 301, 1000):
        same(
            measure(lambda x: np.tanh(x[:, :9]), dataset, batch=batch),
            measure(lambda x: np.tanh(x[:, :9]), dataset),
        )


def test_names_of_metrics(net):
    found = probes(net, test_set(size=100))
    names = {f"probe_{k}{level}" for k, level in product((1, 2, 3), (1, 2, 3))}
    names |= {
        f"probe_{kind}_{k}{level}" for kind, k, level in product(("rule", "placement"), (1, 2, 3), (1, 2))
    }
    chances = {f"probe_chance_{level}" for level in (1, 2, 3)}
    metrics = found.metrics()
    assert set(metrics) == names | {f"{name}_error" for name in names} | chances
    assert metrics["probe_23"] == found.feature.accuracy[1, 2]
    assert metrics["probe_rule_31"] == found.rule.accuracy[2, 0]
    assert metrics["probe_placement_12_error"] == found.placement.error[0, 1]
    assert all(type(value) is float for value in metrics.values())


def test_first_inputs_are_taken():
    dataset = test_set(size=200)
    found = measure(lambda x: x, dataset, inputs=80)
    assert found.inputs == 80
    small = Dataset.draw(dataset.stream, 80, dataset.start)
    assert found.metrics() == measure(lambda x: x, small).metrics()
    assert measure(lambda x: x, dataset).inputs == 200


def test_a_layer_without_numbers_has_none():
    found = measure(lambda x: {"a": np.full((len(x), 2), np.inf), "b": x}, test_set(size=50))
    assert np.isnan(found.feature.accuracy[0]).all() and np.isnan(found.rule.error[0]).all()
    assert np.isfinite(found.feature.accuracy[1]).all()


def test_bad_arguments(refuses):
    dataset = test_set(size=50)
    for argument, value, fix in (
        ("inputs", 3, "Use inputs >= 4"),
        ("batch", 0, "Use batch >= 1"),
        ("encoding", "dense", "Use one of whitened, onehot, onehot_blank, integer"),
    ):
        with refuses(argument, repr(value), fix):
            probes(lambda x: x, dataset, **{argument: value})
    with refuses("dataset", "3", "Use a test set of at least 4 points"):
        probes(lambda x: x, test_set(size=3))
    with refuses("layers", "(", "Return one row per input"):
        probes(lambda x: x[1:], dataset)


test_set.__test__ = False
