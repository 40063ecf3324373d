"""Samples in PyTorch: the library's own, to the bit, by every way to them; each once over workers and ranks."""

import copy
import json
import pickle
import subprocess
import sys
from collections import deque
from functools import partial
from itertools import islice
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from folders import SUPPORT
from srhm import Dataset, Grammar, Params, Stream, encode, expand, parse, split
from srhm.errors import ArgumentError
from strategies import small_params

torch = pytest.importorskip("torch", reason="needs PyTorch, which make test installs")

from srhm.torch import BalancedBatchSampler, EndlessDataset, TorchDataset, endless, form  # noqa: E402
from srhm.torch.ranks import rank_and_world  # noqa: E402

PARAMS = Params(n_c=4, v=4, m=4, s=2, s0=1, L=2)
GRAMMAR = Grammar(PARAMS, seed=0)
LARGE = Grammar(Params(n_c=3, v=8, m=8, s=2, s0=1, L=3), seed=0)
"""A model with so many data (3 * 32^7) that none of the samples taken here comes twice."""


def independent(grammar=GRAMMAR, seed=1):
    return Stream(grammar, seed, "replacement")


def equal(batch, other):
    """Whether two tuples of tensors, and of dictionaries of them, agree in every bit, shape and type."""
    return all(
        equal(tuple(one.values()), tuple(two.values()))
        if isinstance(one, dict)
        else one.dtype == two.dtype and torch.equal(one, two)
        for one, two in zip(batch, other, strict=True)
    )


# A finite data set


@given(small_params(), st.data())
def test_samples_are_those_of_the_library(params, data):
    """By number, list, array, tensor, slice and iteration, of a stream and of a data set, in every form."""
    rule = data.draw(st.sampled_from(["permutation", "replacement"]))
    stream = Stream(Grammar(params, 3), 2, rule, reverse=rule == "permutation")
    length = min(params.P_max, 40)
    start = data.draw(st.integers(0, length - 1))
    count = data.draw(st.integers(1, length - start))
    kind = data.draw(st.sampled_from(["whitened", "onehot", "onehot_blank", "integer"]))
    layout = "positions_first"
    drawn = Dataset.draw(stream, count, start)
    x, y = torch.from_numpy(drawn.encode(kind)), torch.from_numpy(drawn.labels.astype(np.int64))
    if kind != "integer" and data.draw(st.booleans()):
        x, layout = x.transpose(1, 2), "channels_first"
    rows = data.draw(st.lists(st.integers(-count, count - 1), min_size=1, max_size=5))
    whole = Dataset.draw(stream, length)
    for source in (stream, whole):
        ours = TorchDataset(source, count, kind, layout, start=start)
        assert len(ours) == count and np.array_equal(ours.labels, drawn.labels)
        for given_rows in (rows, np.array(rows), torch.tensor(rows), tuple(rows)):
            assert equal(ours[given_rows], (x[rows], y[rows]))
        assert equal(ours[1:], (x[1:], y[1:]))
        assert equal(ours[rows[0]], (x[rows[0]], y[rows[0]]))
        assert equal(ours[torch.tensor(rows[0])], (x[rows[0]], y[rows[0]]))
        for sample, row in zip(ours.__getitems__(rows), rows, strict=True):
            assert equal(sample, (x[row], y[row]))
        assert (
            sum(equal(sample, pair) for sample, pair in zip(ours, zip(x, y, strict=True), strict=True))
            == count
        )


@pytest.mark.parametrize("layout", ["positions_first", "channels_first"])
def test_tensors_are_contiguous_and_fresh(layout):
    """Users reshape batches with `view` and change them in place; neither may fail or reach the data set."""
    data = TorchDataset(split(GRAMMAR, 20, 20).train, layout=layout)
    x, y = data[:8]
    assert x.is_contiguous() and x.dtype == torch.float32 and y.dtype == torch.int64
    before = x.clone(), y.clone()
    x.zero_(), y.zero_()
    assert equal(data[:8], before)


