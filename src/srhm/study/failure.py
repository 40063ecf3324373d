"""Why a run has no result."""

from dataclasses import dataclass
from typing import Literal

FailureKind = Literal["killed", "lost", "memory", "timeout", "backend", "error"]
"""Why a job has no result: its process was killed, its node was lost, the memory ran out, it took longer than
its limit, JAX had no backend to compute on, or the work raised an error."""


@dataclass(frozen=True)
class Failure:
    """Why a job has no result."""

    kind: FailureKind
    """What kind of failure."""
    reason: str
    """What happened, in words for the user; of an error, its type, message and place."""
