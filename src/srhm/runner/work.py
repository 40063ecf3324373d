"""What a worker does with a job: JSON in, a run, JSON out. Nothing else passes between processes."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from ..study import Run, RunSpec
from .execution import execute, execute_custom, execute_ensemble
from .functions import Importable, TrainFunction


@dataclass(frozen=True)
class RunJob:
    """A run to be executed, and where its files go."""

    spec: RunSpec
    """What to run."""
    checkpoint: str | None = None
    """File from which an interrupted run resumes."""
    weights: str | None = None
    """Folder for the trained weights. Default: they are not kept."""
    train: Importable | None = None
    """The function of the user's that trains, if one does and the worker has to import it."""

    def to_dict(self) -> dict[str, Any]:
        """Return the job as JSON data."""
        content = {"spec": self.spec.to_dict(), "checkpoint": self.checkpoint, "weights": self.weights}
        return content | ({} if self.train is None else {"train": asdict(self.train)})

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> "RunJob":
        """Rebuild a job from :meth:`to_dict`, checking its run."""
        train = Importable(**content["train"]) if "train" in content else None
        return cls(RunSpec.from_dict(content["spec"]), content["checkpoint"], content["weights"], train)


def execute_job(content: str) -> str:
    """Execute the run of a job, as JSON, and return the finished run, as JSON."""
    job = RunJob.from_dict(json.loads(content))
    if job.train is not None:
        return finished(execute_custom(job.spec, job.train.find()))
    return finished(execute(job.spec, checkpoint=job.checkpoint, weights=job.weights))


def execute_ensemble_job(content: str) -> str:
    """Execute the runs of several jobs of one shape, a list, in one compiled program, and return the list of runs."""
    jobs = [RunJob.from_dict(json.loads(job)) for job in json.loads(content)]
    runs = execute_ensemble(
        [job.spec for job in jobs],
        checkpoints=[job.checkpoint for job in jobs],
        weights=[job.weights for job in jobs],
    )
    return json.dumps([finished(run) for run in runs])


class CustomWork:
    """The work on jobs of a function of the user's in this process, which keeps the function's error for the caller."""

    error: Exception | None = None
    """The last error of the function."""

    def __init__(self, train: TrainFunction) -> None:
        self._train = train

    def __call__(self, content: str) -> str:
        """Execute the run of a job."""
        try:
            return finished(execute_custom(RunJob.from_dict(json.loads(content)).spec, self._train))
        except Exception as error:
            self.error = error
            raise


def finished(run: Run) -> str:
    """Return a run as JSON."""
    return json.dumps(run.to_dict())
