"""Jobs done in spawned processes of this machine, which may die without harm to the others."""

import json
import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from multiprocessing import resource_tracker
from multiprocessing.connection import wait
from multiprocessing.process import BaseProcess
from types import ModuleType
from typing import Any

from ...errors import check_integer
from ...interrupts import ask_to_stop, asked_to_stop, pass_over_lost_interrupts
from ..functions import find, name_of
from .base import Executor, Failure, Job, Outcome, Unavailable, Work, outcome_of
from .compiling import compile_one_at_a_time
from .environment import compute_on_device, compute_on_one_thread

_STARTS = 5
"""Processes in a row that end before they are ready, after which none can be started here."""
_READY = b'"ready"'


class Workers(Executor):
    """Does jobs in spawned processes, as many as there are slots, one job at a time in each; JSON alone passes between
    them.

    A process that dies takes its job with it and no other; a new one is started for the next job. Ctrl-C reaches
    workers only through :meth:`close`. Workers find the work by its name, and do not run the script of this process
    again: it needs no ``if __name__ == "__main__":``, unless the work is a function of its own. They compute on
    one thread each, and are spread over as many of JAX's devices as there are; of more processes some share a device.

    An interrupted process has `leave_seconds` to write its checkpoint before it is killed, and `grace_seconds` if its
    job exceeded its limit, or if it is not at work when all end.
    """

    def __init__(
        self,
        slots: int,
        work: Work,
        devices: int = 1,
        *,
        leave_seconds: float = 30.0,
        grace_seconds: float = 5.0,
    ) -> None:
        self.slots = check_integer("workers", slots, minimum=1, maximum=1024)
        self._work = name_of(work, "work")
        compute_on_one_thread()  # they inherit it; else each would take every core
        self._devices = devices
        self._leave_seconds, self._grace_seconds = leave_seconds, grace_seconds
        self._workers: list[_Worker] = []
        self._deaths = 0

    def start(self, job: Job) -> None:
        """Hand the job to an idle process, or to a new one. Unavailable: processes end before they are ready."""
        if self._deaths >= _STARTS:
            raise Unavailable(
                f"{_STARTS} worker processes in a row ended while they started. Try one worker (--workers 1), "
                "which computes in this process and shows what is wrong."
            )
        self._workers = [
            worker for worker in self._workers if worker.job is not None or worker.process.is_alive()
        ]
        idle = next((worker for worker in self._workers if worker.job is None), None)
        if idle is None:
            idle = _Worker.started(self._work, self._free_device(), self._grace_seconds)
            self._workers.append(idle)
        idle.give(job)

    def wait(self, timeout: float | None = None) -> list[Outcome]:
        """Return the jobs that have ended; wait for one, at most `timeout` seconds."""
        until = None if timeout is None else time.monotonic() + timeout
        while True:
            busy = [worker for worker in self._workers if worker.job is not None]
            if not busy:
                return []
            now = time.monotonic()
            ends = [worker.ends for worker in busy if worker.ends is not None]
            if until is not None:
                ends.append(until)
            ready = wait([worker.pipe for worker in busy], None if not ends else max(0.0, min(ends) - now))
            ended = [self._outcome(worker) for worker in busy if worker.pipe in ready]
            outcomes = [outcome for outcome in ended if outcome is not None]
            for worker in busy:
                worker.keep_limit()
            if outcomes or (until is not None and time.monotonic() >= until):
                return outcomes

    def _free_device(self) -> int | None:
        """Return the device with the fewest processes, if there are several."""
        if self._devices == 1:
            return None
        used = [worker.device for worker in self._workers]
        return min(range(self._devices), key=used.count)

    def _outcome(self, worker: "_Worker") -> Outcome | None:
        """Read how a job ended; one whose process died while it started was not begun, and gets another process."""
        job, outcome = worker.job, worker.outcome()
        if worker.ready:
            self._deaths = 0
        elif outcome is not None and job is not None:
            self._workers.remove(worker)
            self._deaths += 1
            self.start(job)
            return None
        return outcome

    def close(self, *, interrupted: bool = False) -> list[Outcome]:
        """End all processes; a process that has not ended in time is killed."""
        workers, self._workers = self._workers, []
        try:
            for worker in workers:
                worker.leave()
            deadline = time.monotonic() + (self._leave_seconds if interrupted else self._grace_seconds)
            waiting = [worker.process.sentinel for worker in workers]
            while waiting and (left := deadline - time.monotonic()) > 0:
                ended = wait(waiting, left)
                waiting = [sentinel for sentinel in waiting if sentinel not in ended]
        finally:  # also when Ctrl-C is pressed again
            for worker in workers:
                worker.process.kill()
        outcomes = [worker.last_outcome() for worker in workers if worker.job is not None]
        for worker in workers:
            worker.process.join()
            worker.pipe.close()
        return [outcome for outcome in outcomes if outcome is not None and outcome.result is not None]


