"""One step: all data of tiny models as the oracle, training sets against their law, symmetries of the step."""

from functools import cache

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from scipy.stats import chi2

from srhm import Dataset, Grammar, Params, Stream, encode, enumerate_all, expand, split
from srhm.gradients import gradient_moments, open_gradient, overlap, population_moments, unit_products
from srhm.gradients.moments import channel_contrast, first_weight, weights
from srhm.nets import build
from srhm.theory import positions

SHALLOW = Params(n_c=2, v=2, m=2, s=2, s0=1, L=1)
DEEP = Params(n_c=2, v=2, m=2, s=2, s0=1, L=2)
WIDE = Params(n_c=3, v=3, m=3, s=2, s0=1, L=2)

ALARM = 1e-4
"""False-alarm rate of each statistical check."""


@pytest.fixture(autouse=True)
def double():
    with jax.enable_x64(True):
        yield


def network(name, params, width=4, seed=0, **options):
    return build(name, params, width, seed, dtype="float64", **options)


def opened(net):
    """The network with biases that keep every ReLU open, each layer's above what the layer below adds."""
    biases = [jnp.full_like(layer.bias, 300.0**number) for number, layer in enumerate(net.layers, start=1)]
    return eqx.tree_at(lambda net: [layer.bias for layer in net.layers], net, biases)


@cache
def all_data(params, seed=0, encoding="whitened"):
    tree = expand(Grammar(params, seed), enumerate_all(params))
    return encode(params, tree.features[0], tree.positions[0], encoding, np.float64), tree.label


def every_gradient(net, params, where, encoding="whitened"):
    """The gradient of each datum, one reverse pass for each logit: written without vmap of a loss."""
    x, label = all_data(params, encoding=encoding)
    outputs = jax.jit(lambda part: eqx.tree_at(where, net, part)(x))
    wrong = np.asarray(jax.nn.softmax(outputs(where(net)))) - np.eye(params.n_c)[label]
    slopes = jax.jit(jax.jacrev(outputs))(where(net))  # [sample, class_, ...]
    return [np.einsum("nc,nc...->n...", wrong, slope) for slope in jax.tree.leaves(slopes)], label


@pytest.mark.parametrize(
    ("name", "params"),
    [
        *(("cnn", SHALLOW), ("lcn", DEEP)),
        *(pytest.param(name, DEEP, marks=pytest.mark.long) for name in ("cnn", "fcn")),
    ],
    ids=str,
)
def test_moments_are_those_of_all_data(name, params):
    net = network(name, params)
    found = population_moments(Grammar(params), net, where=weights)
    assert found.exact and found.count == params.P_max
    x, label = all_data(params)

    def loss(net):
        return optax.softmax_cross_entropy_with_integer_labels(net(x), jnp.asarray(label)).mean()

    for mean, expected in zip(found.mean, weights(eqx.filter_jit(eqx.filter_grad(loss))(net)), strict=True):
        assert mean == pytest.approx(np.asarray(expected), abs=1e-14)
    gradients, label = every_gradient(net, params, weights)
    for one, mean, square, variance in zip(gradients, found.mean, found.square, found.variance, strict=True):
        expected = np.mean([one[label == a].var(axis=0) for a in range(params.n_c)], axis=0)
        assert variance == pytest.approx(expected, abs=1e-14)
        assert square == pytest.approx(mean**2, abs=1e-18)
    for error in found.standard_error:
        assert (error == 0).all()


def test_a_quadratic_form_has_the_same_law():
    """Products of entries summed over units, from the gradients of all data one by one."""
    net = network("lcn", DEEP)
    found = population_moments(Grammar(DEEP), net, square=unit_products)
    (one,), label = every_gradient(net, DEEP, first_weight)
    one = one - np.array([one[label == a].mean(axis=0) for a in range(DEEP.n_c)])[label]
    assert found.variance == pytest.approx(np.einsum("npeu,npfu->pef", one, one) / len(one), abs=1e-14)
    mean = found.mean
    assert found.expected_square(8) == pytest.approx(
        mean @ mean.swapaxes(1, 2) + found.variance / 8, abs=1e-14
    )


