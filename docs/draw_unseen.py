"""Draw docs/unseen.png: test errors on unseen shifts and unseen pairs of rules (docs/unseen.md).

Usage: python docs/draw_unseen.py [FILE.png]; reads results/holdout.jsonl.xz.
"""

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from run_numbers import HELD_OUT, MEASURED, NETWORKS, held_out

from srhm.figures.style import FAINT, MUTED, render, styled
from srhm.nets import FAMILIES


@styled
def draw(file: Path) -> None:
    figure, axes = plt.subplots(2, 4, figsize=(7.4, 4.0), sharex=True, sharey=True, constrained_layout=True)
    unseen, usual = MEASURED
    for row, (kind, words) in zip(axes, HELD_OUT.items(), strict=True):
        for panel, name in zip(row, NETWORKS, strict=True):
            study, family = held_out()[name, kind], FAMILIES[name]
            means = {}
            for quantity, marker, fill in ((unseen, "o", family.colour), (usual, "o", "white")):
                curves = study.curve(quantity)
                points = [P for P, _ in curves[0]]
                values = np.array([[value for _, value in curve] for curve in curves], float)
                means[quantity] = values.mean(axis=0)
                panel.plot(
                    points,
                    means[quantity],
                    color=family.colour,
                    ls="-" if quantity == unseen else (0, (3, 2)),
                    lw=1.4,
                )
                for of_seed in values:
                    panel.plot(
                        points, of_seed, marker, ms=3, color=family.colour, mfc=fill, mew=0.7, ls="none"
                    )
            panel.fill_between(points, means[usual], means[unseen], color=family.colour, alpha=0.15, lw=0)
            panel.axhline(0.75, color=FAINT, lw=0.8, ls=(0, (1, 1.5)))
            panel.set(xscale="log", ylim=(-0.02, 0.82))
            panel.set_xticks([250, 1000, 4000], ["250", "1,000", "4,000"])
            panel.set_xticks([], minor=True)
        row[0].set_ylabel(f"{words}\ntest error")
    for panel, name in zip(axes[0], NETWORKS, strict=True):
        panel.set_title(FAMILIES[name].label)
    for panel in axes[1]:
        panel.set_xlabel("training points $P$")
    axes[0, 0].text(8000, 0.76, "chance", color=MUTED, ha="right", fontsize=7)
    handles = [
        plt.Line2D([], [], color=MUTED, marker="o", ms=3.5, lw=1.4, label="inputs with what is held out"),
        plt.Line2D([], [], color=MUTED, marker="o", mfc="white", ms=3.5, lw=1.4, ls=(0, (3, 2)),
                   label="new inputs like those of training"),
    ]  # fmt: skip
    figure.legend(handles=handles, loc="outside upper center", ncols=2)
    file.write_bytes(render(figure, "png"))


if __name__ == "__main__":
    draw(Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).with_name("unseen.png")))