@pytest.mark.parametrize("source", [Stream(GRAMMAR, 4), Dataset.draw(Stream(GRAMMAR, 4), 60, 5)])
def test_hidden_variables_are_those_that_inference_finds(source):
    """The exact parse of the inputs gives the same choices, and their expansion the same features."""
    rows = [17, 2, 30, 2]
    x, y, latents = TorchDataset(source, 40, "integer", latents=True, start=3)[rows]
    found = parse(GRAMMAR, x.numpy())
    tree = expand(GRAMMAR, found)
    assert np.array_equal(y, found.label) and len(latents) == 4 * PARAMS.L
    for level in (1, 2):
        for name, values in (
            ("rules", found.rules),
            ("placements", found.placements),
            ("features", tree.features),
            ("positions", tree.positions),
        ):
            assert latents[f"{name}_{level}"].dtype == torch.int64
            assert np.array_equal(latents[f"{name}_{level}"], values[level - 1])
    again = encode(PARAMS, latents["features_1"].numpy(), latents["positions_1"].numpy(), "integer")
    assert np.array_equal(x, again)


def test_loaders_collate_hidden_variables():
    data = TorchDataset(Stream(GRAMMAR, 4), 10, latents=True)
    loader = torch.utils.data.DataLoader(data, batch_size=5)
    batches = list(loader)
    assert len(batches) == 2 and equal(batches[1], data[5:])


def test_copies_are_the_same_data():
    kept = split(GRAMMAR, 30, 20, seed=6).test
    for data in (
        TorchDataset(kept, latents=True),
        TorchDataset(Stream(GRAMMAR, 6, reverse=True), 20, latents=True),
    ):
        copy = pickle.loads(pickle.dumps(data))
        assert equal(copy[:], data[:])
    assert equal(TorchDataset(kept)[:], data[:][:2])


def test_rows_end():
    data = TorchDataset(independent(), 3)
    for index in (3, -4, [0, 3], np.array([-4])):
        with pytest.raises(IndexError, match=r"index = (3|-4) lies outside the 3 samples"):
            data[index]
    assert data[[]][0].shape == (0, 4, 16)


