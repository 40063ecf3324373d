"""Measure P* of small LCNs and CNNs and lay it beside the paper: python results/measure.py --help.

Writes results/complexities.json (one entry a network, with every run's P, error, S_21 and D_21) and the table
docs/first_measurements_table.md. Finished runs are kept in a store, so the command resumes.
"""

import argparse
import json
import platform
from dataclasses import asdict
from pathlib import Path

import srhm
from srhm.lab.executors import compute_on_one_thread, keep_compiled_programs, open_executor
from srhm.lab.paper import published
from srhm.lab.questions import Answer, Question, answer
from srhm.lab.runs import RunSpec
from srhm.lab.store import Store
from srhm.lab.terminal import RunsView
from srhm.protocol import Protocol

HERE = Path(__file__).parent
NETWORKS = [("lcn", 6, 1, 4), ("cnn", 4, 1, 4), ("cnn", 4, 2, 4), ("cnn", 6, 1, 4), ("cnn", 6, 2, 4),
            ("lcn", 4, 1, 4), ("lcn", 6, 0, 4), ("lcn", 4, 2, 4), ("cnn", 6, 1, 21), ("cnn", 6, 2, 21)]  # fmt: skip
"""Network, v = m = n_c, s0, and points of a class in a batch; 21 are the batch of 126 of the older pipeline."""


def question(net: str, v: int, s0: int, batch_per_class: int, width: int, seeds: int) -> Question:
    params = srhm.Params(n_c=v, v=v, m=v, s=2, s0=s0, L=2)
    return Question(RunSpec(params, net, v, width, protocol=Protocol(batch_per_class=batch_per_class)), seeds)


def entry(answered: Answer) -> dict:
    spec = answered.question.spec
    found = answered.complexity()
    paper = published(spec.net, spec.params)
    return {
        "net": spec.net,
        "params": asdict(spec.params),
        "width": spec.width,
        "batch": spec.protocol.batch_per_class * spec.params.n_c,
        "seeds": answered.question.replicates,
        "status": found.status,
        "P_star": found.P_star,
        "interval": found.interval,
        "interval_kind": found.interval_kind,
        "ln_spread": found.ln_spread,
        "per_seed": [crossing.P_star for crossing in found.crossings],
        "prediction": answered.question.prediction.value,
        "paper": None if paper is None else [paper.P_star, paper.low, paper.high],
        "runs": [
            {"seed": seed, "P": run.spec.P, "status": run.status, "seconds": round(run.seconds["train"], 1)}
            | {name: run.metrics.get(name) for name in ("error", "S_21", "D_21")}
            for seed, runs in enumerate(answered.runs)
            for run in sorted(runs, key=lambda run: run.spec.P)
        ],
    }


def table(entries: list[dict]) -> str:
    columns = "network", "v = m = n_c", "s0", "batch", "measured P*", "90% interval", "prediction"
    columns += "paper (grid)", "ratio to paper"
    lines = [f"| {' | '.join(columns)} |", f"|{' --- |' * len(columns)}"]
    for one in entries:
        if one["P_star"] is None:
            measured, interval, ratio = one["status"], "", ""
        else:
            measured = f"{one['P_star']:,.0f}"
            interval = "{:,.0f} to {:,.0f}".format(*one["interval"])
            ratio = f"{one['P_star'] / one['paper'][0]:.2f}" if one["paper"] else ""
        paper = "{:,} ({:,} to {:,})".format(*one["paper"]) if one["paper"] else ""
        lines.append(
            f"| {one['net'].upper()} | {one['params']['v']} | {one['params']['s0']} | {one['batch']} "
            f"| {measured} | {interval} | {one['prediction']:,.0f} | {paper} | {ratio} |"
        )
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--store", type=Path, default=HERE / "complexities.sqlite")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--width", type=int, default=256)
    parser.add_argument("--seeds", type=int, default=3)
    arguments = parser.parse_args()
    compute_on_one_thread()
    keep_compiled_programs()
    questions = [question(*network, arguments.width, arguments.seeds) for network in NETWORKS]
    with RunsView() as view:
        answers = answer(
            questions,
            Store(arguments.store),
            open_executor(workers=arguments.workers),
            watch=view,
        )
    device = next(run.device for one in answers for runs in one.runs for run in runs)
    content = {
        "command": f"python results/measure.py --width {arguments.width} --seeds {arguments.seeds}",
        "version": srhm.__version__,
        "streams": srhm.STREAM_VERSION,
        "device": f"{device}, one thread a run, Python {platform.python_version()}",
        "networks": [entry(one) for one in answers],
    }
    (HERE / "complexities.json").write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    text = f"<!-- made by: {content['command']} -->\n\n{table(content['networks'])}"
    (HERE.parent / "docs" / "first_measurements_table.md").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
