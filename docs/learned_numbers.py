"""The numbers of docs/learned.md, from the runs of results/thresholds.py, staircase.py and probes.py."""

import json
from itertools import pairwise
from math import inf, log, sqrt
from pathlib import Path

import numpy as np
from scipy.stats import t

from srhm import Grammar, Params, split
from srhm.theory import count_pairs, pair_moment, symbol_pairs

RESULTS = Path(__file__).parents[1] / "results"


def content(name: str) -> dict:
    """Return the content of a file of results."""
    return json.loads((RESULTS / f"{name}.json").read_text("utf-8"))


def steps(runs: list[dict], floors: list[float], loss: str = "loss") -> list[tuple[float, float]]:
    """Return for each level the bracket of P in which the loss falls below the mean of two successive floors.

    Of runs of one network and seed. The bracket is (0, P) if it is lower everywhere, (P, inf) if nowhere; a loss that
    rises again counts as learned from the last crossing on.
    """
    runs = sorted(runs, key=lambda run: run["P"])
    found = []
    for above, below in pairwise(floors):
        middle = (above + below) / 2
        learned = [run[loss] < middle for run in runs]
        first = next((k for k in range(len(runs)) if all(learned[k:])), None)
        if first is None:
            found.append((float(runs[-1]["P"]), inf))
        elif first == 0:
            found.append((0.0, float(runs[0]["P"])))
        else:
            low, high = runs[first - 1], runs[first]
            part = (low[loss] - middle) / (low[loss] - high[loss])
            P = low["P"] * (high["P"] / low["P"]) ** part
            found.append((P, P))
    return found


def said(step: tuple[float, float]) -> str:
    """Return a step in words."""
    low, high = step
    if low == high:
        return f"{low:,.0f}"
    return f"above {low:,.0f}" if high == inf else f"below {high:,.0f}"


def thresholds(part: str, net: str, s0: int, of: str = "informative_") -> list[list[tuple[float, float]]]:
    """Return the steps of each seed, in the loss where the last position is informative or, with "", in all."""
    found = content("thresholds")["parts"][part]
    model = next(one for one in found["models"] if one["s0"] == s0)
    runs = [run for run in found["runs"] if run["net"] == net and run["s0"] == s0]
    return [
        steps([run for run in runs if run["seed"] == seed], exact[f"{of}floors"], f"{of}loss")
        for seed, exact in enumerate(model["exact"])
    ]


def interval(values: list[float]) -> str:
    """Return the mean and the half-width of its 90% t-interval."""
    width = t.ppf(0.95, len(values) - 1) * np.std(values, ddof=1) / sqrt(len(values))
    return f"{np.mean(values):.2f} ± {width:.2f}"


def learned() -> dict[str, str]:
    """Return the text of each <<name>> of the page."""
    return _thresholds() | _covariances() | _sparsity() | _staircase() | _probes()


def _hours(runs: list[dict]) -> str:
    return f"{sum(run['seconds'] for run in runs) / 3600:.1f}"


def _thresholds() -> dict[str, str]:
    found = content("thresholds")["parts"]["L=3"]
    model, params = found["models"][0], Params(v=16, m=4, s=2, s0=0, L=3)
    f = params.m / params.v
    rows, ratios = [], {"cnn": [[], [], []], "transformer": [[], [], []]}
    for net, label in (("cnn", "tree CNN"), ("transformer", "transformer")):
        for seed, of_seed in enumerate(thresholds("L=3", net, 0)):
            own = model["exact"][seed]["visible_P"]
            for level, (step, P) in enumerate(zip(of_seed, own, strict=True)):
                if step[0] == step[1]:
                    ratios[net][level].append(log(step[0] / P))
            cells = [
                f"{said(step)}{f' ({step[0] / P:.2f})' if step[0] == step[1] else ''}"
                for step, P in zip(of_seed, own, strict=True)
            ]
            rows.append(f"| {label} | {seed} | {' | '.join(cells)} |")
    table = [
        f"| {seed} | {' | '.join(f'{P:,.0f}' for P in one['visible_P'])} |"
        for seed, one in enumerate(model["exact"])
    ]
    law = [params.v * params.m ** (2 * level - 1) / (1 - f) for level in (1, 2, 3)]
    table.append(f"| formula | {' | '.join(f'{P:,.0f}' for P in law)} |")
    means = {
        net: " | ".join(
            f"{np.exp(np.mean(one)):.2f}" if len(one) == len(model["exact"]) else "" for one in of_levels
        )
        for net, of_levels in ratios.items()
    }
    shares = ", ".join(f"{P / params.P_max:.2g}" for P in law)
    largest = max(run["P"] for run in found["runs"])
    return {
        "learned_steps": "\n".join(rows),
        "learned_visible": "\n".join(table),
        "learned_ratios": "\n".join(f"| {net} | {cells} |" for net, cells in means.items()),
        "learned_shares": shares,
        "learned_largest": f"{largest:,}",
        "learned_hours_thresholds": _hours(
            [run for one in content("thresholds")["parts"].values() for run in one["runs"]]
        ),
    }


