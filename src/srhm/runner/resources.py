"""What a run needs: the parameters of its network, the arithmetic of a step, memory, and a part of a GPU.

Estimates, from the shapes alone: nothing is drawn or compiled. They tell a cluster how many runs fit a node.
"""

import math
from functools import cache
from typing import NamedTuple

import equinox as eqx
import jax

from ..errors import check_instance, check_integer
from ..measure.probing import INPUTS
from ..memory import check_memory
from ..model.dataset import bytes_of
from ..model.encoding import Encoding, channels
from ..model.params import Params
from ..nets import COMMON, NetName, Variant, build
from ..study.runs import RunSpec
from .executors.base import Resources
from .products import Product, products

_PROCESS = 600 * 10**6
"""Bytes of a process that has imported JAX and compiled the programs of a run."""
_COMPILED = 3 * 10**6
"""Bytes that the compilation of a common network takes beyond that, for each of its arrays."""
_CONTEXT = 500 * 10**6
"""Bytes that a process takes of a GPU before it computes."""
_COPIES = 4
"""Arrays of the size of the network: weights, momentum, gradient, and the best or the first network."""
_FLOAT = 4
_TEST_BATCH, _FOREST = 1024, 10_000
"""Test points computed at a time, by dense networks and by networks of patches."""
_GPU_PARTS = 16


def parameters(spec: RunSpec) -> int:
    """Return the number of weights and biases of the network of a run, exactly; statistics are not counted."""
    check_instance(RunSpec, spec=spec)
    if spec.net in COMMON:
        return _common(spec).weights
    params, h = spec.params, _width(spec)
    p, positions, entering = params.patch, params.d, channels(params, spec.encoding)
    total = h * params.n_c
    units_below = positions * entering
    q = len(spec.shared_layers)
    for layer in range(1, params.L + 1):
        positions //= p
        weights = (params.s if layer in spec.shared_layers else p) * entering * h
        if spec.net == "cnn":
            biases = {"position": positions * h, "shared": h, "none": 0}[spec.bias]
            total += weights + biases
        elif spec.net == "lcn":
            filters = positions // (params.s0 + 1) ** max(0, q - layer)
            total += filters * weights + positions * h
        else:
            units = h * positions
            total += units_below * units + units
            units_below = units
        entering = h
    return total


def step_flops(spec: RunSpec) -> int:
    """Return the floating-point operations of one training step: forward and backward products, and the update.

    Networks of patches are counted at their informative nodes and one blank sample (docs, speed.md); the FCN
    in full after its first layer, which is a sum of one row of the weights for each leaf; a common network by the
    products of its dense layers.
    """
    check_instance(RunSpec, spec=spec)
    if spec.net in COMMON:
        flops = [_batch(spec) * product.flops for product in _common(spec).products]
        return 3 * sum(flops) - flops[0] + 6 * parameters(spec)  # the first layer needs no slope of its input
    params, h, samples = spec.params, _width(spec), _batch(spec)
    p, leaves, positions = params.patch, params.s**params.L, params.d // params.patch
    entering = channels(params, spec.encoding)
    update = 6 * parameters(spec)
    readout = 3 * 2 * samples * h * params.n_c
    if spec.net == "fcn":
        first = 2 * 2 * (samples * leaves + params.d * entering) * h * positions
        later = 0
        for _ in range(1, params.L):
            above = positions // p
            later += 3 * 2 * samples * h * h * positions * above
            positions = above
        return first + later + readout + update
    blanks = params.d if spec.net == "lcn" else p
    total = 2 * 2 * (samples * leaves + blanks * entering) * h  # the first layer needs no slope of its input
    for level in range(2, params.L + 1):
        total += 3 * 2 * (samples * params.s ** (params.L - level + 1) + positions) * h * h
        positions //= p
    return total + readout + update


def resources(spec: RunSpec, *, gpu_memory: int | None = None) -> Resources:
    """Estimate what a run needs: a core, main memory, and a part of a GPU if there is one.

    Parameters
    ----------
    spec
        The run.
    gpu_memory
        Bytes of memory of a GPU; None runs on the CPU. The part is in 16ths, rounded up, one GPU at most.

    Raises
    ------
    ArgumentError
        If `gpu_memory` is below 1.

    Examples
    --------
    >>> from srhm import Params
    >>> spec = RunSpec(Params(n_c=6, v=6, m=6, s=2, s0=1, L=2), "cnn", P=1000)
    >>> resources(spec, gpu_memory=80 * 10**9).gpu
    0.0625
    """
    check_instance(RunSpec, spec=spec)
    data, net = _data_bytes(spec), _COPIES * _FLOAT * parameters(spec) + _activation_bytes(spec)
    main = _PROCESS + 2 * data + _probe_bytes(spec)  # data: as drawn, and as the device holds it
    main += _COMPILED * _common(spec).arrays if spec.net in COMMON else 0
    if gpu_memory is None:
        return Resources(1.0, 0.0, main + net)
    check_integer("gpu_memory", gpu_memory, least=1)
    parts = math.ceil(_GPU_PARTS * (_CONTEXT + data + net) / gpu_memory)
    return Resources(1.0, min(1.0, parts / _GPU_PARTS), main + _FLOAT * parameters(spec))


