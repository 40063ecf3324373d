"""Where runs are computed: in this process, on all cores or GPUs, many in one program on a GPU, or on a Ray cluster.

A run computes on one thread, so that the same seeds give the same bits on the same machine, and so that many
runs side by side do not contend for cores.
"""

import os

import jax

from ...backend import backend_name
from ...cores import available_cores
from ...errors import ArgumentError, check_choice, check_integer
from ..functions import refuse_within_import
from ..work import execute_ensemble_job, execute_job
from .base import Executor, Job, Outcome, Resources, Unavailable, Work
from .ensemble import Ensemble
from .environment import compute_on_one_thread, keep_compiled_programs
from .in_process import InProcess
from .workers import Workers

GPU_MEMBERS = 64
"""Runs in one program on a GPU by default."""


def default_workers() -> int:
    """Return how many worker processes are fastest here: one a core, or one a GPU."""
    return jax.local_device_count() if backend_name() != "cpu" else available_cores()


def check_executor(
    on: str, workers: int | None = None, ensemble: int | None = None, limit: float | None = None
) -> None:
    """Refuse an executor that :func:`open_executor` does not have, numbers below 1, a cluster that is to compute
    ensembles, and a limit for runs of this process.
    """
    if workers is not None:
        check_integer("workers", workers, minimum=1, maximum=100_000)
    if ensemble is not None:
        check_integer("ensemble", ensemble, minimum=1, maximum=10_000)
    if not str(on).startswith("ray://"):
        check_choice("on", on, ("local", "ray", "ray://HOST:PORT"), "is not an executor")
    if on != "local" and ensemble is not None:
        problem = "is for this machine: a cluster computes each run in a program of its own"
        raise ArgumentError("ensemble", ensemble, problem, "Leave it out, or use on='local'")
    if limit is not None and on == "local" and (default_workers() if workers is None else workers) == 1:
        problem = "cannot be kept by the only worker, which is this process"
        raise ArgumentError("limit", limit, problem, "Use workers >= 2, or leave it out")


def open_executor(
    on: str = "local", workers: int | None = None, work: Work | None = None, ensemble: int | None = None
) -> Executor:
    """Return an executor of runs, or of other work.

    Parameters
    ----------
    on
        ``"local"``: this machine. ``"ray"``: a Ray of this machine, bound to loopback, or the cluster that RAY_ADDRESS
        names. ``"ray://HOST:PORT"``: a cluster.
    workers
        Here, the number of processes: this one alone, or that many spawned ones, which share the devices that JAX sees
        (processes that share a GPU take turns on it, unless NVIDIA's multi-process service runs; docs, speed.md). On a
        cluster, runs at a time. Default: one a core, or one a GPU; all cores of the cluster.
    work
        What is done with a job: a function of a module. Default: a run is computed.
    ensemble
        Runs of one shape that each process computes in one program, at most. Default: 64 on a GPU, 1 on a CPU, where
        more never pay (docs, speed.md).

    Raises
    ------
    ArgumentError
        If `on` is none of these, `workers` or `ensemble` is below 1, or ensembles are asked of a cluster.
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
    check_executor(on, workers, ensemble)
    if on != "local":
        from .on_ray import OnRay

        address = ("auto" if os.environ.get("RAY_ADDRESS") else None) if on == "ray" else on
        return OnRay(work or execute_job, address=address, slots=workers)
    if work is not None:
        workers = available_cores() if workers is None else workers
        return InProcess(work) if workers == 1 else Workers(workers, work)
    compute_on_one_thread()  # before JAX first computes
    on_gpu = backend_name() != "cpu"
    workers = default_workers() if workers is None else workers
    members = ensemble or (GPU_MEMBERS if on_gpu else 1)
    work = execute_job if members == 1 else execute_ensemble_job
    inner = InProcess(work) if workers == 1 else Workers(workers, work, jax.local_device_count())
    if on_gpu and workers > 1:
        # Else the first process takes most of a GPU's memory. They inherit it; JAX reads it when it first computes.
        os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")
    return inner if members == 1 else Ensemble(inner, members)


__all__ = [
    "GPU_MEMBERS",
    "Ensemble",
    "Executor",
    "InProcess",
    "Job",
    "Outcome",
    "Resources",
    "Unavailable",
    "Workers",
    "available_cores",
    "check_executor",
    "compute_on_one_thread",
    "default_workers",
    "keep_compiled_programs",
    "open_executor",
]
