"""What a denoiser generates: validity by level and copies of training data, through training and over P.

`python results/denoise.py` computes the runs (none twice, by the store) and writes results/denoise.json after each.
Absorbing diffusion, a bidirectional transformer, no blanks; a sample is judged by the grammar itself.
"""

import json
import platform
from pathlib import Path

import numpy as np

import srhm
from srhm import Params
from srhm.inference import validity

STORE = "srhm-runs/denoise.sqlite"
OUT = Path(__file__).with_suffix(".json")
PARAMS = Params(v=8, m=3, s=2, s0=0, L=3)
SETTINGS = {
    "task": "denoise",
    "width": 64,
    "layers": 3,
    "batch_per_class": 16,
    "replacement": True,
    "P_test": 1000,
    "max_steps": 4000,
    "max_epochs": 10_000,
    "patience": 1000,
    "select": "last",
    "record": "weights",
}
SIZES, SEEDS, COUNT = [128, 512, 2048, 8192], 3, 500
FROM = 30
"""The first step that is judged."""


def judged(samples: np.ndarray, train: np.ndarray, grammar: srhm.Grammar) -> dict:
    """Return the share of valid tuples by level, of samples that are valid as a whole, and of copies among them."""
    valid = validity(grammar, samples)
    whole = valid[:, -1] == 1
    code = PARAMS.v ** np.arange(PARAMS.d)
    copies = np.isin(samples @ code, train @ code)
    return {
        "validity": valid.mean(axis=0).round(4).tolist(),
        "valid": float(whole.mean()),
        "copies": float(copies.mean()),
    }


def measured(P: int, seed: int) -> dict:
    """Return what one network generates at the steps that were recorded."""
    found = srhm.run(PARAMS, "transformer", P=P, seed=seed, store=STORE, progress=False, **SETTINGS)
    setup, seeds = found.run.spec.setup, found.run.spec.seeds
    grammar = setup.grammar(seeds.grammar)
    train = srhm.split(grammar, P, setup.P_test, seeds.samples, replacement=True).train.encode("integer")
    points = [point for point in found.run.record if point.get("weights") and point["step"] >= FROM]
    rows = [
        {"step": point["step"], "excess": point["excess"]}
        | judged(found.generate(COUNT, seed=1, step=point["step"]), train, grammar)
        for point in points
    ]
    distinct = len(np.unique(train, axis=0))
    return {
        "P": P,
        "seed": seed,
        "distinct": distinct,
        "seconds": found.run.seconds["train"],
        "through": rows,
    }


def main() -> None:
    runs: list[dict] = []
    content = {
        "command": "python results/denoise.py",
        "version": srhm.__version__,
        "python": platform.python_version(),
        "settings": SETTINGS,
        "P_max": PARAMS.P_max,
        "count": COUNT,
        "runs": runs,
    }
    for seed in range(SEEDS):
        for P in SIZES:
            runs.append(measured(P, seed))
            OUT.write_text(json.dumps(content, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
