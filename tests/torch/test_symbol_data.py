"""Tasks of symbols for PyTorch: those of the library's training, on the same samples, with the same floors."""

import math
import pickle

import equinox as eqx
import jax.numpy as jnp
import numpy as np
import pytest
from jaxtyping import Array

from srhm import Grammar, Params, Stream, split
from srhm.inference import MASKED, Masking, class_posterior, masked_symbol, next_symbol, posterior
from srhm.measure import sensitivities
from srhm.nets.active import Leaves
from srhm.randomness import Key
from srhm.training import Latent, MaskedSymbols, NextSymbol
from srhm.training.evaluation import TestSet, latents_of
from srhm.training.task import task_text

torch = pytest.importorskip("torch", reason="needs PyTorch, which make test installs")

from srhm.torch import SymbolDataset, symbols  # noqa: E402

PARAMS = Params(n_c=3, v=3, m=2, s=2, s0=1, L=2)
GRAMMAR = Grammar(PARAMS, 1)
SETS = split(GRAMMAR, P=300, P_test=1100, seed=2)
SAME = [
    (NextSymbol(), SymbolDataset.next_symbols, {}),
    (NextSymbol(first=False), SymbolDataset.next_symbols, {"first": False}),
    (NextSymbol(first=False, start=True), SymbolDataset.next_symbols, {"first": False, "start": True}),
    (NextSymbol("last"), SymbolDataset.next_symbols, {"positions": "last"}),
    (MaskedSymbols(0.25), SymbolDataset.masked_symbols, {"rate": 0.25}),
    (Latent(2), SymbolDataset.latents, {}),
    (Latent(2, rate=0.3), SymbolDataset.latents, {"rate": 0.3}),
    (Latent(3, rate=0.5), SymbolDataset.latents, {"level": 3, "rate": 0.5}),
]
EVERY = pytest.mark.parametrize(("task", "make", "options"), SAME, ids=[task_text(one) for one, *_ in SAME])


@pytest.fixture(autouse=True)
def one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def same(batch, other):
    return all(
        one.dtype == two.dtype and torch.equal(one, two) for one, two in zip(batch, other, strict=True)
    )


def of_training(task, key, rows=slice(1024)):
    """The inputs and targets of a task for the key of a batch, as the data sets give them."""
    latents = latents_of(task, SETS.test)
    leaves = Leaves(
        PARAMS, "whitened", jnp.asarray(SETS.test.features[rows]), jnp.asarray(SETS.test.positions[rows]),
        None if latents is None else latents[rows],
    )  # fmt: skip
    labels = jnp.asarray(SETS.test.labels[rows], jnp.int32)
    inputs, targets = task.examples(leaves, labels, Key(*map(jnp.uint32, key)))
    entered, targets = np.asarray(inputs.symbols, np.int64), np.asarray(targets, np.int64)
    entered = np.where(entered == MASKED, PARAMS.v + 1, np.where(entered < 0, PARAMS.v, entered))
    return entered, np.where(targets < 0, -100, targets)


@EVERY
def test_inputs_and_targets_are_those_of_training(task, make, options):
    """Also the hidden positions: those of the test set in epoch 0, of another key in another epoch."""
    data = make(SETS.test, **options)
    for epoch, block in ((0, 0), (0, 1), (5, 0)):
        data.set_epoch(epoch)
        rows = slice(1024 * block, 1024 * (block + 1))
        wanted = of_training(task, (epoch, block), rows)
        inputs, targets, mask = data[rows]
        assert inputs.dtype == targets.dtype == torch.int64 and mask.dtype == torch.bool
        assert np.array_equal(inputs, wanted[0]) and np.array_equal(targets, wanted[1])
        assert np.array_equal(mask, wanted[1] >= 0)
    interface = task.interface(PARAMS, "onehot_blank")
    assert (data.tokens, data.scores) == (interface.channels, interface.scores)
    assert inputs.max() == data.tokens - 1 and targets.max() == data.scores - 1


class Constant(eqx.Module):
    """The same scores everywhere."""

    scores: Array
    shape: tuple[int, ...] = eqx.field(static=True)

    def __call__(self, x):
        return jnp.broadcast_to(self.scores, (len(x), *self.shape))


@EVERY
def test_losses_floors_and_errors_are_those_of_training(task, make, options):
    shape = task.interface(PARAMS, "whitened").output_shape(1)[1:]
    scores = np.linspace(0, 1, shape[-1]).astype(np.float32)
    wanted = TestSet(SETS.test, "whitened", task=task).scores(Constant(jnp.asarray(scores), shape))
    output = torch.from_numpy(scores)
    found = make(SETS.test, **options).measure(lambda x: output.expand(len(x), *shape), batch_size=300)
    np.testing.assert_allclose(found.floor_by_place, wanted.floors, rtol=0, atol=1e-12)
    np.testing.assert_allclose(found.loss_by_place, wanted.losses, rtol=1e-5)
    assert np.array_equal(found.counts, wanted.counts)
    assert found.loss == pytest.approx(wanted.loss, rel=1e-5)
    assert found.excess == pytest.approx(wanted.excess, rel=1e-4)
    assert found.error == pytest.approx(wanted.error, rel=1e-5)
    np.testing.assert_allclose(found.excess_by_place, wanted.losses - wanted.floors, rtol=1e-4)


