"""Runs that a driver is given."""

from collections.abc import Sequence
from dataclasses import replace

import srhm
from setups import run_spec
from srhm.runner.sources import Single
from srhm.study import RunSpec, Seeds

SPEC = run_spec(srhm.Params(n_c=3, v=3, m=3, s=2, s0=1, L=2), "cnn", 100, width=8, P_test=100)


def runs(count: int, network: int = 0, first: int = 100) -> list[RunSpec]:
    return [replace(SPEC, P=first + number, seeds=Seeds(network=network)) for number in range(count)]


def singles(specs: Sequence[RunSpec]) -> list[Single]:
    return [Single(spec) for spec in specs]
