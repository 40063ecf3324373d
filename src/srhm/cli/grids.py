"""The commands for many runs: `srhm grid`, `status`, `cancel`, `merge` and `export`."""

import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ClassVar

import tyro

from ..errors import ArgumentError, SrhmError
from ..files import check_output, write_atomically
from .options import RESUMES, STORE, AsJSON, EnsembleSize, GPUMemory, StoreName, WorkerCount, bytes_of_gpu
from .printing import print_result

if TYPE_CHECKING:
    from ..store import Store


@dataclass(frozen=True)
class GridCommand:
    """Compute all runs and searches that a file names, on this machine or on a cluster.

    GRID.toml has tables [[runs]] with P, and [[pstar]], which search for P*; their keys are the options of `srhm
    run` and `srhm pstar`, written with _ and with seeds for seed, and lists mean all combinations. Finished runs
    are kept in the store, and runs under way keep checkpoints next to it: the same command resumes. One command
    at a time computes into a store. Failed runs are recorded with their reason, and the exit status is 1.
    """

    grid: Annotated[Path, tyro.conf.Positional]
    """File of runs."""
    on: str = "local"
    """local: the cores or GPUs of this machine. ray: a Ray of this machine, or the cluster that RAY_ADDRESS names.
    ray://HOST:PORT: a cluster from outside."""
    workers: WorkerCount = None
    ensemble: EnsembleSize = None
    store: str | None = None
    """File of the finished runs. Default: srhm-runs/runs.sqlite, and with --shard
    srhm-runs/NAME-shard-i-of-n.sqlite."""
    shard: str | None = None
    """i/n: the i-th of n parts, for a task of a job array; merge the stores with `srhm merge`."""
    retries: int = 2
    """How often a run is tried again after its process was killed or lost, its memory or its time ran out."""
    limit: float | None = None
    """Seconds after which a run counts as hung; it is tried again from its checkpoint."""
    again: bool = False
    """Try again what has failed before."""
    gpu_memory: GPUMemory = None
    keep_weights: bool = False
    """Keep trained weights as safetensors in a folder next to the store."""
    plan: bool = False
    """Say how many runs there are and how many of them are finished, and compute nothing."""
    json: AsJSON = False

    interrupted: ClassVar[str] = RESUMES

    def run(self) -> None:
        """Compute and print."""
        from ..runner.driver import Policy, drive
        from ..runner.executors import check_executor, open_executor
        from ..runner.searches import all_sources, choose_starts
        from ..store import Store
        from ..study.grid import parsed_shard, read_grid, shard
        from .status import grid_content, grid_text
        from .terminal import DriverView

        memory = bytes_of_gpu(self.gpu_memory, self.on)
        policy = Policy(self.retries, self.limit, self.again, memory, self.keep_weights)
        part = None if self.shard is None else parsed_shard(self.shard)
        check_executor(self.on, self.workers, self.ensemble, self.limit)
        place = self._place(part)
        store = Store(place)
        grid = read_grid(self.grid)  # the longest: a file may name many runs
        choose_starts(grid.studies, store, keep=not self.plan)
        sources = all_sources(grid.runs, grid.studies)
        if part is not None:
            sources = shard(sources, *part)
        if self.plan:
            self._print_plan(sources, store, place)
            return
        executor = open_executor(self.on, self.workers, ensemble=self.ensemble)
        with DriverView(grid.title) as view:
            progress = drive(
                sources, store, executor, policy=policy, watch=view, title=f"srhm grid {self.grid}"
            )
        content = grid_content(progress, grid.studies if part is None else [], place)
        print_result(json.dumps(content) if self.json else grid_text(content))
        if content["failed"]:
            raise SystemExit(1)

    def _place(self, part: tuple[int, int] | None) -> str:
        if self.store is not None:
            return self.store
        if part is None:
            return STORE
        return f"srhm-runs/{self.grid.stem}-shard-{part[0]}-of-{part[1]}.sqlite"

    def _print_plan(self, sources: list, store: "Store", place: str) -> None:
        specs = [spec for source in sources if (spec := source.ask()) is not None]
        finished, asked = store.hashes(), {spec.hash for spec in specs}
        singles = sum(source.skip() for source in sources)
        content = {
            "runs": singles,
            "searches": len(sources) - singles,
            "begun_or_finished": sum(spec.hash in finished for spec in specs),
            "failed": sum(one.spec.hash in asked for one in store.failures()),
            "store": place,
        }
        lines = [f"{name.replace('_', ' ')}: {value}" for name, value in content.items()]
        print_result(json.dumps(content) if self.json else "\n".join(lines))


def existing_store(place: str, *, filled: bool = False) -> "Store":
    """Open a store that is to be read, which holds runs if it must: a mistyped name is not an empty store."""
    from ..store import Store

    store = Store(place)
    store.check_exists()
    if filled and len(store) == 0:
        raise SrhmError(f"{place} holds no finished run")
    return store