@dataclass(eq=False)
class _Worker:
    """One process, as the driver sees it."""

    process: BaseProcess
    pipe: Any
    device: int | None
    grace_seconds: float
    job: Job | None = None
    ends: float | None = None
    """When the job has had its time, on the clock of `time.monotonic`."""
    late: bool = False
    ready: bool = False
    """Whether the process has started, and takes work."""

    @classmethod
    def started(cls, work: str, device: int | None, grace_seconds: float) -> "_Worker":
        context = multiprocessing.get_context("spawn")  # a forked JAX deadlocks
        resource_tracker.ensure_running()  # else the first process starts it, which lets Ctrl-C through again
        ours, theirs = context.Pipe()
        process = context.Process(target=_serve, args=(work, theirs, device), daemon=True)
        try:
            # Processes inherit that Ctrl-C is held, and are never interrupted while they start.
            with _interrupts_held(), _script_hidden():
                process.start()
        except OSError as error:
            raise Unavailable(
                f"No worker process can be started: {error.strerror}. Use fewer workers"
            ) from error
        theirs.close()  # so that the end of the process is the end of the pipe
        return cls(process, ours, device, grace_seconds)

    def give(self, job: Job) -> None:
        self.job, self.late = job, False
        self._count()
        with suppress(OSError):  # it has just died, which `outcome` will find
            self.pipe.send_bytes(json.dumps([job.number, job.content]).encode())

    def _count(self) -> None:
        """Let the time of the job count from now, unless the process is still starting."""
        limit = None if self.job is None else self.job.limit
        self.ends = time.monotonic() + limit if self.ready and limit is not None else None

    def outcome(self) -> Outcome | None:
        """Read how the job ended, or find that the process did; None if it has only just started."""
        assert self.job is not None
        number = self.job.number
        try:
            message = self.pipe.recv_bytes()
            if message == _READY:
                self.ready = True
                self._count()
                return None
            content = json.loads(message)
        except (EOFError, OSError, ValueError):  # ValueError: it wrote a part
            self.job = self.ends = None
            self.process.join(self.grace_seconds)
            return Outcome(number, failure=self._death())
        self.job = self.ends = None
        failure = content["failure"]
        return Outcome(number, content["result"], None if failure is None else Failure(**failure))

    def last_outcome(self) -> Outcome | None:
        """Read how the job of a process that has ended did end."""
        outcome = self.outcome()
        return self.outcome() if outcome is None else outcome

    def _death(self) -> Failure:
        if self.late:
            return Failure("timeout", "it took longer than its limit")
        code = self.process.exitcode
        if code is not None and code < 0:
            name = signal.Signals(-code).name
            memory = ", perhaps for want of memory" if name == "SIGKILL" else ""
            return Failure("killed", f"its process was ended by {name}{memory}")
        return Failure("killed", f"its process ended with exit status {code}")

    def keep_limit(self) -> None:
        """Interrupt a job that has had its time, and kill its process if that does not help."""
        if self.job is None or self.ends is None or time.monotonic() < self.ends:
            return
        if self.late:
            self.process.kill()
            self.ends = None
        else:
            self.process.terminate()
            self.late, self.ends = True, time.monotonic() + self.grace_seconds

    def leave(self) -> None:
        """Ask the process to end, after a checkpoint if it is at work."""
        self.process.terminate()


@contextmanager
def _interrupts_held() -> Iterator[None]:
    """Keep Ctrl-C and SIGTERM waiting here, and Ctrl-C, for good, in the processes started meanwhile."""
    came: list[int] = []
    main = threading.current_thread() is threading.main_thread()
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM) if main}
    for number, handler in handlers.items():
        if callable(handler):  # another thread of this process may take the signal for it
            signal.signal(number, lambda number, frame: came.append(number))
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        for number, handler in handlers.items():
            signal.signal(number, handler)
    if came:
        signal.raise_signal(came[0])


@contextmanager
def _script_hidden() -> Iterator[None]:
    """Have processes that are started meanwhile not run the script of this one again, which may start them."""
    script = sys.modules["__main__"]
    sys.modules["__main__"] = ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = script


def _serve(name: str, pipe: Any, device: int | None) -> None:
    """Do jobs until the driver ends; the whole life of a worker."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, _leave)  # Ctrl-C is for the driver, which tells its workers by SIGTERM
    pass_over_lost_interrupts()
    compile_one_at_a_time()
    threading.Thread(target=_die_with_parent, daemon=True).start()
    with suppress(Exception):  # the job will tell it
        find(name, "work")  # its imports are no part of a job's time
        if device is not None:
            compute_on_device(device)
    with suppress(EOFError, ConnectionError):  # the driver has ended, be it before this worker was ready
        _do_jobs(name, pipe)


def _do_jobs(name: str, pipe: Any) -> None:
    pipe.send_bytes(_READY)
    while True:
        number, content = json.loads(pipe.recv_bytes())
        try:
            signal.signal(signal.SIGTERM, _interrupt)
            outcome = outcome_of(lambda content: find(name, "work")(content), Job(number, content))
        except KeyboardInterrupt:
            os._exit(0)  # its checkpoint is written
        finally:
            signal.signal(signal.SIGTERM, _leave)
        pipe.send_bytes(json.dumps(asdict(outcome)).encode())
        if asked_to_stop():  # too late for the job, which has ended
            return


def _leave(number: int, frame: Any) -> None:
    """End a worker that has no job under way, without a word."""
    os._exit(0)


def _interrupt(number: int, frame: Any) -> None:
    """Interrupt the job under way, which then writes its checkpoint."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    ask_to_stop()
    raise KeyboardInterrupt


def _die_with_parent() -> None:
    """A worker whose driver was killed would wait for work for ever."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)