def symbols_of(tokens):
    """The symbols of tokens, as inference takes them."""
    known = np.where(tokens == PARAMS.v, -1, tokens)
    return np.where(tokens > PARAMS.v, MASKED, known)


def exact_predictor(task):
    """The logarithm of the exact probabilities, from the tokens alone."""

    def of_next(seen):
        if not task.starts:
            return next_symbol(GRAMMAR, np.pad(seen, ((0, 0), (0, 1)), constant_values=MASKED))[:, 1:]
        return next_symbol(GRAMMAR, np.concatenate([seen[:, 1:], seen[:, :1]], axis=1))

    def predict(tokens):
        seen = symbols_of(tokens.numpy())
        if isinstance(task, Latent):
            evidence = Masking().evidence(PARAMS, seen, np.float64)
            found = (
                class_posterior(GRAMMAR, evidence)
                if task.level == 3
                else posterior(GRAMMAR, evidence).symbols[1]
            )
        elif isinstance(task, NextSymbol) and task.positions == "all":
            found = of_next(seen)
        else:
            found = masked_symbol(GRAMMAR, seen, seen == MASKED)
            found = found[:, -1] if isinstance(task, NextSymbol) else found
        with np.errstate(divide="ignore"):
            return torch.from_numpy(np.log(found))

    return predict


@EVERY
def test_the_exact_predictor_has_no_excess(task, make, options):
    found = make(SETS.test, **options).measure(exact_predictor(task))
    assert abs(found.excess) < 1e-12
    np.testing.assert_allclose(found.loss_by_place, found.floor_by_place, rtol=0, atol=1e-12)
    counted = found.counts > 0
    assert (found.floor_by_place[counted] >= 0).all() and np.isnan(found.floor_by_place[~counted]).all()


def test_loaders_give_the_same_samples_and_follow_epochs():
    """One by one, in batches, whole batches; in workers that persist; in a copy that was pickled."""
    data = SymbolDataset.masked_symbols(SETS.train, rate=0.25)
    loader = torch.utils.data.DataLoader
    sampler = torch.utils.data.BatchSampler(
        torch.utils.data.SequentialSampler(data), batch_size=128, drop_last=False
    )
    workers = loader(
        data, batch_size=128, num_workers=1, persistent_workers=True, multiprocessing_context="spawn"
    )
    first = data[:]
    for epoch in (0, 3, 0):
        data.set_epoch(epoch)
        wanted = data[:]
        assert same(wanted, first) == (epoch == 0)
        for batches in (
            loader(data, batch_size=128),
            loader(data, sampler=sampler, batch_size=None),
            workers,
        ):
            together = [torch.cat(parts) for parts in zip(*batches, strict=True)]
            assert same(together, wanted)
        copy = pickle.loads(pickle.dumps(data))
        assert same(copy[[7, -1]], [part[[7, -1]] for part in wanted])
        assert same(data[7], [part[7] for part in wanted])


def test_samples_of_a_stream_and_a_shorter_set():
    stream = Stream(GRAMMAR, 3, "replacement")
    data = SymbolDataset.latents(stream, 50, rate=0.3)
    longer = SymbolDataset.latents(stream, 60, rate=0.3)
    assert len(data) == 50 and same(data[:], longer[:50])
    assert len(data.labels) == 50 and math.isfinite(data.measure(exact_predictor(Latent(2, rate=0.3))).loss)


def test_floors_follow_the_epoch():
    data = SymbolDataset.masked_symbols(SETS.train, rate=0.25)
    floors = []
    for epoch in (0, 1, 0):
        data.set_epoch(epoch)
        floors.append(data.floor_by_place())
        assert abs(data.measure(exact_predictor(MaskedSymbols(0.25))).excess) < 1e-12
    assert np.array_equal(floors[0], floors[2]) and not np.array_equal(floors[0], floors[1])


class Recurrent(torch.nn.Module):
    """A recurrent network of tokens, by a generator of its own."""

    def __init__(self, data, width=32):
        super().__init__()
        self.embedding = torch.nn.Embedding(data.tokens, width)
        self.rnn = torch.nn.GRU(width, width, batch_first=True)
        self.readout = torch.nn.Linear(width, data.scores)
        generator = torch.Generator().manual_seed(0)
        for array in self.parameters():
            array.data.normal_(0, 0.2, generator=generator)

    def forward(self, tokens):
        return self.readout(self.rnn(self.embedding(tokens))[0])


