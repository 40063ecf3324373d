"""Real runs, whose workers and driver are killed again and again.

Every kill may cost the runs that were under way in the processes that it ended, and nothing else: those runs, and
only those, are executed once more.
"""

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

import chaos_driver
from srhm.store import Store
from srhm.study import Run
from srhm.study.grid import read_grid

_GRID = """
title = "chaos"

[[runs]]
v = 3
s0 = 1
width = [8, 16]
P = [100, 105, 110, 115, 120, 125, 130, 135, 140, 145]
P_test = 100
stop_loss = 1e-7
max_epochs = {epochs}
seeds = {seeds}
"""
_COMBINATIONS = 20
_RETRIES = 50
_PATIENCE = 120.0
"""Seconds without an execution, after which the driver hangs."""


class Event(NamedTuple):
    """A line of the log."""

    what: str
    run: str
    worker: int
    driver: int


@dataclass(frozen=True)
class Outcome:
    """What was left after the kills."""

    wanted: set[str]
    """Hashes of the runs of the grid."""
    rows: dict[str, Run]
    """The finished runs, by their hashes."""
    failures: int
    """Runs that were given up."""
    owned: bool
    """Claims that nobody has ended."""
    checkpoints: int
    """Files left beside the store."""
    executions: Counter[str]
    """How often each run was begun."""
    explained: Counter[str]
    """How often each run may have been under way in a process that was killed."""
    worker_kills: int
    driver_kills: int
    seconds: float


