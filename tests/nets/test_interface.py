"""What enters and leaves a network: other tasks than classification, with the tree networks."""

from dataclasses import replace

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from srhm import Dataset, Grammar, Params, Stream
from srhm.model.encoding import channels
from srhm.nets import FAMILIES, Interface, NetSpec, build, load, save
from srhm.nets.active import Leaves
from srhm.nets.distances import tree_distances
from srhm.nets.network import outputs
from srhm.nets.subtrees import deduplicate

TREES = ("cnn", "lcn", "fcn")
PARAMS = Params(n_c=3, v=3, m=2, s=2, s0=1, L=2)
LATENTS = Interface(channels=3, length=16, scores=4, places=4, kind="positions")
"""The latents of level 1, or a blank, from the inputs as they are."""
HIDDEN = Interface(channels=4, length=16, scores=4, places=16, kind="positions")
LAST = Interface(channels=4, length=16, scores=4, kind="last")
NEXT = Interface(channels=4, length=16, scores=4, places=16, kind="causal")


forward, layers = eqx.filter_jit(outputs), eqx.filter_jit(lambda net, x: net.activations(x))


def arrays(net):
    return jax.tree.leaves(eqx.filter(net, eqx.is_array))


def test_classification_is_the_default():
    for encoding in ("whitened", "onehot_blank"):
        default = Interface.of_classes(PARAMS, encoding)
        assert default == Interface(channels(PARAMS, encoding), 16, 3, 1, "class")
        assert NetSpec("cnn", 8, encoding).build(PARAMS).design.interface == default
    assert default.output_shape(7) == (7, 3)
    assert [family.name for family in FAMILIES.values() if "class" not in family.kinds] == ["unet"]


@pytest.mark.parametrize(
    ("interface", "shape"), [(LATENTS, (5, 4, 4)), (HIDDEN, (5, 16, 4)), (LAST, (5, 4)), (NEXT, (5, 16, 4))]
)
def test_shapes_of_outputs(interface, shape):
    assert interface.output_shape(5) == shape
    assert interface.numbers == np.prod(shape[1:])


@pytest.mark.parametrize(
    ("wrong", "argument", "value", "fix"),
    [
        ({"channels": 0}, "channels", "0", "Use channels >= 1"),
        ({"kind": "next"}, "kind", "'next'", "Use one of class, last, positions, causal"),
        ({"places": 3}, "places", "3", "Use a divisor of 16"),
        ({"places": 8, "kind": "causal"}, "places", "8", "Use 16"),
        ({"places": 2, "kind": "last"}, "places", "2", "Use 1"),
    ],
)
def test_what_does_not_fit_is_refused(wrong, argument, value, fix, refuses):
    with refuses(argument, value, fix):
        replace(LATENTS, **wrong)


def test_a_network_is_refused_what_it_does_not_predict(refuses):
    for family in TREES:
        with refuses("task", "'every next symbol'", "Use transformer"):
            NetSpec(family).build(PARAMS, interface=NEXT)
    for kind, words in ((LAST, "last symbols"), (LATENTS, "symbols at hidden positions and latents")):
        with refuses(
            "task",
            f"'{words}' cannot be predicted by resnet18, which predicts classes",
            "Use cnn or lcn or fcn or transformer" + (" or unet" if kind is LATENTS else ""),
        ):
            NetSpec("resnet18").on(PARAMS, kind)
    with refuses("interface", "'last'", "Give an Interface"):
        NetSpec("cnn").on(PARAMS, "last")  # type: ignore[arg-type]


