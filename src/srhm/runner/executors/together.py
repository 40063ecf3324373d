"""Runs of one shape executed side by side in one compiled program: for a GPU."""

import json
from collections.abc import Sequence
from pathlib import Path

from ...errors import check_integer
from ...study import RunSpec
from ..execution import execute_together
from ..work import RunJob, finished
from .base import Executor, Job, Outcome, failure_of


class Together(Executor):
    """Executes runs of one shape side by side in one compiled program, in this process.

    For a GPU, which a single small network leaves mostly idle. On a CPU it never pays (docs, speed.md).

    Parameters
    ----------
    members
        Runs in one program, at most.

    Raises
    ------
    ArgumentError
        If `members` is below 2.
    """

    def __init__(self, members: int) -> None:
        self.slots = check_integer("members", members, least=2)
        self._waiting: list[tuple[Job, RunJob]] = []

    def start(self, job: Job) -> None:
        """Keep the run until its companions have come."""
        self._waiting.append((job, RunJob.from_dict(json.loads(job.content))))

    def wait(self, timeout: float | None = None) -> list[Outcome]:
        """Execute the waiting runs that have the shape of the first; an interrupt goes through to the caller."""
        if not self._waiting:
            return []
        shape = self._waiting[0][1].spec.shape
        chosen = [one for one in self._waiting if one[1].spec.shape == shape]
        self._waiting = [one for one in self._waiting if one[1].spec.shape != shape]
        jobs, works = zip(*chosen, strict=True)
        specs: Sequence[RunSpec] = [work.spec for work in works]
        files = [None if work.checkpoint is None else Path(work.checkpoint) for work in works]
        try:
            weights = [work.weights for work in works]
            runs = execute_together(specs, checkpoints=files, weights=weights)
        except Exception as error:
            failure = failure_of(error)
            return [Outcome(job.number, failure=failure) for job in jobs]
        return [Outcome(job.number, finished(run)) for job, run in zip(jobs, runs, strict=True)]

    def close(self, *, interrupted: bool = False) -> list[Outcome]:
        """Forget the runs that were not begun."""
        self._waiting = []
        return []
