"""All benchmarks of this project in one run: make bench, or python benchmarks/run.py [part ...].

Parts: sampling, torch_loading, inference, steps, common, transformer, searches, memory, laboratory,
images; all unless named.
Every part is measured in processes of its own, one after the other. Writes benchmarks/results/PART.json, and
benchmarks/results/table.md from all of them.
"""

import json
import os
import platform
import subprocess
import sys
import time
from pathlib import Path

import srhm

HERE = Path(__file__).parent
RESULTS = HERE / "results"
PARTS = (
    "sampling", "torch_loading", "inference", "steps", "common", "transformer", "searches", "memory", "laboratory",
    "images",
)  # fmt: skip


def measured(part: str) -> dict:
    """Run one part in a new process and return what it measured, with where and by what it was measured."""
    began = time.perf_counter()
    code = f"import json, {part}; print(json.dumps({part}.rows()))"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=HERE, check=True, stdout=subprocess.PIPE, text=True
    )
    return {
        "command": f"python benchmarks/run.py {part}",
        "version": srhm.__version__,
        "machine": f"{platform.machine()}, {len(os.sched_getaffinity(0))} cores, {_processor()}",
        "seconds": round(time.perf_counter() - began),
        "rows": json.loads(done.stdout),
    }


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor()


def met(value: float, least: float) -> str:
    return "yes" if value >= least else "no"


def sampling_rows(rows: list[dict]) -> list[list[str]]:
    table = []
    cores = max(row["cores"] for row in rows if row["what"] == "samples")
    for row in rows:
        if row["what"] != "samples":
            continue
        millions = row["samples_per_second"] / 1e6
        what = f"samples, {row['rule']}, {'compiled' if row['backend'] == 'jax' else 'NumPy'}, {row['cores']} cores"
        what = what.replace("1 cores", "1 core")
        least = (
            25
            if row["backend"] == "jax" and row["cores"] == cores > 1
            else 2
            if row["backend"] == "numpy"
            else None
        )
        wanted = "" if least is None else f"≥ {least} million/s"
        verdict = "" if least is None else met(millions, least)
        figure = f"{millions:.1f} million/s, {row['fraction_of_bandwidth']:.0%} of the memory's bandwidth"
        table.append([what, wanted, figure, verdict])
    return table


def torch_loading_rows(rows: list[dict]) -> list[list[str]]:
    table = []
    for row in rows:
        rate = row["samples_per_second"]
        goal = row["workers"] == 2 and row["encoding"] == "integer" and row["batches"] == "whole"
        what = f"DataLoader, {row['workers']} workers, {row['source']}, {row['batches']} batches of {row['batch']}"
        what += f", {row['encoding']}"
        figure = f"{rate / 1e3:.0f} thousand samples/s"
        if goal:
            table.append([what, "≥ 200 thousand/s", figure, met(rate, 200_000)])
        else:
            table.append([what, "", figure, ""])
    return table


STEP_GOALS = {
    ("cnn", 2, 2, 512): {
        "times_faster_than_published_layer": 100,
        "times_faster_than_torch": 2,
        "fraction_of_bound": 0.5,
    },
    ("cnn", 3, 4, 512): {"times_faster_than_torch": 5, "fraction_of_bound": 0.5},
    ("cnn", 3, 2, 64): {"times_faster_than_torch": 8},
    ("lcn", 3, 1, 512): {"times_faster_than_torch": 3},
}

STEP_WORDS = {
    "times_faster_than_published_layer": "× faster than the published layer",
    "times_faster_than_torch": "× faster than PyTorch",
    "fraction_of_bound": "of the bound",
    "fraction_without_overlap": "of the bound if products and memory traffic do not overlap",
}


def steps_rows(rows: list[dict]) -> list[list[str]]:
    table, ours = [], {}
    for row in rows:
        if row.get("what") == "triad":
            continue
        model = row["net"], row["L"], row["s0"], row["width"]
        ours[model] = row["srhm_ms"]
        goals = STEP_GOALS.get(model, {})
        what = f"step, {row['net'].upper()}, width {row['width']}, L={row['L']}, s0={row['s0']}, v={row['v']}"
        for name, words in STEP_WORDS.items():
            if name in row:
                figure = f"{row[name]:g} {words} ({row['srhm_ms']:g} ms; {_beside(row, name)})"
                wanted = f"≥ {goals[name]}" if name in goals else ""
                table.append([what, wanted, figure, met(row[name], goals[name]) if name in goals else ""])
    growth = ours[("cnn", 3, 6, 512)] / ours[("cnn", 3, 1, 512)]
    figure = f"{growth:.2f}-fold ({ours[('cnn', 3, 1, 512)]:g} to {ours[('cnn', 3, 6, 512)]:g} ms)"
    table.append(["step, CNN, width 512, L=3, from s0=1 to 6", "≤ 3.5-fold", figure, met(3.5, growth)])
    return table


