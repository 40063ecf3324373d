"""How far a driver has come, and when it will be done."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Progress:
    """How far a driver has come."""

    total: int
    """Single runs and searches."""
    done: int
    """Those that ask for no more run, whether finished or given up."""
    computed: int
    """Runs computed by this driver."""
    running: int
    """Runs under way here."""
    failed: int
    """Searches and single runs that were given up."""
    seconds: float
    """Since the start."""
    reasons: tuple[str, ...] = ()
    """Why runs have failed, the last few."""
    unused: int = 0
    """Runs computed ahead of a search that has not asked for them; they are not kept."""

    @property
    def rate(self) -> float:
        """Runs computed in a second."""
        return self.computed / self.seconds if self.seconds > 0 else 0.0

    def left(self, done_before: int = 0) -> float | None:
        """Return the seconds left, if the rest goes as what was done since the start; None if nothing was."""
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
