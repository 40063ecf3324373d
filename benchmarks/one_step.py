"""Measure one step of descent beside its prediction: python benchmarks/one_step.py --help.

Writes benchmarks/results/one_step.json, the table docs/theory/one_step_table.md and the figure
docs/theory/one_step.png; with --draw, the last two from the first. It takes eight minutes.
"""

import argparse
import json
import math
from collections.abc import Callable, Iterable
from dataclasses import asdict, astuple
from pathlib import Path
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from scipy.special import stdtrit

import srhm
from srhm.figures.style import (
    DOUBLE_COLUMN,
    LINE_COLOURS,
    MARKERS,
    MUTED,
    log_axis,
    panel_grid,
    panel_letters,
    render,
    styled,
)
from srhm.files import write_atomically
from srhm.gradients import gradient_moments, open_gradient, overlap, population_moments, unit_products
from srhm.gradients.moments import channel_contrast
from srhm.nets import Network, build

RESULTS = Path(__file__).parent / "results" / "one_step.json"
DOCS = Path(__file__).parent.parent / "docs" / "theory"

PAPER = srhm.Params(n_c=8, v=8, m=8, s=2, s0=2, L=2)
"""The published experiment, a CNN; its rate, 0.1 * 512, is a factor of both spread and mean."""

QUANTILES = (0.05, 0.5)
"""Which weights are followed: those at these quantiles of the P at which signal equals noise."""

POINTS = [2**k for k in range(6, 17, 2)]
SETS = 48

NETS: dict[str, tuple[str, dict[str, Any]]] = {
    "CNN": ("cnn", {}),
    "CNN, upper layers shared": ("cnn", {"upper": True}),
    "LCN": ("lcn", {}),
}
SCALING = [(2, (0, 1, 2, 4)), (3, (0, 1, 2))]
SAMPLES = {"cnn": 100_000, "lcn": 10_000}
SEEDS = 8


def training_set(grammar: srhm.Grammar, P: int, seed: int) -> srhm.Dataset:
    return srhm.Dataset.draw(srhm.Stream(grammar, seed, "replacement"), P)


def spreads(width: int) -> dict:
    """Spread of first-layer gradients over training sets, over the mean: for two weights, and all of them."""
    grammar, net = srhm.Grammar(PAPER), build("cnn", PAPER, width)
    exact = population_moments(grammar, net)
    order = np.argsort(exact.visible_P, axis=None)
    followed = [np.unravel_index(order[int(q * order.size)], exact.mean.shape) for q in QUANTILES]
    rows = []
    for P in POINTS:
        drawn = np.array([gradient_moments(net, training_set(grammar, P, seed)).mean for seed in range(SETS)])
        ruled = np.array(
            [
                gradient_moments(net, training_set(srhm.Grammar(PAPER, seed), P, seed)).mean
                for seed in range(SETS)
            ]
        )
        spread, redrawn = drawn.std(axis=0, ddof=1), ruled.std(axis=0, ddof=1)
        rows.append(
            {
                "P": P,
                "predicted": [rounded(exact.spread(P)[w] / abs(exact.mean[w])) for w in followed],
                "measured": [rounded(spread[w] / abs(exact.mean[w])) for w in followed],
                "rules_redrawn": [rounded(redrawn[w] / abs(exact.mean[w])) for w in followed],
                "variance_over_predicted": rounded(np.mean((spread / exact.spread(P)) ** 2)),
            }
        )
        print(rows[-1], flush=True)
    return {
        "params": asdict(PAPER),
        "width": width,
        "sets": SETS,
        "visible_P": [rounded(exact.visible_P[w]) for w in followed],
        "first_layer": [contrast(grammar, net, uniform) for uniform in (False, True)],
        "visible_P_quartiles": [rounded(q) for q in np.quantile(exact.visible_P, (0.25, 0.5, 0.75))],
        "rows": rows,
    }


def contrast(grammar: srhm.Grammar, net: Network, uniform: bool) -> dict:
    """How much of the step of the first layer differs between channels, and P of unit signal-to-noise."""
    raw = population_moments(grammar, net, uniform=uniform)
    square = channel_contrast(PAPER.v)
    found = population_moments(grammar, net, uniform=uniform, square=square)
    return {
        "uniform": uniform,
        "visible_P": rounded(raw.pooled_visible_P),
        "visible_P_of_contrast": rounded(found.pooled_visible_P),
        "share_of_contrast": rounded(found.square.sum() / raw.square.sum()),
    }


