"""The transformer against a slow version in NumPy, its gradients against autodiff, and against PyTorch."""

import math
from dataclasses import replace

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.special import erf

import srhm
from srhm import Params
from srhm.nets import FAMILIES, Interface, NetSpec, load, save
from srhm.nets.products import product_of_many
from srhm.nets.sublayers import attend, gelu, normalise

PARAMS = Params(n_c=3, v=3, m=2, s=2, s0=1, L=2)
CLASS = Interface.of_classes(PARAMS)
LATENTS = Interface(channels=4, length=16, scores=4, places=4, kind="positions")
LAST = Interface(channels=4, length=16, scores=4, kind="last")
NEXT = Interface(channels=4, length=16, scores=4, places=16, kind="causal")
SPEC = NetSpec("transformer", 8, options={"layers": 2, "heads": 2, "mlp_ratio": 3})
BARE = NetSpec("transformer", 8, options={"layers": 2, "heads": 2, "attention_only": True})


def filled(spec, interface, seed=0):
    """A network with larger weights than at the start, so that every part matters; drawn by NumPy."""
    random = np.random.default_rng(seed)
    form = eqx.filter_eval_shape(lambda: spec.build(PARAMS, interface=interface))
    return jax.tree.map(
        lambda leaf: jax.device_put(
            random.normal(size=leaf.shape, scale=leaf.shape[0] ** -0.5).astype(leaf.dtype)
        ),
        form,
    )


def inputs(interface, count=3, seed=1):
    shape = (count, interface.length, interface.channels)
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


def slow(net, x, kind, places):
    """The text of docs, networks.md, sample by sample, head by head and position by position."""
    net = jax.tree.map(lambda leaf: np.asarray(leaf, "float64"), net)

    def norm(part, x):
        return (x - x.mean(-1, keepdims=True)) / np.sqrt(
            x.var(-1, keepdims=True) + 1e-5
        ) * part.scale + part.shift

    def line(part, x):
        return x @ part.weight + part.bias

    outputs = []
    for sample in np.asarray(x, "float64"):
        stream = sample @ net.embedding + net.positions
        for layer in net.layers:
            q, k, v = np.split(line(layer.entries, norm(layer.norm, stream)), 3, axis=1)
            seen, size = np.zeros_like(stream), stream.shape[1] // layer.heads
            for head in range(layer.heads):
                own = slice(head * size, (head + 1) * size)
                for t in range(len(stream)):
                    last = t + 1 if kind == "causal" else len(stream)
                    weight = np.exp(k[:last, own] @ q[t, own] / math.sqrt(size))
                    seen[t, own] = weight @ v[:last, own] / weight.sum()
            stream = stream + line(layer.projection, seen)
            if layer.perceptron is not None:
                z = line(layer.perceptron.up, norm(layer.perceptron.norm, stream))
                stream = stream + line(layer.perceptron.down, z * (1 + erf(z / math.sqrt(2))) / 2)
        y = norm(net.norm, stream)
        y = {
            "class": y.mean(axis=0),
            "last": y[-1],
            "positions": y.reshape(places, -1, y.shape[1]).mean(axis=1),
            "causal": y,
        }[kind]
        outputs.append(line(net.readout, y))
    return np.stack(outputs)


applied, layers = eqx.filter_jit(lambda net, x: net(x)), eqx.filter_jit(lambda net, x: net.activations(x))


def forward(net, x):
    """The outputs as a NumPy array: JAX compiles each operation on them."""
    return np.asarray(applied(net, x))


@pytest.mark.parametrize(
    ("spec", "interface"),
    [(SPEC, CLASS), (SPEC, LATENTS), (SPEC, LAST), (SPEC, NEXT), (BARE, NEXT)],
    ids=["class", "positions", "last", "causal", "attention only"],
)
def test_outputs_are_those_of_loops(spec, interface):
    net, x = filled(spec, interface), inputs(interface)
    found = forward(net, x)
    assert found.shape == interface.output_shape(3)
    np.testing.assert_allclose(found, slow(net, x, interface.kind, interface.places), atol=2e-5)


