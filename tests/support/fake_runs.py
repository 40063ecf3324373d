"""Runs that nobody computed, for the tests of what is done with runs."""

from typing import Any

from setups import run_spec
from srhm import Params
from srhm.study import Run, RunSpec, Seeds

PARAMS = Params(n_c=3, v=3, m=3, s=2, s0=1, L=2)


def small(net: str = "cnn", P: int = 200, **changes: Any) -> RunSpec:
    """Return a run of a few seconds at most, with the options that are changed."""
    options = {"width": 8, "P_test": 100, "stop_loss": 0.05, "max_epochs": 60}
    return run_spec(PARAMS, net, P, **(options | changes))


SPEC = small()


def fake_run(spec: RunSpec, **metrics: Any) -> Run:
    """Return a finished run."""
    return Run(
        spec, "converged", {"error": 0.2, "epochs": 3} | metrics, [], {"train": 1.0}, {"srhm": "0"}, "cpu"
    )


def many_specs(number: int) -> list[RunSpec]:
    """Return different specifications."""
    setup = run_spec(PARAMS, "cnn", 50, width=8, P_test=100).setup
    return [setup.at(50, Seeds(order=i)) for i in range(number)]