def chaos(
    folder: Path, runs: int, worker_kills: int, driver_kills: int, seed: int, epochs: int = 1200
) -> Outcome:
    """Compute many runs on two workers while processes are killed, spread at random over the whole.

    Parameters
    ----------
    folder
        Where everything is; compiled programs are kept there as well, for later calls.
    runs
        How many, a multiple of 20.
    worker_kills, driver_kills
        How often a worker, and the driver, is killed by SIGKILL; the driver is then started again.
    seed
        Of the instants and of what is killed.
    epochs
        Length of a run; a thousand take about a third of a second.
    """
    assert runs % _COMBINATIONS == 0
    grid = folder / "GRID.toml"
    grid.write_text(_GRID.format(seeds=runs // _COMBINATIONS, epochs=epochs))
    wanted = {spec.hash for spec in read_grid(grid).runs}
    assert len(wanted) == runs
    name = f"killed-{worker_kills}-{driver_kills}"
    store, log = folder / f"{name}.sqlite", folder / f"{name}.log"
    log.touch()
    began = time.monotonic()
    explained = Counter[str]()
    with _Driver(grid, store, log) as driver:
        for when, kind in _schedule(runs, worker_kills, driver_kills, np.random.default_rng(seed)):
            driver.wait_for(when)
            explained.update(driver.kill_worker() if kind == "worker" else driver.kill())
        driver.end()
    executions = Counter(event.run for event in events(log) if event.what == "begin")
    opened = Store(store)
    return Outcome(
        wanted=wanted,
        rows={run.spec.hash: run for run in opened.runs()},
        failures=len(opened.failures()),
        owned=opened.driver() is not None,
        checkpoints=len(list(folder.glob(f"{name}-checkpoints/*"))),
        executions=executions,
        explained=explained,
        worker_kills=worker_kills,
        driver_kills=driver_kills,
        seconds=time.monotonic() - began,
    )


def check(killed: Outcome, calm: Outcome) -> None:
    """Assert that the kills have cost what they must and nothing else, and have changed no bit."""
    assert killed.rows.keys() == killed.wanted == calm.rows.keys()
    assert (killed.failures, killed.owned, killed.checkpoints) == (0, False, 0)
    for run, times in killed.executions.items():
        assert times <= 1 + killed.explained[run], f"{run} was executed {times} times"
    assert killed.executions.keys() == killed.wanted
    assert killed.executions.total() <= len(killed.wanted) + killed.worker_kills + 2 * killed.driver_kills
    assert set(calm.executions.values()) == {1}
    for name, run in killed.rows.items():
        assert (run.status, run.metrics) == (calm.rows[name].status, calm.rows[name].metrics)


def events(log: Path) -> list[Event]:
    """Read what the workers wrote, without lines that are not all there: their writers were killed, or write now."""
    lines = [line.split() for line in log.read_text().splitlines()]
    return [Event(one[0], one[1], int(one[2]), int(one[3])) for one in lines if one[4:] == ["."]]


def _schedule(
    runs: int, workers: int, drivers: int, random: np.random.Generator
) -> Iterator[tuple[float, str]]:
    """Yield after how many finished executions, and a fraction of the next, what is killed."""
    kinds = ["worker"] * workers + ["driver"] * drivers
    random.shuffle(kinds)
    return zip(np.sort(random.uniform(1, runs - 2, len(kinds))).tolist(), kinds, strict=True)


class _Driver:
    """A driver in a session of its own, as often as it takes."""

    def __init__(self, grid: Path, store: Path, log: Path) -> None:
        self._log = log
        arguments = [str(grid), str(store), str(log), str(_RETRIES)]
        self._command = [sys.executable, chaos_driver.__file__, *arguments]
        # Workers start often; those that are killed may leave what they kept cut.
        cache = {"JAX_COMPILATION_CACHE_DIR": str(grid.parent / "compiled")}
        self._environment = os.environ | cache | {"PYTHONPATH": os.pathsep.join(sys.path)}
        self._said = (grid.parent / f"{log.stem}.said").open("a+")
        self._killed: set[int] = set()
        self._start()

    def __enter__(self) -> "_Driver":
        return self

    def __exit__(self, *error: object) -> None:
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()
        self._said.close()

    def _start(self) -> None:
        self._process = subprocess.Popen(
            self._command,
            env=self._environment,
            stdout=self._said,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    def wait_for(self, when: float) -> None:
        """Wait until so many executions have ended, and for the fraction of about one more."""
        deadline, seen = time.monotonic() + _PATIENCE, -1
        while (ended := sum(event.what == "end" for event in events(self._log))) < int(when):
            if ended > seen:
                deadline, seen = time.monotonic() + _PATIENCE, ended
            self._check_alive(deadline)
            time.sleep(0.02)
        time.sleep(0.3 * (when % 1))

    def kill_worker(self) -> list[str]:
        """Kill a worker, which one is left to chance, and return the run that it may have had under way."""
        deadline = time.monotonic() + _PATIENCE
        while not (workers := self._workers()):
            self._check_alive(deadline)
            time.sleep(0.01)
        worker = workers[time.monotonic_ns() % len(workers)]
        os.kill(worker, signal.SIGKILL)
        self._killed.add(worker)
        while _command_of(worker):  # it is gone, so that it writes nothing any more
            time.sleep(0.005)
        return [event.run for event in self._last_begun() if event.worker == worker]

    def kill(self) -> list[str]:
        """Kill the driver, start it again, and return the runs that its workers may have had under way."""
        pid, workers = self._process.pid, self._workers()
        self._process.kill()
        self._process.wait()
        while any(_command_of(worker) for worker in workers):
            time.sleep(0.005)
        lost = [one for one in self._last_begun() if one.driver == pid and one.worker not in self._killed]
        self._start()
        return [event.run for event in lost]

    def end(self) -> None:
        """Wait until all is done."""
        status = self._process.wait(10 * _PATIENCE)
        assert status == 0, self._words()

    def _check_alive(self, deadline: float) -> None:
        assert self._process.poll() is None, self._words()
        assert time.monotonic() < deadline, "nothing goes on. " + self._words()

    def _words(self) -> str:
        self._said.seek(0)
        return self._said.read()

    def _workers(self) -> list[int]:
        """The living children of the driver that work, those that are starting among them."""
        return [
            pid
            for pid, parent in _processes()
            if parent == self._process.pid and b"spawn_main" in _command_of(pid)
        ]

    def _last_begun(self) -> list[Event]:
        """What each worker began last; it may have ended that, without the driver having learnt of it."""
        return list({event.worker: event for event in events(self._log) if event.what == "begin"}.values())


def _processes() -> Iterator[tuple[int, int]]:
    """Yield the numbers of all processes and of their parents."""
    for place in Path("/proc").glob("[0-9]*"):
        try:
            content = (place / "stat").read_text()
        except OSError:  # it has just ended
            continue
        yield int(place.name), int(content.rpartition(")")[2].split()[1])


def _command_of(pid: int) -> bytes:
    """Return the command line of a process; nothing, if it has ended, be it that nobody has learnt of it yet."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""
