"""Data sets in the workers of DataLoaders, run as `python torch_workers.py fork|spawn` in a process without JAX."""

import copy
import pickle
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


def refuses(call, fix):
    """Assert that a call, here or in a worker, names a way to mend it."""
    try:
        call()
    except (srhm.ArgumentError, RuntimeError) as error:  # PyTorch raises the second for errors of workers
        assert fix in str(error), error
    else:
        raise AssertionError(f"nothing said {fix}")


def epoch_of(data, epoch):
    """The items of an epoch, without workers."""
    plain = EndlessDataset(data.stream, data.batch_size, items_per_epoch=data.items_per_epoch)
    plain.set_epoch(epoch)
    return list(plain)


def check_copies_and_single_samples(stream):
    """Workers that persist follow the epoch of a copy; single samples keep their order, or are refused."""
    made = EndlessDataset(stream, 8, items_per_epoch=3)
    for copied in (copy.copy(made), copy.deepcopy(made), pickle.loads(pickle.dumps(made))):
        loader = DataLoader(copied, None, num_workers=1, persistent_workers=True)
        for epoch in (0, 2):
            copied.set_epoch(epoch)
            same(list(loader), epoch_of(made, epoch))
    single = EndlessDataset(stream, items_per_epoch=24)
    expected = list(DataLoader(single, 5))
    begun = list(islice(DataLoader(single, 5, num_workers=1), 2))
    single.load_state_dict(single.state_dict(taken=10))
    same([*begun, *DataLoader(single, 5, num_workers=1)], expected)
    refuses(lambda: next(iter(DataLoader(single, 4, num_workers=2))), "batch_size=B")


def main(method):
    workers = {"num_workers": 2, "multiprocessing_context": method}
    params = srhm.Params(n_c=4, v=4, m=4, s=2, s0=1, L=2)
    grammar = srhm.Grammar(params, seed=0)
    stream = srhm.Stream(grammar, 1, "replacement")
    kept = srhm.Dataset.draw(stream, 50)
    x, y = torch.from_numpy(kept.encode("whitened")).transpose(1, 2), torch.from_numpy(kept.labels).long()
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

    if method == "fork":
        check_copies_and_single_samples(stream)

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
    endless.load_state_dict(endless.state_dict(taken=3))
    same([*taken, *loader], epoch_of(endless, 4))
    refuses(lambda: next(iter(loader)), "set_epoch(5)")
    refuses(endless.state_dict, "Give the number of items taken")
    assert "jax" not in sys.modules, "JAX is loaded, which does not go with fork"
    print("all agree")


if __name__ == "__main__":
    main(sys.argv[1])