def _beside(row: dict, name: str) -> str:
    if name == "fraction_of_bound":
        return f"bound {row['bound_ms']:g} ms at {row['rate_gflops']:g} GFLOP/s"
    if name == "fraction_without_overlap":
        return f"products {row['products_ms']:g} ms, traffic of the parameters {row['traffic_ms']:g} ms"
    if name == "times_faster_than_published_layer":
        return f"published {row['published_ms']:g} ms"
    ways = [f"{way} {row[f'{way}_ms']:g} ms" for way in ("convolution", "product") if f"{way}_ms" in row]
    return "PyTorch " + ", ".join(ways)


def common_rows(rows: list[dict]) -> list[list[str]]:
    table = []
    for row in rows:
        if "net" in row:
            what = f"step, {row['net']}, length 36, 10 channels, batch 40"
            figure = (
                f"{row['times_faster_than_torch']:g} × faster than PyTorch ({row['srhm_ms']:g} ms; PyTorch "
                f"{row['torch_ms']:g} ms; first call {row['first_call_s']:g} s)"
            )
        else:
            entering, leaving = row["channels"]
            what = (
                f"convolution of 3, {row['positions']} positions, {entering} to {leaving} channels, batch 40"
            )
            figure = (
                f"{row['times_faster_than_xla']:g} × faster than XLA's ({row['product_ms']:g} ms; XLA "
                f"{row['xla_ms']:g} ms)"
            )
        table.append([what, "", figure, ""])
    return table


def transformer_rows(rows: list[dict]) -> list[list[str]]:
    table = []
    # With other work on the machine, PyTorch's threads wait for one another: then one thread says more than two.
    slowest = max(row["srhm"]["processor_ratio" if row["threads"] == 1 else "ratio"] for row in rows)
    for row in rows:
        threads = f"{row['threads']} thread{'s' if row['threads'] > 1 else ''}"
        names = {"srhm": "", "plain": "written plainly, ", "compiled": "torch.compile, "}
        for version in [one for one in names if one in row]:
            what = f"step, transformer, width 128, 4 layers, length 64, batch 64, {names[version]}{threads}"
            ours, eager = row[version], row["eager"]
            figure = (
                f"{ours['ratio']:g} × PyTorch's eager time, {ours['processor_ratio']:g} × its processor time "
                f"({ours['processor_ms']:g} ms of processor time; PyTorch {eager['processor_ms']:g} ms; load of the "
                f"machine {row['load']:g})"
            )
            goal = version == "srhm"
            table.append([what, "≤ 1.3 ×" if goal else "", figure, met(1.3, slowest) if goal else ""])
    return table


def searches_rows(rows: dict) -> list[list[str]]:
    table = []
    for row in rows["pstar"]:
        figure = (
            f"{row['seconds']:g} s ({row['runs']} runs on 2 cores; seconds of work: training {row['training']:g}, "
            f"first calls, mostly compilation, {row['first_calls']:g}, sensitivities {row['sensitivities']:g})"
        )
        table.append(
            [
                f"srhm pstar, CNN, v=6, s0=1, width 256, 3 seeds; {row['what']}",
                "≤ 30 s",
                figure,
                met(30, row["seconds"]),
            ]
        )
    row = rows["eight_runs"]
    figure = (
        f"{row['ratio']:g} × ({row['one_after_another_s']:g} s one after another, {row['two_cores_s']:g} s)"
    )
    return [*table, [row["what"] + ", on 2 cores", "≥ 1.7 ×", figure, met(row["ratio"], 1.7)]]


def memory_rows(row: dict) -> list[list[str]]:
    figure = f"{row['peak_gb']:g} GB, of which the training set is {row['training_set_mb']:g} MB"
    return [["peak memory, " + row["what"], "≤ 1.5 GB", figure, met(1.5, row["peak_gb"])]]


