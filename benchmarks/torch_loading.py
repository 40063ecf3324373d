"""Samples a second that a PyTorch DataLoader delivers.

Usage: python benchmarks/torch_loading.py

The model is v = m = n_c = 10, L = 3, s = 2, s0 = 2: inputs of 216 positions, as integers and as one-hot float32 of
10 channels. Each way to load goes through the same samples; the start of the workers is left out (time runs from
the first batch to the last). The ways take turns, and the shortest of several times is taken, so that a machine that
others use as well hurts all of them alike.
"""

import time
from collections.abc import Callable, Iterable

from torch.utils.data import BatchSampler, DataLoader, RandomSampler

import srhm
from srhm.torch import EndlessDataset, TorchDataset

MODEL = srhm.Params(n_c=10, v=10, m=10, s=2, s0=2, L=3)
SAMPLES = 51_200
REPEATS = 8
NAMES = ("source", "batches", "batch", "workers", "encoding")


def rows() -> list[dict]:
    """One row for each source, who makes the batches, batch size, number of workers and encoding."""
    found = ways()
    fastest = dict.fromkeys(found, float("inf"))
    for _ in range(REPEATS):
        for key, loader in found.items():
            fastest[key] = min(fastest[key], seconds_a_batch(loader()))
    return [
        dict(zip(NAMES, key, strict=True)) | {"samples_per_second": round(key[2] / one)}
        for key, one in fastest.items()
    ]


def ways() -> dict[tuple, Callable[[], Iterable]]:
    """The ways to load, by what makes them differ."""
    stream = srhm.Stream(srhm.Grammar(MODEL), 0, "replacement")
    kept = srhm.Dataset.draw(stream, SAMPLES)
    data = {
        ("data set", "integer"): TorchDataset(kept, SAMPLES, "integer"),
        ("stream", "integer"): TorchDataset(stream, SAMPLES, "integer"),
        ("data set", "onehot"): TorchDataset(kept, SAMPLES, "onehot"),
    }
    found: dict[tuple, Callable[[], Iterable]] = {}
    for batch, workers in ((256, 0), (256, 2), (1024, 2)):
        for (source, encoding), one in data.items():
            sampler = BatchSampler(RandomSampler(one), batch, drop_last=True)
            found[source, "whole", batch, workers, encoding] = lambda d=one, b=sampler, n=workers: DataLoader(
                d, batch_size=None, sampler=b, num_workers=n
            )
        endless = EndlessDataset(stream, batch, "integer", items_per_epoch=SAMPLES // batch)
        found["endless", "whole", batch, workers, "integer"] = lambda d=endless, n=workers: DataLoader(
            d, batch_size=None, num_workers=n
        )
    found["data set", "collated", 256, 2, "integer"] = lambda: DataLoader(
        data["data set", "integer"], 256, shuffle=True, num_workers=2
    )
    return found


def seconds_a_batch(loader: Iterable) -> float:
    """Seconds a batch, from the first one on; they are used for nothing."""
    batches = iter(loader)
    next(batches)
    began = time.perf_counter()
    count = sum(1 for _ in batches)
    return (time.perf_counter() - began) / count


def main() -> None:
    print(f"| {' | '.join(NAMES)} | thousand samples a second |")
    print("| " + "--- | " * (len(NAMES) + 1))
    for row in rows():
        *what, rate = row.values()
        print("| " + " | ".join(map(str, what)) + f" | {rate / 1000:.0f} |")


if __name__ == "__main__":
    main()