@pytest.mark.parametrize(
    ("P", "replacement"),
    [
        *((16, True), (512, False)),
        *(pytest.param(*one, marks=pytest.mark.long) for one in ((16, False), (512, True))),
    ],
)
def test_the_spread_over_training_sets(P, replacement):
    """Of three weights, over 200 training sets: about chi-square, false-alarm rate 2 ALARM each."""
    params, sets = DEEP, 200
    grammar, net = Grammar(params), network("cnn", params)
    exact = population_moments(grammar, net)
    rule = "replacement" if replacement else "permutation"
    drawn = np.array(
        [gradient_moments(net, Dataset.draw(Stream(grammar, seed, rule), P)).mean for seed in range(sets)]
    )
    for weight in [(0, 0), (3, 1), (6, 2)]:
        spread = exact.spread(P, replacement=replacement)[weight]
        statistic = drawn[:, *weight].var(ddof=1) / spread**2 * (sets - 1)
        assert ALARM < chi2.sf(statistic, sets - 1) < 1 - ALARM
        shift = (drawn[:, *weight].mean() - exact.mean[weight]) / (spread / sets**0.5)
        assert abs(shift) < 3.9  # 1e-4
    assert exact.spread(params.P_max, replacement=False).max() == 0


def test_samples_estimate_the_population():
    """Sampled squares and variances are unbiased: their means over 200 samples, 4 standard errors (6e-5 each)."""
    grammar, net = Grammar(DEEP), network("cnn", DEEP)
    exact = population_moments(grammar, net)
    drawn = [population_moments(grammar, net, 64, seed) for seed in range(200)]
    for name in ("square", "variance"):
        values = np.array([[getattr(one, name).sum(), getattr(one, name)[0, 0]] for one in drawn])
        error = values.std(axis=0, ddof=1) / len(drawn) ** 0.5
        expected = np.array([getattr(exact, name).sum(), getattr(exact, name)[0, 0]])
        assert (np.abs(values.mean(axis=0) - expected) < 4 * error).all()
    assert not drawn[0].exact
    strayed = np.array([(one.mean - exact.mean)[0, 0] / one.standard_error[0, 0] for one in drawn])
    assert 0.7 < (strayed**2).mean() < 1.4  # chi-square of 200: 4 standard deviations are 0.4


@pytest.mark.parametrize(
    "name", ["lcn", *(pytest.param(name, marks=pytest.mark.long) for name in ("cnn", "fcn"))]
)
def test_open_gates_in_closed_form(name):
    """With every ReLU open and a uniform softmax, the closed form is the gradient of all data, in every layer."""
    net = opened(network(name, WIDE))
    exact = population_moments(Grammar(WIDE), net, where=weights, uniform=True)
    closed = open_gradient(Grammar(WIDE), net, where=weights)
    for one, other in zip(exact.mean, closed, strict=True):
        assert one == pytest.approx(np.asarray(other), abs=1e-9)
        assert np.abs(one).max() > 1e-4


def class_units(params, **options):
    """An LCN with open gates and equal weights, whose unit number a is seen by unit a above, and by class a alone."""
    net = opened(network("lcn", params, params.n_c, init="hom", **options))
    upper = net.layers[1].weight
    above = jnp.broadcast_to(jnp.tile(jnp.eye(params.n_c), (params.patch, 1)), upper.shape)
    return eqx.tree_at(lambda net: (net.layers[1].weight, net.readout), net, (above, jnp.eye(params.n_c)))