@pytest.mark.parametrize("method", ["fork", pytest.param("spawn", marks=pytest.mark.long)])
def test_workers_deliver_the_same(method):
    script = SUPPORT / "torch_workers.py"
    done = subprocess.run([sys.executable, script, method], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0 and done.stdout == "all agree\n", done.stderr


# Endless data


def in_worker(monkeypatch, number, workers):
    info = SimpleNamespace(id=number, num_workers=workers) if workers else None
    for module in (endless, form):
        monkeypatch.setattr(module, "get_worker_info", lambda: info)


def in_turns(monkeypatch, data, workers):
    """The items that the workers of a loader give out in turns, without their processes."""
    if not workers:
        return iter(data)
    turns = deque((worker, iter(data)) for worker in range(workers))  # they begin when they are first asked

    def items():
        while turns:
            in_worker(monkeypatch, turns[0][0], workers)
            item = next(turns[0][1], None)
            in_worker(monkeypatch, 0, 0)
            if item is None:
                turns.popleft()
            else:
                turns.rotate(-1)
                yield item

    return items()


def pickle_copy(data):
    return pickle.loads(pickle.dumps(data))


def samples_of(items, batch_size):
    """The inputs and labels of some items, sample by sample."""
    if batch_size:
        return [
            (x.numpy().tobytes(), int(label)) for xs, ys in items for x, label in zip(xs, ys, strict=True)
        ]
    return [(x.numpy().tobytes(), int(label)) for x, label in items]


@pytest.mark.parametrize(("batch_size", "ranks", "workers"), [(6, 1, 3), (5, 2, 2), (None, 3, 1), (1, 2, 3)])
@pytest.mark.parametrize("epoch", [0, 1, 7])
def test_every_sample_comes_once_over_ranks_and_workers(monkeypatch, batch_size, ranks, workers, epoch):
    """And each rank gets its items in the same order with any number of workers, a loader's turns supposed."""
    items, size = 12, batch_size or 1
    drawn = Dataset.draw(independent(LARGE), items * size, epoch * items * size)
    encoded = drawn.encode("integer")
    number = {(x.tobytes(), int(y)): k for k, (x, y) in enumerate(zip(encoded, drawn.labels, strict=True))}
    assert len(number) == items * size
    seen = []
    for rank in range(ranks):
        settings = {"items_per_epoch": items, "rank": rank, "world_size": ranks}
        data = EndlessDataset(independent(LARGE), batch_size, "integer", **settings)
        data.set_epoch(epoch)
        in_worker(monkeypatch, 0, 0)
        alone = list(data)
        assert len(alone) == len(data) == items // ranks
        turns = list(in_turns(monkeypatch, data, workers))
        assert len(turns) == len(alone) and all(map(equal, turns, alone))
        seen += [number[sample] for sample in samples_of(alone, batch_size)]
    assert sorted(seen) == list(range(items * size))


def test_derived_together_or_not(monkeypatch):
    """How many samples are computed together changes none of them."""
    form_of = {"encoding": "onehot", "layout": "channels_first", "latents": True}
    for batch_size, taken in ((None, 23), (4, 6)):
        expected = list(islice(EndlessDataset(independent(), batch_size, **form_of), taken))
        monkeypatch.setattr(endless, "_DERIVED", 5)
        monkeypatch.setattr(endless, "_WRITTEN", 2)
        other = list(islice(EndlessDataset(independent(), batch_size, **form_of), taken))
        monkeypatch.undo()
        assert all(map(equal, other, expected)) and expected[0][0].shape[-2:] == (4, 16)


def test_single_samples_are_the_stream():
    drawn = Dataset.draw(independent(), 600)
    x, y = torch.from_numpy(drawn.encode("whitened")).transpose(1, 2), torch.from_numpy(drawn.labels).long()
    items = list(islice(EndlessDataset(independent()), 600))
    assert all(map(equal, items, zip(x, y, strict=True)))


def test_far_epochs():
    """Numbers of samples beyond 2^32, near the end of the stream: the same as drawn from there."""
    data = EndlessDataset(independent(), 8)
    last = (2**64 - 2**32) // (8 * 2**32) - 1
    data.set_epoch(last)
    x, y = next(iter(data))
    drawn = Dataset.draw(independent(), 8, last * 8 * 2**32)
    assert np.array_equal(x, drawn.encode().swapaxes(1, 2)) and np.array_equal(y, drawn.labels)


@pytest.mark.parametrize(("batch_size", "taken"), [(4, 0), (4, 3), (None, 5), (4, 12)])
def test_a_run_goes_on_where_it_was_cut(batch_size, taken):
    data = EndlessDataset(independent(), batch_size, items_per_epoch=12)
    data.set_epoch(2)
    whole = list(data)
    iterator = iter(data)
    for _ in range(taken):
        next(iterator)
    states = [data.state_dict(taken=taken)] + ([data.state_dict()] if taken else [])
    for state in states:
        other = EndlessDataset(independent(), batch_size, items_per_epoch=12)
        other.load_state_dict(json.loads(json.dumps(state)))
        other.set_epoch(2)  # as a loop over epochs does, beginning with the one that was cut
        rest = list(other)
        assert len(rest) == 12 - taken and all(map(equal, rest, whole[taken:]))
        other.set_epoch(3)
        assert len(list(other)) == 12


def test_other_ranks_share_the_rest(refuses):
    settings = {"items_per_epoch": 12}
    two = [EndlessDataset(independent(LARGE), 3, **settings, rank=k, world_size=2) for k in (0, 1)]
    before = [item for data in two for item in islice(data, 2)]
    assert two[0].state_dict() == two[1].state_dict() == two[0].state_dict(taken=2)
    four = [EndlessDataset(independent(LARGE), 3, **settings, rank=k, world_size=4) for k in range(4)]
    for data in four:
        data.load_state_dict(two[0].state_dict())
    after = [item for data in four for item in data]
    whole = samples_of(EndlessDataset(independent(LARGE), 3, items_per_epoch=12), 3)
    assert len(set(whole)) == 36 and sorted(samples_of(before + after, 3)) == sorted(whole)
    three = EndlessDataset(independent(LARGE), 3, **settings, rank=0, world_size=3)
    with refuses("item", "4", "Use a number of ranks that divides 8, or begin the next epoch: set_epoch(1)"):
        three.load_state_dict(two[0].state_dict())


@settings(max_examples=25)
@given(
    sizes=st.tuples(st.sampled_from([None, 1, 3]), st.integers(1, 3), st.integers(1, 4)),
    workers=st.tuples(st.integers(0, 3), st.integers(0, 3), st.integers(0, 3)),
    cut=st.integers(0, 4),
    epoch=st.integers(0, 3),
    copied=st.sampled_from([lambda data: data, copy.copy, copy.deepcopy, pickle_copy]),
)
def test_resumed_runs_neither_lose_nor_repeat(sizes, workers, cut, epoch, copied):
    """Cut anywhere, with other workers before and after, copied or not: the order is that without workers."""
    batch_size, world_size, turns = sizes
    if batch_size is None:
        workers = [min(one, 1) for one in workers]
    of = {"items_per_epoch": turns * world_size, "world_size": world_size}
    with pytest.MonkeyPatch.context() as patch:
        for rank in range(world_size):
            make = partial(EndlessDataset, independent(LARGE), batch_size, "integer", **of, rank=rank)
            plain = make()
            expected = []
            for number in (epoch, epoch + 1):
                plain.set_epoch(number)
                expected += list(plain)
            data = copied(make())
            data.set_epoch(epoch)
            taken = min(cut, turns)
            seen = list(islice(in_turns(patch, data, workers[0]), taken))
            other = copied(make())
            other.load_state_dict(json.loads(json.dumps(data.state_dict(taken=taken))))
            other = copied(other)
            for number, count in ((epoch, workers[1]), (epoch + 1, workers[2])):
                other.set_epoch(number)
                seen += list(in_turns(patch, other, count))
            assert len(seen) == len(expected) and all(map(equal, seen, expected))


@pytest.mark.parametrize("workers", [0, 1, 3])
def test_after_a_resumed_epoch_the_next_one_is_named(monkeypatch, refuses, workers):
    """Another iteration would be as short as the rest that was resumed, again and again."""
    data = EndlessDataset(independent(), 4, items_per_epoch=6)
    data.load_state_dict(data.state_dict(taken=4))
    for taken in (1, 2):  # a look at one batch, then all
        assert len(list(islice(in_turns(monkeypatch, data, workers), taken))) == taken
    assert len(list(in_turns(monkeypatch, data, workers))) == 2
    with refuses("epoch", "0", "Call set_epoch(1) for the next epoch, or set_epoch(0) for all of this one"):
        next(in_turns(monkeypatch, data, workers))
    in_worker(monkeypatch, 0, 0)
    for epoch in (0, 1):
        data.set_epoch(epoch)
        for _ in range(2):  # whole epochs may be repeated
            assert len(list(in_turns(monkeypatch, data, workers))) == 6


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, pickle_copy])
def test_copies_have_their_own_place(copied):
    data = EndlessDataset(independent(LARGE), 4, items_per_epoch=6)
    data.load_state_dict(data.state_dict(taken=4))
    other = copied(data)
    assert all(map(equal, other, list(data)))
    assert other._place.is_shared() and data._place.is_shared()
    other.set_epoch(1)
    data.set_epoch(2)
    first, second = list(other), list(data)
    other.set_epoch(2)
    assert all(map(equal, other, second)) and not any(map(equal, first, second))


