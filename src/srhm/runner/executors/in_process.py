"""Jobs done one after another in this process."""

from .base import Executor, Job, Outcome, Work, outcome_of


class InProcess(Executor):
    """Does every job in this process, when it is waited for. Limits cannot be kept here."""

    slots = 1

    def __init__(self, work: Work) -> None:
        self._work = work
        self._jobs: list[Job] = []

    def start(self, job: Job) -> None:
        """Keep the job until it is waited for."""
        self._jobs.append(job)

    def wait(self, timeout: float | None = None) -> list[Outcome]:
        """Do all jobs. An interrupt goes through to the caller once the work has seen it."""
        jobs, self._jobs = self._jobs, []
        return [outcome_of(self._work, job) for job in jobs]

    def close(self, *, interrupted: bool = False) -> list[Outcome]:
        """Forget the jobs that were not begun."""
        self._jobs = []
        return []
