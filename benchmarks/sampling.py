"""Samples a second, compiled and with NumPy alone, and how they compare with the bandwidth of the memory.

Usage: python benchmarks/sampling.py

The model is v = m = n_c = 10, L = 3, s = 2, s0 = 2, of which a sample takes 17 bytes. Times are the shortest of
several, taken in turn, so that a machine that others use as well hurts all of them alike. Every number of
cores is measured in a process of its own, which may use just these from its start.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np

import srhm

MODEL = srhm.Params(n_c=10, v=10, m=10, s=2, s0=2, L=3)
RULES = ("permutation", "replacement")
COUNTS = {"jax": 4_000_000, "numpy": 250_000}
REPEATS = 5
TRIAD, BLOCK = 2**22, 2**13
"""Numbers in each of the three arrays of a core, and how many of them are computed at a time, in the cache."""


def rows() -> list[dict]:
    """One row for each rule, backend and number of cores."""
    cores = sorted(os.sched_getaffinity(0))
    found = []
    for used in ([cores[-1]], cores)[: len(cores)]:  # one core, then all, if there are more
        command = [sys.executable, __file__, ",".join(map(str, used))]
        found += json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    return found


def rows_of(cores: int) -> list[dict]:
    """The rows of this process, which may use so many cores."""
    grammar = srhm.Grammar(MODEL)
    streams = {rule: srhm.Stream(grammar, 0, rule) for rule in RULES}
    works: dict[tuple[str, str], Callable[[], object]] = {("triad", ""): triad(cores)}
    for backend, count in COUNTS.items():
        if backend == "jax" or cores == 1:  # NumPy uses one core anyway
            for rule, stream in streams.items():
                works[backend, rule] = lambda s=stream, n=count, b=backend: srhm.Dataset.draw(s, n, 0, b)
    seconds = shortest(works)
    bandwidth = 3 * 8 * TRIAD * cores / seconds.pop(("triad", ""))
    size = srhm.Dataset.draw(streams["permutation"], 10).nbytes // 10
    found = []
    for (backend, rule), one in seconds.items():
        rate = COUNTS[backend] / one
        found.append(
            {
                "what": "samples",
                "rule": rule,
                "backend": backend,
                "cores": cores,
                "samples_per_second": round(rate),
                "bytes_per_second": round(rate * size),
                "triad_bytes_per_second": round(bandwidth),
                "fraction_of_bandwidth": round(rate * size / bandwidth, 4),
            }
        )
    return found


def shortest(works: dict[tuple[str, str], Callable[[], object]]) -> dict[tuple[str, str], float]:
    """The shortest time of each, after a first that may compile."""
    seconds = dict.fromkeys(works, float("inf"))
    for repeat in range(REPEATS + 1):
        for name, work in works.items():
            began = time.perf_counter()
            work()
            if repeat:
                seconds[name] = min(seconds[name], time.perf_counter() - began)
    return seconds


def triad(cores: int) -> Callable[[], object]:
    """The triad a = b + 3 c of float64 arrays far larger than the cache, one set of them for each core."""
    sets = [[np.full(TRIAD, value) for value in (0.0, 1.0, 2.0)] for _ in range(cores)]

    def one(arrays: list[np.ndarray]) -> None:
        product = np.empty(BLOCK)
        for first in range(0, TRIAD, BLOCK):
            a, b, c = (array[first : first + BLOCK] for array in arrays)
            np.add(b, np.multiply(c, 3.0, out=product), out=a)

    threads = ThreadPoolExecutor(cores)
    return lambda: list(threads.map(one, sets))


def main() -> None:
    if len(sys.argv) > 1:
        allowed = {int(core) for core in sys.argv[1].split(",")}
        os.sched_setaffinity(0, allowed)
        print(json.dumps(rows_of(len(allowed))))
        return
    print("| rule | computed by | cores | million samples a second | of the triad's bandwidth |")
    print("| --- | --- | --- | --- | --- |")
    for row in rows():
        rate, share = row["samples_per_second"] / 1e6, row["fraction_of_bandwidth"]
        print(f"| {row['rule']} | {row['backend']} | {row['cores']} | {rate:.1f} | {share:.1%} |")


if __name__ == "__main__":
    main()
