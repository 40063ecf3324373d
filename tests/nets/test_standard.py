"""The standard architectures: numbers of weights by hand, parts against loops, both modes, what is refused."""

from dataclasses import replace

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.stats import kstest

from oracles import ALARM, close
from srhm import Params
from srhm.nets import NetSpec, build
from srhm.nets.draws import Uniforms
from srhm.nets.standard import ROWS
from srhm.nets.standard.convolution import Convolution, DepthwiseConvolution
from srhm.nets.standard.modes import Evaluation, Training
from srhm.nets.standard.normalisation import BatchNorm, norms
from srhm.nets.standard.vgg import max_pool
from srhm.randomness import Key, role_key

STANDARD = tuple(row.name for row in ROWS)
PAPER = Params(n_c=10, v=10, m=10, s=2, s0=2, L=2)
SHORT = Params(n_c=3, v=3, m=2, s=2, s0=1, L=2)
KEY = Key(jnp.uint32(3), jnp.uint32(8))


def form_of(name, params=PAPER, width=None, **options):
    """The shapes of a network, without its drawing."""
    return eqx.filter_eval_shape(lambda: build(name, params, width, **options))


def trained(net):
    """How many numbers gradient descent changes."""
    statistics = sum(norm.mean.size + norm.variance.size for norm in norms(net))
    return sum(leaf.size for leaf in jax.tree.leaves(net)) - statistics


def quickly(function, *arguments):
    """Call a function compiled without optimisation, which takes half the time."""
    arrays, static = eqx.partition(arguments, eqx.is_array)
    lowered = jax.jit(lambda arrays: function(*eqx.combine(arrays, static))).lower(arrays)
    return lowered.compile(compiler_options={"xla_backend_optimization_level": 0})(arrays)


# Numbers and shapes, by hand, at the paper's 10 channels of length 36 and 10 classes


def unit(entering, leaving, kernel=3, bias=0, groups=1):
    """Weights and bias of a convolution, scale and shift of its normalisation."""
    return kernel * entering // groups * leaving + bias * leaving + 2 * leaving


def vgg_numbers(plan):
    pairs = zip((10, *plan), plan, strict=False)
    return sum(unit(a, b, bias=1) for a, b in pairs) + 512 * 10 + 10


def resnet_numbers(blocks):
    total = unit(10, 64) + 512 * 10 + 10
    for stage, (below, h) in enumerate(((64, 64), (64, 128), (128, 256), (256, 512))):
        total += unit(below, h) + (2 * blocks[stage] - 1) * unit(h, h)
        total += unit(below, h, kernel=1) if stage > 0 else 0
    return total


def efficientnet_numbers():
    total, below = unit(10, 32) + 320 * 10 + 10, 32
    stages = (
        (1, 1, 16, 3),
        (2, 6, 24, 3),
        (2, 6, 40, 5),
        (3, 6, 80, 3),
        (3, 6, 112, 5),
        (4, 6, 192, 5),
        (1, 6, 320, 3),
    )
    for count, expansion, above, kernel in stages:
        for _ in range(count):
            inner, squeezed = expansion * below, below // 4
            total += unit(below, inner, kernel=1) if expansion > 1 else 0
            total += unit(inner, inner, kernel, groups=inner) + unit(inner, above, kernel=1)
            total += (inner + 1) * squeezed + (squeezed + 1) * inner
            below = above
    return total


NUMBERS = {
    "vgg11": vgg_numbers((64, 128, 256, 256, 512, 512, 512, 512)),
    "vgg16": vgg_numbers((64, 64, 128, 128, 256, 256, 256, 512, 512, 512, 512, 512, 512)),
    "resnet18": resnet_numbers((2, 2, 2, 2)),
    "resnet34": resnet_numbers((3, 4, 6, 3)),
    "efficientnetb0": efficientnet_numbers(),
}
NODES = {"vgg11": 8, "vgg16": 13, "resnet18": 17, "resnet34": 33, "efficientnetb0": 64}
"""ReLUs, and sigmoids of the last, as published."""


@pytest.mark.parametrize("name", STANDARD)
def test_numbers_of_weights(name):
    assert trained(form_of(name)) == NUMBERS[name]


