"""Sensitivities: functions that are exactly invariant, functions of known law, and brute force over pairs."""

import subprocess
import sys
from dataclasses import replace
from itertools import product

import jax.numpy as jnp
import numpy as np
import pytest

from layer_maps import of_any_shape
from srhm import (
    ArgumentError,
    Dataset,
    Derivation,
    Grammar,
    MissingExtraError,
    Params,
    Stream,
    diffeomorphism,
    encode,
    exchange_synonyms,
    expand,
    parse,
    rank,
    split,
)
from srhm.measure.clustering import clusters
from srhm.measure.layers import activations
from srhm.measure.probing import probes
from srhm.measure.sensitivity import Sensitivities, sensitivities
from srhm.measure.sensitivity import test_error as error_of
from srhm.nets import build

PARAMS = Params(n_c=3, v=3, m=2, s=2, s0=1, L=2)  # 1536 data
SPARSITY_B = Params(n_c=3, v=3, m=2, s=2, s0=1, L=2, sparsity="B")
DENSE = Params(n_c=3, v=3, m=3, s=2, s0=0, L=2)


def test_set(params=PARAMS, size=400, seed=0):
    return split(Grammar(params, seed=3), 1, size, seed).test


def features_of(x):
    """The integers behind one-hot inputs: the feature at each position, -1 where it is blank."""
    x = np.asarray(x)
    return np.where(x.any(axis=-1), x.argmax(axis=-1), -1)


def onehot(values, size):
    return np.eye(size)[np.asarray(values)].reshape(len(values), -1)


def measure(layers, dataset, **options):
    return sensitivities(of_any_shape(layers), dataset, encoding="onehot", **options)


def looks_at(dataset, what):
    """A function of the derivation that it parses from its inputs."""
    grammar = dataset.stream.grammar
    return lambda x: what(grammar, parse(grammar, features_of(x)))


# Exact invariance


INVARIANT = {
    # function: the transformations (letter, level) that leave it as it is, and those that do not
    "label": (lambda g, d: onehot(d.label, 3), {"S1", "S2", "D1", "D2"}),
    "features in order": (lambda g, d: onehot(expand(g, d).features[0], 3), {"D1", "D2"}),
    "positions": (lambda g, d: expand(g, d).positions[0], {"S1", "S2"}),
    "level-2 features": (lambda g, d: onehot(expand(g, d).features[1], 3), {"S1", "D1", "D2"}),
    "level-2 positions": (lambda g, d: expand(g, d).positions[1], {"S1", "S2", "D1"}),
    "level-1 rules": (lambda g, d: onehot(d.rules[0], 2), {"S2", "D1", "D2"}),
    "level-2 rules": (lambda g, d: onehot(d.rules[1], 2), {"S1", "D1", "D2"}),
    "level-1 placements": (lambda g, d: onehot(d.placements[0], 4), {"S1", "S2", "D2"}),
    "level-2 placements": (lambda g, d: onehot(d.placements[1], 4), {"S1", "S2", "D1"}),
}


@pytest.mark.parametrize("name", INVARIANT)
def test_invariant_functions_are_exactly_insensitive(name):
    dataset = test_set()
    what, invariant = INVARIANT[name]
    found = measure(looks_at(dataset, what), dataset)
    for letter, level in product("SD", (1, 2)):
        value = getattr(found, letter)[0, level - 1]
        error = getattr(found, letter + "_error")[0, level - 1]
        if f"{letter}{level}" in invariant:
            assert value == error == 0, (letter, level)
        else:
            assert value > 10 * error > 0, (letter, level)


@pytest.mark.parametrize("params", [PARAMS, SPARSITY_B])
def test_bags_of_features_do_not_see_shifts(params):
    """The number of times each feature occurs: no diffeomorphism changes it, an exchange of synonyms does."""
    dataset = test_set(params)
    found = measure(lambda x: np.asarray(x).sum(axis=1), dataset)
    np.testing.assert_array_equal(found.D, 0)
    np.testing.assert_array_equal(found.D_error, 0)
    assert (found.S > 0).all()