def test_what_was_not_seen_is_not_guessed(monkeypatch, refuses):
    """A look at one batch says nothing of how far the workers, or another iteration, came."""
    fix = "Give the number of items taken from the loader"

    def made():
        return EndlessDataset(independent(), 4, items_per_epoch=6)

    looked = made()
    next(iter(looked))
    assert looked.state_dict()["item"] == 1
    list(islice(in_turns(monkeypatch, looked, 2), 3))
    with refuses("taken", "None", fix):
        looked.state_dict()
    assert looked.state_dict(taken=3)["item"] == 3

    twice = made()
    training = iter(twice)
    next(training), next(training), next(iter(twice))
    with refuses("taken", "None", fix):
        twice.state_dict()
    twice.set_epoch(1)
    next(training)  # of the epoch before
    with refuses("taken", "None", fix):
        twice.state_dict()
    assert len(list(twice)) == 6 and twice.state_dict()["item"] == 6
    next(iter(twice))
    assert twice.state_dict()["item"] == 1

    with refuses("taken", "None", fix):
        copy.deepcopy(twice).state_dict()
    with refuses("taken", "7", "Use taken <= 6"):
        twice.state_dict(taken=7)


def test_single_samples_of_several_workers(monkeypatch, refuses):
    """Each worker would make batches of its own samples: another order, and no count of samples says where it is."""
    fix = "Use EndlessDataset(..., batch_size=B) and DataLoader(data, batch_size=None), or num_workers=1"
    with refuses("batch_size", "None", fix):
        next(in_turns(monkeypatch, EndlessDataset(independent()), 2))