@pytest.mark.parametrize("name", STANDARD)
def test_nodes_and_named_layers(name):
    """Depth f is node int(f * count), counted from 0; the last node and the outputs follow."""
    x = jax.ShapeDtypeStruct((7, 36, 10), "float32")
    nodes, named = eqx.filter_eval_shape(
        lambda n, x: (n.nodes(x), list(n.activations(x).items())), form_of(name), x
    )
    assert len(nodes) == NODES[name]
    assert [layer for layer, _ in named] == ["depth_0.2", "depth_0.5", "depth_0.8", "last", "output"]
    places = {"vgg11": (1, 4, 6), "vgg16": (2, 6, 10), "resnet18": (3, 8, 13), "resnet34": (6, 16, 26)}
    wanted = [nodes[place] for place in places.get(name, (12, 32, 51))]
    assert [value.shape for _, value in named] == [*(node.shape for node in [*wanted, nodes[-1]]), (7, 10)]


def test_shapes_of_the_nodes():
    """36 -> 18 -> 9 -> 4 -> 2 in a VGG, 36 -> 36 -> 18 -> 9 -> 5 in a ResNet, ... -> 5 -> 3 in an EfficientNet."""
    x = jax.ShapeDtypeStruct((1, 36, 10), "float32")
    shapes = {
        name: [node.shape[1:] for node in eqx.filter_eval_shape(lambda n, x: n.nodes(x), form_of(name), x)]
        for name in ("vgg11", "resnet18", "efficientnetb0")
    }
    assert shapes["vgg11"] == [(36, 64), (18, 128)] + [(9, 256)] * 2 + [(4, 512)] * 2 + [(2, 512)] * 2
    resnet = [(36, 64)] * 5 + [(18, 128)] * 4 + [(9, 256)] * 4 + [(5, 512)] * 4
    assert shapes["resnet18"] == resnet
    lengths = [shape[0] for shape in shapes["efficientnetb0"] if len(shape) == 2]
    # A stage of stride 2 expands before it strides.
    stages = [(36, 2), (36, 1), (18, 3), (18, 1), (9, 3), (9, 1), (5, 5), (5, 6), (5, 1), (3, 7), (3, 2)]
    assert lengths == [length for length, count in stages for _ in range(count)]


@pytest.mark.parametrize("name", STANDARD)
def test_the_width_scales_all_channels(name):
    wide, narrow = (norms(form_of(name, width=width)) for width in (None, 8))
    assert NetSpec(name).on(PAPER).width == 64
    assert [one.scale.size for one in wide] == [8 * other.scale.size for other in narrow]


@pytest.mark.parametrize("name", ["vgg11", "resnet18", "efficientnetb0"])
def test_outputs_as_pytorch_computed_them(name):
    """The first three of ten, in evaluation mode: of weights 2 sin(n), n = 1, 2, ... over all arrays in order."""
    x = np.cos(np.arange(360, dtype=np.float32)).reshape(1, 36, 10).astype(np.float64)
    with jax.enable_x64(True):
        net = waves(form_of(name, width=8, dtype="float64"))
        output = quickly(lambda net, x: net(x), net, jnp.asarray(x))
    np.testing.assert_allclose(output[0, :3], OF_PYTORCH[name], rtol=1e-9)


OF_PYTORCH = {
    "vgg11": [79.31003618719, -19.766896134905537, -100.67023531028102],
    "resnet18": [175.6942223166808, 23.747763542836914, -150.03227951386853],
    "efficientnetb0": [-469.6758728771305, -495.6929171505016, -65.97217940071116],
}


def waves(form):
    first = 0

    def wave(leaf):
        nonlocal first
        first += leaf.size
        numbers = np.arange(first - leaf.size, first, dtype=np.float64) + 1
        return jnp.asarray(2 * np.sin(numbers).reshape(leaf.shape), leaf.dtype)

    def positive(part):
        return eqx.tree_at(lambda norm: norm.variance, part, 1 + part.variance**2) if is_norm(part) else part

    return jax.tree.map(positive, jax.tree.map(wave, form), is_leaf=is_norm)


def is_norm(part):
    return isinstance(part, BatchNorm)


# Their parts