def test_only_a_causal_network_ignores_what_comes_after():
    x = inputs(NEXT, 1)
    changed = np.stack([np.concatenate([x[0, :t], -x[0, t:]]) for t in range(1, 16)])
    net = filled(SPEC, NEXT)
    same = np.broadcast_to(x, changed.shape)
    before, after = forward(net, same), forward(net, changed)
    for row, t in enumerate(range(1, 16)):
        np.testing.assert_array_equal(before[row, :t], after[row, :t])
        assert (abs(before[row, t:] - after[row, t:]).max(axis=1) > 1e-3).all()
    net = filled(SPEC, replace(NEXT, kind="positions"))
    assert (abs(forward(net, changed) - forward(net, same))[-1] > 1e-5).any(axis=-1).all()


def test_without_its_positions_a_bidirectional_network_is_equivariant():
    net, x = filled(SPEC, replace(NEXT, kind="positions")), inputs(NEXT, 2)
    order = np.random.default_rng(2).permutation(16)
    assert abs(forward(net, x[:, order]) - forward(net, x)[:, order]).max() > 1e-2
    net = eqx.tree_at(lambda one: one.positions, net, jnp.zeros_like(net.positions))
    np.testing.assert_allclose(forward(net, x[:, order]), forward(net, x)[:, order], atol=1e-5)


def test_layers_are_named_and_have_positions():
    seen = layers(filled(SPEC, NEXT), inputs(NEXT))
    assert {name: values.shape for name, values in seen.items()} == {
        "layer_1": (3, 16, 8),
        "layer_2": (3, 16, 8),
        "output": (3, 16, 4),
    }


def plain_attention(causal, z):
    q, k, v = (z[:, :, number] for number in range(3))
    scores = jnp.einsum("nthc,nshc->nhts", q, k) / q.shape[-1] ** 0.5
    if causal:
        scores = jnp.where(np.tri(q.shape[1], dtype=bool)[None, None], scores, -jnp.inf)
    return jnp.einsum("nhts,nshc->nthc", jax.nn.softmax(scores), v)


def plain_norm(x):
    return (x - x.mean(-1, keepdims=True)) / jnp.sqrt(x.var(-1, keepdims=True) + 1e-5)


@pytest.mark.parametrize(
    ("ours", "plain", "shapes"),
    [
        (normalise, plain_norm, [(5, 8)]),
        (gelu, lambda z: jax.nn.gelu(z, approximate=False), [(5, 8)]),
        (lambda z: attend(True, z), lambda z: plain_attention(True, z), [(2, 6, 3, 2, 4)]),
        (lambda z: attend(False, z), lambda z: plain_attention(False, z), [(2, 6, 3, 2, 4)]),
        (product_of_many, jnp.matmul, [(7, 4), (4, 6)]),
        (product_of_many, jnp.matmul, [(7, 6), (6, 4)]),
    ],
    ids=["norm", "gelu", "causal", "bidirectional", "wider", "narrower"],
)
def test_gradients_are_those_of_autodiff(ours, plain, shapes):
    random = np.random.default_rng(3)
    arguments = [jnp.asarray(random.normal(size=shape, scale=2), "float32") for shape in shapes]
    cotangent = jnp.asarray(random.normal(size=jax.eval_shape(plain, *arguments).shape), "float32")

    @jax.jit
    def both(*arguments):
        return [(y, back(cotangent)) for y, back in (jax.vjp(form, *arguments) for form in (ours, plain))]

    (y, gradients), (expected_y, expected) = both(*arguments)
    np.testing.assert_allclose(y, expected_y, rtol=1e-4, atol=1e-5)
    for one, other in zip(gradients, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-5)


def test_gelu_is_finite_far_out():
    z = jnp.asarray([-1e30, -50.0, 0.0, 50.0, 1e15])
    value, back = jax.vjp(gelu, z[:, None])
    (slope,) = back(jnp.ones_like(value))
    np.testing.assert_array_equal(value[:, 0], jnp.asarray([0.0, 0.0, 0.0, 50.0, 1e15]))
    np.testing.assert_array_equal(slope[:, 0], jnp.asarray([0.0, 0.0, 0.5, 1.0, 1.0]))


