"""Train the built-in networks on named instances: python benchmarks/instances.py --help.

Writes benchmarks/results/instances.json, a line a run, and the tables docs/instances_table.md. Runs that are there are
not computed again; those of results/laptop.jsonl.xz that have the seeds of an instance, and so its very training and
test set, are taken from there. With no arguments nothing is trained, and the tables are written from what there is.
"""

import argparse
import json
import lzma
import math
from dataclasses import replace
from pathlib import Path

import srhm
from srhm.model.catalogue import Instance
from srhm.nets import NetSpec
from srhm.runner.execution import execute
from srhm.runner.executors import compute_on_one_thread
from srhm.study import Measuring, Run, RunSpec, Seeds, Setup

HERE = Path(__file__).parent
RESULTS = HERE / "results" / "instances.json"
TABLE = HERE.parent / "docs" / "instances_table.md"
ARCHIVE = HERE.parent / "results" / "laptop.jsonl.xz"

NETS = ("cnn", "lcn", "fcn")
WIDTH = 256
BRACKET = 1.11
"""P* is interpolated between runs whose P differ by this factor at most."""


def spec_of(task: Instance, net: str, P: int) -> RunSpec:
    """The run of a network on the training set of seed 0: it draws the sets of the instance."""
    setup = Setup(task.params, NetSpec(net, width=WIDTH), measuring=Measuring(P_test=task.P_test))
    return setup.at(P, Seeds(task.seed, task.seed, 0, 0))


def row_of(task: Instance, run: Run, source: str) -> dict:
    return {
        "instance": task.name,
        "net": run.spec.net.family,
        "width": run.spec.setup.width,
        "P": run.spec.P,
        "error": run.metrics["error"],
        "status": run.status,
        "epochs": run.metrics["epochs"],
        "source": source,
    }


def archived() -> list[dict]:
    """The runs of the archive that are runs of an instance."""
    tasks = {(task.params, task.seed): task for task in map(srhm.load, srhm.instances())}
    found = {}
    with lzma.open(ARCHIVE, "rt", encoding="utf-8") as lines:
        for line in lines:
            run = Run.from_dict(json.loads(line))
            task = tasks.get((run.spec.params, run.spec.seeds.grammar))
            setup = run.spec.setup
            measuring = replace(setup.measuring, record=False, probe=False)  # neither changes what is learned
            plain = replace(run.spec, setup=replace(setup, measuring=measuring))
            if task and plain.net.family in NETS and plain == spec_of(task, plain.net.family, plain.P):
                found[plain.hash] = row_of(task, run, ARCHIVE.name)
    return list(found.values())


def key(row: dict) -> tuple:
    return srhm.instances().index(row["instance"]), NETS.index(row["net"]), row["P"]


def read() -> dict[tuple, dict]:
    own = json.loads(RESULTS.read_text(encoding="utf-8"))["rows"] if RESULTS.exists() else []
    return {key(row): row for row in [*own, *archived()]}


def write(rows: dict[tuple, dict]) -> None:
    lines = ",\n  ".join(json.dumps(rows[place]) for place in sorted(rows))
    head = {"command": "python benchmarks/instances.py --instance NAME", "streams": srhm.STREAM_VERSION}
    parts = [f"{json.dumps(name)}: {json.dumps(value)}" for name, value in head.items()]
    RESULTS.write_text(
        "{\n " + ",\n ".join([*parts, f'"rows": [\n  {lines}\n ]']) + "\n}\n", encoding="utf-8"
    )
    TABLE.write_text(tables(list(rows.values())), encoding="utf-8")


def tables(rows: list[dict]) -> str:
    """The test errors at the sizes of the instances, and P*."""
    errors = {key(row): row for row in rows}
    lines = ["<!-- made by: python benchmarks/instances.py -->", ""]
    lines += ["| instance | P | CNN | LCN | FCN |", "| --- | ---: | ---: | ---: | ---: |"]
    for name in srhm.instances():
        for P in srhm.load(name).sizes:
            cells = [shown(errors.get(key({"instance": name, "net": net, "P": P}))) for net in NETS]
            lines.append(f"| `{name}` | {P:,} | {' | '.join(cells)} |")
    lines += ["", "| instance | network | expected P* | P* found | error 10% between P |"]
    lines.append("| --- | --- | ---: | ---: | --- |")
    for name in srhm.instances():
        for net in NETS[:2]:
            points = {row["P"]: row["error"] for row in rows if (row["instance"], row["net"]) == (name, net)}
            expected = f"{srhm.load(name).predicted[net]:,.0f}"
            lines.append(f"| `{name}` | {net.upper()} | {expected} | {' | '.join(crossing(points))} |")
    return "\n".join(lines) + "\n"


def shown(row: dict | None) -> str:
    if row is None:
        return "not run"
    return f"{100 * row['error']:.1f}%" + ("" if row["status"] == "converged" else f" ({row['status']})")


def crossing(errors: dict[int, float], threshold: float = 0.1) -> tuple[str, str]:
    """P* and the runs that enclose it; linear in ln P between them if they are close."""
    for low, high in zip(sorted(errors), sorted(errors)[1:], strict=False):
        if errors[low] > threshold >= errors[high]:
            part = (errors[low] - threshold) / (errors[low] - errors[high])
            P_star = math.exp(math.log(low) + part * math.log(high / low))
            return f"{P_star:,.0f}" if high <= BRACKET * low else "", f"{low:,} and {high:,}"
    return ("not found", f"none of {len(errors)} runs") if errors else ("not run", "")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--instance", action="append", choices=srhm.instances(), default=[])
    parser.add_argument("--net", action="append", choices=NETS, help="all unless given")
    arguments = parser.parse_args()
    compute_on_one_thread()
    rows = read()
    write(rows)
    for name in arguments.instance:
        task = srhm.load(name, check=True)
        for net in arguments.net or NETS:
            for P in task.sizes:
                place = key({"instance": name, "net": net, "P": P})
                if place not in rows:
                    rows[place] = row_of(task, execute(spec_of(task, net, P)), "benchmarks/instances.py")
                    print(rows[place], flush=True)
                    write(rows)


if __name__ == "__main__":
    main()
