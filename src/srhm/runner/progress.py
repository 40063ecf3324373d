"""The progress of a driver, and the time left."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Progress:
    """The progress of a driver."""

    total: int
    """Number of single runs and searches."""
    done: int
    """Number of those that need no more runs, finished or given up."""
    computed: int
    """Number of runs computed by this driver."""
    running: int
    """Number of runs that are running now."""
    failed: int
    """Number of searches and single runs that were given up."""
    seconds: float
    """Seconds since the start."""
    reasons: tuple[str, ...] = ()
    """The reasons of the last few failures."""
    unused: int = 0
    """Number of runs that were computed ahead of a search but not asked for; they are not kept."""

    @property
    def rate(self) -> float:
        """Runs computed per second."""
        return self.computed / self.seconds if self.seconds > 0 else 0.0

    def left(self, done_before: int = 0) -> float | None:
        """Return the seconds left at the rate since the start; None if nothing was done."""
        done = self.done - done_before
        return None if done <= 0 else self.seconds * (self.total - self.done) / done


def duration(seconds: float) -> str:
    """Return a duration in words, such as "3 min 20 s"."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    if whole < 48 * 3600:
        return f"{whole // 3600} h {whole % 3600 // 60} min"
    return f"{whole // 86400} d {whole % 86400 // 3600} h"
