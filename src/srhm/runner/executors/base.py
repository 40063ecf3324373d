"""What every executor does: take jobs, and give back an outcome for each, whatever happens to those who work."""

import traceback
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ...errors import BackendError, SrhmError
from ...study.failure import Failure

Work = Callable[[str], str]
"""What is done with a job: a function of a module, from JSON to JSON; nothing else passes between processes."""

_MAX_WORDS = 2000
"""Characters of a reason."""


@dataclass(frozen=True)
class Resources:
    """What one job needs."""

    cores: float = 1.0
    """Processor cores."""
    gpu: float = 0.0
    """Fraction of a GPU, or a whole number of them."""
    memory: int = 0
    """Bytes of main memory; 0 if unknown."""


@dataclass(frozen=True)
class Job:
    """One piece of work."""

    number: int
    """Names the job to whoever handed it out."""
    content: str
    """JSON, the argument of the work."""
    resources: Resources = Resources()
    """What it needs; executors of one machine give every job one core."""
    limit: float | None = None
    """Seconds after which it counts as hung, and is killed."""


@dataclass(frozen=True)
class Outcome:
    """How a job ended: with a result or with a failure."""

    number: int
    """The number of the job."""
    result: str | None = None
    """JSON, what the work returned."""
    failure: Failure | None = None
    """Why there is no result."""


class Executor(ABC):
    """Where jobs are done."""

    slots: int
    """Jobs under way at a time."""

    @property
    def ahead_slots(self) -> int:
        """Jobs under way at a time up to which one may be begun that nobody waits for yet."""
        return self.slots

    @abstractmethod
    def start(self, job: Job) -> None:
        """Begin a job. Whoever calls has at most `slots` jobs under way."""

    @abstractmethod
    def wait(self, timeout: float | None = None) -> list[Outcome]:
        """Return the jobs that have ended since the last call; wait for one, at most `timeout` seconds.

        Whatever befalls a job is its outcome, never an exception.

        Raises
        ------
        Unavailable
            If no job can be done at all.
        """

    @abstractmethod
    def close(self, *, interrupted: bool = False) -> list[Outcome]:
        """End all processes. If interrupted, let the jobs under way write their checkpoints first.

        Returns
        -------
        list[Outcome]
            Jobs that ended with a result meanwhile. To close twice does nothing.
        """


class Unavailable(SrhmError):  # noqa: N818 # it says what is the matter
    """An executor cannot work at all: a cluster does not answer, or no process can be started."""


def failure_of(error: BaseException) -> Failure:
    """Return the failure that an error of the work means, with its type, message and line."""
    if isinstance(error, BackendError):
        return Failure("backend", str(error))
    last = traceback.extract_tb(error.__traceback__)[-1:]
    where = "".join(f" ({Path(frame.filename).name}, line {frame.lineno})" for frame in last)
    reason = f"{type(error).__name__}: {error}{where}"
    # What XLA calls the want of memory of a device, and of a host.
    short = isinstance(error, MemoryError) or "RESOURCE_EXHAUSTED" in str(error)
    return Failure("memory" if short else "error", reason[:_MAX_WORDS])


def outcome_of(work: Work, job: Job) -> Outcome:
    """Do a job here and return how it ended; only an interrupt or an exit goes through."""
    try:
        return Outcome(job.number, work(job.content))
    except Exception as error:
        return Outcome(job.number, failure=failure_of(error))
