"""Kill processes amid writing, again and again: python torn_writes.py FOLDER KILLS SEED.

After each kill the store must open, be whole, and hold every run whose writing had ended.
"""

import os
import random
import select
import signal
import sqlite3
import subprocess
import sys
import time
import traceback
from dataclasses import replace
from pathlib import Path

from fake_runs import SPEC, fake_run
from srhm.store import Store
from srhm.study import RunSpec, Seeds

GROUP = 4
"""Every second transaction writes so many runs together."""


def survive(folder: Path, kills: int, seed: int = 0) -> int:
    """Kill as many writers in a process of its own, and return how many runs they had written.

    Parameters
    ----------
    folder
        Where the stores are made.
    kills
        How many writers are killed.
    seed
        Of the instants.
    """
    command = [sys.executable, __file__, str(folder), str(kills), str(seed)]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stdout + done.stderr
    return int(done.stdout)


def group(number: int) -> list[RunSpec]:
    """Return the specifications of one transaction."""
    return [replace(SPEC, seeds=Seeds(number, order)) for order in range(GROUP if number % 2 else 1)]


def write(path: Path, first: int, pipe: int) -> None:
    """Write runs until killed; say the number of each transaction once it has ended."""
    store = Store(path)
    for number in range(first, 10**6):
        store.put_many(fake_run(spec) for spec in group(number))
        os.write(pipe, f"{number}\n".encode())


def kill_one(path: Path, first: int, count: int, seconds: float) -> list[int]:
    """Start a writer, kill it a time after its so-manieth transaction, and return those it said had ended."""
    reading, writing = os.pipe()
    child = os.fork()  # of a process without threads, which need not import everything anew
    if child == 0:
        try:
            write(path, first, writing)
        finally:  # by no way but this one, into the code of the parent
            traceback.print_exc()
            os._exit(1)
    os.close(writing)
    said = b""
    while said.count(b"\n") < count:  # counted, not timed: a disk may take a second for one
        assert select.select([reading], [], [], 120)[0], f"no transaction ended for 120 s, after {said!r}"
        said += os.read(reading, 2**16)
    time.sleep(seconds)
    # An early end is an error of the writer, which shows: the pipe is closed before anyone was killed.
    assert not os.waitpid(child, os.WNOHANG)[0], "a writer ended by itself"
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    while more := os.read(reading, 2**16):
        said += more
    os.close(reading)
    return [int(line) for line in said.splitlines()]


def check(path: Path, said: list[int]) -> int:
    """Check a store after a kill, and return the number of the next transaction."""
    store = Store(path)
    found = store.hashes()
    if found:
        connection = sqlite3.connect(path)
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        connection.close()
    for number in said:
        assert {spec.hash for spec in group(number)} <= found, f"transaction {number} had ended, and is lost"
    after = max(said, default=-1) + 1
    for number in range(after, after + 2):  # the one that was cut is there as a whole or not at all
        there = [spec.hash in found for spec in group(number)]
        assert all(there) or not any(there), f"a part of transaction {number} is there"
    return after


def main(folder: Path, kills: int, seed: int) -> None:
    """Kill writers: every fifth has a store to make first, and is killed amid that."""
    instants, said, path = random.Random(seed), list[int](), folder
    written = 0
    for number in range(kills):
        if number % 5 == 0:
            path, said = folder / f"{number}.sqlite", []
        count = instants.randint(1, 12) if number % 5 else 0
        seconds = instants.uniform(0.0, 0.02 if count else 0.12)
        said += kill_one(path, max(said, default=-1) + 1, count, seconds)
        check(path, said)
        written += len(said) if number % 5 == 4 or number == kills - 1 else 0
    print(written)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