def test_signal_and_noise_of_open_gates_are_those_of_the_class_statistics():
    """The paper's argument, with all constants: covariances of features at positions with the class, and blanks."""
    params = WIDE
    grammar = Grammar(params)
    found = population_moments(grammar, class_units(params, encoding="onehot"), uniform=True)
    noise, signal = (one.sum(axis=-1).reshape(params.d, params.v) for one in (found.variance, found.square))
    statistics = positions(grammar)
    given, n_c = statistics.given_class[..., : params.v], params.n_c
    within = (1 - 1 / n_c) * (given.mean(axis=1) - (given**2).mean(axis=1))
    signals = (statistics.covariance[..., : params.v] ** 2).sum(axis=1)
    seen = signals > 1e-12
    assert seen.any()
    assert (noise[seen] / signal[seen]) == pytest.approx(within[seen] / signals[seen], rel=1e-6)
    # Beside the variance between classes that is the P at which the correlation is visible.
    between = (1 - 1 / n_c) * (given**2).mean(axis=1) / np.where(seen, signals, 1)
    visible = statistics.visible_P[:, : params.v]
    assert (noise[seen] / signal[seen] + between[seen]) == pytest.approx(visible[seen], rel=1e-6)


@pytest.mark.parametrize("sparsity", ["A", "B"])
def test_equal_weights_and_open_gates_leave_places_alike(sparsity):
    """Of sparsity A: the step is the same at all places of a sub-patch, and a shift changes no response."""
    params = Params(n_c=2, v=3, m=2, s=2, s0=1, L=2, sparsity=sparsity)
    grammar, net = Grammar(params), class_units(params, encoding="onehot")
    mean = population_moments(grammar, net, uniform=True).mean
    places = mean.reshape(-1, params.s0 + 1, params.v, params.n_c)
    alike = np.ptp(places, axis=1).max() < 1e-10 * np.abs(places).max()
    seen = overlap(grammar, net, unit_products(mean))
    assert alike == (sparsity == "A") == (seen.shift == pytest.approx(1))
    assert alike == (seen.both == pytest.approx(seen.synonym))


def test_names_of_features_do_not_matter():
    """Renaming the input's features and the channels of the weights renames the step."""
    grammar, net, names = Grammar(WIDE), network("cnn", WIDE), np.array([2, 0, 1])
    other = Grammar.from_rules(WIDE, [names[grammar.rules[0]], grammar.rules[1]])
    by_channel = first_weight(net).reshape(WIDE.patch, WIDE.v, -1)
    renamed = jnp.zeros_like(by_channel).at[:, names].set(by_channel).reshape(first_weight(net).shape)
    before = population_moments(grammar, net)
    after = population_moments(other, eqx.tree_at(first_weight, net, renamed))
    for name in ("mean", "variance"):
        one, two = (getattr(x, name).reshape(WIDE.patch, WIDE.v, -1) for x in (before, after))
        assert two[:, names] == pytest.approx(one, abs=1e-15)


def responses_by_hand(grammar, weight, place):
    """The response to every tuple, [parent, choice, unit], its children at given places of their sub-patches."""
    params = grammar.params
    blank = -((params.v - 1) ** -0.5)
    found = np.zeros((params.v, params.m, weight.shape[-1]))
    for parent, choice in np.ndindex(params.v, params.m):
        x = np.full((params.patch, params.v), blank)
        for child, feature in enumerate(grammar.rules[0][parent, choice]):
            x[child * (params.s0 + 1) + place[child], feature] = 1
        found[parent, choice] = x.ravel() @ weight
    return found - found.mean(axis=(0, 1))


def test_overlaps_are_those_of_the_responses():
    grammar, net, params = Grammar(WIDE), network("cnn", WIDE), WIDE
    weight = population_moments(grammar, net).mean
    here = [responses_by_hand(grammar, weight, place) for place in np.ndindex(2, 2)]
    scale = np.mean([(r**2).sum(axis=-1).mean() for r in here])
    pairs = [
        (a == b, c == d, p == q, here[p][a, c] @ here[q][b, d])
        for p, q in np.ndindex(4, 4)
        for a, b in np.ndindex(params.v, params.v)
        for c, d in np.ndindex(params.m, params.m)
    ]

    def mean(parent, choice, place):
        kinds = [x for a, c, p, x in pairs if (a, p) == (parent, place) and (c == choice or choice is None)]
        return pytest.approx(np.mean(kinds) / scale)

    found = overlap(grammar, net, unit_products(weight))
    assert found.synonym == mean(True, False, True) and found.shift == mean(True, True, False)
    assert found.both == mean(True, False, False) and found.other == mean(False, None, True)
    moments = population_moments(grammar, net, square=unit_products)
    assert overlap(grammar, net, moments.square).shift == pytest.approx(found.shift)