def test_cumulative_transformations():
    """Level 2 stands for levels 1 and 2: what p_2 alone leaves, the cumulative p_2 changes as p_1 does."""
    dataset = test_set()
    for name in ("level-1 rules", "level-1 placements"):
        layers = looks_at(dataset, INVARIANT[name][0])
        letter = "S" if "rules" in name else "D"
        alone = getattr(measure(layers, dataset), letter)[0]
        both = getattr(measure(layers, dataset, cumulative=True), letter)[0]
        assert alone[1] == 0 and both[0] == alone[0]
        assert both[1] == both[0]  # the same words are drawn for level 1
    for what in ("label", "positions"):
        assert (measure(looks_at(dataset, INVARIANT[what][0]), dataset, cumulative=True).S == 0).all()


# A function that tells all inputs apart


def chance_of_change(params, part, level, cumulative):
    """Probability that re-drawn choices change the leaves, counted over all new choices of a few data."""
    grammar = Grammar(params, seed=3)
    first = 1 if cumulative else level
    old = Stream(grammar, 0, "replacement").take(0, 5)
    nodes = [params.level(redrawn).nodes for redrawn in range(first, level + 1)]
    bound = params.m if part == "rules" else params.placements
    changed = total = 0
    for row in range(5):
        one = Derivation(
            *(
                value[row : row + 1]
                if not isinstance(value, tuple)
                else tuple(v[row : row + 1] for v in value)
                for value in old
            )
        )
        before = expand(grammar, one)
        for choices in product(range(bound), repeat=sum(nodes)):
            parts, rest = list(getattr(one, part)), np.array(choices)
            for redrawn, count in zip(range(first, level + 1), nodes, strict=True):
                parts[redrawn - 1], rest = rest[None, :count], rest[count:]
            after = expand(grammar, one._replace(**{part: tuple(parts)}))
            same = (before.features[0] == after.features[0]).all()
            same &= (before.positions[0] == after.positions[0]).all()
            changed, total = changed + (not same), total + 1
    return changed / total


@pytest.mark.parametrize("cumulative", [False, True])
@pytest.mark.parametrize("params", [PARAMS, SPARSITY_B])
def test_a_hash_of_the_input_gives_the_chance_that_it_changes(params, cumulative):
    """An orthogonal vector for each datum: |f(x) - f(y)|^2 = 2 if x and y differ, and test data all differ.

    So S is the fraction of inputs that change: within 4 standard errors of the enumerated probability
    (false-alarm rate 6e-5 each, 16 of them), and the jackknife gives that standard error.
    """
    dataset, N = test_set(params, 1000), 1000
    layers = looks_at(dataset, lambda g, d: onehot(rank(params, d), params.P_max))
    found = measure(layers, dataset, cumulative=cumulative, seed=4)
    for letter, part in (("S", "rules"), ("D", "placements")):
        for level in (1, 2):
            value = getattr(found, letter)[0, level - 1]
            chance = chance_of_change(params, part, level, cumulative)
            assert abs(value - chance) < 4 * np.sqrt(chance * (1 - chance) / N), (letter, level)
            assert abs(value * N - round(value * N)) < 1e-6
            binomial = np.sqrt(value * (1 - value) / (N - 1))
            assert abs(getattr(found, letter + "_error")[0, level - 1] / binomial - 1) < 1e-6


def test_repeated_data_shrink_the_denominator():
    """Draws with replacement: two inputs are equal with probability 1/P_max, and then at distance 0."""
    grammar = Grammar(PARAMS, seed=3)
    dataset = Dataset.draw(Stream(grammar, 5, "replacement"), 1000)
    layers = looks_at(dataset, lambda g, d: onehot(rank(PARAMS, d), PARAMS.P_max))
    found = measure(layers, dataset)
    _, times = np.unique(rank(PARAMS, dataset.derivation()), return_counts=True)
    distinct = 1 - (times * (times - 1)).sum() / (1000 * 999)
    changed = rank(PARAMS, exchange_synonyms(PARAMS, dataset.derivation(), 1))
    fraction = (changed != rank(PARAMS, dataset.derivation())).mean()
    assert abs(found.S[0, 0] - fraction / distinct) < 1e-12
    assert abs((1 - distinct) / (1 / PARAMS.P_max) - 1) < 0.3


# Brute force


def squared(first, second):
    return ((np.asarray(first, np.float64) - np.asarray(second, np.float64)) ** 2).sum()


