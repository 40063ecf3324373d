"""The standard architectures against the same ones in PyTorch, in double precision: modes, gradients, statistics."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from srhm import Params
from srhm.nets import build
from srhm.nets.standard.convolution import Convolution, DepthwiseConvolution
from srhm.nets.standard.linear import Linear
from srhm.nets.standard.modes import Training
from srhm.nets.standard.normalisation import BatchNorm
from srhm.randomness import Key

torch = pytest.importorskip("torch", reason="compares with PyTorch, which make test installs")
torch_nets = pytest.importorskip("torch_nets")

PARAMS = Params(n_c=10, v=10, m=10, s=2, s0=2, L=2)
PARTS = Convolution, DepthwiseConvolution, Linear, BatchNorm
VALID = np.array([1, 1, 0, 1, 1, 1, 0, 1], bool)
"""Two of the eight samples only fill up the batch: PyTorch does not see them in training."""


class WithoutDrops(Training):
    """Training mode, in which nothing is dropped: PyTorch would draw other entries."""

    def drop(self, x, rate, axes):
        return x


def parts_of(net):
    """The parts that have arrays, in order."""
    leaves = jax.tree.leaves(net, is_leaf=lambda part: isinstance(part, PARTS))
    return [part for part in leaves if isinstance(part, PARTS)]


def as_torch(part):
    """The arrays of one of our parts, or their gradients, in the layout and by the names of PyTorch."""
    if isinstance(part, BatchNorm):
        return {"weight": part.scale, "bias": part.shift}
    if isinstance(part, Linear):
        return {"weight": part.weight.T, "bias": part.bias}
    if isinstance(part, DepthwiseConvolution):
        return {"weight": part.weight.T[:, None]}
    entry, unit = part.weight.shape
    weight = part.weight.reshape(part.kernel, entry // part.kernel, unit).transpose(2, 1, 0)
    return {"weight": weight} | ({} if part.bias is None else {"bias": part.bias})


def tensor(array):
    return torch.from_numpy(np.array(array))


def torch_parts(module):
    kinds = torch.nn.Conv1d, torch.nn.BatchNorm1d, torch.nn.Linear
    return [part for part in module.modules() if isinstance(part, kinds)]


def twins(name, variant):
    """A network with random arrays, statistics among them, and the same network in PyTorch."""
    random = np.random.default_rng(5)
    options = {} if name.startswith("vgg") else {"variant": variant}

    def fill(part):
        draw = lambda shape, least: jnp.asarray(random.uniform(least, 1, shape))  # noqa: E731
        if isinstance(part, BatchNorm):
            shape = part.scale.shape
            return BatchNorm(draw(shape, 0.5), draw(shape, -1), draw(shape, -1), draw(shape, 0.5))
        return draw(part.shape, -1)

    form = eqx.filter_eval_shape(lambda: build(name, PARAMS, 8, dtype="float64", **options))
    net = jax.tree.map(fill, form, is_leaf=lambda part: isinstance(part, BatchNorm))
    module = torch_nets.build(name, variant, 8, 10, 10).double()
    for part, other in zip(parts_of(net), torch_parts(module), strict=True):
        for key, value in as_torch(part).items():
            getattr(other, key).data.copy_(tensor(value).reshape(getattr(other, key).shape))
        if isinstance(part, BatchNorm):
            other.running_mean.copy_(tensor(part.mean))
            other.running_var.copy_(tensor(part.variance))
    return net, module


def compiled(function, net, x):
    """Call a function of a network and inputs compiled without optimisation, which takes half the time."""
    arrays, static = eqx.partition(net, eqx.is_array)
    lowered = jax.jit(lambda arrays, x: function(eqx.combine(arrays, static), x)).lower(arrays, x)
    return lowered.compile(compiler_options={"xla_backend_optimization_level": 0})(arrays, x)


def check(ours, theirs):
    theirs = theirs.detach().numpy()
    tolerance = 1e-10 * max(1, np.abs(theirs).max())
    np.testing.assert_allclose(np.reshape(ours, theirs.shape), theirs, rtol=0, atol=tolerance)


def shortened(net, module):
    """The first four blocks of an EfficientNet, every kind among them, to compile less: test_standard has all."""
    channels = net.blocks[3].project.norm.scale.size
    readout = Linear(net.readout.weight[:channels], net.readout.bias)
    module.blocks, module.readout.weight = module.blocks[:4], torch.nn.Parameter(tensor(readout.weight.T))
    return eqx.tree_at(lambda net: (net.blocks, net.readout), net, (net.blocks[:4], readout)), module


@pytest.mark.parametrize(
    "name",
    ["vgg16", *(pytest.param(name, marks=pytest.mark.long) for name in ("resnet34", "efficientnetb0"))],
)
def test_evaluation_is_that_of_torch(name):
    """Outputs, and the activations at every node."""
    x = np.random.default_rng(1).normal(size=(4, 36, 10))
    with jax.enable_x64(True):
        net, module = twins(name, "standard")
        if name == "efficientnetb0":
            net, module = shortened(net, module)
        output, nodes = compiled(lambda net, x: (net(x), net.nodes(x)), net, x)
    expected, expected_nodes = module.eval()(tensor(x).transpose(1, 2))
    check(output, expected)
    assert len(nodes) == len(expected_nodes)
    for node, other in zip(nodes, expected_nodes, strict=True):
        check(node, other.transpose(1, 2) if node.ndim == 3 else other[:, :, 0])


@pytest.mark.parametrize(
    ("name", "variant"),
    [
        ("vgg11", "standard"),
        pytest.param("resnet18", "published", marks=pytest.mark.long),
        pytest.param("efficientnetb0", "standard", marks=pytest.mark.long),
    ],
)
def test_training_is_that_of_torch(name, variant):
    """Outputs, the gradients of all weights, and the statistics after a step."""
    random = np.random.default_rng(1)
    x, cotangent = random.normal(size=(8, 36, 10)), random.normal(size=(8, 10)) * VALID[:, None]

    def step(net, x):
        def loss(net):
            mode = WithoutDrops(jnp.asarray(VALID), Key(jnp.uint32(0), jnp.uint32(0)))
            output = net.forward(x, mode)
            return (output * cotangent).sum(), (
                output,
                eqx.filter(mode.with_updated_statistics(net), eqx.is_array),
            )

        (_, (output, seen)), gradients = eqx.filter_value_and_grad(loss, has_aux=True)(net)
        return output, seen, eqx.filter(gradients, eqx.is_array)

    with jax.enable_x64(True):
        net, module = twins(name, variant)
        if name == "efficientnetb0":
            net, module = shortened(net, module)
        output, seen, gradients = compiled(step, net, x)
        ours = [parts_of(eqx.combine(tree, net)) for tree in (net, seen, gradients)]
        layouts = [as_torch(part) for part in ours[2]]
    expected, _ = module.train()(tensor(x).transpose(1, 2)[VALID])
    check(output[VALID], expected)
    (expected * tensor(cotangent[VALID])).sum().backward()
    for part, new, gradient, layout, other in zip(*ours, layouts, torch_parts(module), strict=True):
        for key, value in layout.items():
            check(value, getattr(other, key).grad)
        if isinstance(part, BatchNorm):
            check(new.mean, other.running_mean)
            check(new.variance, other.running_var)
            np.testing.assert_array_equal(new.scale, part.scale)
            assert not np.any(gradient.mean) and not np.any(gradient.variance)
