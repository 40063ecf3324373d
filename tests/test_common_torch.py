"""The common networks against the same networks in PyTorch, in double precision: both modes, slopes, statistics."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from srhm import Params
from srhm.nets import COMMON, build
from srhm.nets.common.convolution import Convolution, DepthwiseConvolution
from srhm.nets.common.linear import Linear
from srhm.nets.common.normalisation import BatchNorm
from srhm.nets.common.passes import Training
from srhm.randomness import Key

torch = pytest.importorskip("torch", reason="compares with PyTorch, which make bench installs")
torch_nets = pytest.importorskip("torch_nets")

PARAMS = Params(n_c=10, v=10, m=10, s=2, s0=2, L=2)
PARTS = Convolution, DepthwiseConvolution, Linear, BatchNorm
CASES = [(name, "usual") for name in COMMON] + [("resnet18", "published")]


class WithoutDrops(Training):
    """Training mode, in which nothing is dropped: PyTorch would draw other entries."""

    def drop(self, x, rate, axes):
        return x


def parts_of(net):
    """The parts that have arrays, in order."""
    leaves = jax.tree.leaves(net, is_leaf=lambda part: isinstance(part, PARTS))
    return [part for part in leaves if isinstance(part, PARTS)]


def as_torch(part):
    """The arrays of one of our parts, or their slopes, in the layout and by the names of PyTorch."""
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


def twin(name, variant, net):
    """The network in PyTorch, with the weights and statistics of ours."""
    pool = 4 if variant == "published" else None
    module = torch_nets.vgg(name, 8, 10, 10) if "vgg" in name else torch_nets.resnet(name, 8, 10, 10, pool)
    module = module.double()
    theirs = torch_parts(module)
    for part, other in zip(parts_of(net), theirs, strict=True):
        for key, value in as_torch(part).items():
            shape = getattr(other, key).shape
            getattr(other, key).data.copy_(tensor(value).reshape(shape))
        if isinstance(part, BatchNorm):
            other.running_mean.copy_(tensor(part.mean))
            other.running_var.copy_(tensor(part.variance))
    return module


def torch_parts(module):
    kinds = torch.nn.Conv1d, torch.nn.BatchNorm1d, torch.nn.Linear
    return [part for part in module.modules() if isinstance(part, kinds)]


def shaken(net):
    """The network with random statistics, scales and shifts, where fresh ones are 0 and 1."""
    random = np.random.default_rng(5)

    def shake(norm):
        if not isinstance(norm, BatchNorm):
            return norm
        draw = lambda least: jnp.asarray(random.uniform(least, 1.5, norm.mean.shape))  # noqa: E731
        return BatchNorm(scale=draw(0.5), shift=draw(-1), mean=draw(-1), variance=draw(0.5))

    return jax.tree.map(shake, net, is_leaf=lambda part: isinstance(part, BatchNorm))


@pytest.mark.parametrize(("name", "variant"), CASES)
def test_the_same_network_in_torch(name, variant):
    """Two of the eight samples only fill up the batch: PyTorch does not see them."""
    random = np.random.default_rng(1)
    valid = np.array([1, 1, 0, 1, 1, 1, 0, 1], bool)
    x, slope = random.normal(size=(8, 36, 10)), random.normal(size=(8, 10)) * valid[:, None]
    with jax.enable_x64(True):
        net = shaken(build(name, PARAMS, 8, variant=variant, dtype="float64"))
        arrays, static = eqx.partition(net, eqx.is_array)

        def both_modes(arrays, x):
            net = eqx.combine(arrays, static)

            def loss(net):
                way = WithoutDrops(jnp.asarray(valid), Key(jnp.uint32(0), jnp.uint32(0)))
                output = net.forward(x, way)
                return (output * slope).sum(), (output, way.taken_in(net))

            (_, (output, seen)), slopes = eqx.filter_value_and_grad(loss, has_aux=True)(net)
            filtered = (eqx.filter(part, eqx.is_array) for part in (seen, slopes))
            return net(x), net.nodes(x), output, *filtered

        compiled = jax.jit(both_modes).lower(arrays, x)
        compiled = compiled.compile(compiler_options={"xla_backend_optimization_level": 0})
        evaluated, nodes, output, seen, slopes = compiled(arrays, x)
        seen, slopes = eqx.combine(seen, net), eqx.combine(slopes, net)

    module, shown = twin(name, variant, net), tensor(x).transpose(1, 2)
    module.eval()
    expected, expected_nodes = module(shown)
    check(evaluated, expected)
    for node, other in zip(nodes, expected_nodes, strict=True):
        other = other.transpose(1, 2) if other.ndim == 3 else other
        check(np.reshape(node, (8, -1)), other.flatten(1))
    module.train()
    expected, _ = module(shown[valid])
    check(output[valid], expected)
    (expected * tensor(slope[valid])).sum().backward()
    for part, new, gradient, other in zip(
        *map(parts_of, (net, seen, slopes)), torch_parts(module), strict=True
    ):
        for key, value in as_torch(gradient).items():
            expected = getattr(other, key).grad
            check(np.reshape(value, expected.shape), expected)
        if isinstance(part, BatchNorm):
            check(new.mean, other.running_mean)
            check(new.variance, other.running_var)
            assert not np.any(gradient.mean) and not np.any(gradient.variance)
            np.testing.assert_array_equal(new.scale, part.scale)


def check(ours, theirs):
    theirs = theirs.detach().numpy()
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-10 * max(1, np.abs(theirs).max()))
