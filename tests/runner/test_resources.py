"""What a run is said to need, against what networks have and what processes took."""

import json
import os
import subprocess
import sys
from pathlib import Path

import equinox as eqx
import jax
import pytest

from folders import SOURCE
from setups import run_spec, setup
from srhm import Params
from srhm.runner.resources import resources

SMALL = Params(n_c=8, v=8, m=8, s=2, s0=1, L=2)
LARGE = Params(n_c=8, v=8, m=8, s=2, s0=2, L=3)


def size(one):
    """Numbers in the arrays of the network as it is built, of which only the shapes are computed."""
    form = eqx.filter_eval_shape(lambda: one.net.build(one.params))
    return sum(leaf.size for leaf in jax.tree.leaves(form))


def cost(one):
    """What a network costs."""
    return one.net.cost(one.params)


@pytest.mark.parametrize("encoding", ["whitened", "onehot_blank"])
@pytest.mark.parametrize("L", [1, 2, 3])
@pytest.mark.parametrize("s0", [0, 1])
@pytest.mark.parametrize(
    ("net", "bias"),
    [("cnn", "position"), ("cnn", "shared"), ("cnn", "none"), ("lcn", "position"), ("fcn", "position")],
)
def test_parameters_are_counted_exactly(net, bias, s0, L, encoding):
    params = Params(n_c=3, v=4, m=2, s=2, s0=s0, L=L)
    for width in (5, None):
        biases = {} if bias == "position" else {"bias": bias}
        one = setup(params, net, P_test=3, width=width, encoding=encoding, **biases)
        assert cost(one).parameters == size(one)


@pytest.mark.parametrize(("net", "layers"), [("cnn", "2"), ("cnn", "13"), ("lcn", "1"), ("lcn", "123")])
def test_shared_parameters_are_counted_exactly(net, layers):
    one = setup(LARGE, net, P_test=3, width=5, shared_layers=layers)
    assert cost(one).parameters == size(one)


def test_operations_of_a_step_by_hand():
    """CNN: batch 12, h = 5, v = 4, p = 4, s = 2, L = 2, so 4 leaves, 2 nodes in layer 1, 4 positions there."""
    params = Params(n_c=3, v=4, m=2, s=2, s0=1, L=2)
    one = setup(params, "cnn", P_test=3, width=5)
    first, second = 4 * (12 * 4 + 4 * 4) * 5, 6 * (12 * 2 + 4) * 25
    weights = 4 * 4 * 5 + 4 * 5 + 4 * 25 + 5 + 15
    assert cost(one).step_flops(one.batch) == first + second + 6 * 12 * 15 + 6 * weights
    # FCN: 16 inputs of 4 channels, 20 units, then 5; the first layer is a sum of rows of its weights.
    one = setup(params, "fcn", P_test=3, width=5)
    weights = 64 * 20 + 20 + 20 * 5 + 5 + 15
    expected = 4 * (12 * 4 + 64) * 20 + 6 * 12 * 20 * 5 + 6 * 12 * 15 + 6 * weights
    assert cost(one).step_flops(one.batch) == expected


def test_a_part_of_a_gpu_is_in_sixteenths_and_one_at_most():
    spec = run_spec(SMALL, "cnn", P=1000)
    assert resources(spec).gpu == 0.0
    assert resources(spec, gpu_memory=80 * 10**9).gpu == 1 / 16
    assert resources(spec, gpu_memory=10**9).gpu in {part / 16 for part in range(9, 16)}
    assert resources(spec, gpu_memory=10**8).gpu == 1.0
    assert {resources(spec, gpu_memory=memory).cores for memory in (None, 10**9)} == {1.0}
    # What lies on the GPU is not in the main memory.
    large = run_spec(LARGE, "lcn", P=2000)
    assert resources(large, gpu_memory=10**10).memory < resources(large).memory


def test_probes_hold_the_activations_of_their_inputs():
    """CNN at L = 2, p = 4: 4 positions and 1 of 5 channels, and 3 outputs; in main memory, with a GPU or without."""
    params = Params(n_c=3, v=4, m=2, s=2, s0=1, L=2)
    for P_test, inputs in ((100, 100), (2500, 2000)):
        plain, probed = (
            run_spec(params, "cnn", P=3, P_test=P_test, width=5, replacement=True, probe=probe)
            for probe in (False, True)
        )
        for memory in (None, 10**10):
            more = resources(probed, gpu_memory=memory).memory - resources(plain, gpu_memory=memory).memory
            assert more == 4 * inputs * (5 * 5 + 3)


def test_memory_of_a_gpu_is_checked(refuses):
    with refuses("gpu_memory", 0, "Use gpu_memory >= 1"):
        resources(run_spec(SMALL, "cnn", P=1000), gpu_memory=0)


MEASURE = """
import json, sys
from srhm.runner.executors.environment import compute_on_one_thread
compute_on_one_thread()
from srhm.runner.execution import execute
from srhm.study import RunSpec
run = execute(RunSpec.from_dict(json.loads(sys.argv[1])))
assert run.status == "epochs"
lines = open("/proc/self/status").read().splitlines()  # getrusage would count the parent, before the exec
peak = next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))
print(1024 * peak)
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads the peak from /proc")
@pytest.mark.parametrize(
    ("net", "params", "P", "width"),
    [
        pytest.param("cnn", SMALL, 64, 16, marks=pytest.mark.long),
        pytest.param("lcn", LARGE, 2000, 512, marks=pytest.mark.long),
        pytest.param("cnn", SMALL, 400_000, 64, marks=pytest.mark.long),
    ],
    ids=["small", "large network", "many data"],
)
def test_memory_is_that_of_a_measured_run_within_a_factor_of_two(net, params, P, width):
    spec = run_spec(params, net, P=P, width=width, max_epochs=1, eval_every=1, replacement=True)
    ended = subprocess.run(
        [sys.executable, "-c", MEASURE, json.dumps(spec.to_dict())],
        env=os.environ | {"PYTHONPATH": str(SOURCE)}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    peak = int(ended.stdout)
    assert peak / 2 < resources(spec).memory < 2 * peak