def check_room(spec: RunSpec) -> None:
    """Refuse a run whose data and network cannot be in main memory, before anything is drawn.

    Raises
    ------
    ArgumentError
        It names the largest part: the width, P or P_test.
    """
    check_instance(RunSpec, spec=spec)
    assert spec.P_test is not None  # filled in by RunSpec
    data, net = _data_bytes(spec), _FLOAT * parameters(spec)
    if net > data:
        name, value, what = "width", spec.width, "a network"
    else:
        name, value = max((("P", spec.P), ("P_test", spec.P_test)), key=lambda one: one[1])
        what = "data sets"
    check_memory(name, value, data + net, what, f"Use a smaller {name}")


def _data_bytes(spec: RunSpec) -> int:
    """Bytes of training and test set."""
    assert spec.P_test is not None  # filled in by RunSpec
    return bytes_of(spec.params, spec.P + spec.P_test)


def _activation_bytes(spec: RunSpec) -> int:
    """Bytes of what the largest program holds beside the network: a training step, or a look at the test set."""
    params, h = spec.params, _width(spec)
    assert spec.P_test is not None  # filled in by RunSpec
    if spec.net in COMMON:
        # A step keeps what entered a product, and what came of it before and after normalisation and nonlinearity.
        forward = _common(spec).products
        kept = _batch(spec) * sum(product.left + 4 * product.out for product in forward)
        looked = min(_TEST_BATCH, spec.P_test) * max(product.left + 3 * product.out for product in forward)
        return max(kept, looked) * _FLOAT
    if spec.net == "fcn":
        positions, units = params.d // params.patch, 0
        first = positions
        while positions:
            units += positions
            positions //= params.patch
        # Of the first layer, the row of the weights of every leaf is gathered before they are summed.
        rows = params.num_leaves * first + 2 * units
        return max(2 * _batch(spec), min(_TEST_BATCH, spec.P_test)) * rows * h * _FLOAT
    # A node has its input, its slots of the product, and its output; a step keeps them for the way back.
    nodes = sum(params.s**level for level in range(params.L + 1))
    step = 3 * 2 * _batch(spec) * nodes * h
    # Sub-trees of a test set are computed once: at level l there are at most so many distinct ones.
    distinct, looked, points = float(params.v), 0.0, min(_FOREST, spec.P_test)
    for level in range(1, params.L + 1):
        distinct = min(
            2.0**62, params.m * params.placements * distinct**params.s / params.v ** (params.s - 1)
        )
        places = params.d / params.patch**level
        trees = min(points * params.s ** (params.L - level), distinct * places)
        looked = max(looked, (params.s + 2) * trees * h)
    return int(max(step, looked)) * _FLOAT


def _probe_bytes(spec: RunSpec) -> int:
    """Bytes of the activations of all layers at the inputs of the probes, if these are asked for."""
    if not spec.probe:
        return 0
    params, h = spec.params, _width(spec)
    assert spec.P_test is not None  # filled in by RunSpec
    units = sum(h * params.patch**level for level in range(params.L)) + params.n_c
    return _FLOAT * min(INPUTS, spec.P_test) * units


class _Common(NamedTuple):
    """The numbers of weights and of arrays of a common network, and the products of one sample."""

    weights: int
    arrays: int
    products: list[Product]


def _common(spec: RunSpec) -> _Common:
    return _of_common(spec.net, spec.params, _width(spec), spec.encoding, spec.variant)


@cache
def _of_common(name: NetName, params: Params, width: int, encoding: Encoding, variant: Variant) -> _Common:
    net = eqx.filter_eval_shape(lambda: build(name, params, width, encoding=encoding, variant=variant))
    x = jax.ShapeDtypeStruct((1, params.d, channels(params, encoding)), "float32")
    arrays = jax.tree.leaves(net)
    weights = sum(one.size for one in arrays) - sum(one.size for one in net.statistics())
    return _Common(weights, len(arrays), products(lambda net, x: net(x), net, x))


def _batch(spec: RunSpec) -> int:
    return spec.protocol.batch_per_class * spec.params.n_c


def _width(spec: RunSpec) -> int:
    assert spec.width is not None  # filled in by RunSpec
    return spec.width
