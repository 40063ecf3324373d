"""The numbers of benchmarks/results, and what follows from them, in pages; conf.py puts them in."""

import json
import re
from pathlib import Path

from srhm import Params
from srhm.nets import NetSpec
from srhm.reference import published
from srhm.store.archive import read_archive

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


def epochs() -> dict[str, str]:
    """Return between how many epochs the runs near P* of CNNs with and without blanks took, and LCNs."""
    found: dict[str, list[int]] = {"few": [], "none": [], "lcn": []}
    for run in read_archive(RESULTS.parents[1] / "results" / "laptop.jsonl.xz"):
        params, setup = run.spec.params, run.spec.setup
        usual = setup.optimizer.rate == setup.net.rate(params).value and setup.batch == 4 * params.n_c
        if (params.L, params.s, setup.width) != (2, 2, 256) or params.v not in (4, 6) or not usual:
            continue
        if 0.05 < run.metrics["error"] < 0.15 and run.status == "converged":
            kind = (
                {0: "none", 1: "few", 2: "few"}.get(params.s0)
                if setup.net.family == "cnn"
                else setup.net.family
            )
            if kind in found:
                found[kind].append(run.metrics["epochs"])
    return {f"epochs_{kind}": f"{min(some):,} to {max(some):,}" for kind, some in found.items()}


def numbers() -> dict[str, str]:
    """Return the text of each <<name>> of a page: single numbers and the rows of tables."""
    return scale() | gpu() | inference() | paper() | speed() | loading()


def speed() -> dict[str, str]:
    """Return the numbers of docs/speed.md that were measured on cores."""
    steps = {(row.get("net"), row.get("L"), row.get("s0"), row.get("width")): row for row in read("steps")}
    sparse, local, narrow = steps["cnn", 3, 4, 512], steps["lcn", 3, 1, 512], steps["cnn", 3, 2, 64]
    rows = read("common")
    convolutions = [row["times_faster_than_xla"] for row in rows if "positions" in row]
    networks = [row["srhm_ms"] / row["torch_ms"] for row in rows if "net" in row]
    return {
        "xla_least": f"{min(convolutions):.0f}",
        "xla_most": f"{max(convolutions):.0f}",
        "standard_least": f"{min(networks):.1f}",
        "standard_most": f"{max(networks):.1f}",
        "sparse_half_ms": f"{2 * sparse['bound_ms']:.1f}",
        "sparse_sum_ms": f"{sparse['products_ms'] + sparse['traffic_ms']:.1f}",
        "sparse_of_sum": f"{sparse['fraction_without_overlap']:.2f}",
        "sparse_of_bound": f"{sparse['fraction_of_bound']:.2f}",
        "sparse_traffic_ms": f"{sparse['traffic_ms']:.1f}",
        "sparse_of_traffic": f"{sparse['traffic_ms'] / sparse['srhm_ms']:.2f}",
        "local_rate": f"{local['rate_gflops']:.0f}",
        "large_rate": f"{steps['cnn', 3, 1, 512]['rate_gflops']:.0f}",
        "local_third_ms": f"{local['product_ms'] / 3:.1f}",
        "local_traffic_ms": f"{local['traffic_ms']:.1f}",
        "narrow_products": f"{100 * narrow['products_ms'] / narrow['srhm_ms']:.0f}",
        "full_of_bound": f"{steps['cnn', 2, 0, 256]['fraction_of_bound']:.2f}",
        "local_of_bound": f"{steps['lcn', 2, 1, 256]['fraction_of_bound']:.2f}",
    }


def loading() -> dict[str, str]:
    """Return how many thousand samples a second a DataLoader delivers: whole batches of integers from a data set."""
    found = {
        (row["workers"], row["batch"]): row["samples_per_second"] / 1000
        for row in read("torch_loading")
        if (row["source"], row["batches"], row["encoding"]) == ("data set", "whole", "integer")
    }
    return {
        f"loaded_{workers}_{batch}": f"{round(rate, -1):,.0f}" for (workers, batch), rate in found.items()
    }


