"""Whole commands: `srhm pstar` with compilation, and eight runs on two cores against one after another."""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import srhm
from srhm.nets import NetSpec
from srhm.runner.driver import drive
from srhm.runner.executors import compute_on_one_thread, open_executor
from srhm.runner.sources import Single
from srhm.store import Store
from srhm.study import Setup

COMMAND = "--net cnn --v 6 --s0 1 --L 2 --width 256 --seeds 3 --workers 2 --json"


def pstar() -> list[dict]:
    """Seconds of a search for P* in a new process: nothing compiled before, then with the compiled kept."""
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        environment = os.environ | {"JAX_COMPILATION_CACHE_DIR": f"{folder}/compiled"}
        environment |= {"JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0"}
        environment |= {"JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "0"}
        for what in ("nothing compiled before", "compiled before"):
            store = Path(folder) / f"{what}.sqlite"
            command = [sys.executable, "-m", "srhm.cli", "pstar", *COMMAND.split(), "--store", str(store)]
            began = time.perf_counter()
            done = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
            seconds = time.perf_counter() - began
            runs = list(Store(store).runs())
            parts = {
                name: sum(run.seconds[name] for run in runs) for name in ("data", "train", "sensitivities")
            }
            compiling = sum(run.seconds["compile"] for run in runs)
            found = json.loads(done.stdout)
            rows.append(
                {
                    "command": f"srhm pstar {COMMAND}",
                    "what": what,
                    "seconds": round(seconds, 1),
                    "P_star": round(found["P_star"]),
                    "runs": len(runs),
                    "first_calls": round(compiling, 1),
                    "training": round(parts["train"] - compiling, 1),
                    "sensitivities": round(parts["sensitivities"], 1),
                    "data": round(parts["data"], 1),
                }
            )
    return rows


def eight_runs() -> dict:
    """Eight runs of width 64 on two spawned workers, and one after another in this process."""
    params = srhm.Params(n_c=10, v=10, m=10, s=2, s0=2, L=3)
    setup = Setup(params, NetSpec("cnn", width=64))
    specs = [setup.at(20_000, number) for number in range(8)]
    compute_on_one_thread()
    seconds, steps = {}, 0
    for workers in (2, 1):
        with tempfile.TemporaryDirectory() as folder:
            store = Store(Path(folder) / "runs.sqlite")
            began = time.perf_counter()
            drive([Single(spec) for spec in specs], store, open_executor(workers=workers))
            seconds[workers] = time.perf_counter() - began
            steps = sum(run.metrics["steps"] or 0 for run in store.runs())
    return {
        "what": "8 runs of the CNN of width 64 (v=10, L=3, s0=2, P=20,000), compilation included",
        "one_after_another_s": round(seconds[1], 1),
        "two_cores_s": round(seconds[2], 1),
        "ratio": round(seconds[1] / seconds[2], 2),
        "steps": steps,
    }


def rows() -> dict:
    return {"pstar": pstar(), "eight_runs": eight_runs()}


if __name__ == "__main__":
    print(json.dumps(rows(), indent=1))
