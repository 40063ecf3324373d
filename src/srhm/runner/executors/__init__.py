"""Where runs are computed: in this process, on all cores, in one program on a GPU, or on a Ray cluster.

A run computes on one thread, so that the same seeds give the same bits on the same machine, and so that many
runs side by side do not contend for cores.
"""

import os

from ...backend import backend_name
from ...cores import available_cores
from ...errors import check_choice, check_integer
from ...study.failure import Failure, FailureKind
from ..functions import refuse_within_import
from ..work import execute_job
from .base import Executor, Job, Outcome, Resources, Unavailable, Work
from .environment import compute_on_one_thread, keep_compiled_programs
from .in_process import InProcess
from .together import Together
from .workers import Workers

_GPU_MEMBERS = 64


def default_workers() -> int:
    """Return how many runs at a time are fastest here: one a core, or on a GPU many in one program."""
    return _GPU_MEMBERS if backend_name() != "cpu" else available_cores()


def check_place(on: str, workers: int | None = None) -> None:
    """Refuse a place for runs that is none, and a number of workers that cannot be, without opening anything.

    Raises
    ------
    ArgumentError
        If `on` is not one of those of :func:`open_executor`, or `workers` is below 1.
    """
    if workers is not None:
        check_integer("workers", workers, least=1, most=100_000)
    if not str(on).startswith("ray://"):
        check_choice("on", on, ("local", "processes", "ray", "ray://HOST:PORT"), "is not a place for runs")


def open_executor(on: str = "local", workers: int | None = None, work: Work | None = None) -> Executor:
    """Return an executor of runs, or of other work.

    Parameters
    ----------
    on
        ``"local"``: this process for one worker, that many spawned processes for more; on a GPU, one program
        for that many runs of one shape (on a CPU that never pays: docs, speed.md). ``"processes"``: spawned
        processes on a GPU too, which they share; start NVIDIA's multi-process service first, without which they
        take turns (docs, speed.md). ``"ray"``: a Ray of this machine, bound to loopback, or the cluster that
        RAY_ADDRESS names. ``"ray://HOST:PORT"``: a cluster.
    workers
        Runs at a time. Default: all cores of the machine, or of the cluster.
    work
        What is done with a job: a function of a module. Only runs are computed in one program on a GPU.

    Raises
    ------
    ArgumentError
        If `on` is none of these, or `workers` is below 1.
    MissingExtraError
        If Ray is not installed.
    Unavailable
        If the cluster does not answer.
    BackendError
        If JAX has no backend to compute runs on in this process.
    SrhmError
        If a script that workers import for a function of it calls this.
    """
    refuse_within_import()
    check_place(on, workers)
    own, work = work is not None, execute_job if work is None else work
    if on == "ray" or on.startswith("ray://"):
        from .on_ray import OnRay

        address = ("auto" if os.environ.get("RAY_ADDRESS") else None) if on == "ray" else on
        return OnRay(work, address=address, slots=workers)
    if on == "processes":
        # Else the first process takes most of the GPU's memory. They inherit it; JAX reads it when it first computes.
        os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")
        return Workers(available_cores() if workers is None else workers, work)
    if own:
        workers = available_cores() if workers is None else workers
        return InProcess(work) if workers == 1 else Workers(workers, work)
    backend = backend_name()  # before the first run
    workers = default_workers() if workers is None else workers
    if workers == 1:
        return InProcess(work)
    return Together(workers) if backend != "cpu" else Workers(workers, work)


__all__ = [
    "Executor",
    "Failure",
    "FailureKind",
    "InProcess",
    "Job",
    "Outcome",
    "Resources",
    "Together",
    "Unavailable",
    "Workers",
    "available_cores",
    "check_place",
    "compute_on_one_thread",
    "default_workers",
    "keep_compiled_programs",
    "open_executor",
]