def test_states_that_do_not_fit(refuses, monkeypatch):
    data = EndlessDataset(independent(), 4)
    state = data.state_dict(taken=1)
    with refuses("taken", "None", "Give the number of items taken from the loader"):
        data.state_dict()
    for other in (
        EndlessDataset(independent(seed=2), 4),
        EndlessDataset(independent(), 5),
        EndlessDataset(independent(), 4, items_per_epoch=9),
        EndlessDataset(independent(LARGE), 4),
    ):
        with refuses("state", repr(state)[:197], "Make the data set with the arguments it had"):
            other.load_state_dict(state)
    for bad in (None, {}, {"epoch": 0, "item": 0}):
        with refuses("state", repr(bad), "Give what state_dict() returned"):
            data.load_state_dict(bad)
    for part, value, fix in (("epoch", -1, "Use epoch >= 0"), ("item", 2**40, "Use item <= 4294967296")):
        with refuses(part, str(value), fix):
            data.load_state_dict(state | {part: value})
    in_worker(monkeypatch, 1, 2)
    fix = "Call it in the main process, with the number of items taken from the loader"
    for call in (data.state_dict, lambda: data.load_state_dict(state), lambda: data.set_epoch(1)):
        with refuses("worker", "1", fix):
            call()


# The batches of the protocol


@pytest.mark.parametrize(("P", "batch_per_class"), [(50, 4), (48, 4), (6, 4), (5, 1), (203, 3)])
def test_batches_are_those_of_training(P, batch_per_class):
    """The order of the compiled training loop, point for point."""
    import jax.numpy as jnp

    from srhm.randomness import role_key
    from srhm.training.order import Order, class_data, epoch_order

    data = split(GRAMMAR, P, 10, seed=3).train
    sampler = BalancedBatchSampler(data.labels, batch_per_class, seed=2**40 + 7)
    by_class = class_data(data, batch_per_class)
    members = [np.flatnonzero(data.labels == c) for c in range(4)]
    order = Order(jnp.asarray(np.array(role_key(2**40 + 7, "order"))), jnp.asarray(False))
    for epoch in (0, 1, 5):
        slots = np.asarray(epoch_order(order, jnp.int32(epoch), by_class.counts, by_class.features.shape[1]))
        expected = [
            [
                members[c][k]
                for c in range(4)
                for k in slots[c, b : b + batch_per_class]
                if k < len(members[c])
            ]
            for b in range(0, int(by_class.counts.max()), batch_per_class)
        ]
        sampler.set_epoch(epoch)
        assert list(sampler) == expected and len(sampler) == len(expected)