def laboratory_rows(rows: list[dict]) -> list[list[str]]:
    table = []
    for row in rows:
        what = row["what"]
        if "jobs" in row:
            figure = f"{row['runs_per_second']:,} a second ({row['ms']:g} ms each; {row['slots']} at a time)"
            table.append([f"jobs that do nothing, {what}", "", figure, ""])
        elif "small" in row:
            for size in ("small", "large"):
                part = row[size]
                figure = ", ".join(
                    f"{words} {part[name]['ms']:.3g} ms"
                    for name, words in (("put", "put"), ("put_together", "put among 100"))
                )
                table.append([f"a run in {what}, {part['runs_before']:,} runs before", "", figure, ""])
            for part in row["driver"]:
                what_driver = f"driver with {what}, runs that end at once, {part['slots']:,} at a time"
                table.append([what_driver, "", f"{part['runs_per_second']:,} runs a second", ""])
    return table


def inference_rows(rows: list[dict]) -> list[list[str]]:
    table = []
    for row in rows:
        if row["what"] == "brute force":
            figure = f"{row['times_faster']:g} × faster than the sum over all {row['P_max']:,} derivations"
            table.append(["class posterior, v=3, L=2, s=2, s0=1", "", figure, ""])
            continue
        if row["what"] == "next symbols":
            what = f"all next symbols of 10,000 inputs, v=10, L=3, s=2, s0=1 (d = {row['d']})"
            parts = {
                "NumPy, float64": "numpy_s",
                "NumPy, float32": "numpy_float32_s",
                "compiled, float32": "jax_s",
            }
            for how, name in parts.items():
                seconds, goal = row[name], how == "NumPy, float64"
                wanted = "≤ 3 s" if goal else ""
                table.append(
                    [f"{what}, {how}", wanted, f"{seconds:g} s of work", met(3, seconds) if goal else ""]
                )
            continue
        what = f"{row['what']} of 10,000 inputs, v=10, L=3, s=2, s0=2, {row['sparsity']}"
        for how, seconds in (("NumPy", row["numpy_s"]), ("compiled", row["jax_s"])):
            goal = row["what"] == "posterior"
            figure = f"{seconds:g} s of work"
            if how == "NumPy":
                figure += f", {row['times_faster_than_one_by_one']:g} × faster than one by one"
            table.append(
                [f"{what}, {how}", "≤ 10 s" if goal else "", figure, met(10, seconds) if goal else ""]
            )
    return table


def images_rows(rows: list[dict]) -> list[list[str]]:
    table = []
    for row in rows:
        what = f"smooth deformations of images of {row['pixels']} × {row['pixels']} pixels, 1 thread"
        low, high = row["of_grid_sample_quartiles"]
        figure = (
            f"{row['of_grid_sample']:g} × the speed of grid_sample alone (quartiles of the turns {low:g} to {high:g}; "
            f"{row['torch_million_pixels_per_second']} million pixels/s)"
        )
        table.append([f"{what}, PyTorch", "≥ 0.5 ×", figure, met(row["of_grid_sample"], 0.5)])
        speed = row["numpy_million_pixels_per_second"]
        table.append([f"{what}, NumPy", "≥ 20 million/s", f"{speed} million pixels/s", met(speed, 20)])
    return table


ROWS = {
    "sampling": sampling_rows,
    "torch_loading": torch_loading_rows,
    "inference": inference_rows,
    "steps": steps_rows,
    "common": common_rows,
    "transformer": transformer_rows,
    "searches": searches_rows,
    "memory": memory_rows,
    "laboratory": laboratory_rows,
    "images": images_rows,
}


def table() -> str:
    """The table of all results on disk, in Markdown."""
    lines = ["| what | wanted | measured | met |", "| --- | --- | --- | --- |"]
    machines = []
    for part in PARTS:
        path = RESULTS / f"{part}.json"
        if path.exists():
            content = json.loads(path.read_text(encoding="utf-8"))
            machines.append(f"{part}: {content['machine']}, {content['seconds']} s")
            lines += ["| " + " | ".join(row) + " |" for row in ROWS[part](content["rows"])]
    lines += ["", f"Measured by `make bench` (version {srhm.__version__}): " + "; ".join(machines) + "."]
    return "\n".join(lines) + "\n"


def main(parts: list[str]) -> None:
    RESULTS.mkdir(exist_ok=True)
    for part in parts or PARTS:
        print(f"{part} ...", file=sys.stderr, flush=True)
        content = json.dumps(measured(part), indent=1)
        (RESULTS / f"{part}.json").write_text(content + "\n", encoding="utf-8")
    text = table()
    (RESULTS / "table.md").write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main(sys.argv[1:])
