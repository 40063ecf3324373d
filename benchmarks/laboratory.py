"""What many runs cost beside their computation: executors, the store and the driver, with runs that do nothing.

Ray is measured where it is installed.
"""

import json
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from statistics import quantiles

import srhm
from srhm.nets import NetSpec
from srhm.runner.driver import drive
from srhm.runner.executors import Executor, Job, Outcome, Workers, available_cores
from srhm.runner.sources import Single
from srhm.runner.work import finished
from srhm.store import Store
from srhm.study import Run, RunSpec, Seeds, Setup, read_grid

HERE = Path(__file__).parent
SPEC = Setup(srhm.Params(n_c=10, v=10, m=10, s=2, s0=1, L=2), NetSpec("cnn", width=512)).at(10_000)
METRICS = {
    "error": 0.1,
    "best_test_error": 0.1,
    "best_epoch": 40,
    "train_loss": 9e-4,
    "epochs": 47,
    "steps": 11_797,
    "repeat_bound": 0.0,
}
METRICS |= {f"{kind}_{layer}{level}{end}": 0.5 for kind in "SD" for layer in (1, 2, 3) for level in (1, 2)
            for end in ("", "_error")}  # fmt: skip
MANY = 100_000
"""Runs of a large store, and of a large grid."""
TOGETHER = 100
"""Runs of one transaction, where several are written at once."""


def empty(content: str) -> str:
    """Do nothing."""
    return content


def run_of(spec: RunSpec) -> Run:
    """Return a finished run, of the size that real ones have."""
    seconds = {"data": 0.1, "train": 50.0, "compile": 2.0, "sensitivities": 1.0}
    versions = dict.fromkeys(("srhm", "jax", "numpy", "python", "executed"), "0.0.0") | {"streams": "1"}
    return Run(spec, "converged", METRICS, [], seconds, versions, "cpu: cpu, x86_64")


def specs(count: int, first: int = 0) -> list[RunSpec]:
    return [replace(SPEC, seeds=Seeds(order=first + number)) for number in range(count)]


class AtOnce(Executor):
    """Ends all jobs as soon as they are waited for: what is left is the driver and the store."""

    def __init__(self, slots: int) -> None:
        self.slots = slots
        self._jobs: list[Job] = []

    def start(self, job: Job) -> None:
        self._jobs.append(job)

    def wait(self, timeout: float | None = None) -> list[Outcome]:
        jobs, self._jobs = self._jobs, []
        contents = [json.loads(job.content)["spec"] for job in jobs]
        runs = [run_of(RunSpec.from_dict(content)) for content in contents]
        return [Outcome(job.number, finished(run)) for job, run in zip(jobs, runs, strict=True)]

    def close(self, *, interrupted: bool = False) -> list[Outcome]:
        return []


def middle(work: Callable[[int], object], repetitions: int, *, each: int = 1) -> dict:
    """Milliseconds of one call, divided by `each`: the median, and the range of the middle four fifths."""
    times = []
    for number in range(repetitions):
        began = time.perf_counter()
        work(number)
        times.append(1000 * (time.perf_counter() - began) / each)
    cut = quantiles(times, n=10)
    return {"ms": round(cut[4], 3), "from_ms": round(cut[0], 3), "to_ms": round(cut[8], 3)}


def flush() -> dict:
    """Milliseconds until a page that was written is on the disk: what every transaction waits for."""
    with tempfile.TemporaryFile() as file:

        def once(number: int) -> None:
            file.write(bytes(4096))
            file.flush()
            os.fsync(file.fileno())

        return {"what": "a page written to the disk and flushed", **middle(once, 200)}


def executed(executor: Executor, jobs: int) -> dict:
    """Jobs that do nothing, all slots always taken, after as many that are not counted as there are slots."""
    began = time.perf_counter()
    for number in range(executor.slots):
        executor.start(Job(number, "{}"))
    left = executor.slots
    while left:
        left -= len(executor.wait())
    start = time.perf_counter() - began
    began, handed, done = time.perf_counter(), 0, 0
    while done < jobs:
        while handed < jobs and handed - done < executor.slots:
            executor.start(Job(handed, "{}"))
            handed += 1
        done += len(executor.wait())
    seconds = time.perf_counter() - began
    slots = executor.slots
    executor.close()
    return {"slots": slots, "jobs": jobs, "start_s": round(start, 2), "ms": round(1000 * seconds / jobs, 3),
            "runs_per_second": round(jobs / seconds)}  # fmt: skip


def executors() -> Iterator[dict]:
    cores = available_cores()
    yield {"what": "local workers", **executed(Workers(cores, empty), 5000)}
    try:
        from srhm.runner.executors.on_ray import OnRay

        os.environ["PYTHONPATH"] = os.pathsep.join([str(HERE), os.environ.get("PYTHONPATH", "")])
        yield {"what": "Ray on this machine", **executed(OnRay(empty), 2000)}
    except srhm.MissingExtraError:
        pass


def used(store: Store) -> dict:
    """Writing, one run and many in a transaction."""
    first = len(store)
    some = specs(400 + 20 * TOGETHER, first)
    runs, groups = some[:400], [some[400 + TOGETHER * n : 400 + TOGETHER * (n + 1)] for n in range(20)]
    return {
        "runs_before": first,
        "put": middle(lambda n: store.put(run_of(runs[n])), 400),
        "put_together": middle(lambda n: store.put_many(map(run_of, groups[n])), 20, each=TOGETHER),
    }


def driven(store: Store, slots: int, count: int) -> dict:
    """A driver whose jobs end at once."""
    some = specs(count, 10_000_000 + len(store))
    progress = drive([Single(spec) for spec in some], store, AtOnce(slots))
    return {"slots": slots, "runs": count, "runs_per_second": round(progress.computed / progress.seconds)}


def stores() -> Iterator[dict]:
    with tempfile.TemporaryDirectory() as folder:
        store = Store(Path(folder, "runs.sqlite"))
        small = used(store)
        at_a_time = [driven(store, slots, count) for slots, count in ((1, 1000), (100, 5000), (1600, 8000))]
        began = time.perf_counter()
        for first in range(len(store), MANY, 1000):
            store.put_many(map(run_of, specs(min(1000, MANY - first), first + 20_000_000)))
        filled = time.perf_counter() - began
        row = {"what": "SQLite", "small": small, "driver": at_a_time, "filling_s": round(filled, 1)}
        row |= {"large": used(store), "bytes_per_run": round(store.path.stat().st_size / len(store))}
        began = time.perf_counter()
        row["hashes_of_all_s"] = (len(store.hashes()), round(time.perf_counter() - began, 2))[1]
        yield row


def grid() -> dict:
    """Reading a file that names many runs, and asking each for its hash."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "grid.toml")
        path.write_text(
            f"[[runs]]\nv = 10\nP = {[1000 + 10 * n for n in range(100)]}\nseeds = {MANY // 100}\n"
        )
        began = time.perf_counter()
        count = len(read_grid(path).runs)
        return {"what": "reading a grid", "runs": count, "seconds": round(time.perf_counter() - began, 1)}


def rows() -> list[dict]:
    return [flush(), *executors(), *stores(), grid()]


if __name__ == "__main__":
    print(json.dumps(rows(), indent=1))
