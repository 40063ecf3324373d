"""Draw docs/denoise.png: what a trained denoiser generates (docs/diffusion.md).

Usage: python docs/draw_denoise.py [FILE.png]; reads results/denoise.json.
"""

import sys
from pathlib import Path

import matplotlib.pyplot as plt
from diffusion_numbers import by_chance, copied, denoise_content

from srhm.figures.style import render


def main(file: Path) -> None:
    content = denoise_content()
    found = content["runs"]
    largest = max(found)
    figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.6), constrained_layout=True)
    for level, colour in enumerate(("#0072B2", "#D55E00", "#009E73")):
        for number, run in enumerate(found[largest]):
            left.plot(
                [one["step"] for one in run["through"]], [one["validity"][level] for one in run["through"]], "-",
                lw=1, color=colour, label=f"level {level + 1}" if number == 0 else None,
            )  # fmt: skip
    left.set(xscale="log", xlabel="steps of descent", ylabel="share of valid tuples", ylim=(0, 1.02))
    left.set_title(f"through training, $P$ = {largest:,}")
    left.legend(frameon=False, fontsize=8)
    ends = {P: [run["through"][-1] for run in runs] for P, runs in found.items()}
    kinds = (
        ("valid samples", "#0072B2", lambda points: [one["valid"] for one in points]),
        ("copies of training data among these", "#D55E00", copied),
    )
    for label, colour, shares in kinds:
        for number, marker in enumerate("os^"):
            of_seed = [shares(points)[number] for points in ends.values()]
            right.plot(
                list(found),
                of_seed,
                f"{marker}-",
                ms=4,
                lw=0.8,
                color=colour,
                label=None if number else label,
            )
    chance = [by_chance(content, runs) for runs in found.values()]
    right.plot(list(found), chance, ":", color="#D55E00", label="copies of an exact model")
    right.set(xscale="log", xlabel="training points $P$", ylabel="share of samples", ylim=(0, 1.02))
    right.set_xticks(list(found), [f"{P:,}" for P in found])
    right.set_xticks([], minor=True)
    right.set_title(f"after {content['settings']['max_steps']:,} steps")
    right.legend(frameon=False, fontsize=8)
    file.write_bytes(render(figure, "png"))


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).with_name("denoise.png")))
