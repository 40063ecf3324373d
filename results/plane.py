"""Measure an ordinary CNN and the CNN of patches on pictures (docs/plane.md), and write results/plane.jsonl.xz.

Usage: python results/plane.py [STORE]; about twenty minutes of one core. It can be interrupted, and resumes.
"""

import sys
from pathlib import Path

import torch

import srhm
from srhm.store import write_archive

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "examples"))
from torch_plane import MODEL, SETTINGS, train  # noqa: E402

POINTS = (225, 450, 900, 1800, 3600)
"""Training points of the learning curves, next to those of the search."""

MATCHED = {"net": "cnn", "width": 64, "start": 2000}
"""The CNN of patches, whose kernel and stride are 4 x 4."""


def main(store: str) -> None:
    torch.set_num_threads(1)
    runs = {}
    for net in ({"net": train}, MATCHED):
        settings = SETTINGS | net
        searched = srhm.pstar(MODEL, **settings, store=store)
        options = {name: value for name, value in settings.items() if name not in ("start", "seeds")}
        found = list(searched.runs)
        for seed in range(settings["seeds"]):
            found += [srhm.run(MODEL, P=P, seed=seed, store=store, **options).run for P in POINTS]
        runs |= {run.spec.hash: run for run in found}
    write_archive(HERE / "plane.jsonl.xz", runs.values())


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "srhm-runs/plane.sqlite")