@given(
    st.lists(st.integers(0, 4), min_size=1, max_size=60),
    st.integers(1, 5),
    st.integers(1, 4),
    st.integers(0, 3),
)
def test_every_point_comes_once_an_epoch(labels, batch_per_class, ranks, epoch):
    labels = np.array(labels)
    parts = [BalancedBatchSampler(labels, batch_per_class, 9, rank, ranks) for rank in range(ranks)]
    batches = []
    for sampler in parts:
        sampler.set_epoch(epoch)
        own = list(sampler)
        assert len(own) == len(sampler)
        batches += own
    assert sorted(row for batch in batches for row in batch) == list(range(len(labels)))
    counts = [np.bincount(labels[batch], minlength=5) for batch in batches]
    assert max(map(max, counts)) <= batch_per_class
    full = np.bincount(labels, minlength=5) // batch_per_class  # a class fills this many batches
    assert np.array_equal(np.sum(np.array(counts) == batch_per_class, axis=0), full)
    lengths = [len(sampler) for sampler in parts]
    assert max(lengths) - min(lengths) <= 1


def test_epochs_differ_and_follow_each_other():
    labels = np.arange(40) % 4
    sampler = BalancedBatchSampler(labels, seed=1)
    first, second = list(sampler), list(sampler)
    assert first != second
    sampler.set_epoch(0)
    assert list(sampler) == first and list(sampler) == second
    assert list(BalancedBatchSampler(labels, seed=2)) != first
    assert list(BalancedBatchSampler(torch.from_numpy(labels), seed=1)) == first


def test_equal_ranks_leave_the_last_batches_out():
    labels = np.arange(44) % 4  # 3 batches
    parts = [BalancedBatchSampler(labels, 4, 0, rank, 2, equal_ranks=True) for rank in (0, 1)]
    every = BalancedBatchSampler(labels, 4, 0, 0, 1)
    batches = [batch.tolist() for batch in every.batches(0)]
    assert [len(sampler) for sampler in parts] == [1, 1]
    assert [list(sampler) for sampler in parts] == [[batches[0]], [batches[1]]]


# Ranks, and bad arguments


def test_ranks_are_those_of_torch_distributed(monkeypatch, refuses):
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    assert rank_and_world(None, None) == (0, 1) and rank_and_world(2, 3) == (2, 3)
    monkeypatch.setenv("WORLD_SIZE", "4")
    fix = "Call torch.distributed.init_process_group before, or give rank and world_size"
    with refuses("rank", "None", fix):
        EndlessDataset(independent())
    monkeypatch.setattr(torch.distributed, "is_initialized", lambda: True)
    monkeypatch.setattr(torch.distributed, "get_rank", lambda: 3)
    monkeypatch.setattr(torch.distributed, "get_world_size", lambda: 4)
    assert rank_and_world(None, None) == (3, 4)
    sampler, data = BalancedBatchSampler([0, 1] * 20), EndlessDataset(independent(), 2)
    assert (sampler.rank, sampler.world_size) == (3, 4) and (data.rank, data.world_size) == (3, 4)
    next(iter(sampler)), next(iter(data))
    told = EndlessDataset(independent(), 2, rank=0, world_size=2)
    monkeypatch.setattr(torch.distributed, "get_rank", lambda: 1)  # sent to another process
    fix = "Create it in each process after torch.distributed.init_process_group, or give rank and world_size"
    for made in (sampler, data, pickle.loads(pickle.dumps(data))):
        with refuses("rank", "3", fix):
            next(iter(made))
    next(iter(told))


