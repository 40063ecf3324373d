"""Draw docs/diffusion_sparse.png: the transition of sparse models with unknown blanks (docs/diffusion.md).

Usage: python docs/draw_diffusion.py [FILE.png]; reads results/transition.jsonl.
"""

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from diffusion_numbers import SPARSE, sparse_curves

from srhm import Params
from srhm.figures.style import BLACK, BLUE, GREEN, ORANGE, PINK, VERMILLION, render
from srhm.theory import belief_transition


def main(file: Path) -> None:
    figure, (left, middle, right) = plt.subplots(1, 3, figsize=(10.5, 3.3), constrained_layout=True)
    for (s0, sparsity), colour in zip(SPARSE, (BLACK, BLUE, VERMILLION, GREEN, PINK), strict=True):
        curves = list(sparse_curves(s0, sparsity).values())
        noise = np.array([one["strength"] for one in curves[0]])
        changed = np.mean([[one["changed"][-1] for one in curve] for curve in curves], axis=0)
        left.plot(noise, changed, "o", ms=3, color=colour, label=f"$s_0 = {s0}$ {sparsity if s0 else ''}")
        if sparsity == "A":
            found = belief_transition(Params(**curves[0][0]["model"]))
            fine = np.linspace(noise[0], noise[-1], 100)
            left.plot(fine, [1 - found.levels(one)[-1, 0] for one in fine], "-", lw=1, color=colour)
        if (s0, sparsity) == (2, "A"):
            for panel, level, name in (
                (middle, -1, "level 4, below the class"),
                (right, 0, "level 1, the input"),
            ):
                for kind, mark in (("places", VERMILLION), ("features", ORANGE)):
                    lost = [[1 - one[f"{kind}_kept"][level] for one in curve] for curve in curves]
                    label = "place lost" if kind == "places" else "feature changed, place kept"
                    panel.plot(noise, np.mean(lost, axis=0), "-o", ms=3, lw=1, color=mark, label=label)
                panel.set(xlabel="noise $\\varepsilon$", ylim=(-0.02, 1.02), title=f"$s_0 = 2$ A: {name}")
                panel.legend(fontsize=8, frameon=False, loc="upper left")
    left.plot([], [], "-", lw=1, color=BLACK, label="recursion, sparsity A")
    left.axhline(1 - 1 / 8, color="grey", lw=0.8, ls="--")
    left.text(0.3, 1 - 1 / 8 + 0.01, "chance", color="grey", fontsize=8)
    left.set(xlabel="noise $\\varepsilon$", ylabel="share that changes", ylim=(-0.02, 1.02), title="class")
    left.legend(fontsize=8, frameon=False, loc="center left")
    file.write_bytes(render(figure, "png"))


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).with_name("diffusion_sparse.png")))
