"""Draw the figures of docs/learned.md from results/thresholds.json, staircase.json and probes.json.

Usage: python docs/draw_learned.py; writes docs/learned_*.png.
"""

from math import inf
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from learned_numbers import content, thresholds

from srhm.figures.style import render

HERE = Path(__file__).parent
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7")
LABELS = {"cnn": "tree CNN", "transformer": "transformer"}


def save(figure: Any, name: str) -> None:
    (HERE / f"learned_{name}.png").write_bytes(render(figure, "png"))


def draw_thresholds() -> None:
    found = content("thresholds")["parts"]["L=3"]
    exact = found["models"][0]["exact"]
    figure, axes = plt.subplots(1, 2, figsize=(9, 3.6), sharey=True, constrained_layout=True)
    for axis, net in zip(axes, LABELS, strict=True):
        for seed, one in enumerate(exact):
            runs = sorted(
                (run for run in found["runs"] if run["net"] == net and run["seed"] == seed),
                key=lambda run: run["P"],
            )
            axis.plot(
                [run["P"] for run in runs], [run["loss"] for run in runs], "o-", ms=3, lw=1, color=COLOURS[seed],
                label=f"seed {seed}",
            )  # fmt: skip
            for P in one["visible_P"]:
                axis.axvline(P, color=COLOURS[seed], lw=0.8, ls=":")
        for level, floor in enumerate(np.mean([one["floors"] for one in exact], axis=0)):
            axis.axhline(floor, color="grey", lw=0.8)
            if axis is axes[-1]:
                label = f"{level} level{'s' * (level != 1)}"
                axis.text(
                    1.01,
                    floor,
                    label,
                    fontsize=8,
                    color="grey",
                    va="center",
                    transform=axis.get_yaxis_transform(),
                )
        axis.set(xscale="log", xlabel="training points $P$", title=LABELS[net], ylim=(0, 3.1), xlim=(20, 2e5))
    axes[0].set_ylabel("loss of the last symbol (nats)")
    axes[0].legend(
        frameon=False, fontsize=8, title="grey: exact, sub-tree of", title_fontsize=8, loc="lower left"
    )
    save(figure, "thresholds")


def draw_sparsity() -> None:
    found = content("thresholds")["parts"]["sparse"]
    figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.6), constrained_layout=True)
    for s0, colour in zip((0, 1, 2), COLOURS, strict=False):
        exact = next(one for one in found["models"] if one["s0"] == s0)["exact"]
        for seed, marker in enumerate("os^"):
            runs = sorted(
                (run for run in found["runs"] if run["s0"] == s0 and run["seed"] == seed),
                key=lambda run: run["P"],
            )
            left.plot(
                [run["P"] for run in runs], [run["informative_loss"] for run in runs], f"{marker}-", ms=3, lw=0.8,
                color=colour, label=f"$s_0 = {s0}$" if seed == 0 else None,
            )  # fmt: skip
        for floor in np.mean([one["informative_floors"] for one in exact], axis=0):
            left.axhline(floor, color=colour, lw=0.8, ls=":")
    left.set(xscale="log", xlabel="training points $P$", ylabel="loss at an informative last position (nats)")
    left.legend(frameon=False, fontsize=8)
    for level, colour in zip((1, 2), COLOURS, strict=False):
        for s0 in (0, 1, 2):
            for of_seed, marker in zip(thresholds("sparse", "cnn", s0), "os^", strict=True):
                low, high = of_seed[level - 1]
                right.plot(
                    s0 + 1, low, marker, color=colour, ms=5, mfc=colour if high < inf else "none",
                    label=f"step {level}" if s0 == 0 and marker == "o" else None,
                )  # fmt: skip
        start = np.exp(np.mean([np.log(one[level - 1][0]) for one in thresholds("sparse", "cnn", 0)]))
        x = np.array([1, 3])
        right.plot(x, start * x ** float(found["models"][0]["L"] + level), "--", color=colour, lw=0.8)
    right.set(xscale="log", yscale="log", xlabel="$s_0 + 1$", ylabel="$P$ of the step")
    right.set_xticks([1, 2, 3], ["1", "2", "3"])
    right.set_xticks([], minor=True)
    right.legend(
        frameon=False, fontsize=8, title="dashed: fixed positions, $(s_0+1)^{L+l}$", title_fontsize=8
    )
    save(figure, "sparsity")


def draw_staircase() -> None:
    found = content("staircase")
    figure, axes = plt.subplots(2, 2, figsize=(9, 6), constrained_layout=True)
    for row, (task, label) in enumerate((("masked", "hidden symbols"), ("class", "the class"))):
        runs = [run for run in found["runs"] if run["task"] == task]
        for k, colour in enumerate(COLOURS):
            for number, run in enumerate(run for run in runs if run["through"]):
                axes[row, 0].plot(
                    run["steps"], [one[k] for one in run["divergence"]], color=colour, lw=1,
                    label=f"$k = {k}$" if number == 0 else None,
                )  # fmt: skip
            for marker, seed in zip("os^", range(3), strict=True):
                over = [run for run in runs if not run["through"] and run["seed"] == seed]
                over.sort(key=lambda run: run["P"])
                points = [run["P"] for run in over], [run["divergence"][k] for run in over]
                axes[row, 1].plot(*points, f"{marker}-", ms=3, lw=0.8, color=colour)
        axes[row, 0].set(xlabel="steps of descent", ylabel=f"{label}: KL(exact of $k$, network)")
        axes[row, 1].set(xlabel="training points $P$")
        for axis in axes[row]:
            axis.set(xscale="log", yscale="log")
        sizes = sorted({run["P"] for run in runs if not run["through"]})
        axes[row, 1].set_xticks(sizes, [f"{P:,}" for P in sizes])
        axes[row, 1].set_xticks([], minor=True)
    axes[0, 0].set_title(f"through training, $P$ = {found['through']['P']:,}")
    axes[0, 1].set_title("the best network of each $P$")
    axes[1, 0].legend(frameon=False, fontsize=8, title="levels cut", title_fontsize=8)
    save(figure, "staircase")


def draw_probes() -> None:
    found = content("probes")["runs"]
    layers = found[0]["trained"]["layers"]
    figure, axes = plt.subplots(
        1, len(layers), figsize=(9, 3.2), sharey=True, constrained_layout=True, squeeze=False
    )
    for at, axis in enumerate(axes[0]):
        for level, colour in enumerate(COLOURS[:3]):
            for name, style in (("trained", "o-"), ("untrained", ":")):
                values = np.array([np.array(run[name]["R2"], float)[at, :, level] for run in found])
                seen = found[0][name]["seen"]
                label = "class" if level == 2 else f"level {level + 2}"
                axis.plot(
                    seen,
                    values.mean(axis=0),
                    style,
                    ms=3,
                    lw=1,
                    color=colour,
                    label=label if name == "trained" else None,
                )
        axis.set(xlabel="symbols seen", title=layers[at].replace("_", " "), ylim=(0, 1.03))
    axes[0, 0].set_ylabel("$R^2$ of the exact posterior")
    axes[0, -1].legend(
        frameon=False, fontsize=8, title="dotted: untrained", title_fontsize=8, loc="lower left"
    )
    save(figure, "probes")


if __name__ == "__main__":
    for draw in (draw_thresholds, draw_sparsity, draw_staircase, draw_probes):
        draw()