def test_products_of_training_sets():
    """Mean products over 200 sets of 30 points against the law: 4 standard errors (6e-5 each of 4)."""
    grammar, net, P = Grammar(WIDE), network("cnn", WIDE), 30
    expected = population_moments(grammar, net, square=unit_products).expected_square(P)
    steps = [
        gradient_moments(net, Dataset.draw(Stream(grammar, seed, "replacement"), P)).mean
        for seed in range(200)
    ]
    drawn = np.array([unit_products(step) for step in steps])
    error = drawn.std(axis=0, ddof=1) / len(drawn) ** 0.5
    for place in ((0, 0), (0, 1), (2, 6), (4, 7)):
        assert abs(drawn.mean(axis=0)[place] - expected[place]) < 4 * error[place]


def test_places_that_are_summed_shift_nothing():
    params = WIDE
    net = network("cnn", params, shared_layers=(1,))
    found = overlap(Grammar(params), net, unit_products(np.asarray(first_weight(net))))
    assert found.shift == pytest.approx(1) and found.both == pytest.approx(found.synonym)
    assert np.isnan(overlap(Grammar(Params(2, 2, 2, 2, 0, 2)), network("cnn", Params(2, 2, 2, 2, 0, 2)),
                            np.eye(4)).shift)  # fmt: skip


def test_blanks_move_no_contrast_of_channels():
    """The whitened encoding differs from one-hot by what all channels share, and by a factor."""
    grammar, square = Grammar(WIDE), channel_contrast(WIDE.v)
    whitened, onehot = (
        population_moments(grammar, class_units(WIDE, encoding=encoding), square=square, uniform=True)
        for encoding in ("whitened", "onehot")
    )
    factor = (1 + (WIDE.v - 1) ** -0.5) ** 2
    assert whitened.square == pytest.approx(factor * onehot.square, abs=1e-9 * onehot.square.max())
    assert whitened.variance == pytest.approx(factor * onehot.variance)


def test_arguments_are_checked(refuses):
    grammar, net = Grammar(WIDE), network("cnn", WIDE)
    with refuses("data", 7, "Take equally many of each class"):
        population_moments(grammar, net, 7)
    skewed = split(Grammar(WIDE, class_weights=[4, 1, 1]), 9, 3).train
    with refuses("data", 9, "Take equally many of each class"):
        gradient_moments(net, skewed)
    with refuses("encoding", "'integer'", "Use a dense one for a network"):
        population_moments(grammar, lambda x: x, 9, encoding="integer")
    huge = Params(n_c=8, v=8, m=8, s=2, s0=2, L=3)
    with refuses("samples", None, "Give a number of samples"):
        population_moments(Grammar(huge), net)
    with refuses("P", 0, "Use P >= 1"):
        population_moments(grammar, net, 9).spread(0)
    with refuses("net", "'FullConnection'", "Use a CNN or LCN"):
        overlap(grammar, network("fcn", WIDE), np.eye(2))
    with refuses("m", 1, "Use m >= 2"):
        overlap(Grammar(Params(2, 2, 1, 2, 1, 2)), network("cnn", Params(2, 2, 1, 2, 1, 2)), np.eye(8))


def test_one_datum_a_class_has_no_variance():
    found = population_moments(Grammar(WIDE), network("cnn", WIDE), WIDE.n_c)
    assert np.isnan(found.variance).all() and np.isfinite(found.mean).all()
