"""Samples a second that a PyTorch DataLoader delivers.

Usage: python benchmarks/torch_loading.py

The model is v = m = n_c = 10, L = 3, s = 2, s0 = 2: inputs of 216 positions, as integers and as one-hot float32 of
10 channels. Each way of loading goes through all batches of 256, the start of the workers left out (time runs from the
first batch to the last); the fastest of several rounds, in which the ways take turns.
"""

import time
from collections.abc import Callable, Iterable
from itertools import islice

from torch.utils.data import BatchSampler, DataLoader, RandomSampler

import srhm
from srhm.torch import EndlessDataset, TorchDataset

MODEL = srhm.Params(n_c=10, v=10, m=10, s=2, s0=2, L=3)
BATCH, BATCHES = 256, 200
REPEATS = 5


def rows() -> list[dict]:
    """One row for each source, encoding, number of workers and way to make batches."""
    ways = {key: loader for encoding in ("integer", "onehot") for key, loader in loaders(encoding).items()}
    fastest = dict.fromkeys(ways, float("inf"))
    for _ in range(REPEATS):
        for key, loader in ways.items():
            fastest[key] = min(fastest[key], seconds_a_batch(loader()))
    names = ("source", "batches", "workers", "encoding")
    return [
        dict(zip(names, key, strict=True)) | {"samples_per_second": round(BATCH / one)}
        for key, one in fastest.items()
    ]


def loaders(encoding: str) -> dict[tuple, Callable[[], Iterable]]:
    """The ways to load, by source, who makes the batches, workers and encoding."""
    stream = srhm.Stream(srhm.Grammar(MODEL), 0, "independent")
    kept = srhm.Dataset.draw(stream, BATCH * BATCHES)
    found: dict[tuple, Callable[[], Iterable]] = {}
    for name, source in (("data set", kept), ("stream", stream)):
        data = TorchDataset(source, BATCH * BATCHES, encoding)
        whole = BatchSampler(RandomSampler(data), BATCH, drop_last=True)
        for workers in (0, 2):
            found[name, "whole", workers, encoding] = lambda d=data, b=whole, n=workers: DataLoader(
                d, batch_size=None, sampler=b, num_workers=n
            )
        found[name, "collated", 2, encoding] = lambda d=data: DataLoader(d, BATCH, shuffle=True, num_workers=2)
    for workers in (0, 2):
        endless = EndlessDataset(stream, BATCH, encoding, items_per_epoch=BATCHES)
        found["endless", "whole", workers, encoding] = lambda d=endless, n=workers: DataLoader(
            d, batch_size=None, num_workers=n
        )
    return found


def seconds_a_batch(loader: Iterable) -> float:
    """Seconds a batch from the first one on, used for nothing."""
    batches = iter(loader)
    next(batches)
    began = time.perf_counter()
    count = sum(1 for _ in islice(batches, BATCHES - 1))
    return (time.perf_counter() - began) / count


def main() -> None:
    print("| source | batches | workers | encoding | thousand samples a second |")
    print("| --- | --- | --- | --- | --- |")
    for row in rows():
        *what, rate = row.values()
        print("| " + " | ".join(map(str, what)) + f" | {rate / 1000:.0f} |")


if __name__ == "__main__":
    main()
