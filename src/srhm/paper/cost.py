"""How long a run takes, about: the steps until its loss has fallen, and the time of a step.

Both are fitted to measured runs and hold within a factor 2 or so: good enough to order runs, and to decide on a
tier. The fit is in docs, reproduction.md.
"""

import math
from dataclasses import dataclass

from ..study import RunSpec
from ..study.expected import expected_P


@dataclass(frozen=True)
class Device:
    """What computes."""

    name: str
    """For tables."""
    flops: float
    """Operations a second that a training step reaches."""
    overhead: float
    """Seconds of a step beyond them."""
    parallel: int
    """Runs at a time."""

    @classmethod
    def core(cls, parallel: int = 1) -> "Device":
        """A core of a usual processor, as measured (docs, speed.md)."""
        return cls("core", 3e10, 2e-4, parallel)

    @classmethod
    def gpu(cls) -> "Device":
        """A large GPU that many processes share, measured as a whole (docs, speed.md): one run at a time, but fast."""
        return cls("GPU", 1e13, 2e-5, 1)


_EPOCHS = 30
"""Epochs of a run of a family without a time of learning."""
_GROWTH = 0.3
"""A run on more points takes more steps, but fewer epochs."""


def run_steps(spec: RunSpec) -> float:
    """Return how many batches a run takes, about: c (n_c m^2)^(5/6) (s0+1)^0.9 / rate, near P*.

    The time of learning, rate x steps, grows with the number of rules and with the dilution of the inputs, and is about
    the same for L = 2 and L = 3.
    """
    setup, params, learning = spec.setup, spec.params, spec.net.row.learning_time
    if learning is None:
        return _EPOCHS * spec.P / setup.batch
    expected = expected_P(setup)
    size = (params.n_c * params.m**2) ** (5 / 6) * (params.s0 + 1) ** 0.9
    assert setup.optimizer.rate is not None and setup.stopping.max_epochs is not None  # filled in
    near = learning * size / setup.optimizer.rate
    steps = near * (spec.P / expected) ** _GROWTH
    return min(steps, setup.stopping.max_epochs * max(1.0, spec.P / setup.batch))


def run_seconds(spec: RunSpec, device: Device) -> float:
    """Return the time of a run on a device, about, if nothing else runs there."""
    return run_steps(spec) * (
        device.overhead
        + spec.net.cost(spec.params, spec.setup.interface).step_flops(spec.setup.batch) / device.flops
    )


def shown(seconds: float) -> str:
    """Return a time in words, such as ``"3 h"``."""
    for unit, size in (("days", 86_400.0), ("h", 3_600.0), ("min", 60.0)):
        if seconds >= 2 * size:
            return f"{math.ceil(seconds / size):,} {unit}"
    return f"{max(1, math.ceil(seconds))} s"
