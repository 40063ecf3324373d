"""What the paper's grid still lacks, the dearest settings first, in one command of a few minutes that resumes.

Usage: python results/gpu.py [--minutes 12] [--tier narrow] [--store results/gpu.sqlite] [--grid FILE] [--plan]

Made for a GPU that can be had for a short time; it computes on whatever JAX finds. The store begins as the committed
archives, so that nothing is computed twice and searches start by a fit. `srhm grid` runs until the time is spent, is
then interrupted, and keeps finished runs and checkpoints: the same command resumes. What is new is written to
results/gpu.jsonl.xz, which `srhm merge` takes.
"""

import argparse
import subprocess
import sys
from pathlib import Path

from srhm.paper.figures import FIGURES
from srhm.paper.tiers import TIERS, Tier, cost_near
from srhm.store import Store, read_archive, write_archive
from srhm.store.index import RunIndex
from srhm.study import Setup

HERE = Path(__file__).parent
ARCHIVES = ("laptop", "narrow", "widths")
ENDING = 90
"""Seconds that an interrupted command has to write its checkpoints."""


def missing(tier: Tier, index: RunIndex) -> list[Setup]:
    """Return the settings of the paper's P* that a tier has not measured, the dearest first."""
    wanted = {
        setup.digest: setup
        for figure in FIGURES.values()
        if figure.kind.searches and figure.in_paper
        for setup in map(tier.setup, figure.settings)
    }
    lacking = [setup for setup in wanted.values() if not _is_known(setup, tier, index)]
    return sorted(lacking, key=cost_near, reverse=True)


def _is_known(setup: Setup, tier: Tier, index: RunIndex) -> bool:
    return index.fill(tier.study(setup)).finished


def table(setup: Setup, tier: Tier) -> str:
    """Return the entry of a setting in a file of runs."""
    params = setup.params
    options = {
        "net": f'"{setup.net.family}"',
        **{name: getattr(params, name) for name in ("n_c", "v", "m", "s", "s0", "L")},
        "width": setup.width,
        "seeds": tier.replicates(setup),
    }
    return "\n".join(["[[pstar]]", *(f"{name} = {value}" for name, value in options.items())])


def filled(path: Path) -> Store:
    """Return the store, made of the committed archives if there is none yet."""
    store = Store(path)
    if not store.exists():
        archives = [HERE / f"{name}.jsonl.xz" for name in ARCHIVES]
        store.take(run for archive in archives if archive.exists() for run in read_archive(archive))
    return store


def main(arguments: list[str] | None = None) -> int:
    """Compute for a while, and write what is new."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--minutes", type=float, default=12.0, help="how long it computes")
    parser.add_argument("--tier", choices=list(TIERS), default="narrow", help="whose widths and replicates")
    parser.add_argument("--store", type=Path, default=HERE / "gpu.sqlite", help="where runs are kept")
    parser.add_argument("--out", type=Path, default=HERE / "gpu.jsonl.xz", help="archive of what is new")
    parser.add_argument("--grid", type=Path, help="a file of runs in place of what is missing")
    parser.add_argument("--plan", action="store_true", help="write the file of runs, and compute nothing")
    chosen = parser.parse_args(arguments)
    store, tier = filled(chosen.store), TIERS[chosen.tier]
    grid = chosen.grid
    if grid is None:
        settings = [one for one in missing(tier, RunIndex.of(store)) if one.largest > 2 * one.params.n_c]
        grid = chosen.store.with_suffix(".toml")
        grid.write_text("\n\n".join(table(one, tier) for one in settings) + "\n", "utf-8")
        print(f"{len(settings)} settings are missing: {grid}", flush=True)
    if chosen.plan:
        return 0
    before = store.hashes()
    command = [sys.executable, "-m", "srhm", "grid", str(grid), "--store", str(chosen.store)]
    with subprocess.Popen(command) as running:
        try:
            status = running.wait(60 * chosen.minutes)
        except subprocess.TimeoutExpired:
            running.terminate()
            status = ended(running)
    new = store.hashes() - before
    known = {run.spec.hash for name in ARCHIVES for run in _archived(name)}
    kept = write_archive(chosen.out, (run for run in store.runs() if run.spec.hash not in known))
    print(f"{len(new)} runs now, {kept} beyond the committed archives: {chosen.out}")
    return status


def ended(running: subprocess.Popen[bytes]) -> int:
    """Wait for an interrupted command, and kill it if it takes long: finished runs are in the store already."""
    try:
        return 0 if running.wait(ENDING) == 143 else 1
    except subprocess.TimeoutExpired:
        running.kill()
        return 1


def _archived(name: str):
    path = HERE / f"{name}.jsonl.xz"
    return read_archive(path) if path.exists() else ()


if __name__ == "__main__":
    raise SystemExit(main())
