"""Draw docs/uneven.png: how a CNN learns synonyms that differ in frequency (docs/uneven.md).

Usage: python docs/draw_uneven.py [FILE.png]; reads results/zipf.json.
"""

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from run_numbers import FITTED, by_rule, exponent, zipf_runs

from srhm.figures.style import render


def main(file: Path) -> None:
    runs = zipf_runs()
    points = np.array(sorted(runs))
    figure, (left, right) = plt.subplots(1, 2, figsize=(8.5, 3.4), constrained_layout=True)
    for seed, marker in enumerate("os^"):
        left.plot(
            points, [runs[P][seed]["wrong"] / 20_000 for P in points], marker, color="#0072B2", ms=4,
            label="all test inputs" if seed == 0 else None,
        )  # fmt: skip
        left.plot(
            points, [runs[P][seed]["wrong_unseen"] / runs[P][seed]["unseen"] for P in points], marker,
            color="#D55E00", ms=4, mfc="none", label="those not in the training set" if seed == 0 else None,
        )  # fmt: skip
    fitted = points[(points >= FITTED[0]) & (points <= FITTED[1])]
    slope, _ = exponent(runs, FITTED)
    middle = np.exp(np.mean([np.log(run["wrong"] / 20_000) for P in fitted for run in runs[P]]))
    centre = np.exp(np.log(fitted).mean())
    left.plot(
        fitted, middle * (fitted / centre) ** slope, "-", color="#0072B2", label=f"fit, $P^{{{slope:.2f}}}$"
    )
    left.plot(
        fitted, middle * (fitted / centre) ** -0.5 * 0.7, ":", color="black", label="$P^{-1/2}$, predicted"
    )
    left.set(xscale="log", yscale="log", xlabel="training points $P$", ylabel="test error")
    left.set_yticks([0.02, 0.05, 0.1, 0.2, 0.5], ["0.02", "0.05", "0.1", "0.2", "0.5"])
    left.set_yticks([], minor=True)
    left.legend(fontsize=8, frameon=False)
    errors, colours = np.array([by_rule(runs[P]) for P in points]), plt.get_cmap("viridis")
    for k in range(errors.shape[1]):
        right.plot(points / (k + 1) ** 2, errors[:, k], "-o", ms=3, lw=1, color=colours(k / 15))
    right.axhline(1 - 1 / 16, color="grey", lw=0.8, ls="--")
    right.text(points[-1] / 2, 1 - 1 / 16 + 0.01, "chance", color="grey", ha="right", fontsize=8)
    right.set(xscale="log", xlabel="$P / k^2$", ylabel="error where the class used rule $k$")
    bar = figure.colorbar(plt.cm.ScalarMappable(plt.Normalize(1, 16), colours), ax=right)
    bar.set_label("rule $k$, frequency $\\propto k^{-2}$")
    file.write_bytes(render(figure, "png"))


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).with_name("uneven.png")))
