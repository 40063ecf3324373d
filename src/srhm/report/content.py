"""What a report shows, as JSON data: every run, what the runs are about, and what was read off them."""

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import Any

from ..figures import Curve
from ..measure.crossings import SampleComplexity
from ..reference.published import published
from ..study import Run, Study, studies_of
from ..study.describe import change_words, label
from .commands import pstar_command, python_command, run_command

_DIGITS = 6
"""Significant digits of the numbers on the page."""

_DRAWN = re.compile(
    r"excess|loss|error|in_distribution_error|best_test_error|train_loss|epochs|(S|D|probe|probe_rule|probe_placement|ari)_\d\d"
)
"""What may be drawn over P."""


def content_of(runs: Iterable[Run], title: str) -> dict[str, Any]:
    """Return what the page of some finished runs, in any order, shows: JSON data that is the same for the same runs.

    ``metrics``: names of the metrics. ``settings``: what was run, each with its P* by metric, its scaling law,
    published value, medians over seeds and command. ``runs``: each with the numbers of its settings, its metrics in
    the order of their names, and its command. ``environments``: the devices and versions that runs name by number.
    Numbers have six significant digits; None where there is none.
    """
    about = sorted(studies_of(runs), key=_order)
    of_run: dict[str, tuple[Run, list[int]]] = {}
    for number, one in enumerate(about):
        for _, run in one.all_runs:
            of_run.setdefault(run.spec.hash, (run, []))[1].append(number)
    # In the order of their settings, so that tables and lines find them together.
    ordered = sorted(of_run.values(), key=lambda pair: (pair[1], pair[0].spec.P, pair[0].spec.hash))
    place = {run.spec.hash: number for number, (run, _) in enumerate(ordered)}
    metrics = sorted({metric for run, _ in ordered for metric in run.metrics}, key=_order_of_metrics)
    where = sorted({_environment(run) for run, _ in ordered})
    return {
        "title": title,
        "metrics": metrics,
        "drawn": [metric for metric in metrics if _DRAWN.fullmatch(metric)],
        "settings": [_setting(one, place, metrics) for one in about],
        "runs": [_run(run, numbers, metrics, where) for run, numbers in ordered],
        "environments": [
            {"device": device, "versions": dict(versions)} for device, versions in where
        ],
    }  # fmt: skip


def _setting(one: Study, place: dict[str, int], metrics: Sequence[str]) -> dict[str, Any]:
    setup, params, prediction = one.setup, one.setup.params, one.prediction
    family = setup.net.row
    words = change_words(one)
    paper = published(setup.net.family, params) if setup.classifies and not words else None
    start = round(one.expected) if prediction is None else None
    # A task of symbols has no threshold by default, which a search needs.
    known = one.fix is not None and bool(setup.thresholds)
    command = pstar_command(setup, len(one.seeds), one.fix or (), start) if known else None
    return {
        "id": study_id(one),
        "label": label(one),
        "name": family.label,
        "output": family.last_layer or params.L + 1,
        "changes": words,
        "net": setup.net.family,
        "width": setup.width,
        **params.to_dict(),
        "seeds": len(one.seeds),
        "replicates": [[place[run.spec.hash] for run in runs] for runs in one.runs],
        "thresholds": dict(setup.thresholds),
        "P_star": {name: _complexity(found) for name, found in complexities(one).items()},
        "prediction": None if prediction is None else {
            "P_star": _number(prediction.P_star), "scaling_law": _number(prediction.scaling_law),
            "formula": prediction.formula, "source": prediction.source,
        },
        "exponents": None if prediction is None else [_number(prediction.blank_power), params.L, 1],
        "published": None if paper is None or not paper.valid else {
            "P_star": paper.P_star, "low": paper.low, "high": paper.high, "figure": paper.figure,
        },
        "medians": _medians(one, [metric for metric in metrics if _DRAWN.fullmatch(metric)]),
        "command": command,
    }  # fmt: skip


def study_id(study: Study) -> str:
    """Return a name of a study for addresses, the same wherever the same is run."""
    seeds = "seeds" if study.fix is None else "-".join(study.fix)
    return study.setup.digest[:12] + (f"-{seeds}" if seeds else "")


def complexities(study: Study) -> dict[str, SampleComplexity | None]:
    """Return P* of the error, and of S and D at the layers of their thresholds where they were measured, by metric.

    None where the runs do not show it.
    """
    measured = {metric for _, run in study.all_runs for metric in run.metrics}
    limits = study.setup.thresholds
    return {name: study.read(name) for name in limits if name == "error" or name in measured}


def _order(study: Study) -> tuple:
    setup, params = study.setup, study.setup.params
    by_level = [(level.s, level.v, level.m, level.s0) for level in params.levels]
    model = params.L, params.sparsity, by_level, params.n_c
    return setup.net.family, *model, setup.width, change_words(study), study_id(study)


def _complexity(found: SampleComplexity | None) -> dict[str, Any] | None:
    if found is None:
        return None
    low, high = found.interval or (None, None)
    return {
        "P_star": _number(found.P_star), "low": _number(low), "high": _number(high), "status": found.status,
        "kind": found.interval_kind,
    }  # fmt: skip


def _medians(one: Study, metrics: Sequence[str]) -> dict[str, list[list[float | int | None]]]:
    """Return P and the median over seeds of every metric, for lines."""
    curve = Curve.of(one, label(one), metrics)
    found = {metric: curve.median(metric) for metric in metrics}
    return {
        metric: [[_number(value) for value in P], [_number(value) for value in values]]
        for metric, (P, values) in found.items()
        if len(P)
    }


def _run(run: Run, numbers: list[int], metrics: Sequence[str], where: list) -> dict[str, Any]:
    seeds = run.spec.seeds
    alike = len(set(asdict(seeds).values())) == 1
    return {
        "hash": run.spec.hash,
        "settings": numbers,
        "P": run.spec.P,
        "P_test": run.spec.setup.P_test,
        "seed": str(seeds.samples) if alike else ", ".join(map(str, asdict(seeds).values())),
        "status": run.status,
        "extended": run.spec.setup.rate_extended,
        "seconds": _number(sum(run.seconds.values()) - run.seconds.get("compile", 0.0)),
        "environment": where.index(_environment(run)),
        "metrics": [_number(run.metrics.get(metric)) for metric in metrics],
        "command": run_command(run.spec) or python_command(run.spec),
    }


def _environment(run: Run) -> tuple[str, tuple[tuple[str, str], ...]]:
    return run.device, tuple(sorted(run.versions.items()))


def _number(value: float | int | None) -> float | int | None:
    """Round a number for the page; None for what JSON has no number for."""
    if value is None or not math.isfinite(value):
        return None
    short = float(f"{value:.{_DIGITS}g}")
    return int(value) if float(value).is_integer() else short


def _order_of_metrics(name: str) -> tuple[int, str]:
    """The excess and the error first, then sensitivities, then all others."""
    first = ("excess", "error", "best_test_error")
    if name in first:
        return first.index(name), name
    return (2 if re.fullmatch(r"[SD]_\d\d", name) else 3), name
