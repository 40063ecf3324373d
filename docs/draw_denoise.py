"""Draw docs/denoise.png: what trained denoisers generate (docs/diffusion.md).

Usage: python docs/draw_denoise.py [FILE.png]; reads results/denoise.json.
"""

import sys
from pathlib import Path

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
from denoise_numbers import best, by_chance, content, copied

from srhm.figures.style import panel_letters, render

LEVELS = ("#0072B2", "#D55E00", "#009E73")


def main(file: Path) -> None:
    found = content()
    unet, transformer = (found["runs"][net, "denoise"] for net in ("unet", "transformer"))
    figure, panels = plt.subplots(2, 2, figsize=(9, 6.6), constrained_layout=True)
    through(panels[0, 0], unet, transformer)
    levels(panels[0, 1], unet)
    memorised(panels[1, 0], unet)
    generated(panels[1, 1], found, unet, transformer)
    panel_letters(list(panels.flat))
    file.write_bytes(render(figure, "png"))


def through(panel, unet, transformer) -> None:
    """Validity by level through training at the largest P, a line for each seed."""
    largest = max(unet)
    for runs, style in ((unet, "-"), (transformer, ":")):
        for level, colour in enumerate(LEVELS):
            for run in runs[largest]:
                steps, values = zip(
                    *((one["step"], one["validity"][level]) for one in run["through"]), strict=True
                )
                panel.plot(steps, values, style, lw=1, color=colour)
    for level, colour in enumerate(LEVELS):
        panel.plot([], [], color=colour, label=f"level {level + 1}")
    for label, style in (("U-Net", "-"), ("transformer", ":")):
        panel.plot([], [], style, color="0.3", label=label)
    panel.set(xscale="log", xlabel="steps of descent", ylabel="share of valid tuples")
    panel.set_title(f"through training, $P$ = {largest:,}")
    legend_above(panel, 3)


def levels(panel, unet) -> None:
    """Valid tuples of each level among those of valid parts, against P, where the test loss is lowest."""
    for level, (colour, marker) in enumerate(zip(LEVELS, "os^", strict=True)):
        shares = {P: [best(run)["given_parts"][level] for run in runs] for P, runs in unet.items()}
        panel.plot(list(shares), [np.mean(one) for one in shares.values()], color=colour, lw=1)
        for P, values in shares.items():
            panel.plot([P] * len(values), values, marker, ms=4, color=colour)
        panel.plot([], [], f"{marker}-", ms=4, color=colour, label=f"level {level + 1}")
    panel.axhline(3 / 8, ls=":", lw=0.8, color="0.3")
    panel.text(max(unet), 3 / 8 - 0.01, "random tuples", fontsize=7, color="0.3", ha="right", va="top")
    panel.set(ylabel="valid tuples of valid parts", ylim=(0, 1.02))
    panel.set_title("U-Net, at the lowest test loss")
    against_P(panel, unet)
    panel.legend(frameon=False, fontsize=8)


def memorised(panel, unet) -> None:
    """Copies among the valid samples through training, a colour for each P, in the mean over seeds."""
    colours = matplotlib.colormaps["viridis"](np.linspace(0, 0.9, len(unet)))
    for (P, runs), colour in zip(unet.items(), colours, strict=True):
        steps = [one["step"] for one in runs[0]["through"]]
        shares = np.array([copied(run["through"]) for run in runs])
        many = np.array([[one["valid"] for one in run["through"]] for run in runs]).mean(axis=0) >= 0.05
        panel.plot(
            np.array(steps)[many],
            shares.mean(axis=0)[many],
            "o-",
            ms=3,
            lw=1,
            color=colour,
            label=f"$P$ = {P:,}",
        )
        where = np.exp(np.mean([np.log(best(run)["step"]) for run in runs]))
        panel.axvline(where, ls="--", lw=0.8, color=colour)
    panel.set(xscale="log", xlabel="steps of descent", ylabel="copies among valid samples")
    panel.set_title("U-Net; dashed: lowest test loss")
    legend_above(panel, 3)


def generated(panel, found, unet, transformer) -> None:
    """Valid samples, and copies among them, after the last step."""
    kinds = (
        ("valid samples", "#0072B2", lambda points: [one["valid"] for one in points]),
        ("copies among these", "#D55E00", copied),
    )
    for runs, style, mark in ((unet, "-", "o"), (transformer, ":", "d")):
        for label, colour, shares in kinds:
            ends = {P: shares([run["through"][-1] for run in of_P]) for P, of_P in runs.items()}
            panel.plot(list(ends), [np.mean(one) for one in ends.values()], style, lw=1, color=colour)
            for P, values in ends.items():
                panel.plot([P] * len(values), values, mark, ms=4, color=colour)
            if runs is unet:
                panel.plot([], [], color=colour, label=label)
    for label, style, mark in (("U-Net", "-", "o"), ("transformer", ":", "d")):
        panel.plot([], [], f"{mark}{style}", ms=4, color="0.3", label=label)
    chance = [by_chance(found, runs) for runs in unet.values()]
    panel.plot(list(unet), chance, "--", lw=0.8, color="0.3", label="copies of an exact model")
    panel.set(ylabel="share of samples")
    panel.set_title("after the last step")
    against_P(panel, unet)
    legend_above(panel, 2)


def against_P(panel, runs) -> None:
    """Label the axis of P."""
    panel.set(xscale="log", xlabel="training points $P$")
    panel.set_xticks(list(runs), [f"{P:,}" for P in runs])
    panel.set_xticks([], minor=True)


def legend_above(panel, columns: int) -> None:
    """Put the legend above the curves, which are shares."""
    panel.set(ylim=(0, 1.28), yticks=np.linspace(0, 1, 6))
    panel.legend(frameon=True, framealpha=1, edgecolor="none", fontsize=8, ncols=columns, loc="upper center")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).with_name("denoise.png")))