def overlaps(width: int) -> dict:
    """Overlaps of the step against P: the mean law, and the mean over a few training sets."""
    grammar, net = srhm.Grammar(PAPER), build("cnn", PAPER, width)
    exact = population_moments(grammar, net, square=unit_products)
    rows = []
    for P in POINTS:
        steps = [gradient_moments(net, training_set(grammar, P, seed)).mean for seed in range(8)]
        products = np.mean([unit_products(step) for step in steps], axis=0)
        law, found = overlap(grammar, net, exact.expected_square(P)), overlap(grammar, net, products)
        rows.append({"P": P, "predicted": numbers(astuple(law)), "measured": numbers(astuple(found))})
    limits = {"all data": numbers(astuple(overlap(grammar, net, exact.square)))}
    for name in ("cnn", "lcn"):
        other = build(name, PAPER, width)
        linear = unit_products(np.asarray(open_gradient(grammar, other)))
        limits[f"all data, {name}, open gates"] = numbers(astuple(overlap(grammar, other, linear)))
    return {"kinds": ["synonym", "shift", "both", "other"], "rows": rows, "limits": limits}


def scaling(net_name: str, gates: str, L: int, sizes: Iterable[int]) -> dict:
    """P at which the first layer's signal equals its noise, and its exponent in s0 + 1, seed by seed."""
    name, options = NETS[net_name]
    table = []
    for s0 in sizes:
        params = srhm.Params(n_c=4, v=4, m=4, s=2, s0=s0, L=L)
        samples = min(SAMPLES[name], params.P_max)
        table.append(
            [
                population_moments(
                    srhm.Grammar(params, seed),
                    initial(name, params, seed, gates, **options),
                    samples,
                    seed,
                    square=channel_contrast(params.v),
                    uniform=True,
                ).pooled_visible_P
                for seed in range(SEEDS)
            ]
        )
    values, x = np.array(table), np.log(np.array(sizes) + 1.0)
    slopes = np.polyfit(x, np.log(values), 1)[0]
    half = stdtrit(SEEDS - 1, 0.95) * slopes.std(ddof=1) / math.sqrt(SEEDS)
    found = {
        "net": net_name,
        "gates": gates,
        "L": L,
        "s0": list(sizes),
        "visible_P": [rounded(v) for v in np.exp(np.log(values).mean(axis=1))],
        "exponent": [rounded(slopes.mean()), rounded(half)],
    }
    print(found, flush=True)
    return found


def initial(name: str, params: srhm.Params, seed: int, gates: str, upper: bool = False) -> Network:
    """A network at initialisation; with open gates its biases are so large that every ReLU is the identity."""
    options = {"shared_layers": tuple(range(2, params.L + 1))} if upper else {}
    net = build(name, params, 32, seed, **options)
    if gates == "random":
        return net
    biases: Callable[[Network], Any] = lambda net: [layer.bias for layer in net.layers]  # noqa: E731
    opened = [jnp.full_like(bias, 100.0**k) for k, bias in enumerate(biases(net), start=1)]
    return eqx.tree_at(biases, net, opened)


def rounded(value: Any) -> float:
    return float(f"{float(value):.4g}")


def numbers(values: Iterable[float]) -> list[float]:
    return [round(float(value), 4) for value in values]


def table(content: dict) -> str:
    columns = ("first step of", "gates", "L", "s0", "P of unit signal-to-noise", "exponent of s0 + 1")
    lines = [f"<!-- made by: {content['command']} -->", "", f"| {' | '.join(columns)} |", "| --- " * 6 + "|"]
    for one in content["scaling"]:
        P = ", ".join(f"{value:,.0f}" for value in one["visible_P"])
        exponent = "{:.2f} ± {:.2f}".format(*one["exponent"])
        sizes = ", ".join(map(str, one["s0"]))
        lines.append(f"| {one['net']} | {one['gates']} | {one['L']} | {sizes} | {P} | {exponent} |")
    return "\n".join(lines) + "\n"


