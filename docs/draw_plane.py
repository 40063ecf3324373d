"""Draw docs/plane.png and docs/plane_curves.png: a sample in the plane, and what two CNNs learn (docs/plane.md).

Usage: python docs/draw_plane.py [FOLDER]; reads results/plane.jsonl.xz.
"""

import sys
from pathlib import Path

import matplotlib.pyplot as plt
from run_numbers import by_points, plane_runs

from srhm import Grammar, Params, Stream
from srhm.figures import derivation_trees
from srhm.figures.style import render

MODEL = Params(v=4, m=4, s=4, s0=3, L=2, plane=True)

LABELS = {"ordinary": "ordinary CNN", "patches": "CNN of patches"}
PANELS = (
    ("test error", lambda name: "error"),
    ("$S$ of the output, level 1", lambda name: "S_41" if name == "ordinary" else "S_31"),
    ("$D$ of the output, level 1", lambda name: "D_41" if name == "ordinary" else "D_31"),
)


def curves():
    """Draw the error and both sensitivities of the output against P."""
    figure, axes = plt.subplots(1, 3, figsize=(9, 2.9), constrained_layout=True)
    for (name, runs), colour, marker in zip(plane_runs().items(), ("#0072B2", "#D55E00"), "os", strict=True):
        means = by_points(runs)
        for axis, (label, metric) in zip(axes, PANELS, strict=True):
            one = metric(name)
            points = [run.spec.P for run in runs]
            axis.plot(
                points, [run.metrics[one] for run in runs], marker, color=colour, ms=3, mfc="none", lw=0
            )
            axis.plot(list(means), [of_P[one] for of_P in means.values()], color=colour, label=LABELS[name])
            axis.set(xscale="log", xlabel="training points $P$", ylabel=label)
            axis.set_xticks([200, 500, 1000, 2000, 4000], ["200", "500", "1000", "2000", "4000"])
            axis.set_xticks([], minor=True)
    axes[0].axhline(0.1, color="grey", lw=0.8, ls="--")
    axes[0].text(4000, 0.11, "10%", color="grey", ha="right", fontsize=8)
    for axis in axes:
        axis.set_ylim(0, None)
    axes[0].legend(frameon=False, fontsize=8)
    return figure


def main(folder: Path) -> None:
    """Draw both."""
    grammar = Grammar(MODEL, seed=1)
    sample = derivation_trees(grammar, Stream(grammar, seed=0).take(0, 1), [0])
    (folder / "plane.png").write_bytes(render(sample, "png"))
    (folder / "plane_curves.png").write_bytes(render(curves(), "png"))


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parent))
