"""Seconds of a training step by two versions of this project, in turns: what a change has gained on a noisy machine.

Usage: python benchmarks/turns.py TREE [net-L-s0-v-width ...]

TREE is a checkout of the other version (git worktree add --detach TREE COMMIT). Both versions run in processes of their
own on the same core and take turns of 0.15 s; the ratio is the median over the turns, ours over theirs.
"""

import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).parent
ROWS = ("cnn-2-0-6-256", "cnn-2-1-6-256", "cnn-2-2-6-256", "lcn-2-1-4-256")
"""The networks of the demonstration."""
TURNS, SECONDS = 40, 0.15
WORK = f"import sys, {Path(__file__).stem}; {Path(__file__).stem}.take_turns(sys.argv[1:])"


def take_turns(rows: list[str]) -> None:
    """Answer every name of a row on standard input with the seconds of its step."""
    from steps import model, our_step

    import srhm

    found = {}
    for row in rows:
        net, *numbers = row.split("-")
        L, s0, v, width = map(int, numbers)
        params = model(L, s0, v)
        run = our_step(
            net, params, width, srhm.split(srhm.Grammar(params), min(500, params.P_max - 100), 100)
        )
        run(1)  # compiles
        began = time.perf_counter()
        run(100)
        found[row] = run, max(1, round(100 * SECONDS / (time.perf_counter() - began)))
    print("ready", flush=True)
    for line in sys.stdin:
        run, steps = found[line.strip()]
        began = time.perf_counter()
        run(steps)
        print((time.perf_counter() - began) / steps, flush=True)


def process(tree: Path, rows: list[str]) -> subprocess.Popen[str]:
    """Start the version of a tree, and wait until it has compiled."""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(tree / "src"), str(HERE)])}
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    started = subprocess.Popen([sys.executable, "-c", WORK, *rows], env=environment, **pipes)
    assert started.stdout is not None
    assert started.stdout.readline() == "ready\n"
    return started


def turn(of: subprocess.Popen[str], row: str) -> float:
    assert of.stdin is not None
    assert of.stdout is not None
    of.stdin.write(f"{row}\n")
    of.stdin.flush()
    return float(of.stdout.readline())


def main(tree: Path, rows: list[str]) -> None:
    """Print a line for each row."""
    both = [process(one.resolve(), rows) for one in (tree, HERE.parent)]
    for row in rows:
        pairs = [[turn(one, row) for one in both] for _ in range(TURNS)]
        ratio = statistics.median(ours / theirs for theirs, ours in pairs)
        fastest = [1e6 * min(times) for times in zip(*pairs, strict=True)]
        print(f"{row}: {fastest[0]:.0f} us there, {fastest[1]:.0f} here, ratio {ratio:.3f}", flush=True)
    for one in both:
        one.communicate()


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:] or list(ROWS))