def _covariances() -> dict[str, str]:
    params = Params(v=32, m=8, s=2, s0=0, L=3)
    f, rows = params.m / params.v, []
    sample = split(Grammar(params, 0), P=100_000, P_test=1, replacement=True).train
    for level in (1, 2, 3):
        law = (1 - f) / (params.v**3 * params.m ** (2 * level - 1))
        squares = [symbol_pairs(Grammar(params, seed), level).mean_square for seed in range(100)]
        root = sqrt(np.mean(squares) / law)
        width = t.ppf(0.95, 99) * np.std(squares, ddof=1) / 10 / (2 * sqrt(np.mean(squares) * law))
        counts, exact = count_pairs(sample, level), squares[0]
        measured = counts.statistics.mean_square
        cells = [
            f"{root:.3f} ± {width:.3f}",
            f"{sqrt(pair_moment(params, level) / law):.3f}",
            f"{sqrt(exact):.2e}",
            f"{sqrt(measured):.2e}",
            f"{sqrt(counts.noise):.2e}",
            f"{sqrt(max(0, measured - counts.noise)):.2e}",
        ]
        rows.append(f"| {level} | {' | '.join(cells)} |")
    return {"learned_covariances": "\n".join(rows)}


def _sparsity() -> dict[str, str]:
    found, rows, exponents = content("thresholds")["parts"]["sparse"], [], {}
    P_max = {one["s0"]: one["P_max"] for one in found["models"]}
    both = {of: {s0: thresholds("sparse", "cnn", s0, of) for s0 in P_max} for of in ("informative_", "")}
    for s0 in P_max:
        for seed in range(len(both[""][s0])):
            cells = [said(step) for of_s0 in both.values() for step in of_s0[s0][seed]]
            rows.append(f"| {s0} | {seed} | {' | '.join(cells)} | {P_max[s0]:,} |")
    for of, by_s0 in both.items():
        for level in range(2):
            known = [
                s0 for s0, seeds in by_s0.items() if all(one[level][0] == one[level][1] for one in seeds)
            ]
            slopes = [
                np.polyfit(
                    [log(s0 + 1) for s0 in known], [log(by_s0[s0][seed][level][0]) for s0 in known], 1
                )[0]
                for seed in range(len(by_s0[0]))
                if len(known) > 1
            ]
            said_of = ", ".join(map(str, known))
            exponents[f"learned_{of}exponent_{level + 1}"] = (
                f"{interval(slopes)} (from $s_0$ = {said_of})" if slopes else "not measured"
            )
    return {"learned_sparse": "\n".join(rows)} | exponents


def _staircase() -> dict[str, str]:
    found = content("staircase")
    rows = []
    for task in found["tasks"]:
        sizes = sorted({run["P"] for run in found["runs"] if run["task"] == task and not run["through"]})
        for P in sizes:
            runs = [
                run for run in found["runs"] if run["task"] == task and run["P"] == P and not run["through"]
            ]
            mean = np.mean([run["divergence"] for run in runs], axis=0)
            nearest = sorted({int(np.argmin(run["divergence"])) for run in runs})
            cells = " | ".join(
                f"**{one:.2f}**" if k == mean.argmin() else f"{one:.2f}" for k, one in enumerate(mean)
            )
            rows.append(f"| {task} | {P:,} | {cells} | {', '.join(map(str, nearest))} |")
    through, orders = [run for run in found["runs"] if run["through"]], []
    for run in through:
        nearest = np.argmin(run["divergence"], axis=1)
        first = [
            next((step for step, k in zip(run["steps"], nearest, strict=True) if k == one), None)
            for one in (3, 2, 1, 0)
        ]
        cells = " | ".join("never" if one is None else f"{one:,}" for one in first)
        orders.append(f"| {run['task']} | {run['seed']} | {cells} | {int(nearest[-1])} |")
    return {
        "learned_staircase": "\n".join(rows),
        "learned_order": "\n".join(orders),
        "learned_hours_staircase": _hours(found["runs"]),
    }


def _probes() -> dict[str, str]:
    rows, found = [], content("probes")
    for name in ("trained", "untrained"):
        layers = found["runs"][0][name]["layers"]
        for at, layer in enumerate(layers):
            for kind, probe in (("pooled", "each position"), ("shared", "all positions")):
                R2 = np.array([run[name][kind][at] for run in found["runs"]])[
                    :, ::-1
                ]  # [seed, level], class first
                cells = " | ".join(f"{one.mean():.2f} ({one.min():.2f} to {one.max():.2f})" for one in R2.T)
                rows.append(f"| {name} | {layer.replace('_', ' ')} | {probe} | {cells} |")
    control = max(
        value
        for run in found["runs"]
        for of_layer in run["trained"]["control"]
        for of_position in of_layer
        for value in of_position
        if value is not None
    )
    return {
        "learned_probes": "\n".join(rows),
        "learned_control": f"{control:.2f}",
        "learned_excess": ", ".join(f"{run['excess']:.2f}" for run in found["runs"]),
    }
