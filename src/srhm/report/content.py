"""What a report shows, as JSON data: every run, what the runs are about, and what was read off them."""

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import Any

from ..figures import Curve
from ..measure.complexity import SampleComplexity
from ..model.params import Params
from ..nets import COMMON
from ..reference.published import published
from ..reference.thresholds import thresholds
from ..study.runs import Run
from ..theory import predict
from .commands import pstar_command, python_command, train_command
from .settings import Studied, studied

_DIGITS = 6
"""Significant digits of the numbers on the page."""

_DRAWN = re.compile(
    r"error|best_test_error|train_loss|epochs|(S|D|probe|probe_rule|probe_placement|ari)_\d\d"
)
"""What may be drawn over P."""


def content_of(runs: Iterable[Run], title: str) -> dict[str, Any]:
    """Return what the page of some runs shows, as JSON data that is the same for the same runs.

    Parameters
    ----------
    runs
        Finished runs, in any order.
    title
        Title of the page.

    Returns
    -------
    dict
        ``metrics``: names of the metrics. ``settings``: what was run, each with its P* by metric, its scaling law,
        published value, medians over seeds and command. ``runs``: each with the numbers of its settings, its
        metrics in the order of their names, and its command. ``environments``: the devices and versions that runs
        name by number. Numbers have six significant digits; None where there is none.
    """
    about = studied(runs)
    of_run: dict[str, tuple[Run, list[int]]] = {}
    for number, one in enumerate(about):
        for run in (run for runs in one.runs for run in runs):
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


def scaling_exponents(net: str, params: Params) -> tuple[int, int, int] | None:
    """Return the exponents of s0+1, m and n_c in the paper's scaling law of P* (Eq. 3 and 4); None if it has none.

    Examples
    --------
    >>> params = Params(n_c=4, v=4, m=4, s=2, s0=1, L=3)
    >>> scaling_exponents("lcn", params), scaling_exponents("cnn", params)
    ((3, 3, 1), (2, 3, 1))
    """
    if net in COMMON:
        return None
    return 2 if net == "cnn" else params.L, params.L, 1


def _setting(one: Studied, place: dict[str, int], metrics: Sequence[str]) -> dict[str, Any]:
    spec, params = one.spec, one.spec.params
    prediction = None if spec.net in COMMON else predict(spec.net, params)
    paper = None if one.changes else published(spec.net, params)
    exponents = scaling_exponents(spec.net, params)
    start = round(one.expected) if prediction is None else None
    command = None if one.fix is None else pstar_command(spec, len(one.seeds), one.fix, start)
    return {
        "id": one.id,
        "label": one.label,
        "changes": one.changes,
        "net": spec.net,
        "width": spec.width,
        **asdict(params),
        "seeds": len(one.seeds),
        "replicates": [[place[run.spec.hash] for run in runs] for runs in one.runs],
        "thresholds": thresholds(spec.net, params),
        "P_star": {name: _complexity(found) for name, found in one.complexities().items()},
        "prediction": None if prediction is None else {
            "P_star": _number(prediction.P_star), "scaling_law": _number(prediction.scaling_law),
            "formula": prediction.formula, "source": prediction.source,
        },
        "exponents": None if exponents is None else list(exponents),
        "published": None if paper is None or not paper.valid else {
            "P_star": paper.P_star, "low": paper.low, "high": paper.high, "figure": paper.figure,
        },
        "medians": _medians(one, [metric for metric in metrics if _DRAWN.fullmatch(metric)]),
        "command": command,
    }  # fmt: skip


def _complexity(found: SampleComplexity | None) -> dict[str, Any] | None:
    if found is None:
        return None
    low, high = found.interval or (None, None)
    return {
        "P_star": _number(found.P_star), "low": _number(low), "high": _number(high), "status": found.status,
        "kind": found.interval_kind,
    }  # fmt: skip


def _medians(one: Studied, metrics: Sequence[str]) -> dict[str, list[list[float | int | None]]]:
    """Return P and the median over seeds of every metric, for lines."""
    runs = [(seed, run) for seed, of_seed in enumerate(one.runs) for run in of_seed]
    curve = Curve(
        one.label,
        [run.spec.P for _, run in runs],
        {metric: [run.metrics.get(metric) for _, run in runs] for metric in metrics},
        seeds=[seed for seed, _ in runs],
    )
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
        "P_test": run.spec.P_test,
        "seed": str(seeds.samples) if alike else ", ".join(map(str, asdict(seeds).values())),
        "status": run.status,
        "extended": run.spec.rate_extended,
        "seconds": _number(sum(run.seconds.values()) - run.seconds.get("compile", 0.0)),
        "environment": where.index(_environment(run)),
        "metrics": [_number(run.metrics.get(metric)) for metric in metrics],
        "command": train_command(run.spec) or python_command(run.spec),
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
    """The error first, then sensitivities, then all others."""
    first = ("error", "best_test_error")
    if name in first:
        return first.index(name), name
    return (2 if re.fullmatch(r"[SD]_\d\d", name) else 3), name
