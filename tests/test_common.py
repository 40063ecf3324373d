"""The common networks: numbers of weights by hand, the same networks in PyTorch, both modes, training."""

import equinox as eqx
import jax
import jax.numpy as jnp
import pytest

from srhm import Params
from srhm.nets import COMMON, build
from srhm.nets.common.normalisation import BatchNorm
from srhm.randomness import Key

PAPER = Params(n_c=10, v=10, m=10, s=2, s0=2, L=2)
SMALL = Params(n_c=3, v=4, m=2, s=2, s0=2, L=2)
KEY = Key(jnp.uint32(3), jnp.uint32(8))


def form_of(name, params=PAPER, width=None, **options):
    """The shapes of a network, without its drawing."""
    return eqx.filter_eval_shape(lambda: build(name, params, width, **options))


def is_norm(part):
    return isinstance(part, BatchNorm)


def norms_of(net):
    return [part for part in jax.tree.leaves(net, is_leaf=is_norm) if is_norm(part)]


def quickly(function, *arguments):
    """Call a function compiled without optimisation, which takes half the time."""
    compiled = jax.jit(function).lower(*arguments)
    return compiled.compile(compiler_options={"xla_backend_optimization_level": 0})(*arguments)


# Numbers and shapes


def convolution(entering, leaving, kernel=3, bias=0):
    """Weights, bias, and scale and shift of the normalisation."""
    return kernel * entering * leaving + bias * leaving + 2 * leaving


def vgg_numbers(plan):
    pairs = zip((10, *plan), plan, strict=False)
    return sum(convolution(a, b, bias=1) for a, b in pairs) + 512 * 10 + 10


def resnet_numbers(blocks):
    total = convolution(10, 64) + 512 * 10 + 10
    for stage, (below, h) in enumerate(((64, 64), (64, 128), (128, 256), (256, 512))):
        total += convolution(below, h) + (2 * blocks[stage] - 1) * convolution(h, h)
        total += convolution(below, h, kernel=1) if stage > 0 else 0
    return total


NUMBERS = {
    "vgg11": vgg_numbers((64, 128, 256, 256, 512, 512, 512, 512)),
    "vgg16": vgg_numbers((64, 64, 128, 128, 256, 256, 256, 512, 512, 512, 512, 512, 512)),
    "resnet18": resnet_numbers((2, 2, 2, 2)),
    "resnet34": resnet_numbers((3, 4, 6, 3)),
}
NODES = {"vgg11": 8, "vgg16": 13, "resnet18": 17, "resnet34": 33}
"""Nonlinearities, as published."""


def trained(net):
    """The numbers that gradient descent changes."""
    return sum(leaf.size for leaf in jax.tree.leaves(net)) - sum(
        norm.mean.size + norm.variance.size for norm in norms_of(net)
    )


@pytest.mark.parametrize("name", COMMON)
def test_numbers_of_weights(name):
    assert trained(form_of(name)) == NUMBERS[name]


@pytest.mark.parametrize("name", COMMON)
def test_nodes_and_named_layers(name):
    """Depth f is node int(f * count), counted from 0; the last node and the outputs follow."""
    x = jax.ShapeDtypeStruct((7, 36, 10), "float32")
    net = form_of(name)
    nodes, named = eqx.filter_eval_shape(lambda n, x: (n.nodes(x), list(n.activations(x).items())), net, x)
    assert len(nodes) == NODES[name]
    assert [layer for layer, _ in named] == ["depth_0.2", "depth_0.5", "depth_0.8", "last", "output"]
    wanted = [nodes[int(depth * len(nodes))] for depth in (0.2, 0.5, 0.8)] + [nodes[-1]]
    assert [value.shape for _, value in named] == [*(node.shape for node in wanted), (7, 10)]


def test_lengths_of_the_nodes():
    """36 -> 18 -> 9 -> 4 -> 2 in a VGG, 36 -> 36 -> 18 -> 9 -> 5 in a ResNet; channels are 64 to 512."""
    x = jax.ShapeDtypeStruct((1, 36, 10), "float32")
    shapes = {
        name: [node.shape[1:] for node in eqx.filter_eval_shape(lambda n, x: n.nodes(x), form_of(name), x)]
        for name in ("vgg11", "resnet18")
    }
    vgg = [(36, 64), (18, 128), (9, 256), (9, 256), (4, 512), (4, 512), (2, 512), (2, 512)]
    resnet = [(36, 64)] * 5 + [(18, 128)] * 4 + [(9, 256)] * 4 + [(5, 512)] * 4
    assert shapes == {"vgg11": vgg, "resnet18": resnet}


@pytest.mark.parametrize("name", COMMON)
def test_the_width_scales_all_channels(name):
    wide, narrow = (form_of(name, width=width) for width in (64, 8))
    pairs = zip(norms_of(wide), norms_of(narrow), strict=True)
    assert all(one.scale.size == 8 * other.scale.size for one, other in pairs)