def test_bad_arguments(refuses):
    kept = Dataset.draw(Stream(GRAMMAR, 0), 10)
    stream = independent()
    rows = "Give row numbers, and use DataLoader(..., batch_size=None) if its sampler returns batches"
    for make, argument, value, fix in (
        (lambda: BalancedBatchSampler(kept), "labels", "'Dataset'", "Give dataset.labels"),
        (lambda: TorchDataset([1]), "source", "[1]", "Give a srhm.Dataset or a srhm.Stream"),
        (lambda: TorchDataset(stream), "count", "None", "Give a number of samples"),
        (lambda: TorchDataset(stream, 0), "count", "0", "Use count >= 1"),
        (lambda: TorchDataset(kept, 11), "count", "11", "Use count <= 10"),
        (lambda: TorchDataset(kept, 3, start=8), "count", "3", "Use count <= 2"),
        (lambda: TorchDataset(kept, start=10), "start", "10", "Use start <= 9"),
        (lambda: TorchDataset(Stream(GRAMMAR, 0), 9, start=16380), "count", "9", "Take fewer"),
        (
            lambda: TorchDataset(kept, layout="NCL"),
            "layout",
            "'NCL'",
            "Use 'positions_first' or 'channels_first'",
        ),
        (
            lambda: TorchDataset(kept, encoding="integer", layout="channels_first"),
            "layout",
            "'channels_first'",
            "Leave layout out, or use another encoding",
        ),
        (lambda: TorchDataset(kept, device="gpu"), "device", "'gpu'", "Use None, 'cpu' or 'cuda'"),
        (lambda: TorchDataset(kept)[1.5], "index", "1.5", rows),
        (lambda: TorchDataset(kept)[[0.5]], "index", "[0.5]", rows),
        (lambda: TorchDataset(kept).__getitems__([[0, 1], [2]]), "index", "[[0, 1], [2]]", rows),
        (lambda: EndlessDataset(kept), "stream", repr(kept)[:190], "Give a srhm.Stream"),
        (
            lambda: EndlessDataset(Stream(GRAMMAR, 0)),
            "stream",
            "Stream(grammar=",
            "Use Stream(grammar, seed, 'replacement')",
        ),
        (lambda: EndlessDataset(stream, 0), "batch_size", "0", "Use batch_size >= 1"),
        (
            lambda: EndlessDataset(stream, items_per_epoch=5, rank=0, world_size=2),
            "items_per_epoch",
            "5",
            "Use a multiple of 2",
        ),
        (lambda: EndlessDataset(stream, 8).set_epoch(2**30), "epoch", "1073741824", "Use epoch <= 536870910"),
        (lambda: BalancedBatchSampler([]), "labels", "array([]", "Give integers from 0 on, [sample]"),
        (
            lambda: BalancedBatchSampler([0, -1]),
            "labels",
            "array([ 0, -1])",
            "Give integers from 0 on, [sample]",
        ),
        (lambda: BalancedBatchSampler([0], 0), "batch_per_class", "0", "Use batch_per_class >= 1"),
        (lambda: BalancedBatchSampler([0], seed=-1), "seed", "-1", "Use seed >= 0"),
        (lambda: BalancedBatchSampler([0], rank=1), "world_size", "None", "Give both, or neither"),
        (lambda: BalancedBatchSampler([0], rank=2, world_size=2), "rank", "2", "Use rank <= 1"),
        (
            lambda: BalancedBatchSampler([0], rank=1, world_size=2, equal_ranks=True),
            "world_size",
            "2",
            "Use at most 1 ranks, or a smaller batch_per_class",
        ),
    ):
        with refuses(argument, value, fix):
            make()
    with pytest.raises(TypeError, match="no length"):
        len(EndlessDataset(stream))


def test_tensors_for_a_gpu_are_not_made_in_workers(monkeypatch):
    """The meta device stands for a GPU: it is no CPU either, and every build of PyTorch has it."""
    data = TorchDataset(independent(), 4, device="meta")
    assert data[0][0].device.type == "meta"
    in_worker(monkeypatch, 0, 2)
    for read in (lambda: data[0], lambda: next(iter(EndlessDataset(independent(), device="meta")))):
        with pytest.raises(
            ArgumentError, match=r"device = 'meta' cannot be reached from the workers.*num_workers=0"
        ):
            read()
