"""What a worker does with a job: JSON in, a run, JSON out. Nothing else passes between processes."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..study import Run, RunSpec
from .execution import execute, execute_ensemble


@dataclass(frozen=True)
class RunJob:
    """A run to be executed, and where its files go."""

    spec: RunSpec
    """What to run."""
    checkpoint: str | None = None
    """File from which an interrupted run resumes."""
    weights: str | None = None
    """Folder for the trained weights. Default: they are not kept."""

    def to_dict(self) -> dict[str, Any]:
        """Return the job as JSON data."""
        return {"spec": self.spec.to_dict(), "checkpoint": self.checkpoint, "weights": self.weights}

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> "RunJob":
        """Rebuild a job from :meth:`to_dict`, checking its run."""
        return cls(RunSpec.from_dict(content["spec"]), content["checkpoint"], content["weights"])


def execute_job(content: str) -> str:
    """Execute the run of a job, as JSON, and return the finished run, as JSON."""
    job = RunJob.from_dict(json.loads(content))
    checkpoint = None if job.checkpoint is None else Path(job.checkpoint)
    return finished(execute(job.spec, checkpoint=checkpoint, weights=job.weights))


def execute_ensemble_job(content: str) -> str:
    """Execute the runs of several jobs of one shape, a list, in one compiled program, and return the list of runs."""
    jobs = [RunJob.from_dict(json.loads(job)) for job in json.loads(content)]
    runs = execute_ensemble(
        [job.spec for job in jobs],
        checkpoints=[None if job.checkpoint is None else Path(job.checkpoint) for job in jobs],
        weights=[job.weights for job in jobs],
    )
    return json.dumps([finished(run) for run in runs])


def finished(run: Run) -> str:
    """Return a run as JSON."""
    return json.dumps(run.to_dict())
