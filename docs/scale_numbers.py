"""The numbers of docs/scale.md, from benchmarks/results and the shapes of the networks; conf.py puts them in."""

import json
from pathlib import Path

from srhm import Params
from srhm.nets import NetSpec
from srhm.reference import published

RESULTS = Path(__file__).parents[1] / "benchmarks" / "results"
RUNS, GPUS, TOGETHER = 10**5, 100, 64
EPOCHS = 50
FLOPS_A_SECOND, BYTES_A_SECOND, BYTES_A_PARAMETER, LAUNCHES_MS = 30e12, 2.5e12, 20, 0.5
MODELS = [(2, 1), (2, 2), (3, 1), (3, 2)]


def read(name: str) -> list[dict]:
    return json.loads((RESULTS / f"{name}.json").read_text("utf-8"))["rows"]


def short(value: float, digits: int = 2) -> str:
    """Return a number with as many digits as it deserves, such as 0.27, 4.9, 1,300."""
    rounded = float(f"{value:.{digits}g}")
    return f"{rounded:,.0f}" if rounded >= 10 else f"{rounded:g}"


def duration(seconds: float) -> str:
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 1.5 * size:
            return f"{short(seconds / size)} {unit}"
    return f"{short(seconds)} s"


def numbers() -> dict[str, str]:
    """Return what stands for each <<name>> of the page: single numbers and the rows of its tables."""
    rows = {row["what"]: row for row in read("laboratory")}
    sqlite, grid = rows["SQLite"], rows["reading a grid"]
    alone, together = (row["runs_per_second"] for row in sqlite["driver"][:2])
    ways = [
        ("a job given to a local worker and its result taken, 2 workers", rows["local workers"]["ms"]),
        ("the same on Ray, on this machine", rows["Ray on this machine"]["ms"]),
        ("SQLite: a put in a transaction of its own", sqlite["small"]["put"]["ms"]),
        ("SQLite: a put among 100 in one transaction", sqlite["small"]["put_together"]["ms"]),
        ("driver with SQLite, runs that end one at a time", 1000 / alone),
        ("driver with SQLite, 100 runs that end together", 1000 / together),
    ]
    steps = {
        (row["L"], row["s0"]): row["srhm_ms"]
        for row in read("steps")
        if (row.get("net"), row.get("v"), row.get("width")) == ("cnn", 10, 512)
    }
    found = {
        "row_kb": f"{sqlite['bytes_per_run'] / 1000:.1f}",
        "costs": "\n".join(f"| {what} | {short(ms)} ms | {short(1000 / ms, 3)} |" for what, ms in ways),
        "grid_s": short(grid["seconds"]),
        "large_put_ms": short(sqlite["large"]["put"]["ms"]),
        "flush_ms": short(rows["a page written to the disk and flushed"]["ms"]),
        "together_ms": short(1000 / together),
        "alone": f"{alone:,}",
        "together": f"{together:,}",
        "ray_ms": short(rows["Ray on this machine"]["ms"]),
        "merged_ms": short(sqlite["large"]["put_together"]["ms"]),
        "store_mb": short(RUNS * sqlite["bytes_per_run"] / 1e6),
        "hashes_s": short(sqlite["hashes_of_all_s"]),
        "start_s": short(rows["local workers"]["start_s"]),
        "runs": "",
        "programs": "",
        "walls": "",
        "drivers": "",
    }
    for L, s0 in MODELS:
        params = Params(v=10, s0=s0, L=L)
        cost, point = NetSpec("cnn").cost(params), published("cnn", params)
        flops, count = cost.step_flops(samples=4 * params.n_c), EPOCHS * point.P_star / (4 * params.n_c)
        products = 1000 * TOGETHER * flops / FLOPS_A_SECOND
        traffic = 1000 * TOGETHER * BYTES_A_PARAMETER * cost.parameters / BYTES_A_SECOND
        step = products + traffic + LAUNCHES_MS
        program = step * count / 1000
        run, model = program / TOGETHER, f"$L = {L}$, $s_0 = {s0}$"
        core = steps.get((L, s0))
        on_core = f"{duration(core * count / 1000)} ({core:.1f} ms a step)" if core else "(step not measured)"
        on_cores = duration(RUNS * core * count / 1000 / GPUS) if core else ""
        found["runs"] += (
            f"| {model} | {point.P_star:,} | {flops / 1e9:.3f} G | {short(count, 3)} | "
            f"{short(flops * count / 1e12)} T | {on_core} |\n"
        )
        found["programs"] += (
            f"| {model} | {step:.2f} ms | {products:.2f} + {traffic:.2f} ms | {duration(program)} | {short(run)} s |\n"
        )
        found["walls"] += f"| {model} | {duration(RUNS * run / GPUS)} | {short(GPUS / run)} | {on_cores} |\n"
        found["drivers"] += f"| {model} | {short(alone * run)} GPUs | {short(together * run)} |\n"
        if (L, s0) == (2, 2):
            found |= {
                "example_t": f"{step:.2f}",
                "example_alone": duration(LAUNCHES_MS * count / 1000),
                "example_together": duration(run),
                "example_turns": duration(RUNS * LAUNCHES_MS * count / 1000 / GPUS),
                "example_wall": duration(RUNS * run / GPUS),
            }
    return {name: value.rstrip("\n") for name, value in found.items()}