def test_a_module_learns_towards_the_floor():
    """Trained with PyTorch's own cross-entropy of the targets; measured in evaluation mode, which is left again."""
    data, test = (
        SymbolDataset.next_symbols(part, first=False, start=True) for part in (SETS.train, SETS.test)
    )
    net = Recurrent(data).train()
    before = test.measure(net)
    optimizer = torch.optim.Adam(net.parameters(), 1e-2)
    for _ in range(15):
        for inputs, targets, _mask in torch.utils.data.DataLoader(data, batch_size=50):
            optimizer.zero_grad()
            torch.nn.functional.cross_entropy(net(inputs).flatten(0, 1), targets.flatten()).backward()
            optimizer.step()
    after = test.measure(net)
    assert net.training and all(part.training for part in net.modules())
    assert 0 < after.excess < 0.3 * before.excess
    assert after.floor == before.floor and after.error < before.error
    assert np.isnan(after.excess_by_place[0]) and after.counts[0] == 0

    layers = test.layers(net, ["rnn"])
    measured = sensitivities(layers, SETS.test, encoding="integer", inputs=200)
    assert measured.layers == ("rnn",) and (measured.S > 0).all() and (measured.S < 2).all()


@EVERY
def test_layers_see_the_tokens_of_the_task(task, make, options):
    """Shifted or with the last one hidden, as in the items; nothing is hidden at random."""
    data = make(SETS.test, **options)
    seen = []

    class Watching(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.part = torch.nn.Identity()

        def forward(self, tokens):
            seen.append(tokens)
            return self.part(tokens)

    whole = SETS.test.encode("integer")[:20]
    layers = data.layers(Watching())(whole)
    assert list(layers) == ["part"]
    if isinstance(task, NextSymbol):
        assert torch.equal(seen[0], data[:20][0])
    else:
        assert np.array_equal(symbols_of(seen[0].numpy()), whole)


def test_outputs_that_are_not_numbers():
    data = SymbolDataset.latents(SETS.train, level=3)
    found = data.measure(lambda x: torch.full((len(x), 3), math.nan))
    assert math.isnan(found.loss) and math.isnan(found.error) and math.isfinite(found.floor)


def test_scores_of_tokens_that_are_never_predicted():
    """An output of all tokens, as of a decoder whose embedding is its readout."""
    data = SymbolDataset.next_symbols(SETS.train)
    narrow = exact_predictor(NextSymbol())
    wide = data.measure(lambda x: torch.nn.functional.pad(narrow(x), (0, 1), value=-math.inf))
    assert abs(wide.excess) < 1e-12


def test_what_is_refused(refuses, unchecked):
    train = SETS.train
    with refuses("rate", 1.0, "Use 0 < rate < 1"):
        SymbolDataset.masked_symbols(train, rate=1.0)
    with refuses("rate", 0, "Use 0 < rate < 1"):
        SymbolDataset.masked_symbols(train, rate=0)
    with refuses("rate", "0.99 hides all d = 16 positions", "Use a rate below 0.969"):
        SymbolDataset.latents(train, rate=0.99)
    with refuses("level", 4, "Use level <= 3"):
        SymbolDataset.latents(train, level=4)
    with refuses("start", False, "Use first=False, or leave it out"):
        SymbolDataset.next_symbols(train, start=False)
    with refuses("positions", "'first'", "Use 'all' or 'last'"):
        SymbolDataset.next_symbols(train, positions="first")
    with refuses("source", "array(", "Give a srhm.Dataset or a srhm.Stream"):
        SymbolDataset.masked_symbols(train.encode())
    with refuses("count", "None is missing", "Give a number of samples"):
        SymbolDataset.next_symbols(Stream(GRAMMAR, 0))
    with refuses(
        "task",
        "'next'",
        "Use SymbolDataset.next_symbols(source), .masked_symbols(source) or .latents(source)",
    ):
        SymbolDataset(train, "next")
    data = SymbolDataset.next_symbols(train)
    fix = "Return (300, 16, 4): sample, place, the scores of every symbol"
    with refuses("epoch", -1, "Use epoch >= 0"):
        data.set_epoch(-1)
    with refuses("batch_size", 0, "Use batch_size >= 1"):
        data.measure(lambda x: x, batch_size=0)
    with refuses("module", "(300, 16, 3)", fix):
        data.measure(lambda x: torch.zeros(*x.shape, 3))
    with refuses("module", "'tuple'", fix):
        data.measure(lambda x: (x, x))
    with refuses("module", "'Embedding' does not accept tokens (300, 16)", "Use 5 tokens and 16 positions"):
        data.measure(torch.nn.Embedding(4, 4))
    with refuses("module", "'net' cannot be called", "Give a torch.nn.Module"):
        data.measure("net")


def test_a_device_that_workers_cannot_reach(refuses, monkeypatch):
    data = SymbolDataset.next_symbols(SETS.train, device="meta")
    assert data[:2][0].device.type == "meta"
    monkeypatch.setattr(symbols.TorchDataset, "_batch", None)
    monkeypatch.setattr("srhm.torch.form.get_worker_info", lambda: object())
    with refuses(
        "device",
        "'meta'",
        "Use device=None there, pin_memory=True and batch.to(device, non_blocking=True), or num_workers=0",
    ):
        data[0]