def brute_force(f, f_changed, rows):
    """Mean of |f(x) - f(p x)|^2 over the mean over all ordered pairs of distinct rows of |f(x) - f(z)|^2."""
    change = np.mean([squared(f[row], f_changed[row]) for row in rows])
    return change / np.mean([squared(f[i], f[j]) for i in rows for j in rows if i != j])


@pytest.fixture(scope="module")
def net():
    return build("cnn", PARAMS, 6, seed=0)


@pytest.mark.parametrize("cumulative", [False, True])
def test_values_and_jackknife_against_all_pairs(net, cumulative):
    N, dataset = 12, test_set()
    layers = activations(net)
    found = sensitivities(layers, dataset, inputs=N, seed=9, cumulative=cumulative, batch=N)
    grammar, original = dataset.stream.grammar, dataset.derivation(0, N)

    def seen(derivation):
        tree = expand(grammar, derivation)
        found = layers(encode(PARAMS, tree.features[0], tree.positions[0]))
        return {
            layer: np.asarray(values) for layer, values in found.items()
        }  # rows are quick to take from these

    before = seen(original)
    assert found.layers == ("layer_1", "layer_2", "output") and found.inputs == N
    for letter, transform in (("S", exchange_synonyms), ("D", diffeomorphism)):
        for level in (1, 2):
            after = seen(transform(PARAMS, original, level, 9, cumulative=cumulative))
            for k, layer in enumerate(found.layers):
                f, g = before[layer], after[layer]
                value = brute_force(f, g, range(N))
                without = np.array([brute_force(f, g, [j for j in range(N) if j != i]) for i in range(N)])
                error = np.sqrt((N - 1) / N * ((without - without.mean()) ** 2).sum())
                np.testing.assert_allclose(getattr(found, letter)[k, level - 1], value, rtol=1e-12)
                np.testing.assert_allclose(getattr(found, letter + "_error")[k, level - 1], error, rtol=1e-9)


def test_the_batch_does_not_matter(net):
    """The activations agree to float32 rounding, whatever shape was compiled; the sums are in float64."""
    dataset = test_set()
    layers = activations(net)
    expected = sensitivities(layers, dataset, inputs=30, batch=30)
    for batch in (1, 7, 1000):
        found = sensitivities(layers, dataset, inputs=30, batch=batch)
        for name in ("S", "S_error", "D", "D_error"):
            np.testing.assert_allclose(getattr(found, name), getattr(expected, name), rtol=1e-4)


def test_a_large_mean_does_not_matter():
    """Adding a constant to the activations changes nothing, even one that is huge."""
    dataset = test_set()
    plain = measure(lambda x: np.asarray(x, np.float64).cumsum(axis=1), dataset)
    far = measure(lambda x: np.asarray(x, np.float64).cumsum(axis=1) + 2.0**30, dataset)
    np.testing.assert_allclose(far.S, plain.S, rtol=1e-9)
    np.testing.assert_allclose(far.D_error, plain.D_error, rtol=1e-6)


def test_scale_does_not_matter():
    dataset = test_set()
    plain, scaled = (measure(lambda x, a=a: a * np.asarray(x), dataset) for a in (1.0, -1e-6))
    np.testing.assert_allclose(scaled.S, plain.S, rtol=1e-5)


# What is returned


def test_layers_of_a_mapping_keep_their_order():
    dataset = test_set()

    def layers(x):
        return {"z": x, "a": 2 * x[:, :3], "output": x.sum(axis=1)}

    found = measure(layers, dataset, inputs=50)
    assert found.layers == ("z", "a", "output")
    assert found.S.shape == found.S_error.shape == found.D.shape == found.D_error.shape == (3, 2)
    for k, one in enumerate((lambda x: x, lambda x: x[:, :3], lambda x: x.sum(axis=1))):
        alone = measure(one, dataset, inputs=50)
        assert alone.layers == ("layer",)
        np.testing.assert_allclose(found.S[k], alone.S[0], rtol=1e-12)


class _Deep:
    """A network of 11 layers, of which layer k sees the first 12 - k positions."""

    def activations(self, x):
        seen = {f"layer_{k}": x[:, : 12 - k] for k in range(1, 12)}
        return {**seen, "output": x[:, 0]}


