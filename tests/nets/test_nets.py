"""The networks: shapes, laws of the weights, outputs against loops, and what the families have in common."""

from itertools import product

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.stats import kstest

from oracles import ALARM, close
from srhm import Grammar, Params, Stream, expand, split
from srhm.errors import ArgumentError
from srhm.model.encoding import channels, encode
from srhm.nets import FAMILIES, NetSpec, build
from srhm.nets.active import Leaves
from srhm.nets.draws import Normals
from srhm.nets.lcn import shared_filters
from srhm.randomness import Key

NETS = ("cnn", "lcn", "fcn")
SMALL = Params(n_c=3, v=3, m=2, s=2, s0=1, L=2)


def model(s=2, s0=1, L=2, v=2):
    return Params(n_c=3, v=v, m=1, s=s, s0=s0, L=L)


def positions_of(params):
    """Positions after each layer: d / p^k."""
    return [params.d // params.patch**layer for layer in range(1, params.L + 1)]


def leaves(net):
    return jax.tree.leaves(eqx.filter(net, eqx.is_array))


def form_of(name, *arguments, **options):
    """The shapes of a network, without its drawing."""
    return eqx.filter_eval_shape(lambda: build(name, *arguments, **options))


def filled(name, params, width, seed=0, **options):
    """A network as it is built, its weights drawn by NumPy: nothing to compile."""
    random = np.random.default_rng(seed)
    form = form_of(name, params, width, **options)
    return jax.tree.map(lambda leaf: jax.device_put(random.normal(size=leaf.shape).astype(leaf.dtype)), form)


def inputs(params, count, seed=0, encoding="whitened"):
    grammar = Grammar(params, seed)
    tree = expand(grammar, Stream(grammar, seed, "replacement").take(0, count))
    return encode(params, tree.features[0], tree.positions[0], encoding)


forward = eqx.filter_jit(lambda net, x: net.activations(x))


# Shapes and numbers


@pytest.mark.parametrize("L", [1, 2, 3])
@pytest.mark.parametrize("s", [2, 3])
@pytest.mark.parametrize("s0", [0, 1])
def test_shapes(s, s0, L):
    params, h, C = model(s, s0, L), 5, 2
    p, positions = params.patch, positions_of(params)
    entering = [C] + [h] * (L - 1)
    before = [params.d, *positions[:-1]]
    expected = {
        "cnn": [((p * c, h), (q, h)) for c, q in zip(entering, positions, strict=True)],
        "lcn": [((q, p * c, h), (q, h)) for c, q in zip(entering, positions, strict=True)],
        "fcn": [((b * c, h * q), (h * q,)) for c, b, q in zip(entering, before, positions, strict=True)],
    }
    for name in NETS:
        net = form_of(name, params, h)
        assert [(layer.weight.shape, layer.bias.shape) for layer in net.layers] == expected[name], name
        assert net.readout.shape == (h, 3)
        assert {leaf.dtype for leaf in jax.tree.leaves(net)} == {jnp.dtype("float32")}
        x = jax.ShapeDtypeStruct((7, params.d, C), "float32")
        seen = eqx.filter_eval_shape(lambda net, x: tuple(net.activations(x).items()), net, x)
        assert [key for key, _ in seen] == [f"layer_{k}" for k in range(1, L + 1)] + ["output"]
        shapes = [value.shape for _, value in seen]
        hidden = [(7, 1, h * q) if name == "fcn" else (7, q, h) for q in positions]
        assert shapes == [*hidden, (7, 3)]


def test_number_of_weights_of_the_published_networks():
    """LCN and FCN have one unit for each of the CNN's activations, d/p^k times h in layer k."""
    params = Params(n_c=8, v=8, m=8, s=2, s0=1, L=2)

    def count(name):
        return sum(leaf.size for leaf in jax.tree.leaves(form_of(name, params)))

    h, p, q = 512, 4, 4
    readout = 8 * h
    assert count("cnn") == p * 8 * h + q * h + p * h * h + h + readout
    assert count("lcn") == q * p * 8 * h + q * h + p * h * h + h + readout
    assert count("fcn") == 16 * 8 * q * h + q * h + q * h * h + h + readout


@pytest.mark.parametrize("name", NETS)
@pytest.mark.parametrize("L", [1, 2, 3])
def test_published_widths(name, L):
    assert NetSpec(name).on(model(L=L)).width == (256 if (name, L) == ("fcn", 3) else 512)


@pytest.mark.parametrize(("encoding", "C"), [("whitened", 3), ("onehot", 3), ("onehot_blank", 4)])
def test_channels_of_the_encoding(encoding, C):
    shapes = {name: form_of(name, SMALL, 2, encoding=encoding).layers[0].weight.shape for name in NETS}
    assert shapes == {"cnn": (4 * C, 2), "lcn": (4, 4 * C, 2), "fcn": (16 * C, 8)}
    assert channels(SMALL, encoding) == C


# Outputs, against the text of docs, networks.md in loops over plain floats


def slow_hidden(name, layer, x, C_in, p):
    """Pre-activations of one sample: (1/sqrt(C_in)) sum over channel and patch place of w x, plus 0.1 b."""
    positions = len(x) // p
    z = []
    for q in range(positions):
        units = []
        for unit in range(layer.bias.shape[-1] // (positions if name == "fcn" else 1)):
            total = 0.0
            # The FCN sees the whole input; its units are numbered position by position.
            for place in range(len(x)) if name == "fcn" else range(p):
                for channel in range(C_in):
                    entry = place * C_in + channel
                    if name == "cnn":
                        total += float(layer.weight[entry, unit]) * x[q * p + place][channel]
                    elif name == "lcn":
                        total += float(layer.weight[q, entry, unit]) * x[q * p + place][channel]
                    else:
                        column = q * (layer.bias.shape[0] // positions) + unit
                        total += float(layer.weight[entry, column]) * x[place][channel]
            bias = (
                layer.bias[q * (layer.bias.shape[0] // positions) + unit]
                if name == "fcn"
                else layer.bias[q, unit]
            )
            units.append(total / C_in**0.5 + 0.1 * float(bias))
        z.append(units)
    return z


def slow_network(name, net, params, x):
    """Activations [position][channel] of every layer and the outputs, for one sample."""
    kept, C_in = [], len(x[0])
    for layer in net.layers:
        z = slow_hidden(name, layer, x, C_in, params.patch)
        x = [[max(value, 0.0) for value in units] for units in z]
        kept.append(x)
        C_in = len(x[0])
    h = C_in
    mean = [sum(units[channel] for units in x) / len(x) for channel in range(h)]
    outputs = [
        sum(float(net.readout[channel, class_]) * mean[channel] for channel in range(h)) / h
        for class_ in range(params.n_c)
    ]
    return [*kept, outputs]


@pytest.mark.parametrize(
    ("s0", "s", "L"),
    [
        *((1, 3, 1), (1, 2, 2), (0, 2, 3)),
        *(
            pytest.param(*one, marks=pytest.mark.long)
            for one in product((0, 1), (2, 3), (1, 2, 3))
            if one not in ((1, 3, 1), (1, 2, 2), (0, 2, 3))
        ),
    ],
)
@pytest.mark.parametrize("name", NETS)
def test_outputs_against_loops(name, s, s0, L):
    params = model(s, s0, L)
    net = filled(name, params, 2, seed=L)
    x = np.random.default_rng(s).normal(size=(2, params.d, 2)).astype(np.float32)  # no symmetry of real data
    seen = [np.asarray(value) for value in forward(net, x).values()]
    weights = jax.tree.map(np.asarray, net)
    for sample in range(len(x)):
        for found, expected in zip(
            seen, slow_network(name, weights, params, x[sample].tolist()), strict=True
        ):
            np.testing.assert_allclose(found[sample].ravel(), np.ravel(expected), rtol=2e-5, atol=2e-5)


@pytest.mark.parametrize("name", NETS)
def test_the_call_is_the_output_layer(name):
    net, x = filled(name, SMALL, 4), inputs(SMALL, 6)
    seen = net.activations(x)
    np.testing.assert_array_equal(net(x), seen["output"])
    assert all((np.asarray(seen[f"layer_{k}"]) >= 0).all() for k in (1, 2))


@pytest.mark.parametrize("name", NETS)
def test_a_sample_does_not_see_the_others(name):
    net, x = filled(name, SMALL, 4), inputs(SMALL, 6)
    together = forward(net, x)["output"]
    for sample in range(6):
        np.testing.assert_allclose(net(x[sample : sample + 1])[0], together[sample], rtol=1e-5, atol=1e-6)


# One family as a case of another


def test_an_lcn_with_tied_weights_is_a_cnn():
    for L in (1, 2, 3):
        params = model(L=L)
        cnn, lcn = filled("cnn", params, 3), filled("lcn", params, 3)
        tied = [
            eqx.tree_at(
                lambda layer: (layer.weight, layer.bias),
                local,
                (jnp.broadcast_to(shared.weight[None], local.weight.shape), shared.bias),
            )
            for local, shared in zip(lcn.layers, cnn.layers, strict=True)
        ]
        lcn = eqx.tree_at(lambda net: (net.layers, net.readout), lcn, (tuple(tied), cnn.readout))
        x = inputs(params, 8)
        expected, found = forward(cnn, x), forward(lcn, x)
        for layer in expected:
            np.testing.assert_allclose(found[layer], expected[layer], rtol=1e-5, atol=1e-6)


def test_an_fcn_with_blocks_is_an_lcn():
    params, h = model(L=3), 3
    lcn, fcn = filled("lcn", params, h), filled("fcn", params, h)
    dense = []
    for local, full in zip(lcn.layers, fcn.layers, strict=True):
        patch, entry, _ = local.weight.shape
        weight = np.zeros(full.weight.shape, np.float32)
        for q in range(patch):
            weight[q * entry : (q + 1) * entry, q * h : (q + 1) * h] = local.weight[q]
        dense.append(
            eqx.tree_at(
                lambda layer: (layer.weight, layer.bias), full, (jnp.asarray(weight), local.bias.reshape(-1))
            )
        )
    fcn = eqx.tree_at(lambda net: (net.layers, net.readout), fcn, (tuple(dense), lcn.readout))
    x = inputs(params, 8)
    expected, found = forward(lcn, x), forward(fcn, x)
    for layer in expected:
        np.testing.assert_allclose(
            np.asarray(found[layer]).reshape(8, -1),
            np.asarray(expected[layer]).reshape(8, -1),
            rtol=1e-5,
            atol=1e-6,
        )


# The laws of the weights


@pytest.fixture(scope="module")
def drawn():
    params = Params(n_c=8, v=8, m=8, s=2, s0=1, L=2)
    return params, {name: build(name, params, 128, seed=1) for name in NETS}


@pytest.mark.parametrize("name", NETS)
def test_all_weights_are_standard_normal(drawn, name):
    """Kolmogorov-Smirnov for each of 5 arrays: false-alarm rate 5e-4 a family."""
    for array in leaves(drawn[1][name]):
        assert kstest(np.asarray(array, np.float64).ravel(), "norm").pvalue > ALARM


@pytest.mark.parametrize("name", NETS)
def test_mean_and_variance_of_the_weights(drawn, name):
    """Each within 4 standard errors, 1/sqrt(n) and sqrt(2/n): false-alarm rate 6e-4 a family (5 arrays)."""
    for array in leaves(drawn[1][name]):
        values = np.asarray(array, np.float64)
        assert close(values.mean(), 0, values.size**-0.5)
        assert close((values**2).mean(), 1, (2 / values.size) ** 0.5)


@pytest.mark.parametrize("name", NETS)
def test_the_arrays_of_a_network_are_independent(drawn, name):
    """The correlation of any two, number by number, within 4 standard errors: false-alarm rate 6e-4."""
    arrays = [np.asarray(array, np.float64).ravel() for array in leaves(drawn[1][name])]
    for second in range(len(arrays)):
        for first in range(second):
            n = min(arrays[first].size, arrays[second].size)
            assert close((arrays[first][:n] * arrays[second][:n]).mean(), 0, n**-0.5)


@pytest.mark.parametrize("name", NETS)
def test_scale_of_the_first_layer(drawn, name):
    """Given x, a first pre-activation is normal with variance |patch|^2 / C_in + 0.01 (the FCN: |x|^2 / v)."""
    params, nets = drawn
    x = inputs(params, 1)
    z = np.asarray(nets[name].layers[0](jnp.asarray(x)), np.float64).reshape(4, 128)
    patches = x.reshape(1, -1) if name == "fcn" else x.reshape(4, -1)
    variance = (patches.astype(np.float64) ** 2).sum(axis=1, keepdims=True) / params.v + 0.01
    assert kstest((z / np.sqrt(variance)).ravel(), "norm").pvalue > ALARM


@pytest.mark.parametrize("name", ["cnn", "lcn"])
def test_scale_of_the_output_as_the_width_grows(name):
    """Given the last activations a, an output is normal with variance |a|^2 / h^2, so it falls as 1/sqrt(h).

    |a|^2 / h is the same for all widths up to fluctuations of relative size h^(-1/2); 30% are allowed. The
    5 outputs of 16 inputs give the scale to about 40% (5 independent readouts), hence the wide limits.
    """
    params = Params(n_c=5, v=4, m=2, s=2, s0=1, L=2)
    x = inputs(params, 16)
    scales = []
    for width in (64, 1024):
        seen = filled(name, params, width, seed=3).activations(x)
        last = np.asarray(seen["layer_2"], np.float64)[:, 0]
        scales.append((last**2).mean())
        normal = np.asarray(seen["output"], np.float64) * width / np.linalg.norm(last, axis=1)[:, None]
        assert 0.15 < (normal**2).mean() < 3.5  # chi-square with 5 degrees of freedom / 5: 1e-3 on each side
    assert abs(scales[1] / scales[0] - 1) < 4 * 0.3


def test_seeds(drawn):
    params, nets = drawn
    for name in ("cnn", "lcn"):
        again, other = build(name, params, 128, seed=1), build(name, params, 128, seed=2)
        for first, second, third in zip(leaves(nets[name]), leaves(again), leaves(other), strict=True):
            np.testing.assert_array_equal(first, second)
            assert not np.isclose(first, third).all()
    assert not np.array_equal(leaves(nets["cnn"])[-1], leaves(build("cnn", params, 128, seed=2**64 - 1))[-1])


def test_the_random_numbers_of_a_seed_do_not_change():
    """Stored results name only their seeds."""
    net = eqx.filter_jit(lambda: build("cnn", model(), 3, seed=0))()
    np.testing.assert_allclose(net.layers[0].weight[0], GOLDEN[0], rtol=1e-5)
    np.testing.assert_allclose(net.readout[0], GOLDEN[1], rtol=1e-5)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_random_numbers_are_those_of_jax(dtype):
    """In pieces of one size, and each array with a key of its own, as `jax.random.split` makes them."""
    with jax.enable_x64(dtype == "float64"):
        ours, key = Normals(Key(np.uint32(3), np.uint32(2**31)), dtype), jax.random.wrap_key_data(
            jnp.array([3, 2**31], jnp.uint32), impl="threefry2x32"
        )  # fmt: skip
        for shape in ((), (7, 100), (3, 2**15)):
            key, own = jax.random.split(key)
            np.testing.assert_array_equal(ours(*shape), jax.random.normal(own, shape, dtype))


GOLDEN = [[1.1147, -0.213858, 1.33648], [-0.917119, -1.64918, 0.320045]]


# Options


def test_biases_of_the_cnn():
    params = model(L=3)
    shapes = {
        bias: [
            None if layer.bias is None else layer.bias.shape
            for layer in filled("cnn", params, 2, bias=bias).layers
        ]
        for bias in ("position", "shared", "none")
    }
    assert shapes == {
        "position": [(16, 2), (4, 2), (1, 2)],
        "shared": [(1, 2)] * 3,
        "none": [None] * 3,
    }


def test_without_biases_of_position_patches_can_be_exchanged():
    x = np.random.default_rng(0).normal(size=(5, SMALL.d, 3)).astype(np.float32)
    order = np.array([2, 0, 3, 1])
    exchanged = x.reshape(5, 4, 4, 3)[:, order].reshape(x.shape)
    for bias, equivariant in (("shared", True), ("none", True), ("position", False)):
        layer = filled("cnn", SMALL, 6, bias=bias).layers[0]
        same = np.allclose(
            layer(jnp.asarray(exchanged)), np.asarray(layer(jnp.asarray(x)))[:, order], rtol=1e-5, atol=1e-5
        )
        assert same == equivariant, bias


def test_longer_inputs_are_averaged():
    """The readout takes the mean over positions; on inputs of the model one position is left at the end."""
    x = np.random.default_rng(0).normal(size=(5, 3 * SMALL.d, 3)).astype(np.float32)
    net = filled("cnn", SMALL, 6, bias="shared")
    parts = [np.asarray(net(part)) for part in np.split(x, 3, axis=1)]
    np.testing.assert_allclose(net(x), np.mean(parts, axis=0), rtol=1e-4, atol=1e-6)


def test_biases_that_vanish_are_none():
    net, x = filled("cnn", SMALL, 4), inputs(SMALL, 5)
    bare = filled("cnn", SMALL, 4, bias="none")
    for k in (0, 1):
        net = eqx.tree_at(lambda n, k=k: n.layers[k].bias, net, jnp.zeros_like(net.layers[k].bias))
        net = eqx.tree_at(lambda n, k=k: n.layers[k].weight, net, bare.layers[k].weight)
    net = eqx.tree_at(lambda n: n.readout, net, bare.readout)
    np.testing.assert_array_equal(net(x), bare(x))


@pytest.mark.parametrize("name", NETS)
def test_homogeneous_networks(name):
    net = eqx.filter_jit(lambda: build(name, SMALL, 64, seed=0, init="hom"))()
    assert all((np.asarray(layer.weight) == 1).all() for layer in net.layers)
    rest = np.concatenate([np.ravel(layer.bias) for layer in net.layers] + [np.ravel(net.readout)])
    assert kstest(rest, "norm").pvalue > ALARM


def test_double_precision():
    with jax.enable_x64(True):
        for dtype in ("float64", np.float64, jnp.float64, np.dtype("float64")):
            net = form_of("cnn", SMALL, 2, dtype=dtype)
            assert {leaf.dtype for leaf in jax.tree.leaves(net)} == {np.dtype("float64")}
        assert form_of("cnn", SMALL, 2, dtype=jnp.float32).readout.dtype == np.float32


# Bad arguments


BAD = [
    ("net", "vgg", f"Did you mean 'vgg11'? Use one of {', '.join(FAMILIES)}"),
    ("width", 0, "Use width >= 1"),
    ("width", 8.0, "Give width as an int"),
    ("width", True, "Give width as an int"),
    ("seed", -1, "Use seed >= 0"),
    ("seed", 2**64, f"Use seed <= {2**64 - 1}"),
    ("bias", "global", "Use 'position', 'shared' or 'none'"),
    ("init", "zeros", "Use 'normal', 'hom' or 'aligned'"),
    ("encoding", "integer", "Use 'whitened', 'onehot' or 'onehot_blank'"),
    ("encoding", "dense", "Use one of whitened, onehot, onehot_blank, integer"),
    ("dtype", "float16", "Use 'float32', or 'float64' with jax_enable_x64"),
    ("dtype", "float64", "Use 'float32', or 'float64' with jax_enable_x64"),
    ("dtype", "int32", "Use 'float32', or 'float64' with jax_enable_x64"),
    ("dtype", "float", "Use 'float32', or 'float64' with jax_enable_x64"),
]


@pytest.mark.parametrize(("argument", "value", "fix"), BAD)
def test_bad_arguments(refuses, argument, value, fix):
    with jax.enable_x64(False), refuses(argument, repr(value), fix):
        build(**{"net": "cnn", "params": SMALL, "width": 2, argument: value})


@pytest.mark.parametrize("name", ["lcn", "fcn"])
def test_only_the_cnn_has_other_biases(refuses, name):
    with refuses("bias", "'shared'", "Leave it out, or use cnn"):
        build(name, SMALL, 2, bias="shared")


def test_families():
    assert tuple(FAMILIES) == (
        *NETS,
        "vgg11",
        "vgg16",
        "resnet18",
        "resnet34",
        "efficientnetb0",
        "transformer",
        "unet",
    )


# Layers shared over the s0+1 places of a sub-patch


def shifted(params, x, level, rng):
    """Inputs in which everything under each sub-patch of a level moves to another of its s0+1 places."""
    g, unit = params.s0 + 1, params.patch ** (level - 1)
    parts = np.asarray(x).reshape(len(x), -1, g, unit, x.shape[-1])
    order = np.argsort(rng.random(parts.shape[:3]), axis=2)
    return np.take_along_axis(parts, order[..., None, None], axis=2).reshape(x.shape)


@pytest.mark.parametrize(("name", "layers"), [("cnn", (1,)), ("cnn", (2,)), ("lcn", (1,)), ("lcn", (1, 2))])
def test_a_shared_layer_cannot_tell_the_places_of_a_sub_patch(name, layers):
    """Without biases, which still know the position, shifts of its level leave the activations as they were."""
    params = Params(n_c=3, v=3, m=2, s=2, s0=2, L=2)
    net = filled(name, params, 6, shared_layers=layers)
    net = eqx.tree_at(
        lambda net: [layer.bias for layer in net.layers], net, [0 * layer.bias for layer in net.layers]
    )
    x, rng = inputs(params, 20), np.random.default_rng(0)
    before = forward(net, x)
    for level in (1, 2):
        after = forward(net, shifted(params, x, level, rng))
        # Level 1 moves inputs in their patch; level 2 moves whole patches, which only the layer above may not see.
        unmoved = {1: 1 in layers, 2: (layers == (2,) and name == "cnn") or layers == (1, 2)}[level]
        same = np.allclose(before["output"], after["output"], rtol=1e-4, atol=1e-5)
        assert same == unmoved, (level, layers)


@pytest.mark.parametrize(("name", "shared"), [("cnn", ()), ("cnn", (2,)), ("lcn", ()), ("lcn", (1,))])
def test_aligned_layers_start_equal_over_the_places_of_a_sub_patch(name, shared):
    """All but the first, and those that are shared anyway; the weights of each sub-patch are drawn by themselves."""
    params, h = Params(n_c=4, v=4, m=4, s=2, s0=2, L=3), 20
    net = build(name, params, h, seed=1, init="aligned", shared_layers=shared)
    plain = build(name, params, h, seed=1, shared_layers=shared)
    assert [leaf.shape for leaf in leaves(net)] == [leaf.shape for leaf in leaves(plain)]
    np.testing.assert_array_equal(net.layers[0].weight, plain.layers[0].weight)
    drawn = []
    for layer in net.layers[1:]:
        weight = np.asarray(layer.weight).reshape(-1, params.s, 3 // layer.group, h, h)
        np.testing.assert_array_equal(weight, np.broadcast_to(weight[:, :, :1], weight.shape))
        drawn.append(weight[:, :, 0].ravel())
    rest = np.concatenate(drawn)
    assert len(np.unique(rest)) > 0.99 * len(rest) and kstest(rest, "norm").pvalue > ALARM


def test_an_aligned_cnn_starts_blind_to_shifts_above_level_1():
    params = Params(n_c=3, v=3, m=2, s=2, s0=2, L=2)
    aligned, plain = (
        build("cnn", params, 6, seed=0, bias="none", init=init) for init in ("aligned", "normal")
    )
    x, rng = inputs(params, 20), np.random.default_rng(0)
    for level, net, same in ((1, aligned, False), (2, aligned, True), (2, plain, False)):
        moved = forward(net, shifted(params, x, level, rng))["output"]
        assert np.allclose(forward(net, x)["output"], moved, rtol=1e-4, atol=1e-5) == same


@pytest.mark.parametrize(
    ("name", "sparsity", "said"), [("fcn", "A", "Use 'normal' or 'hom'"), ("cnn", "B", "Use sparsity A")]
)
def test_networks_without_sub_patches_cannot_be_aligned(name, sparsity, said):
    with pytest.raises(ArgumentError, match=said):
        build(name, Params(n_c=3, v=3, m=2, s=2, s0=1, L=2, sparsity=sparsity), 4, init="aligned")


@pytest.mark.parametrize("L", [2, 3])
def test_shapes_and_filters_of_shared_layers(L):
    params, h = Params(n_c=3, v=3, m=2, s=2, s0=1, L=L), 5
    net = form_of("lcn", params, h, shared_layers=tuple(range(1, L + 1)))
    for number, layer in enumerate(net.layers, start=1):  # s filters of s C_in entries for each level above
        assert layer.weight.shape == (params.s ** (L - number), params.s * (3 if number == 1 else h), h)
        assert layer.bias.shape == (params.patch ** (L - number), h)
    one = form_of("lcn", params, h, shared_layers=(1,))
    assert one.layers[0].weight.shape == (params.d // params.patch, params.s * 3, h)
    assert one.layers[1].weight.shape == (params.d // params.patch**2, params.patch * h, h)
    mixed = form_of("cnn", params, h, shared_layers=(2,))
    assert [layer.weight.shape[0] for layer in mixed.layers[:2]] == [params.patch * 3, params.s * h]


def test_filters_are_those_of_the_parents_not_of_their_places():
    """s = 2, s0 = 1: the four patches of a parent are two sub-patches of two places."""
    levels = Params(n_c=3, v=3, m=2, s=2, s0=1, L=3).levels
    assert shared_filters(4, levels[2:]) == (0, 0, 1, 1) and shared_filters(4, ()) is None
    deep = shared_filters(16, levels[1:2])
    assert deep == (0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7)
    both = shared_filters(16, levels[1:])
    assert both == (0, 0, 1, 1, 0, 0, 1, 1, 2, 2, 3, 3, 2, 2, 3, 3)
    differ = Params(n_c=3, v=3, m=1, s=(2, 3, 2), s0=(0, 1, 0)).levels  # six patches a parent, in three pairs
    assert shared_filters(12, differ[1:]) == (0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5)


@pytest.mark.parametrize(
    ("name", "frozen"),
    [
        *(("cnn", (2,)), ("fcn", (1, 3))),
        *(
            pytest.param(*one, marks=pytest.mark.long)
            for one in (("cnn", (1, 3)), ("lcn", (1, 3)), ("lcn", (2,)), ("fcn", (2,)))
        ),
    ],
)
def test_frozen_layers_stay_and_the_others_move_as_ever(name, frozen):
    """By the gradient of a batch, dense and at the informative nodes; layer 3 is the readout. Outputs are the same."""
    params = Params(n_c=3, v=3, m=3, s=2, s0=1, L=2)
    data = split(Grammar(params), 30, 10).train
    leaves_ = Leaves(params, "whitened", jnp.asarray(data.features), jnp.asarray(data.positions))
    free, held = (build(name, params, 5, frozen_layers=layers) for layers in ((), frozen))
    assert [a.tolist() for a in leaves(free)] == [a.tolist() for a in leaves(held)]
    x = jnp.asarray(data.encode())
    for of in (lambda net: net(x), lambda net: net.on_leaves(leaves_)):

        @eqx.filter_jit
        def both(net, of=of):
            return of(net), eqx.filter_grad(lambda net: (of(net) ** 2).sum())(net)

        (outputs, whole), (same, part) = (both(net) for net in (free, held))
        np.testing.assert_allclose(outputs, same, rtol=1e-5, atol=1e-6 * np.abs(same).max())
        parts = zip((*whole.layers, whole.readout), (*part.layers, part.readout), strict=True)
        for number, (one, other) in enumerate(parts, start=1):
            for a, b in zip(
                map(np.asarray, jax.tree.leaves(one)), map(np.asarray, jax.tree.leaves(other)), strict=True
            ):
                assert a.any(), "it would move"
                if number in frozen:
                    assert not b.any()
                else:
                    np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6 * np.abs(b).max())


@pytest.mark.parametrize(
    ("name", "layers", "said"),
    [
        ("vgg11", (1,), "is not an option of vgg11"),
        ("cnn", (4,), "not layers from 1 to 3, the readout"),
        ("cnn", (2, 1), "in order"),
        ("cnn", (0,), "not numbers of layers from 1"),
        ("lcn", (1, 2, 3), "are all layers"),
    ],
)
def test_layers_that_cannot_be_frozen_are_refused(name, layers, said):
    params = Params(n_c=3, v=3, m=2, s=2, s0=1, L=2)
    with pytest.raises(ArgumentError, match=said):
        build(name, params, frozen_layers=layers)


@pytest.mark.parametrize("name", ["cnn", "lcn"])
def test_sharing_without_blanks_changes_nothing(name):
    params = Params(n_c=3, v=3, m=2, s=2, s0=0, L=2)
    plain, shared = (build(name, params, 4, shared_layers=layers) for layers in ((), (1, 2)))
    assert [a.tolist() for a in leaves(plain)] == [a.tolist() for a in leaves(shared)]


@pytest.mark.parametrize(
    ("name", "layers", "sparsity", "said"),
    [
        ("fcn", (1,), "A", "is not an option of fcn"),
        ("lcn", (2,), "A", "not the first layers"),
        ("cnn", (3,), "A", "not layers from 1 to 2"),
        ("cnn", (2, 1), "A", "in order"),
        ("cnn", (0,), "A", "not numbers of layers from 1"),
        ("cnn", (1,), "B", "Use sparsity A"),
    ],
)
def test_sharing_that_cannot_be_is_refused(name, layers, sparsity, said):
    params = Params(n_c=3, v=3, m=2, s=2, s0=1, L=2, sparsity=sparsity)
    with pytest.raises(ArgumentError, match=said):
        build(name, params, 4, shared_layers=layers)
