"""`srhm grid` whose workers log what they execute: python chaos_driver.py GRID STORE LOG RETRIES."""

import json
import os
import sys
from pathlib import Path

from jobs import execute_fake
from srhm.runner.driver import Policy, drive
from srhm.runner.executors import Workers, compute_on_one_thread, keep_compiled_programs
from srhm.runner.searches import all_sources
from srhm.runner.work import RunJob, execute_job
from srhm.store import Store
from srhm.study.grid import read_grid

LOG = "SRHM_TEST_LOG"
"""The variable that names the file in which every execution is written."""


def log(event: str, run: str) -> None:
    """Write an event of a run, and in which process of which driver, at the end of the file, at once."""
    file = os.open(os.environ[LOG], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(file, f"\n{event} {run} {os.getpid()} {os.getppid()} .\n".encode())
    os.close(file)


def execute_logged(content: str) -> str:
    """Execute the run of a job, and log its beginning and its end."""
    run = RunJob.from_dict(json.loads(content)).spec.hash
    log("begin", run)
    result = execute_job(content)
    log("end", run)
    return result


def fake_logged(content: str) -> str:
    """Log the beginning of a run, and do not compute it."""
    log("begin", RunJob.from_dict(json.loads(content)).spec.hash)
    return execute_fake(content)


def main(grid: str, store: str, file: str, retries: str) -> None:
    """Compute all runs on two workers."""
    os.environ[LOG] = file
    compute_on_one_thread()
    keep_compiled_programs()
    progress = drive(
        all_sources(read_grid(Path(grid)).runs, []),
        Store(store),
        Workers(2, execute_logged),
        policy=Policy(retries=int(retries)),
    )
    print(progress)


if __name__ == "__main__":
    import chaos_driver  # by its name, so that workers find its functions

    chaos_driver.main(*sys.argv[1:])