@styled
def draw(content: dict) -> Any:
    figure, (left, middle, right) = panel_grid(3, 3, DOUBLE_COLUMN, 2.7)
    rows, P = content["spread"]["rows"], POINTS
    for k, visible in enumerate(content["spread"]["visible_P"]):
        colour = LINE_COLOURS[k]
        left.plot(P, [row["predicted"][k] for row in rows], color=colour)
        measured, redrawn = ([row[name][k] for row in rows] for name in ("measured", "rules_redrawn"))
        left.plot(P, measured, MARKERS[k], color=colour, label=f"$P_1$ = {visible:,.0f}")
        left.plot(P, redrawn, MARKERS[k], color=colour, fillstyle="none", label="  rules redrawn")
    left.axhline(1, color=MUTED, linewidth=0.7, linestyle=":")
    log_axis(left.xaxis, 40, 1e5, least_gap=0.2)
    log_axis(left.yaxis, 0.015, 15)
    left.set(xlabel="$P$", ylabel="spread / |mean| of one weight", title="One weight's step, CNN")
    left.legend(fontsize=6, loc="lower left")

    chosen = [one for one in content["scaling"] if one["L"] == 2 and one["gates"] == "random"]
    for k, one in enumerate(chosen):
        x = [s0 + 1 for s0 in one["s0"]]
        label = f"{one['net']}: {one['exponent'][0]:.1f}"
        middle.plot(x, one["visible_P"], MARKERS[k] + "-", color=LINE_COLOURS[k], label=label)
    log_axis(middle.xaxis, 0.9, 5.6)
    log_axis(middle.yaxis, 50, 2e4)
    middle.set(xlabel="$s_0 + 1$", ylabel="$P_1$ of the first layer", title="Signal = noise, $L = 2$")
    middle.legend(fontsize=6, loc="upper left", title="exponent", title_fontsize=6)

    overlap_rows = content["overlap"]["rows"]
    for k, kind in enumerate(content["overlap"]["kinds"]):
        if kind == "both":  # lies on the synonyms
            continue
        label = {"synonym": "synonyms", "shift": "shifted", "other": "other parent"}[kind]
        right.plot(P, [row["predicted"][k] for row in overlap_rows], color=LINE_COLOURS[k])
        measured = [row["measured"][k] for row in overlap_rows]
        right.plot(P, measured, MARKERS[k], color=LINE_COLOURS[k], label=label)
    right.axhline(0, color=MUTED, linewidth=0.7, linestyle=":")
    log_axis(right.xaxis, 40, 1e5, least_gap=0.2)
    right.set(xlabel="$P$", ylabel="overlap of responses", title="What moves alike, CNN")
    right.legend(fontsize=6, loc="upper left")
    panel_letters([left, middle, right])
    return figure


def write(content: dict) -> None:
    """Write the results, one line a row."""
    lists = {name: ",\n  ".join(map(json.dumps, content[name])) for name in ("scaling",)}
    for name in ("spread", "overlap"):
        rows = ",\n   ".join(map(json.dumps, content[name]["rows"]))
        head = json.dumps({key: value for key, value in content[name].items() if key != "rows"})[:-1]
        lists[name] = f'{head}, "rows": [\n   {rows}]}}'
    parts = [f'"command": {json.dumps(content["command"])}', f'"version": {json.dumps(content["version"])}']
    parts += [f'"{name}": {lists[name]}' for name in ("spread", "overlap")]
    parts.append(f'"scaling": [\n  {lists["scaling"]}\n ]')
    RESULTS.write_text("{\n " + ",\n ".join(parts) + "\n}\n", encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--width", type=int, default=64, help="of the CNN of the paper's experiment")
    parser.add_argument("--draw", action="store_true", help="draw what is there")
    arguments = parser.parse_args()
    if not arguments.draw:
        write(
            {
                "command": f"python benchmarks/one_step.py --width {arguments.width}",
                "version": srhm.__version__,
                "spread": spreads(arguments.width),
                "overlap": overlaps(arguments.width),
                "scaling": [
                    scaling(name, gates, L, sizes)
                    for L, sizes in SCALING
                    for gates in ("random", "open")
                    for name in NETS
                ],
            }
        )
    content = json.loads(RESULTS.read_text(encoding="utf-8"))
    DOCS.mkdir(exist_ok=True)
    (DOCS / "one_step_table.md").write_text(table(content), encoding="utf-8")
    write_atomically(DOCS / "one_step.png", render(draw(content), "png"))


if __name__ == "__main__":
    main()
