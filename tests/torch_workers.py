"""Data sets in the workers of DataLoaders, run as `python torch_workers.py fork|spawn` in a process without JAX."""

import sys
from itertools import islice

import torch
from torch.utils.data import BatchSampler, DataLoader, SequentialSampler

import srhm
from srhm.torch import BalancedBatchSampler, EndlessDataset, TorchDataset


def same(loaded, expected):
    """Assert that two lists of pairs of tensors agree to the bit."""
    assert len(loaded) == len(expected), (len(loaded), len(expected))
    for (x, y), (z, w) in zip(loaded, expected, strict=True):
        assert torch.equal(x, z) and torch.equal(y, w)


def main(method):
    workers = {"num_workers": 2, "multiprocessing_context": method}
    params = srhm.Params(n_c=4, v=4, m=4, s=2, s0=1, L=2)
    grammar = srhm.Grammar(params, seed=0)
    stream = srhm.Stream(grammar, 1, "independent")
    kept = srhm.Dataset.draw(stream, 50)
    x, y = torch.from_numpy(kept.encode("whitened")), torch.from_numpy(kept.labels).long()
    expected = [(x[k : k + 8], y[k : k + 8]) for k in range(0, 50, 8)]

    # Batches made by the loader of single samples, of a data set; the order of a batch sampler.
    data = TorchDataset(kept)
    same(list(DataLoader(data, 8, **workers | {"num_workers": 1 if method == "spawn" else 2})), expected)
    if method == "fork":  # whole batches, of a stream; these processes are cheap
        whole = BatchSampler(SequentialSampler(range(50)), 8, drop_last=False)
        same(list(DataLoader(TorchDataset(stream, 50), None, sampler=whole, **workers)), expected)
        sampler = BalancedBatchSampler(data.labels, 2, seed=5)
        shuffled = [(x[rows], y[rows]) for epoch in (0, 1) for rows in sampler.batches(epoch)]
        loader = DataLoader(data, batch_sampler=sampler, **workers)
        same([*loader, *loader], shuffled)

    # Endless batches come in the same order as without workers, and workers that persist see the epoch.
    endless = EndlessDataset(stream, 8, items_per_epoch=5)
    loader = DataLoader(endless, None, persistent_workers=True, **workers)
    for epoch in (0, 3):
        endless.set_epoch(epoch)
        same(list(loader), list(DataLoader(endless, None)))
    endless.set_epoch(4)
    taken = list(islice(loader, 3))
    rest = EndlessDataset(stream, 8, items_per_epoch=5)
    rest.load_state_dict(endless.state_dict(taken=3))
    same([*taken, *rest], list(DataLoader(endless, None)))
    assert "jax" not in sys.modules, "JAX is loaded, which does not go with fork"
    print("all agree")


if __name__ == "__main__":
    main(sys.argv[1])