@dataclass(frozen=True)
class StatusCommand:
    """Show how many runs of one or more stores are finished, under way and failed, how fast, and how long yet."""

    stores: Annotated[tuple[str, ...], tyro.conf.Positional] = (STORE,)
    """Stores."""
    watch: bool = False
    """Keep showing it until all have ended, or Ctrl-C."""
    failures: bool = False
    """List every failed run with its reason."""
    json: AsJSON = False

    interrupted: ClassVar[str] = "The runs continue."

    def run(self) -> None:
        """Print."""
        from .status import status_content, status_text
        from .terminal import watch_status

        stores = [existing_store(place) for place in self.stores]
        if self.watch:
            watch_status(lambda: status_content(stores))
        content = status_content(stores, failures=self.failures)
        print_result(json.dumps(content) if self.json else status_text(content))


@dataclass(frozen=True)
class CancelCommand:
    """Stop the process that computes the runs of a store; it writes checkpoints, and the same command resumes later."""

    stores: Annotated[tuple[str, ...], tyro.conf.Positional] = (STORE,)
    """Stores whose drivers are to stop."""
    wait: float = 60.0
    """Seconds to wait until they have ended."""

    interrupted: ClassVar[str] = "The drivers were asked to stop all the same."

    def run(self) -> None:
        """Ask and wait."""
        from ..store.ownership import ask_driver_to_stop

        if not self.wait >= 0:
            raise ArgumentError("wait", self.wait, "is not a number of seconds", "Use wait >= 0")
        stores = [existing_store(place) for place in self.stores]
        drivers = [driver for store in stores if (driver := store.driver()) is not None and driver.alive]
        for driver in drivers:  # all are looked at before one is asked
            if not driver.here:
                raise SrhmError(f"{driver} is on another machine. Run srhm cancel there")
        for driver in drivers:
            ask_driver_to_stop(driver)
        deadline = time.monotonic() + self.wait
        left = len(drivers)
        while left and time.monotonic() < deadline:
            time.sleep(0.2)
            left = sum((driver := store.driver()) is not None and driver.alive for store in stores)
        print_result(f"{len(drivers)} drivers were asked to stop, {len(drivers) - left} have ended")
        if left:
            raise SystemExit(1)


@dataclass(frozen=True)
class MergeCommand:
    """Take all runs of some stores into one, such as those of the tasks of a job array; each run once."""

    into: Annotated[str, tyro.conf.Positional]
    """The store that takes them; it may exist."""
    stores: Annotated[tuple[str, ...], tyro.conf.Positional]
    """The stores to be read, which are left as they are; or archives, *.jsonl.xz."""
    json: AsJSON = False

    interrupted: ClassVar[str] = "What was taken is kept; the same command resumes."

    def run(self) -> None:
        """Merge and print."""
        from ..store import Store, read_archive
        from ..store.archive import SUFFIX
        from ..store.transfer import Merged

        if not self.stores:
            raise ArgumentError("stores", "", "names no store", "Write: srhm merge INTO STORE [STORE ...]")
        if self.into.endswith(SUFFIX):
            fix = f"Name a store to merge into, then: srhm export {self.into} --store STORE"
            raise ArgumentError("into", self.into, "is the name of an archive, not of a store", fix)
        archives = [Path(place) for place in self.stores if place.endswith(SUFFIX)]
        sources = [existing_store(place) for place in self.stores if not place.endswith(SUFFIX)]
        # All archives are read before anything is written: a torn one leaves the store as it was.
        archived = [run for path in archives for run in read_archive(path)]
        target = Store(self.into)
        target.check_writable()
        taken, merged = target.take(archived), target.merge(sources)
        merged = Merged(taken.added + merged.added, taken.known + merged.known)
        content = merged._asdict() | {"runs": len(target), "store": self.into}
        text = f"{merged.added} runs added, {merged.known} were known; {len(target)} runs in {self.into}"
        print_result(json.dumps(content) if self.json else text)


@dataclass(frozen=True)
class ExportCommand:
    """Write the runs of a store as a table, a row a run: Parquet, or CSV if the file's name ends so.

    Or as an archive, *.jsonl.xz: small, the same bytes for the same runs, and read again by `srhm merge`.
    """

    out: Annotated[Path, tyro.conf.Positional]
    """File to write: .parquet, .csv or .jsonl.xz."""
    store: StoreName = STORE

    def run(self) -> None:
        """Write."""
        from ..store import write_archive
        from ..store.archive import SUFFIX

        archive = self.out.name.endswith(SUFFIX)
        if not archive and self.out.suffix not in (".parquet", ".csv"):
            problem = f"ends in neither .parquet nor .csv nor {SUFFIX}"
            raise ArgumentError("out", str(self.out), problem, "Name such a file")
        store = existing_store(self.store, filled=True)
        check_output("out", self.out)
        if archive:
            write_archive(self.out, store.runs())
        elif self.out.suffix == ".csv":
            write_atomically(self.out, store.to_pandas().to_csv(index=False).encode())
        else:
            store.write_parquet(self.out)
        print_result(f"wrote {len(store)} runs to {self.out}")
