"""Draw docs/noise.png: the error of CNNs trained with and without noise, and the Bayes error (docs/inference.md).

Usage: python docs/draw_noise.py [FILE.png]; reads results/noise.json.
"""

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from run_numbers import noisy_errors

from srhm.figures.style import BLACK, BLUE, VERMILLION, render


def main(file: Path) -> None:
    errors = noisy_errors()
    levels = sorted({noise for _, noise in errors})
    figure, (left, right) = plt.subplots(1, 2, figsize=(8, 3.2), constrained_layout=True)
    best = [errors[False, noise][:, 1].mean() for noise in levels]
    left.plot(levels, best, "-", color=BLACK, label="Bayes error, the best there is")
    right.axhline(0, color=BLACK)
    for label, with_noise, colour, marker in (
        ("CNN trained on clean inputs", False, BLUE, "o"),
        ("CNN trained at this noise", True, VERMILLION, "s"),
    ):
        noise = [one for one in levels if (with_noise, one) in errors]
        found = np.array([errors[with_noise, one] for one in noise])  # [noise, seed, error or Bayes error]
        left.plot(noise, found[:, :, 0].mean(axis=1), marker, ms=4, color=colour, mfc="none", label=label)
        above = found[:, :, 0] - found[:, :, 1]
        right.plot(noise, above.mean(axis=1), "-", lw=1, color=colour)
        for seed in range(above.shape[1]):
            right.plot(noise, above[:, seed], marker, ms=4, color=colour, mfc="none")
    left.set(xlabel="noise $\\varepsilon$", ylabel="test error", xlim=(-0.02, 0.62), ylim=(0, 0.8))
    left.axhline(0.75, color="grey", lw=0.8, ls="--")
    left.text(0.0, 0.755, "chance", color="grey", fontsize=8)
    left.legend(fontsize=8, frameon=False, loc="lower right")
    right.set(xlabel="noise $\\varepsilon$", ylabel="test error above the Bayes error", xlim=(-0.02, 0.62))
    file.write_bytes(render(figure, "png"))


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).with_name("noise.png")))
