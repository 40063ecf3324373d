"""Jobs on a Ray cluster, or on a Ray of this machine's own: each is one task, which Ray assigns to a node."""

import time
from collections import deque
from contextlib import suppress
from functools import cached_property
from typing import Any

from ...errors import check_integer
from ...study.failure import Failure, FailureKind
from ..functions import name_of
from .base import Executor, Job, Outcome, Resources, Unavailable, Work
from .ray_cluster import Cluster
from .ray_task import environment, perform

_MAX_SLOTS = 4096
_POLL_SECONDS = 1.0
"""How long interrupted jobs are waited for at a time."""
_LOOK_SECONDS = 10.0
"""How often the cluster is asked for its size, and whether it is there."""
_FETCH_SECONDS = 60.0
"""How long the result of a task that has ended may take to arrive."""
_LEAVE_SECONDS = 30.0
"""How long interrupted jobs may take to write their checkpoints."""
_MEMORY_STEP = 2**26
"""Memory is asked for in whole steps: Ray keeps a queue, and leases workers, for every distinct amount."""


class OnRay(Executor):
    """Does jobs as tasks of a Ray cluster, each with the cores, the memory and the part of a GPU that it asks for.

    A job waits in the cluster until a node has room for it; its limit is kept inside its task, and counts from when it
    begins. Jobs that fail are not tried again by Ray: whoever hands them out decides. When this process ends, however
    it ends, Ray ends its jobs. Workers import the work by its name.

    The address is that of a :class:`~.ray_cluster.Cluster`, whose errors it has. `slots` is the number of jobs under
    way at a time; by default two for each core of the cluster, so that a worker that has finished finds the next job
    waiting, and following the cluster as it grows or shrinks.
    """

    def __init__(self, work: Work, *, address: str | None = None, slots: int | None = None) -> None:
        self._work = name_of(work, "work")
        self._chosen = None if slots is None else check_integer("slots", slots, minimum=1)
        self._cluster = Cluster(address)
        self._ray = self._cluster.ray
        self._functions: dict[Resources, Any] = {}
        self._jobs: dict[Any, Job] = {}
        """Those under way, by what Ray calls their results."""
        self._ended: deque[Outcome] = deque()
        self._closed = self._lost = False
        self.slots = 1
        self._looked = time.monotonic()
        self._count_slots()

    @property
    def ahead_slots(self) -> int:
        """Half, unless chosen: the other half wait for a core."""
        return self.slots if self._chosen is not None else self.slots // 2

    def start(self, job: Job) -> None:
        """Begin a job; it may wait in the cluster for room. Unavailable: the cluster is gone, or this was closed."""
        if self._closed:
            raise Unavailable("This executor was closed. Make another")
        if self._lost:
            raise Unavailable("The connection to the Ray cluster is lost. Connect again")
        if self._cluster.own and (lack := self._lacking(job.resources)):
            self._ended.append(Outcome(job.number, failure=Failure("error", lack)))
            return
        try:
            result = self._function(job.resources).remote(self._work, job.content, job.limit)
        except Exception as error:  # Ray has several for a cluster that is gone
            self._lose(str(error))
            raise Unavailable(f"The connection to the Ray cluster is lost: {error}") from error
        self._jobs[result] = job

    def wait(self, timeout: float | None = None) -> list[Outcome]:
        """Return the jobs that have ended since the last call; wait for one, at most `timeout` seconds."""
        deadline = float("inf") if timeout is None else time.monotonic() + timeout
        pause = 0.0  # at first, take all that have ended already
        while True:
            self._take_ended(pause)
            now = time.monotonic()
            if now - self._looked > _LOOK_SECONDS:
                self._looked = now
                self._look()
            if self._ended or not self._jobs or now >= deadline:
                outcomes = list(self._ended)
                self._ended.clear()
                return outcomes
            pause = min(_LOOK_SECONDS, deadline - now)

    def close(self, *, interrupted: bool = False) -> list[Outcome]:
        """End the jobs, and Ray if it was started here; an interrupted job gets 30 seconds for its checkpoint."""
        if self._closed:
            return []
        self._closed = True
        try:
            if interrupted:
                self._cancel(list(reversed(self._jobs)), force=False)  # first those that would begin now
                deadline = time.monotonic() + _LEAVE_SECONDS
                while self._jobs and (left := deadline - time.monotonic()) > 0:
                    self._take_ended(min(left, _POLL_SECONDS))
        finally:  # also when Ctrl-C is pressed again
            self._cancel(list(self._jobs), force=True)
            self._jobs.clear()
            self._cluster.close()
        outcomes = [outcome for outcome in self._ended if outcome.result is not None]
        self._ended.clear()
        return outcomes

    def _function(self, resources: Resources) -> Any:
        """Return the task for jobs with these needs."""
        if resources not in self._functions:
            options: dict[str, Any] = {"num_cpus": resources.cores, "num_gpus": resources.gpu}
            if resources.memory > 0:
                options["memory"] = -(-resources.memory // _MEMORY_STEP) * _MEMORY_STEP
            self._functions[resources] = self._ray.remote(
                max_retries=0,
                retry_exceptions=False,
                runtime_env={"env_vars": environment(resources.gpu)},
                **options,
            )(perform)
        return self._functions[resources]

    def _lacking(self, resources: Resources) -> str:
        """Say what this machine can never give; a cluster may still grow, and Ray lets the job wait."""
        wanted = {"CPU": resources.cores, "GPU": resources.gpu, "memory": resources.memory}
        has = self._largest
        lack = [f"{want:g} of {name}, and has {has.get(name, 0):g}" for name, want in wanted.items()
                if want > has.get(name, 0)]  # fmt: skip
        return f"The job asks this machine for {'; '.join(lack)}" if lack else ""

    @cached_property
    def _largest(self) -> dict[str, float]:
        return self._cluster.largest()

    def _take_ended(self, seconds: float) -> None:
        """Take the tasks that have ended; if none has, wait for one."""
        if not self._jobs:
            return
        try:
            # To wait for one returns one, so whatever else has ended by then is asked for once more.
            if seconds > 0:
                self._ray.wait(list(self._jobs), num_returns=1, timeout=seconds)
            ended, _ = self._ray.wait(list(self._jobs), num_returns=len(self._jobs), timeout=0)
        except Exception as error:  # no task raises here: the connection is gone
            self._lose(str(error))
            return
        self._ended.extend(self._outcome(result, self._jobs.pop(result)) for result in ended)

    def _outcome(self, reference: Any, job: Job) -> Outcome:
        """Fetch what a task returned, or say why it returned nothing."""
        try:
            kind, content = self._ray.get(reference, timeout=_FETCH_SECONDS)
        except Exception as error:  # whatever befalls a job is its outcome
            return Outcome(job.number, failure=self._failure(error))
        if kind == "result":
            return Outcome(job.number, content)
        return Outcome(job.number, failure=Failure(kind, content))

    def _failure(self, error: Exception) -> Failure:
        """Return the failure that an error of Ray is."""
        known = self._ray.exceptions
        kind: FailureKind = "lost"
        if isinstance(error, known.OutOfMemoryError):
            kind = "memory"
        elif isinstance(error, known.WorkerCrashedError | known.TaskCancelledError):
            kind = "killed"
        elif isinstance(
            error, known.RayTaskError | known.RuntimeEnvSetupError | known.TaskUnschedulableError
        ):
            kind = "error"
        said = str(error).strip().splitlines() or [""]
        # The last line of a traceback names the error; of a message of Ray, the first says what happened.
        said = said[-1] if kind == "error" else said[0]
        return Failure(kind, f"{type(error).__name__}: {said}")

    def _cancel(self, references: list[Any], *, force: bool) -> None:
        for reference in references:
            with suppress(Exception):  # it has ended, or the cluster is gone
                self._ray.cancel(reference, force=force)

    def _look(self) -> None:
        """See whether the cluster is still there, and how large it is."""
        if not self._cluster.alive():
            self._lose("it no longer answers")
            return
        try:
            self._count_slots()
        except Exception as error:
            self._lose(str(error))

    def _count_slots(self) -> None:
        if self._chosen is not None:
            self.slots = self._chosen
        else:
            self.slots = min(_MAX_SLOTS, max(1, int(2 * self._cluster.cores())))

    def _lose(self, reason: str) -> None:
        """Give up a cluster that is gone, and with it all jobs under way."""
        self._lost = True
        for job in self._jobs.values():
            failure = Failure("lost", f"The connection to the Ray cluster is lost: {reason}")
            self._ended.append(Outcome(job.number, failure=failure))
        self._jobs.clear()