def paper() -> dict[str, str]:
    """Return the numbers of docs/paper.md: what was measured of speed, and of the agreement with the paper's values."""
    steps = {(row.get("net"), row.get("L"), row.get("s0"), row.get("width")): row for row in read("steps")}
    small, large = steps["cnn", 2, 2, 512], steps["cnn", 3, 4, 512]
    samples = {
        (row["rule"], row["backend"], row["cores"]): row["samples_per_second"] for row in read("sampling")
    }
    symbols = {row["what"]: row for row in read("inference")}["next symbols"]
    tables = (RESULTS.parents[1] / "docs" / "reproduction" / "tables.md").read_text("utf-8")
    runs, measured, agreeing = re.search(r"([\d,]+) runs.* Of (\d+) .* (\d+) agree", tables).groups()
    published = re.search(r"Of (\d+) published values \d+ are not valid", tables)[1]
    return {
        "paper_published_ms": short(small["published_ms"]),
        "paper_torch_ms": short(small["product_ms"]),
        "paper_step_ms": short(small["srhm_ms"]),
        "paper_torch_sparse_ms": short(large["product_ms"]),
        "paper_step_sparse_ms": short(large["srhm_ms"]),
        "paper_million_samples": short(samples["independent", "numpy", 1] / 1e6),
        "paper_million_compiled": short(samples["independent", "jax", 2] / 1e6),
        "paper_symbols_s": f"{symbols['numpy_s']:.2g}",
        "paper_runs": runs,
        "paper_published": published,
        "paper_measured": measured,
        "paper_agreeing": agreeing,
    }


def inference() -> dict[str, str]:
    """Return the seconds that exact inference takes, with NumPy."""
    rows = {(row["what"], row["sparsity"]): row for row in read("inference") if "sparsity" in row}
    return {
        f"{what.replace(' ', '_')}_{sparsity}": f"{row['numpy_s']:.2g}"
        for (what, sparsity), row in rows.items()
    }


def gpu() -> dict[str, str]:
    """Return what was measured on a GPU."""
    rows = read("gpu")
    by_name = {row["what"]: row for row in rows if row["what"] in ("machine", "step, no graphs")}
    steps = [row for row in rows if row["what"] == "step"]
    looped = [row for row in rows if row["what"] == "step, loops in one graph"]
    kernels, nets = (
        {row["members"]: row for row in rows if row["what"] == what} for what in ("kernels", "nets")
    )
    processes = {row["shared"]: row for row in rows if row["what"] == "processes"}
    one, many = steps[0]["ms_of_1"], steps[0]["ms_of_64"]
    longest = kernels[TOGETHER]["longest_us"]
    services = processes["by the multi-process service"]
    found = {
        "gpu_tb_s": f"{by_name['machine']['gb_per_s'] / 1000:.1f}",
        "gpu_steps": "\n".join(
            f"| {row['net'].upper()}, L = {row['L']}, s0 = {row['s0']}, v = {row['v']} | {row['ms_of_1']:.3f} | "
            f"{row['bound_ms_of_1']:.3f} | {row['torch_ms']:.3f} | {row['ms_of_64']:.2f} | "
            f"{row['bound_ms_of_64']:.2f} | {row['ms_of_64'] / TOGETHER:.3f} |"
            for row in steps
        ),
        "gpu_one": f"{one:.3f}",
        "gpu_many": f"{many:.2f}",
        "gpu_shared": f"{services['steps_per_second'] * many / 1000 / TOGETHER:.2f}",
        "gpu_kernels_us": f"{kernels[1]['all_us']:.0f}",
        "gpu_no_graphs": f"{by_name['step, no graphs']['ms_of_1']:.3f}",
        "gpu_all_ms": f"{kernels[TOGETHER]['all_us'] / 1000:.2f}",
        "gpu_update_ms": f"{longest['loop_select_fusion_1 (update)'] / 1000:.2f}",
        "gpu_scatter_ms": f"{longest['input_scatter_fusion_2'] / 1000:.2f}",
        "gpu_products_ms": f"{sum(us for name, us in longest.items() if 'gemm' in name) / 1000:.2f}",
        "gpu_net_steps": f"{nets[1]['steps']:,}",
        "gpu_net_s": f"{nets[1]['seconds']:.2f}",
        "gpu_processes": f"{services['processes']}",
        "gpu_alone_s": f"{1000 / one:,.0f}",
        "gpu_gain": f"{services['steps_per_second'] * one / 1000:.1f}",
    }
    found |= {f"gpu_looped_{number}": f"{row['ms_of_1']:.3f}" for number, row in enumerate(looped, 1)}
    found |= {f"gpu_nets_{members}": short(row["nets_per_second"]) for members, row in nets.items()}
    return found | {
        f"gpu_{name}": f"{processes[shared]['steps_per_second']:,}"
        for name, shared in (("turns", "in turns"), ("service", "by the multi-process service"))
    }


def scale() -> dict[str, str]:
    """Return the numbers of docs/scale.md, with the shapes of the networks."""
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
        "ray_least": short(1000 / (rows["Ray on this machine"]["ms"] + 1000 / alone)),
        "ray_most": short(1000 / (rows["Ray on this machine"]["ms"] + 1000 / together)),
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