@pytest.mark.parametrize(
    ("kernel", "stride", "length"), [(3, 1, 5), (3, 2, 5), (3, 2, 4), (5, 2, 3), (1, 2, 4), (3, 1, 1)]
)
def test_convolutions_against_loops(kernel, stride, length):
    random = np.random.default_rng(kernel)
    x = random.normal(size=(2, length, 3)).astype(np.float32)
    weight = random.normal(size=(kernel, 3, 4)).astype(np.float32)
    bias = random.normal(size=4).astype(np.float32)
    full = Convolution(jnp.asarray(weight.reshape(-1, 4)), jnp.asarray(bias), kernel, stride)
    each = DepthwiseConvolution(jnp.asarray(weight[:, :, 0]), stride)
    found = [np.asarray(layer(jnp.asarray(x))) for layer in (full, each)]
    positions = -(-length // stride)
    assert [one.shape for one in found] == [(2, positions, 4), (2, positions, 3)]
    for sample in range(2):
        for position in range(positions):
            sums = [bias.astype(np.float64), np.zeros(3)]
            for place in range(kernel):
                source = position * stride + place - kernel // 2
                if 0 <= source < length:
                    sums[0] = sums[0] + x[sample, source] @ weight[place]
                    sums[1] = sums[1] + x[sample, source] * weight[place, :, 0]
            for one, total in zip(found, sums, strict=True):
                np.testing.assert_allclose(one[sample, position], total, rtol=1e-5, atol=1e-5)


def test_max_pool():
    x = jnp.asarray([[[1.0, 4.0], [3.0, 2.0], [0.0, 5.0], [0.0, 6.0], [9.0, 9.0]]])
    np.testing.assert_array_equal(max_pool(x), [[[3.0, 4.0], [0.0, 6.0]]])
    cotangent = jax.grad(lambda x: max_pool(x).sum())(x)
    np.testing.assert_array_equal(cotangent[0, :, 0], [0, 1, 1, 0, 0])  # of equal ones to the first


def test_batch_normalisation_by_its_formula():
    random = np.random.default_rng(0)
    x = random.normal(2, 3, size=(4, 5, 2)).astype(np.float32)
    scale, shift, mean, variance = (random.uniform(0.5, 2, 2).astype(np.float32) for _ in range(4))
    norm = BatchNorm(*map(jnp.asarray, (scale, shift, mean, variance)))
    np.testing.assert_allclose(
        norm(jnp.asarray(x)), (x - mean) / np.sqrt(variance + 1e-5) * scale + shift, rtol=1e-5, atol=1e-6
    )
    y, seen = norm.training(jnp.asarray(x), jnp.ones(4, bool))
    rows = x.reshape(20, 2).astype(np.float64)
    expected = (x - rows.mean(0)) / np.sqrt(rows.var(0) + 1e-5) * scale + shift
    np.testing.assert_allclose(y, expected, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(seen.mean, 0.9 * mean + 0.1 * rows.mean(0), rtol=1e-5)
    np.testing.assert_allclose(seen.variance, 0.9 * variance + 0.1 * rows.var(0, ddof=1), rtol=1e-5)


def test_statistics_know_the_valid_samples_alone():
    """Whatever fills up the batch, outputs and cotangents of the valid samples and the statistics are the same."""
    random = np.random.default_rng(1)
    valid = np.array([1, 1, 0, 1, 0, 1], bool)
    x, cotangent = (random.normal(size=(6, 3, 2)).astype(np.float32) for _ in range(2))
    norm = BatchNorm.fresh(2, "float32")

    @jax.jit
    def both(x, cotangent, valid):
        def loss(x):
            y, seen = norm.training(x, valid)
            return jnp.where(valid[:, None, None], y * cotangent, 0).sum(), (y, seen.mean, seen.variance)

        (_, (y, *statistics)), cotangents = jax.value_and_grad(loss, has_aux=True)(x)
        return [y, cotangents, *statistics]

    alone = both(x[valid], cotangent[valid], np.ones(4, bool))
    for filling in (0.0, 1e3):
        filled = np.where(valid[:, None, None], x, np.float32(filling))
        y, cotangents, *statistics = both(filled, cotangent, valid)
        for found, expected in zip([y[valid], cotangents[valid], *statistics], alone, strict=True):
            np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


def test_a_single_number_has_no_variance():
    y, seen = BatchNorm.fresh(2, "float32").training(
        jnp.asarray([[[5.0, -5.0]], [[1.0, 1.0]]]), jnp.asarray([True, False])
    )
    np.testing.assert_array_equal(y[0], [[0.0, 0.0]])
    np.testing.assert_allclose(seen.mean, [0.5, -0.5], rtol=1e-6)
    np.testing.assert_allclose(seen.variance, [0.9, 0.9], rtol=1e-6)


@pytest.mark.parametrize(("axes", "rate"), [(1, 0.1), (2, 0.2)])
def test_drops(axes, rate):
    """Zero or divided by 1 - rate, as often as they should: within 4 standard errors, false-alarm rate 6e-5."""
    x = jnp.full((4000, 5), 3.0)
    mode = Training(jnp.ones(4000, bool), KEY)
    first, second = (np.asarray(mode.drop(x, rate, axes)) for _ in range(2))
    np.testing.assert_allclose(np.unique(first), [0, 3 / (1 - rate)], rtol=1e-6)
    drawn = first[:, 0] if axes == 1 else first.ravel()
    assert (first == first[:, :1]).all() == (axes == 1)
    assert close((drawn == 0).mean(), rate, (rate * (1 - rate) / drawn.size) ** 0.5)
    assert not np.array_equal(first, second)
    np.testing.assert_array_equal(Training(jnp.ones(4000, bool), KEY).drop(x, rate, axes), first)
    other = Training(jnp.ones(4000, bool), Key(KEY.first, jnp.uint32(9)))
    assert not np.array_equal(other.drop(x, rate, axes), first)
    np.testing.assert_array_equal(Evaluation().drop(x, rate, axes), x)


def test_drop_connect_grows_with_the_block():
    """0.2 b / 16 in block b, where a block is added to its input; none in the published network."""
    rates = [block.drop_rate for block in form_of("efficientnetb0").blocks]
    np.testing.assert_allclose(rates, 0.2 * np.arange(16) / 16)
    adds = [number for number, block in enumerate(form_of("efficientnetb0").blocks) if block.adds]
    assert adds == [2, 4, 6, 7, 9, 10, 12, 13, 14]
    published = form_of("efficientnetb0", variant="published").blocks
    assert {block.drop_rate for block in published} == {0.0}


def test_the_published_pool_of_a_resnet_drops_the_fifth_position():
    """Its outputs are the linear map of the mean over the first four positions of the last node."""
    x = jnp.asarray(np.random.default_rng(0).normal(size=(3, 36, 10)), jnp.float32)
    net = waves(form_of("resnet18", width=4))
    published = replace(net, variant="published")
    last, *found = quickly(lambda a, b, x: (a.nodes(x)[-1], a(x), b(x)), net, published, x)
    for output, kept in zip(found, (5, 4), strict=True):
        mean = np.asarray(last)[:, :kept].mean(axis=1)
        np.testing.assert_allclose(output, net.readout(jnp.asarray(mean)), rtol=1e-4, atol=1e-4)
    assert np.abs(found[0] - found[1]).max() > 0.1


# The whole


def test_in_evaluation_a_sample_does_not_see_the_others():
    x = jnp.asarray(np.random.default_rng(0).normal(size=(4, 36, 10)), jnp.float32)
    net = waves(form_of("vgg11", width=8))
    together = quickly(lambda net, x: net(x), net, x)
    alone = quickly(lambda net, x: jnp.concatenate([net(x[n : n + 1]) for n in (1, 3)]), net, x)
    scale = np.abs(together).max()
    np.testing.assert_allclose(alone / scale, together[jnp.asarray([1, 3])] / scale, atol=1e-4)


def test_other_lengths():
    """A VGG averages over floor(d / 32) positions, a ResNet over ceil(d / 8); any length is allowed to the others."""
    long, short = Params(n_c=2, v=3, m=2, s=2, s0=1, L=3), Params(n_c=2, v=3, m=2, s=2, s0=0, L=1)
    for name, params, last in (("vgg11", long, 4), ("resnet18", long, 8), ("resnet18", short, 1)):
        x = jax.ShapeDtypeStruct((2, params.d, 3), "float32")
        nodes = eqx.filter_eval_shape(lambda n, x: n.nodes(x), form_of(name, params, 8), x)
        assert nodes[-1].shape[1] == last
    x = jax.ShapeDtypeStruct((2, short.d, 3), "float32")
    output = eqx.filter_eval_shape(lambda n, x: n(x), form_of("efficientnetb0", short, 8), x)
    assert output.shape == (2, 2)


def test_the_first_weights_are_those_of_pytorch():
    """Uniform in +-(fan-in)^(-1/2), weights and biases alike; each array by Kolmogorov-Smirnov (5e-4 in all)."""
    net = build("vgg11", PAPER, 8, seed=1)
    convolution = net.stages[1][0].convolution
    assert convolution.kernel == 3 and convolution.weight.shape == (24, 16)
    for array, entering in (
        (net.stages[0][0].convolution.weight, 30), (convolution.weight, 24), (net.stages[4][1].convolution.bias, 192),
        (net.readout.weight, 64), (net.readout.bias, 64),
    ):  # fmt: skip
        values = np.asarray(array, np.float64).ravel() * entering**0.5
        assert kstest(values, "uniform", (-1, 2)).pvalue > ALARM
    gates = build("efficientnetb0", PAPER, 8, seed=1).blocks[-1]
    depthwise, squeeze = gates.depthwise.convolution.weight, gates.gate.squeeze.weight
    for array, entering in ((depthwise, 3), (squeeze, 144)):
        assert 0.99 < np.abs(array).max() * entering**0.5 <= 1
    for norm in norms(net):
        for array, start in ((norm.scale, 1), (norm.shift, 0), (norm.mean, 0), (norm.variance, 1)):
            np.testing.assert_array_equal(array, np.full(array.shape, start, np.float32))
    again, other = (build("vgg11", PAPER, 8, seed=seed) for seed in (1, 2))
    assert eqx.tree_equal(net, again) and not eqx.tree_equal(net, other)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_uniform_numbers_are_those_of_jax(dtype):
    with jax.enable_x64(dtype == "float64"):
        ours, key = Uniforms(role_key(3, "network"), dtype), jax.random.wrap_key_data(
            jnp.array(role_key(3, "network"), jnp.uint32), impl="threefry2x32"
        )  # fmt: skip
        least = np.nextafter(np.dtype(dtype).type(-1), np.dtype(dtype).type(0))
        for shape in ((), (7, 100), (3, 2**15)):
            key, own = jax.random.split(key)
            expected = np.asarray(jax.random.uniform(own, shape, dtype, minval=least, maxval=1))
            np.testing.assert_array_equal(ours(0.5, *shape), expected * np.dtype(dtype).type(0.5))


# What is refused

WITH_VARIANTS = "Leave it out, or use resnet18 or resnet34 or efficientnetb0"


@pytest.mark.parametrize(
    ("name", "options", "argument", "value", "fix"),
    [
        ("vgg11", {"init": "hom"}, "init", "'hom'", "Leave it out, or use cnn or lcn or fcn"),
        ("vgg11", {"bias": "none"}, "bias", "'none'", "Leave it out, or use cnn"),
        ("vgg16", {"variant": "published"}, "variant", "'published'", WITH_VARIANTS),
        ("cnn", {"variant": "published"}, "variant", "'published'", WITH_VARIANTS),
        ("resnet18", {"variant": "own"}, "variant", "'own'", "Use 'standard' or 'published'"),
        ("resnet18", {"width": 0}, "width", "0", "Use width >= 1"),
        ("efficientnetb0", {"width": 12}, "width", "12", "Use a multiple of 8"),
        ("vgg11", {"params": SHORT}, "params", repr(SHORT), "Use d = (s(s0+1))^L >= 32"),
        (
            "resnet34", {"params": SHORT, "variant": "published"}, "params", repr(SHORT),
            "Use d = (s(s0+1))^L >= 25, or variant='standard'",
        ),
    ],
)  # fmt: skip
def test_bad_arguments(refuses, name, options, argument, value, fix):
    with refuses(argument, value, fix):
        build(name, **{"params": PAPER} | options)


def test_the_checks_before_any_work_are_the_same(refuses):
    NetSpec("resnet18", options={"variant": "published"}).on(PAPER)
    with refuses("init", "'hom'", "Leave it out, or use cnn or lcn or fcn"):
        NetSpec("resnet34", options={"init": "hom"})
    with refuses("params", repr(SHORT), "Use d = (s(s0+1))^L >= 32"):
        NetSpec("vgg16").on(SHORT)
