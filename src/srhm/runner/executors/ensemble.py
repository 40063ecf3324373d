"""Runs of one shape computed side by side in one compiled program: for GPUs."""

import json
from itertools import count
from typing import Any

from ...errors import check_integer
from ..work import RunJob
from .base import Executor, Job, Outcome


class Ensemble(Executor):
    """Groups the runs that wait by their shape, and has another executor compute each group in one program.

    For a GPU, which a single small network leaves mostly idle. On a CPU it never pays (docs, speed.md). A group that
    fails is tried again as two halves, until a run that fails is alone; the other groups are not touched. The inner
    executor does :func:`~srhm.runner.work.execute_ensemble_job` on groups of at most so many members, two at least, in
    this process or in several, which may share a GPU.
    """

    def __init__(self, inner: Executor, members: int) -> None:
        self._inner = inner
        self._members = check_integer("ensemble", members, minimum=2)
        self.slots = members * inner.slots
        self._waiting: list[tuple[Any, Job]] = []
        """Each with what those that go together have in common."""
        self._groups: dict[int, list[Job]] = {}
        """Those under way, by the number of their job."""
        self._numbers = count()

    @property
    def ahead_slots(self) -> int:
        """None, since the others of a group would wait for such a run."""
        return 0

    def start(self, job: Job) -> None:
        """Keep the run until its companions have come."""
        self._waiting.append((RunJob.from_dict(json.loads(job.content)).spec.shape, job))

    def wait(self, timeout: float | None = None) -> list[Outcome]:
        """Begin groups where the inner executor has room, and return the runs of those that have ended."""
        self._begin()
        return [member for group in self._inner.wait(timeout) for member in self._members_of(group)]

    def close(self, *, interrupted: bool = False) -> list[Outcome]:
        """Forget the runs that were not begun, and close the inner executor."""
        self._waiting = []
        return [
            member
            for group in self._inner.close(interrupted=interrupted)
            for member in self._members_of(group)
        ]

    def _begin(self) -> None:
        while self._waiting and (free := self._inner.slots - len(self._groups)) > 0:
            size = min(self._members, -(-len(self._waiting) // free))  # so that none stays idle
            shape = self._waiting[0][0]
            group = [job for key, job in self._waiting if key == shape][:size]
            begun = set(group)
            self._waiting = [(key, job) for key, job in self._waiting if job not in begun]
            number = next(self._numbers)
            self._groups[number] = group
            content = json.dumps([job.content for job in group])
            self._inner.start(Job(number, content, limit=group[0].limit))

    def _members_of(self, outcome: Outcome) -> list[Outcome]:
        """Return how the runs of a group ended; none if it is tried again as two halves."""
        group = self._groups.pop(outcome.number)
        if outcome.result is not None:
            results = json.loads(outcome.result)
            return [Outcome(job.number, result) for job, result in zip(group, results, strict=True)]
        failure = outcome.failure
        assert failure is not None
        if len(group) == 1 or failure.kind not in ("error", "memory", "killed"):
            return [Outcome(job.number, failure=failure) for job in group]
        half = -(-len(group) // 2)
        if failure.kind == "memory":
            self._members = half
        self._waiting[:0] = [((outcome.number, i < half), job) for i, job in enumerate(group)]
        return []