def test_the_start():
    """N(0, 0.02^2), of what adds to the stream over the root of the number of summands; biases zero, norms one."""
    net = NetSpec("transformer", 64, options={"layers": 3}).build(PARAMS, 5, interface=NEXT)
    small = 0.02 / math.sqrt(6)
    for layer in net.layers:
        spreads = {
            0.02: (layer.entries, layer.perceptron.up),
            small: (layer.projection, layer.perceptron.down),
        }
        for spread, maps in spreads.items():
            for one in maps:
                assert np.std(one.weight) == pytest.approx(spread, rel=0.05)
                assert abs(np.mean(one.weight)) < 4 * spread / one.weight.size**0.5
                assert not np.any(one.bias)
        for norm in (layer.norm, layer.perceptron.norm):
            assert np.all(norm.scale == 1) and not np.any(norm.shift)
    assert np.std(net.embedding) == pytest.approx(0.02, rel=0.2)
    assert np.std(net.positions) == pytest.approx(0.02, rel=0.1)
    bare = NetSpec("transformer", 64, options={"layers": 3, "attention_only": True}).build(PARAMS, 5)
    assert np.std(bare.layers[0].projection.weight) == pytest.approx(0.02 / math.sqrt(3), rel=0.05)


def test_its_row_and_its_cost():
    row = FAMILIES["transformer"]
    assert (row.optimizer, row.rate(PARAMS).value, NetSpec("transformer").on(PARAMS).width) == (
        "adamw",
        1e-3,
        128,
    )
    for spec, interface in ((SPEC, NEXT), (BARE, CLASS)):
        sizes = [leaf.size for leaf in jax.tree.leaves(spec.build(PARAMS, interface=interface))]
        assert spec.cost(PARAMS, interface).parameters == sum(sizes)
    h, d, units = 8, 16, 24
    products = 4 * d * h * h + 2 * d * d * h + 2 * d * h * units
    first, last = 2 * 10 * d * 4 * h, 2 * 10 * d * h * 4
    expected = 3 * (2 * 10 * 2 * products + last) + 2 * first
    cost = SPEC.cost(PARAMS, NEXT)
    assert cost.step_flops(10) == expected + cost.update


@pytest.mark.parametrize(
    ("options", "argument", "value", "fix"),
    [
        ({"heads": 3}, "width", "8", "Use a multiple of 3, or other heads"),
        ({"layers": 0}, "layers", "0", "Use layers >= 1"),
        ({"layers": 10**8}, "layers", "100000000", "Use layers <= 1000"),
        ({"mlp_ratio": 1.5}, "mlp_ratio", "1.5", "Give mlp_ratio as an int"),
        ({"attention_only": 1}, "attention_only", "1", "Give a bool"),
    ],
)
def test_options_that_do_not_fit_are_refused(options, argument, value, fix, refuses):
    with refuses(argument, value, fix):
        NetSpec("transformer", 8, options=options).on(PARAMS)


def test_a_file_gives_it_back(tmp_path):
    net = SPEC.build(PARAMS, 3, interface=NEXT)
    save(net, tmp_path / "net.safetensors")
    found = load(tmp_path / "net.safetensors")
    assert found.design == net.design and found.interface == NEXT
    assert all(map(np.array_equal, jax.tree.leaves(found), jax.tree.leaves(net)))


@pytest.mark.long
def test_it_learns_classes(tmp_path):
    run = srhm.run(
        Params(n_c=2, v=3, m=2, s=2, s0=1, L=1),
        NetSpec("transformer", 16, options={"layers": 1}),
        P=12, P_test=4, learning_rate=0.02, max_epochs=300, store=tmp_path / "runs.sqlite", progress=False,
    )  # fmt: skip
    assert run.status == "converged"


@pytest.mark.parametrize(("spec", "interface"), [(SPEC, CLASS), (SPEC, NEXT), (BARE, LATENTS), (BARE, LAST)])
def test_the_same_in_pytorch(spec, interface):
    torch = pytest.importorskip("torch")
    net, x = filled(spec, interface), inputs(interface)
    module = net.to_torch(layout="positions_first")
    theirs = module(torch.from_numpy(x)).detach().numpy()
    np.testing.assert_allclose(forward(net, x), theirs, atol=3e-6)
    turned = net.to_torch()(torch.from_numpy(x).transpose(1, 2))
    np.testing.assert_array_equal(turned.detach().numpy(), theirs)
    names = [name for name, part in module.named_modules() if name and not list(part.children())]
    assert names == ["layers.0", "layers.1"]
    with torch.no_grad():
        stream = module.layers[0](torch.from_numpy(x) @ module.embedding + module.positions)
    np.testing.assert_allclose(layers(net, x)["layer_1"], stream, atol=3e-6)
    count = sum(one.numel() for one in module.parameters())
    assert count == sum(leaf.size for leaf in jax.tree.leaves(net))
