"""What a run needs: memory, a core, and a part of a GPU.

Estimates, from the shapes alone: nothing is drawn or compiled. A cluster uses them to see how many runs fit a node.
"""

import math

from ..errors import check_instance, check_integer
from ..measure.probing import INPUTS
from ..study import RunSpec
from ..study.custom import CustomNet
from .executors.base import Resources
from .room import FLOAT, data_bytes

_PROCESS = 600 * 10**6
"""Bytes of a process that has imported JAX and compiled the programs of a run."""
_COMPILED = 3 * 10**6
"""Bytes that the compilation of a standard architecture takes beyond that, for each of its arrays."""
_CONTEXT = 500 * 10**6
"""Bytes that a process takes of a GPU before it computes."""
_COPIES = 4
"""Arrays of the size of the network: weights, momentum, gradient, and the best or the first network."""
_GPU_PARTS = 16


def resources(spec: RunSpec, *, gpu_memory: int | None = None) -> Resources:
    """Estimate what a run needs: a core, main memory, and a part of a GPU if there is one with so many bytes of
    memory.

    The part is in 16ths, rounded up, one GPU at most. What a function of the user's needs besides a core is not known.

    Examples
    --------
    >>> from srhm import Params
    >>> from srhm.nets import NetSpec
    >>> from srhm.study import Setup
    >>> spec = Setup(Params(v=6, s0=1, L=2), NetSpec("cnn")).at(1000)
    >>> resources(spec, gpu_memory=80 * 10**9).gpu
    0.0625
    """
    check_instance(RunSpec, spec=spec)
    if isinstance(spec.net, CustomNet):
        return Resources()
    setup, cost = spec.setup, spec.net.cost(spec.params, spec.setup.interface)
    data, weights = data_bytes(spec), FLOAT * cost.parameters
    net = _COPIES * weights + FLOAT * cost.activations(setup.batch, setup.P_test)
    # Data: as drawn, and as the device holds it.
    main = _PROCESS + 2 * data + _probe_bytes(spec) + _COMPILED * cost.arrays
    if gpu_memory is None:
        return Resources(1.0, 0.0, main + net)
    check_integer("gpu_memory", gpu_memory, minimum=1)
    parts = math.ceil(_GPU_PARTS * (_CONTEXT + data + net) / gpu_memory)
    return Resources(1.0, min(1.0, parts / _GPU_PARTS), main + weights)


def _probe_bytes(spec: RunSpec) -> int:
    """Bytes of the activations of all layers at the inputs of the probes, if these are asked for."""
    if not spec.setup.measuring.probe:
        return 0
    params, h = spec.params, spec.setup.width
    units = sum(h * level.patches for level in params.levels) + params.n_c
    return FLOAT * min(INPUTS, spec.setup.P_test) * units