def test_layers_of_a_deep_network_keep_their_order():
    """Sorted by name, layer_10 would come before layer_2."""
    x = jnp.ones((2, PARAMS.d, 3))
    seen = activations(_Deep())(x)
    assert list(seen) == [f"layer_{k}" for k in range(1, 12)] + ["output"]
    assert [value.shape[1] for value in seen.values()] == [*range(11, 0, -1), 3]


def test_activations_of_a_network(net):
    x = test_set().encode()[:5]
    seen, expected = activations(net)(x), net.activations(x)
    assert list(seen) == list(expected)
    for layer in expected:
        np.testing.assert_allclose(seen[layer], expected[layer], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", [pytest.param("cnn", marks=pytest.mark.long), "lcn", "fcn"])
@pytest.mark.parametrize(
    "params",
    [
        PARAMS,
        DENSE,
        *(pytest.param(one, marks=pytest.mark.long) for one in (SPARSITY_B, replace(PARAMS, L=3))),
    ],
)
def test_a_network_is_measured_as_the_map_that_it_is(name, params):
    """From distinct sub-trees for CNN and LCN; the sums are in another order and in single precision."""
    one, data = build(name, params, width=7, seed=1), test_set(params, min(400, params.P_max - 1))
    for cumulative in (False, True):
        found = sensitivities(one, data, inputs=60, cumulative=cumulative)
        expected = sensitivities(activations(one), data, inputs=60, cumulative=cumulative)
        assert found.layers == expected.layers
        for part in ("S", "S_error", "D", "D_error"):
            values, wanted = getattr(found, part), getattr(expected, part)
            assert (values is None) == (wanted is None) == (part[0] == "D" and params.s0 == 0)
            if wanted is not None:
                np.testing.assert_allclose(values, wanted, rtol=2e-4, atol=1e-6)


def test_names_of_metrics(net):
    found = sensitivities(activations(net), test_set(), inputs=20)
    metrics = found.metrics()
    assert set(metrics) == {
        f"{letter}_{k}{level}{suffix}"
        for letter, k, level, suffix in product("SD", (1, 2, 3), (1, 2), ("", "_error"))
    }
    assert metrics["S_21"] == found.S[1, 0]
    assert metrics["D_32"] == found.D[2, 1]
    assert metrics["D_12_error"] == found.D_error[0, 1]
    assert all(type(value) is float for value in metrics.values())


def test_without_blanks_nothing_is_said_of_shifts():
    found = measure(lambda x: x, test_set(DENSE, 40))
    assert found.D is None and found.D_error is None
    assert set(found.metrics()) == {"S_11", "S_11_error", "S_12", "S_12_error"}


def test_a_constant_layer_has_no_sensitivity():
    found = measure(lambda x: np.ones((len(x), 2)), test_set(), inputs=20)
    assert np.isnan(found.S).all() and np.isnan(found.D_error).all()


class _Tensor:
    """What NumPy can turn into an array, as a tensor of another library is."""

    def __init__(self, values):
        self.values = values

    def __array__(self, dtype=None, copy=None):
        return np.asarray(self.values, dtype)


def test_any_callable_will_do():
    dataset = test_set()
    expected = measure(lambda x: np.asarray(x).sum(axis=1), dataset)
    for layers in (
        lambda x: _Tensor(x.sum(axis=1)),
        lambda x: jnp.asarray(x).sum(axis=1),
        lambda x: x.sum(axis=1).astype(np.float16),
        lambda x: {"output": x.sum(axis=1).tolist()},
    ):
        np.testing.assert_allclose(measure(layers, dataset).S, expected.S, rtol=1e-12)


def test_encoding_and_type_of_the_inputs():
    dataset = test_set()
    shapes = {"whitened": (3,), "onehot": (3,), "onehot_blank": (4,), "integer": ()}
    for encoding, channels in shapes.items():
        seen = []
        sensitivities(
            lambda x, seen=seen: {"input": seen.append(x) or x},
            dataset,
            inputs=10,
            batch=4,
            encoding=encoding,
            dtype=np.float64,
        )
        assert {x.shape[1:] for x in seen} == {(PARAMS.d, *channels)}
        assert {x.dtype for x in seen} == {np.dtype(np.float64)}
        assert {len(x) for x in seen} == {4, 2}
        np.testing.assert_array_equal(seen[0], dataset.encode(encoding, np.float64)[:4])


def test_the_seed_and_the_number_of_inputs():
    dataset = test_set(size=50)
    same = [measure(lambda x: x, dataset, seed=seed) for seed in (0, 0, 1)]
    assert same[0].metrics() == same[1].metrics() != same[2].metrics()
    assert same[0].inputs == 50  # the whole set, since it is smaller than 1000
    first = measure(lambda x: x, dataset, inputs=20)
    assert first.inputs == 20
    small = Dataset.draw(dataset.stream, 20, dataset.start)
    assert first.metrics() == measure(lambda x: x, small).metrics()


def test_no_other_library_is_loaded():
    code = (
        "import sys, srhm.measure.sensitivity; sys.exit('torch' in sys.modules or 'sklearn' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_results_are_plain_numbers():
    found = measure(lambda x: x, test_set(), inputs=20)
    assert isinstance(found, Sensitivities) and found.cumulative is False
    assert found.S.dtype == np.float64


def test_as_a_data_frame(net, monkeypatch):
    found = sensitivities(activations(net), test_set(), inputs=20)
    frame = found.to_pandas()
    assert list(frame.columns) == ["layer", "level", "kind", "value", "error"]
    assert len(frame) == 2 * found.S.size and frame["level"].dtype == np.int64
    for letter in ("S", "D"):
        for quantity, values in (
            ("value", getattr(found, letter)),
            ("error", getattr(found, f"{letter}_error")),
        ):
            table = frame[frame["kind"] == letter].pivot(index="layer", columns="level", values=quantity)
            np.testing.assert_array_equal(table.loc[list(found.layers)], values)
    dense = sensitivities(of_any_shape(lambda x: x), test_set(DENSE, size=60), inputs=20).to_pandas()
    assert set(dense["kind"]) == {"S"}
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(MissingExtraError, match=r"pandas is not installed\..*table"):
        found.to_pandas()


# Bad arguments


def test_bad_arguments(refuses):
    dataset = test_set()
    for argument, value, fix in (
        ("inputs", 2, "Use inputs >= 3"),
        ("inputs", 10.0, "Give inputs as an int"),
        ("batch", 0, "Use batch >= 1"),
        ("seed", -1, "Use seed >= 0"),
        ("encoding", "dense", "Use one of whitened, onehot, onehot_blank, integer"),
    ):
        with refuses(argument, repr(value), fix):
            sensitivities(lambda x: x, dataset, **{argument: value})
    with refuses("dataset", "2", "Use a test set of at least 3 points"):
        measure(lambda x: x, test_set(size=2))


@pytest.mark.parametrize(
    "layers", [lambda x: x.sum(), lambda x: x[1:], lambda x: {"a": x, "b": x.mean(axis=0)}]
)
def test_maps_that_lose_the_inputs(refuses, layers):
    dataset = test_set()
    with refuses("layers", "(", "Return one row per input"):
        measure(layers, dataset, inputs=20)


# The test error


@pytest.mark.parametrize("batch", [1, 7, 300, 1000])
def test_errors_of_known_predictors(batch):
    dataset = test_set(size=300)
    parsed = looks_at(dataset, lambda g, d: d.label)
    options = {"encoding": "onehot", "batch": batch}
    assert error_of(parsed, dataset, **options) == 0  # class numbers
    assert error_of(lambda x: onehot(parsed(x), 3), dataset, **options) == 0  # outputs
    assert error_of(lambda x: -onehot(parsed(x), 3) * [3, 2, 1], dataset, **options) == 1
    for class_ in range(3):  # classes are balanced
        assert error_of(lambda x, c=class_: np.full(len(x), c), dataset, **options) == 2 / 3
    wrong = (parsed(dataset.encode("onehot")) != (np.arange(300) % 3)).mean()
    if batch >= 300:
        assert error_of(lambda x: np.arange(len(x)) % 3, dataset, **options) == wrong


def test_error_of_a_network(net):
    dataset = test_set()
    outputs = np.asarray(net(dataset.encode()))
    assert error_of(net, dataset, batch=len(dataset)) == (outputs.argmax(axis=1) != dataset.labels).mean()


def scores(x, columns, kind=np.float64):
    return np.zeros((len(x), columns), kind)


@pytest.mark.parametrize(
    ("predict", "value", "fix"),
    [
        (lambda x: x, "(400, 16, 3)", "(400, 3), or class numbers [sample]"),
        (lambda x: 1, "()", "(400, 3), or class numbers [sample]"),
        (lambda x: scores(x, 1), "(400, 1)", "(400, 3), or class numbers [sample]"),
        (lambda x: scores(x, 7), "(400, 7)", "(400, 3), or class numbers [sample]"),
        (lambda x: scores(x[1:], 3), "(399, 3)", "(400, 3), or class numbers [sample]"),
        (lambda x: scores(x, 3, complex), "'complex128'", "Return real numbers"),
        (lambda x: np.zeros(3), "(3,)", "Return one class number per input"),
        (lambda x: 1 + np.arange(len(x)) % 3, "3", "0 to 2, or one score per class, (400, 3)"),
        (lambda x: np.arange(len(x)) % 3 - 1, "-1", "0 to 2, or one score per class, (400, 3)"),
        (lambda x: np.full(len(x), 0.5), "0.5", "0 to 2, or one score per class, (400, 3)"),
        (lambda x: np.full(len(x), "a"), "'<U1'", "Return real numbers"),
        (lambda x: np.ones(len(x), bool), "'bool'", "Return integers from 0 to 2"),
        (lambda x: [None] * len(x), "'object'", "Return real numbers"),
        (lambda x: [[1, 2], [3]], "'list'", "Return an array of numbers"),
    ],
)
def test_what_cannot_be_classes_or_their_scores(predict, value, fix):
    dataset = test_set()
    with pytest.raises(ArgumentError) as caught:
        error_of(predict, dataset)
    message = str(caught.value)
    assert message.startswith(f"predict = {value} ") and message.endswith(f"{fix}."), message
    shape = np.shape(predict(dataset.encode())) if value != "'list'" else ()
    if len(shape) > 1 and value != "'complex128'":
        assert "400 inputs of n_c = 3 classes" in message


@pytest.mark.parametrize("measured", [sensitivities, probes, clusters])
def test_an_output_is_the_scores_of_the_classes(refuses, measured):
    dataset = test_set(size=20)
    for columns in (1, 7):
        x = dataset.encode("integer")
        count = len(x) if measured is not clusters else 6  # two tuples of each of three parents
        fix = f'({count}, 3), or give what is not the output another name, as in {{"features": ...}}'
        for layers in (
            lambda x, n=columns: scores(x, n),
            lambda x, n=columns: [np.asarray(x), scores(x, n)],
            lambda x, n=columns: {"output": scores(x, n), "layer": np.asarray(x)},
        ):
            with refuses("layers", f"({count}, {columns})", f"Return one score per class, {fix}"):
                measured(layers, dataset)
    assert measured(lambda x: {"features": scores(x, 7)}, dataset).layers == ("features",)
    with refuses("layers", f"({count},)", f"Return one score per class, {fix}"):
        measured(lambda x: np.zeros(len(x), int), dataset)  # class numbers have no distances


def test_a_network_of_another_number_of_classes(refuses):
    dataset, fix = test_set(), "Return one score per class, (400, 3)"
    other = build("cnn", Params(n_c=2, v=3, m=1, s=2, s0=1, L=2), 4)
    with refuses("predict", "(400, 2)", f"{fix}, or class numbers [sample]"):
        error_of(other, dataset)
    with refuses("network", "(400, 2)", fix):
        sensitivities(other, dataset)


def test_a_network_that_diverged_has_no_error():
    """One that is nan anywhere is not taken for one that guesses."""
    dataset = test_set()
    broken = np.zeros((400, 3))
    broken[399, 2] = np.nan
    for predict in (lambda x: broken, lambda x: np.full(len(x), np.nan), lambda x: [np.nan] * len(x)):
        assert np.isnan(error_of(predict, dataset))
    assert error_of(lambda x: np.full((len(x), 3), [0, -np.inf, -1]), dataset) == 1 - np.mean(
        dataset.labels == 0
    )
    found = sensitivities(lambda x: broken[: len(x)], dataset, batch=400)
    assert np.isnan(found.S).all()


def test_the_size_of_a_batch_of_predictions(refuses):
    dataset = test_set()
    with refuses("batch", "0", "Use batch >= 1"):
        error_of(lambda x: np.zeros(len(x)), dataset, batch=0)


test_set.__test__ = False
