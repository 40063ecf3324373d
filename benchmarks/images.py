"""Smooth deformations of images of 32 × 32 pixels: PyTorch beside its own grid_sample, and NumPy.

Usage: python benchmarks/images.py

One channel, single precision, one thread. Ours draws the fields, and interpolates; grid_sample alone gets grids that
are ready. The ways take turns, and of each the least processor time counts, so that a machine that others use as well
hurts all of them alike.
"""

import json
import time
from collections.abc import Callable

import numpy as np
import torch

from srhm.images import Deformation

torch.set_num_threads(1)

COUNT, N, REPEATS = 2000, 32, 40


def rows() -> list[dict]:
    """Return the ratio, and pixels a second of all."""
    deformation = Deformation(c=3, delta=1.0)
    array = np.random.default_rng(0).random((COUNT, 1, N, N)).astype(np.float32)
    tensor = torch.from_numpy(array)
    fields = deformation.fields(N, COUNT)[:, ::-1].transpose(0, 2, 3, 1)  # [sample, row, column, axis]
    side = np.stack(np.meshgrid(np.arange(N), np.arange(N)), axis=-1)
    grid = torch.from_numpy(((side + fields) * (2 / (N - 1)) - 1).astype(np.float32))
    pull = torch.nn.functional.grid_sample
    ways: dict[str, Callable[[], object]] = {
        "grid_sample": lambda: pull(tensor, grid, padding_mode="border", align_corners=True),
        "torch": lambda: deformation(tensor),
        "numpy": lambda: deformation(array),
    }
    times: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(REPEATS):
        for name, way in ways.items():
            began = time.process_time()
            way()
            times[name].append(time.process_time() - began)
    least = {name: min(found) for name, found in times.items()}
    ratios = np.array(times["grid_sample"]) / np.array(times["torch"])
    return [
        {
            "what": "deformations",
            "images": COUNT,
            "pixels": N,
            "of_grid_sample": round(least["grid_sample"] / least["torch"], 3),
            "of_grid_sample_quartiles": [round(float(one), 3) for one in np.quantile(ratios, [0.25, 0.75])],
            **{
                f"{name}_million_pixels_per_second": round(COUNT * N * N / least[name] / 1e6) for name in ways
            },
        }
    ]


if __name__ == "__main__":
    print(json.dumps(rows(), indent=1))