@pytest.mark.parametrize("family", TREES)
@pytest.mark.parametrize("interface", [LATENTS, LAST])
def test_outputs_are_those_of_a_classifier_with_as_many_classes(family, interface):
    """The same layers are drawn; the readout has a column for each score of each place, in this order."""
    net = NetSpec(family, 4).build(PARAMS, 3, interface=interface)
    same = NetSpec(family, 4).build(
        PARAMS, 3, interface=replace(interface, scores=interface.numbers, places=1, kind="class")
    )
    assert all(map(np.array_equal, arrays(net), arrays(same)))
    x = jnp.asarray(np.random.default_rng(0).normal(size=(5, 16, interface.channels)), "float32")
    found, flat = forward(net, x), forward(same, x)
    assert found.shape == interface.output_shape(5)
    np.testing.assert_array_equal(found.reshape(5, -1), flat)
    hidden = np.asarray(layers(net, x)["layer_2"], "float64").mean(axis=1)
    by_place = hidden @ np.asarray(net.readout, "float64").reshape(4, interface.places, -1).swapaxes(0, 1) / 4
    np.testing.assert_allclose(found, by_place.swapaxes(0, 1).reshape(found.shape), atol=1e-5)


@pytest.mark.parametrize(
    "family", [*(pytest.param(name, marks=pytest.mark.long) for name in ("cnn", "fcn")), "lcn"]
)
def test_latents_of_whole_inputs_are_computed_at_informative_nodes(family):
    """Leaves, as from a data set, give the outputs of dense inputs, their gradient and distances of whole samples."""
    data = Dataset.draw(Stream(Grammar(PARAMS), 0, "replacement"), 6)
    leaves = Leaves(PARAMS, "whitened", jnp.asarray(data.features), jnp.asarray(data.positions))
    net = NetSpec(family, 4).build(PARAMS, interface=LATENTS)
    x = jnp.asarray(data.encode(dtype="float32"))
    found = forward(net, leaves)
    assert found.shape == (6, 4, 4)
    np.testing.assert_allclose(found, forward(net, x), atol=1e-5)

    def loss(net, inputs):
        return (outputs(net, inputs) ** 2).sum()

    gradient = eqx.filter_jit(eqx.filter_grad(loss))
    for ours, dense in zip(arrays(gradient(net, leaves)), arrays(gradient(net, x)), strict=True):
        np.testing.assert_allclose(ours, dense, rtol=1e-4, atol=1e-4)


def test_distances_of_outputs_are_over_all_places():
    data = Dataset.draw(Stream(Grammar(PARAMS), 0, "replacement"), 12)
    net = NetSpec("cnn", 4).build(PARAMS, interface=LATENTS)
    table = deduplicate(PARAMS, data.features, data.positions)
    spread, moved = tree_distances(net, table, params=PARAMS, encoding="whitened", forms=1)[-1]
    flat = np.asarray(net(jnp.asarray(data.encode(dtype="float32")))).reshape(12, -1)
    np.testing.assert_allclose(moved[0], ((flat[6:] - flat[:6]) ** 2).sum(axis=1), rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(
        spread, ((flat[:6] - flat[:6].mean(axis=0)) ** 2).sum(axis=1), rtol=1e-4, atol=1e-6
    )


@pytest.mark.parametrize("family", TREES)
@pytest.mark.parametrize("interface", [LATENTS, LAST])
def test_cost_counts_the_weights(family, interface):
    spec = NetSpec(family, 4)
    sizes = [leaf.size for leaf in arrays(spec.build(PARAMS, interface=interface))]
    cost = spec.cost(PARAMS, interface)
    assert cost.parameters == sum(sizes)
    assert cost.step_flops(10) > spec.cost(PARAMS).step_flops(10)


def test_a_file_has_the_interface(tmp_path):
    net = NetSpec("lcn", 4).build(PARAMS, interface=HIDDEN)
    save(net, tmp_path / "net.safetensors")
    found = load(tmp_path / "net.safetensors")
    assert found.design == net.design
    assert all(map(np.array_equal, arrays(found), arrays(net)))


def test_the_same_in_pytorch():
    torch = pytest.importorskip("torch")
    net = NetSpec("cnn", 4).build(PARAMS, interface=LATENTS)
    x = np.random.default_rng(0).normal(size=(5, 16, 3)).astype("float32")
    module = net.to_torch(layout="positions_first")
    np.testing.assert_allclose(module(torch.from_numpy(x)).detach().numpy(), net(x), atol=1e-6)
    assert build("cnn", PARAMS, 4).to_torch(layout="positions_first")(torch.from_numpy(x)).shape == (5, 3)
