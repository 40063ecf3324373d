"""What runs inside a Ray cluster: the task that does one job, and the clock that tells how long it has taken.

Workers import this module; strings are all that passes.
"""

import importlib
import os
import time
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

from ...errors import ArgumentError
from .base import failure_of
from .environment import OWN_CHOICES, compute_on_one_thread, keep_compiled_programs, one_thread

_PASSED_ON = ("JAX_", "XLA_", "SRHM_", "PYTHONPATH", "XDG_CACHE_HOME")
"""How the names of variables begin that workers take over from whoever hands out the jobs."""


def name_of(work: Callable[[str], str]) -> str:
    """Return the name by which a worker finds the work: `module:function`.

    Raises
    ------
    ArgumentError
        If it is not a function of a module.
    """
    module, name = getattr(work, "__module__", None), getattr(work, "__qualname__", "<unnamed>")
    if module in (None, "__main__") or "<" in name:
        raise ArgumentError("work", work, "cannot be found by a worker", "Give a function of a module")
    return f"{module}:{name}"


def environment(gpu: float) -> dict[str, str]:
    """Return the variables of a worker; they have to stand before its JAX is imported."""
    chosen = {
        name: value
        for name, value in os.environ.items()
        if name.startswith(_PASSED_ON) and name not in OWN_CHOICES
    }
    if gpu == 0:
        chosen.setdefault("JAX_PLATFORMS", "cpu")
    elif (
        gpu < 1
    ):  # JAX would take three quarters of the memory for itself, and leave no room for its neighbours
        chosen.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")
    return chosen | one_thread(os.environ)


def perform(work: str, content: str, serial: int, clock: Any | None) -> tuple[str, str]:
    """Do one job, and return `("result", JSON)`, or the kind of failure and its reason.

    Parameters
    ----------
    work
        What :func:`name_of` returns.
    content
        The argument of the work.
    serial
        The number of the job for the clock.
    clock
        The actor that is told of the start, if the job has a limit.
    """
    if clock is not None:
        clock.started.remote(serial)
    try:
        _prepare()
        return "result", _find(work)(content)
    except KeyboardInterrupt:  # the driver's, who takes the job back
        raise
    except BaseException as error:  # whatever the work raises is its outcome
        if hasattr(error, "ray_terminate_msg"):  # Ray's, when the process is told to end by SIGTERM
            raise
        failure = failure_of(error)
        return failure.kind, failure.reason


@cache
def _prepare() -> None:
    """Prepare the process once: it goes on to other jobs."""
    compute_on_one_thread()
    keep_compiled_programs()


@cache
def _find(work: str) -> Callable[[str], str]:
    module, name = work.split(":")
    found: Any = importlib.import_module(module)
    for part in name.split("."):
        found = getattr(found, part)
    return found


class Clock:
    """Knows when jobs were begun, on one clock: those of several machines differ, and jobs may wait in the cluster."""

    def __init__(self) -> None:
        self._began: dict[int, float] = {}

    def started(self, serial: int) -> None:
        """Note that a job begins."""
        self._began[serial] = time.monotonic()

    def ages(self, serials: Sequence[int]) -> dict[int, float]:
        """Return for how many seconds each of these jobs has run, if it has begun."""
        now = time.monotonic()
        return {serial: now - self._began[serial] for serial in serials if serial in self._began}

    def forget(self, serials: Sequence[int]) -> None:
        """Forget jobs that have ended."""
        for serial in serials:
            self._began.pop(serial, None)
