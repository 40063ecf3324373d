"""What runs inside a Ray cluster: the task that does one job, and keeps its limit.

Workers import this module; strings are all that passes.
"""

import faulthandler
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from ..functions import find
from .base import failure_of
from .environment import OWN_CHOICES, compute_on_one_thread, keep_compiled_programs, one_thread

_GRACE_SECONDS = 5.0
"""How long a job that has had its time may take to write its checkpoint."""
_PASSED_ON = ("JAX_", "XLA_", "SRHM_", "PYTHONPATH", "XDG_CACHE_HOME")
"""How the names of variables begin that workers take over from whoever hands out the jobs."""


def environment(gpu: float) -> dict[str, str]:
    """Return the variables of a worker; they have to be set before its JAX is imported."""
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


def perform(work: str, content: str, limit: float | None) -> tuple[str, str]:
    """Do one job by the work of a name, and return `("result", JSON)`, or the kind of failure and its reason.

    After `limit` seconds the job is interrupted, so that it writes its checkpoint, and then ended.
    """
    try:
        _prepare()
        function = find(work, "work")
        with _limited(limit):
            return "result", function(content)
    except _OutOfTime:
        return "timeout", f"it took longer than its limit of {limit:g} s"
    except KeyboardInterrupt:  # the driver's, who takes the job back
        raise
    except BaseException as error:  # whatever the work raises is its outcome
        if hasattr(error, "ray_terminate_msg"):  # Ray's, when the process is told to end by SIGTERM
            raise
        failure = failure_of(error)
        return failure.kind, failure.reason


class _OutOfTime(KeyboardInterrupt):
    """The job has had its time."""


@contextmanager
def _limited(seconds: float | None) -> Iterator[None]:
    """Interrupt what is done meanwhile when its time is over; end the process if it does not hear that."""
    if seconds is None:
        yield
        return
    before = signal.signal(signal.SIGALRM, _interrupt)
    with Path(os.devnull).open("w") as nowhere:
        faulthandler.dump_traceback_later(seconds + _GRACE_SECONDS, exit=True, file=nowhere)
        signal.setitimer(signal.ITIMER_REAL, seconds)
        try:
            yield
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            faulthandler.cancel_dump_traceback_later()
            signal.signal(signal.SIGALRM, before)


def _interrupt(number: int, frame: Any) -> None:
    raise _OutOfTime


@cache
def _prepare() -> None:
    """Prepare the process once: it does other jobs afterwards."""
    compute_on_one_thread()
    keep_compiled_programs()
