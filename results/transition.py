"""Measure how noise destroys the levels of samples, by exact inference (docs/diffusion.md).

Usage: python results/transition.py

Writes results/transition.jsonl, a line a run, and resumes from it: about 15 minutes of one core.
"""

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np

import srhm
from srhm.inference import forward_backward
from srhm.inference.noise import process_of_text

FILE = Path(__file__).with_suffix(".jsonl")
LARGE = {"n_c": 32, "v": 32, "m": 8, "s": 2, "s0": 0}
SMALL = {"n_c": 8, "v": 8, "m": 2, "s": 2, "L": 4}


def runs() -> Iterator[dict]:
    """Yield what is measured: a model, a seed of its rules, and noise."""
    for seed in range(3):
        for s0, sparsity in ((0, "A"), (1, "A"), (2, "A"), (1, "B"), (2, "B")):
            for epsilon in np.arange(0.3, 0.99, 0.04):
                model = SMALL | {"s0": s0, "sparsity": sparsity}
                yield {"what": "sparsity", "model": model, "seed": seed, "noise": f"belief({epsilon:.2f})"}
    for L in (8, 9):
        for t in np.arange(0.1, 0.71, 0.05):
            yield {"what": "masking", "model": LARGE | {"L": L}, "seed": 0, "noise": f"masking({t:.2f})"}
    for seed in range(4):
        for L in (6, 7, 8, 9, 10):
            for epsilon in np.arange(0.68, 0.781, 0.01):
                model = LARGE | {"L": L}
                yield {"what": "depth", "model": model, "seed": seed, "noise": f"belief({epsilon:.2f})"}


SAMPLES = {"sparsity": 96, "masking": 16, "depth": 48}
DRAWS = 4


def measured(run: dict) -> dict:
    """Return what one run shows."""
    grammar = srhm.Grammar(srhm.Params(**run["model"]), run["seed"])
    data = srhm.Dataset.draw(srhm.Stream(grammar, run["seed"], "replacement"), SAMPLES[run["what"]])
    found = forward_backward(data, process_of_text(run["noise"]), draws=DRAWS, seed=run["seed"])
    return run | {
        "changed": found.changed.round(6).tolist(),
        "places_kept": found.places_kept.round(6).tolist(),
        "features_kept": found.features_kept.round(6).tolist(),
        "covariance": [float(f"{one:.5g}") for one in found.covariance],
        "susceptibility": round(found.susceptibility, 5),
    }


def main() -> None:
    known = {"what", "model", "seed", "noise"}
    lines = FILE.read_text("utf-8").splitlines() if FILE.exists() else []
    done = [{name: value for name, value in json.loads(line).items() if name in known} for line in lines]
    for run in runs():
        if run not in done:
            line = json.dumps(measured(run))
            with FILE.open("a", encoding="utf-8") as file:
                file.write(line + "\n")


if __name__ == "__main__":
    main()
