"""Many runs that cost nothing, and a store of many rows, each in a process without checks of annotations.

python scale.py empty FOLDER RUNS, python scale.py ray FOLDER RUNS, or python scale.py rows FOLDER ROWS prints what was
measured, as JSON.
"""

import json
import os
import secrets
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import jobs
from fake_runs import PARAMS, SPEC, fake_run
from setups import run_spec
from srhm.cli.status import status_content
from srhm.runner.driver import drive
from srhm.runner.executors import Executor, Workers
from srhm.runner.progress import Progress
from srhm.runner.searches import all_sources
from srhm.store import Store
from srhm.study import Seeds
from srhm.study.grid import read_grid

_EARLY = 1000
"""The memory of the driver after so many runs is compared with that at the end."""
_GRID = """
[[runs]]
v = 3
width = 8
P = 100
P_test = 100
fix = ["network"]
seeds = {runs}
"""  # the seed of the network tells the fake what to do


def measure(what: str, folder: Path, number: int) -> dict[str, Any]:
    """Measure in a process of its own, and return what it printed."""
    paths = os.pathsep.join(sys.path)
    environment = os.environ | {"PYTHONPATH": paths, "RAY_AUTH_TOKEN": secrets.token_hex(32)}
    environment.pop("RAY_ADDRESS", None)
    command = [sys.executable, __file__, what, str(folder), str(number)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def empty(folder: Path, runs: int) -> dict[str, Any]:
    """Runs on two workers of this machine."""
    return _drive(folder, runs, lambda: Workers(2, jobs.execute_fake))


def ray(folder: Path, runs: int) -> dict[str, Any]:
    """Runs on a Ray of this machine, two at a time."""
    from srhm.runner.executors.on_ray import OnRay

    return _drive(folder, runs, lambda: OnRay(jobs.execute_fake, slots=2))


def rows(folder: Path, number: int) -> dict[str, Any]:
    """Questions to a store of many rows, of which some hundred are of the model asked for."""
    store = Store(folder / "rows.sqlite")
    few = 400
    asked = run_spec(replace(PARAMS, n_c=6, v=6, m=6), "cnn", 100, width=64, P_test=100)
    runs = [fake_run(replace(asked, P=100 + i, seeds=Seeds(order=i))) for i in range(few)]
    runs += [fake_run(replace(SPEC, P=100 + i % 97, seeds=Seeds(order=i))) for i in range(number - few)]
    for start in range(0, number, 1000):
        store.put_many(runs[start : start + 1000])
    del runs
    again = Store(folder / "rows.sqlite")
    began = time.perf_counter()
    content = status_content([again])
    middle = time.perf_counter()
    found = list(again.runs(net="cnn", v=6, s0=1))
    end = time.perf_counter()
    assert content["finished"] == number and len(found) == few
    return {"status": middle - began, "query": end - middle}


def _drive(folder: Path, runs: int, opened: Callable[[], Executor]) -> dict[str, Any]:
    """Compute all runs of a file, and say how long that took from its reading on, and what memory the driver had."""
    began = time.monotonic()
    file = folder / "GRID.toml"
    file.write_text(_GRID.format(runs=runs))
    store = Store(folder / "runs.sqlite")
    sources = all_sources(read_grid(file).runs, [])
    early: list[float] = []

    def watch(progress: Progress) -> None:
        if progress.computed >= min(_EARLY, runs // 2) and not early:
            early.append(_megabytes())

    executor = opened()
    ready = time.monotonic()
    progress = drive(sources, store, executor, watch=watch)
    end = time.monotonic()
    assert (progress.computed, progress.failed, len(store), store.counts().running) == (runs, 0, runs, 0)
    return {
        "seconds": end - began,
        "per_run": (end - ready) / runs,
        "early": early[0],
        "late": _megabytes(),
    }


def _megabytes() -> float:
    """The memory of this process that is in use."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


if __name__ == "__main__":
    print(json.dumps(globals()[sys.argv[1]](Path(sys.argv[2]), int(sys.argv[3]))))
