"""What the command line prints of its results, as JSON data and as text."""

import re
from dataclasses import asdict
from typing import Any

from ..reference.published import published
from ..study import Run, Study
from ..study.options import all_options


def run_content(run: Run) -> dict[str, Any]:
    """Return what `srhm run --json` prints."""
    metrics = run.metrics
    content: dict[str, Any] = {"test_error": metrics["error"]}
    content |= {name: metrics[name] for name in ("train_loss", "epochs")}
    for letter in "SD":
        named = [(name, value) for name, value in metrics.items() if name.startswith(f"{letter}_")]
        content[letter] = {name[2:]: value for name, value in named}
    content |= {name: getattr(run, name) for name in ("status", "metrics", "seconds", "device", "versions")}
    identity = {"spec": run.spec.to_dict(), "hash": run.spec.hash}
    return content | identity | {"rate_extended": run.spec.setup.rate_extended}


def run_text(run: Run) -> str:
    """Return what `srhm run` prints."""
    metrics, params = run.metrics, run.spec.params
    lines = [
        f"{run.spec.net.family}, width {run.spec.setup.width}, P = {run.spec.P:,}, on {params}",
        f"status      {run.status}",
    ]
    lines += [f"epochs      {metrics['epochs']}", f"train loss  {_shown(metrics['train_loss'])}"]
    lines += [f"test error  {_shown(metrics['error'])}"]
    if "in_distribution_error" in metrics:
        lines[-1] += f", and {_shown(metrics['in_distribution_error'])} without what is held out"
    if "excess" in metrics:
        floor = f"{_shown(metrics['excess'])} nats above its exact floor"
        lines.append(f"test loss   {_shown(metrics['loss'])}, {floor}")
    if run.spec.setup.rate_extended:
        lines.append("The learning rate was extended from the published table to a model outside it.")
    count = sum(re.fullmatch(r"S_\d+1", name) is not None for name in metrics)
    layers = [f"layer {k}" for k in range(1, count)] + ["output"]
    levels = [f"level {level}" for level in range(1, params.L + 1)]
    for prefix, name in _TABLES:
        if f"{prefix}_11" in metrics:
            heads = [*levels, "class"] if prefix == "probe" else levels
            lines += [f"{prefix}_kl, {name}:", " " * 12 + "".join(f"{head:>10}" for head in heads)]
            for k, layer in enumerate(layers, start=1):
                row = (metrics[f"{prefix}_{k}{level}"] for level in range(1, len(heads) + 1))
                lines.append(f"  {layer:<10}" + "".join(f"{_shown(value):>10}" for value in row))
    return "\n".join(lines)


_TABLES = (
    ("S", "synonyms exchanged"),
    ("D", "features shifted"),
    ("probe", "features read by a linear probe, fraction right"),
    ("probe_rule", "choice among synonyms read"),
    ("probe_placement", "placements read"),
    ("ari", "clusters that are synonyms, adjusted Rand index"),
)
"""What is measured of every layer at every level, by the beginning of its names."""


def pstar_content(study: Study, store: str) -> dict[str, Any]:
    """Return what `srhm pstar --json` prints."""
    setup, params, prediction = study.setup, study.setup.params, study.prediction
    found = study.complexity()
    paper = published(setup.net.family, params) if setup.classifies else None
    runs = [run for _, run in study.all_runs]
    shown = ("P_star", "interval", "interval_kind", "status", "runs")
    return {name: getattr(found, name) for name in shown} | {
        "unconverged": study.unconverged,
        "computed": study.computed,
        "search": study.rule,
        "predicted": None if prediction is None else prediction.P_star,
        "scaling_law": None if prediction is None else prediction.scaling_law,
        "formula": None if prediction is None else f"{prediction.formula} ({prediction.source})",
        "paper": None if paper is None else {"P_star": paper.P_star, "bracket": [paper.low, paper.high]},
        "net": setup.net.family,
        "width": setup.width,
        "params": params.to_dict(),
        "options": all_options(setup),
        "rate_extended": setup.rate_extended,
        "quantities": {name: asdict(study.complexity(name)) for name in study.thresholds},
        "points": [
            {"P": run.spec.P, "seed": replicate, "status": run.status} | run.metrics
            for replicate, finished in enumerate(study.runs)
            for run in sorted(finished, key=lambda run: run.spec.P)
        ],
        "seconds": sum(run.seconds["train"] for run in runs),
        "store": store,
    }


def pstar_text(content: dict[str, Any]) -> str:
    """Return what `srhm pstar` prints, from its JSON content."""
    lines = []
    for name, found in content["quantities"].items():
        value = (
            f"P* = {found['P_star']:,.0f}" if found["P_star"] is not None else f"P* is {_unbounded(found)}"
        )
        ends = found["interval"] or (None, None)
        interval = f"  [{_shown_P(ends[0])}, {_shown_P(ends[1])}], {found['interval_kind']}"
        lines.append(f"{name} = {found['threshold']}:  {value}{interval}")
    if content["predicted"] is not None:
        factor = content["predicted"] / content["scaling_law"]
        lines.append(
            f"predicted  {content['predicted']:,.0f}, {factor:.2g} times the scaling law {content['formula']}"
        )
    if content["paper"] is not None:
        low, high = content["paper"]["bracket"]
        lines.append(
            f"paper      {content['paper']['P_star']:,}, on a grid between {_shown_P(low)} and {_shown_P(high)}"
        )
    if content["rate_extended"]:
        lines.append("The learning rate was extended from the published table to a model outside it.")
    if content["unconverged"]:
        lines.append(
            f"Warning: {content['unconverged']} of {content['runs']} runs came to max_epochs = "
            f"{content['options']['max_epochs']:,} before their loss fell to stop_loss = "
            f"{content['options']['stop_loss']:g}. P* takes them as they are; longer training or another learning "
            'rate may move it. The points of --json with the status "epochs" are these.'
        )
    lines.append(
        f"{content['runs']} runs, {content['computed']} of them computed now; store {content['store']}"
    )
    return "\n".join(lines)


def _unbounded(found: dict[str, Any]) -> str:
    words = {
        "above": "above the largest P tried",
        "below": "below the smallest P tried",
        "diverged": "not found: the training diverged",
        "unstable": "not found: the training was unstable",
    }
    return words.get(found["status"], f"not found ({found['status']})")


def _shown(value: float | None) -> str:
    return "none" if value is None else f"{value:.4g}"


def _shown_P(value: float | None) -> str:
    return "-" if value is None else f"{value:,.0f}"
