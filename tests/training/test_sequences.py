"""Tasks that predict symbols: what enters, losses over exact floors, methods of descent, how runs end."""

import itertools
import math

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from jaxtyping import Array
from scipy.stats import chi2

import oracles
import srhm
from enumeration import Enumeration
from filled_nets import filled
from srhm import ArgumentError, Grammar, Params, encode, enumerate_all, expand, split
from srhm.cli.results import run_text
from srhm.inference import MASKED, Masking, UniformNoise, masked_symbol, next_symbol, posterior, surprisal
from srhm.measure import ByPosition, clusters, probes, sensitivities
from srhm.model.encoding import encode_symbols
from srhm.nets import NetSpec
from srhm.nets.active import Leaves
from srhm.nets.network import dense
from srhm.randomness import Key
from srhm.study import Setup
from srhm.study.options import options_of, setup_of
from srhm.training import (
    Classification,
    Denoise,
    Latent,
    MaskedSymbols,
    NextSymbol,
    Optimizer,
    Stopping,
    generation,
    train,
    train_ensemble,
    train_online,
)
from srhm.training.evaluation import TestSet, latents_of
from srhm.training.job import TrainingJob
from srhm.training.task import task_from, task_text

PARAMS = Params(n_c=3, v=3, m=2, s=2, s0=1, L=2)
GRAMMAR = Grammar(PARAMS, 1)
TASKS = [
    NextSymbol(),
    NextSymbol(first=False),
    NextSymbol(first=False, start=True),
    NextSymbol("last"),
    MaskedSymbols(0.25),
    Denoise(),
    Latent(2),
    Latent(2, rate=0.3),
    Latent(3, rate=0.5),
    Denoise("uniform", 60, beta_last=0.2),
]
KEY = Key(jnp.uint32(0), jnp.uint32(0))


@pytest.fixture(scope="module")
def sets():
    return split(GRAMMAR, P=120, P_test=60, seed=2)


def leaves_of(dataset, task, encoding="whitened"):
    return Leaves(
        PARAMS, encoding, *map(jnp.asarray, (dataset.features, dataset.positions)), latents_of(task, dataset)
    )


def labels_of(dataset):
    return jnp.asarray(dataset.labels, jnp.int32)


class Constant(eqx.Module):
    """Every symbol has the same score, at any place."""

    bias: Array
    shape: tuple[int, ...] = eqx.field(static=True)

    def __call__(self, x):
        return jnp.zeros((len(x), *self.shape)) + self.bias


def constant(task):
    return Constant(jnp.zeros(()), task.interface(PARAMS, "whitened").output_shape(1)[1:])


def seen_and_wanted(task, dataset):
    """The symbols that enter and the targets, from the definitions."""
    inputs, v = dataset.encode("integer"), PARAMS.v
    symbols = np.where(inputs < 0, v, inputs)
    if task == NextSymbol("last"):
        return np.concatenate([inputs[:, :-1], np.full((len(inputs), 1), MASKED)], axis=1), symbols[:, -1:]
    if isinstance(task, NextSymbol) and not task.starts:
        return inputs[:, :-1], symbols[:, 1:]
    shifted = np.concatenate([np.full((len(inputs), 1), MASKED), inputs[:, :-1]], axis=1)
    return shifted, symbols if task.first else np.where(np.arange(PARAMS.d) == 0, -1, symbols)


@pytest.mark.parametrize("task", TASKS[:4], ids=task_text)
def test_next_symbols_enter_one_later(task, sets):
    inputs, targets = task.examples(leaves_of(sets.test, task), labels_of(sets.test), KEY)
    seen, wanted = seen_and_wanted(task, sets.test)
    assert np.array_equal(inputs.symbols, seen)
    assert np.array_equal(targets, wanted)
    x = dense(constant(task), inputs)
    interface = task.interface(PARAMS, "whitened")
    assert x.shape[1:] == (interface.length, interface.channels)
    if inputs.mask:
        assert np.array_equal(x[:, :, -1], seen == MASKED)
        assert not np.any(np.asarray(x)[seen == MASKED][:, :-1])


def test_masks_hide_equally_many_and_others_every_time(sets):
    task = MaskedSymbols(0.25)
    labels = labels_of(sets.test)
    found = []
    for number in (0, 1):
        inputs, targets = task.examples(
            leaves_of(sets.test, task), labels, Key(jnp.uint32(0), jnp.uint32(number))
        )
        hidden = np.asarray(inputs.symbols) == MASKED
        assert (hidden.sum(axis=1) == 4).all()
        clean = sets.test.encode("integer")
        assert np.array_equal(np.where(hidden, MASKED, clean), inputs.symbols)
        assert np.array_equal(targets, np.where(hidden, np.where(clean < 0, PARAMS.v, clean), -1))
        found.append(hidden)
    assert (found[0] != found[1]).any(axis=1).mean() > 0.9
    assert abs(np.concatenate(found).mean(axis=0) - 0.25).max() < 5 * math.sqrt(0.25 * 0.75 / 120)


def test_a_denoiser_sees_every_number_of_hidden_positions_equally_often():
    """Chi-square of the numbers from 1 to d, at a false-alarm rate of 1e-4."""
    data, task, counts = split(GRAMMAR, P=2, P_test=4000, replacement=True).test, Denoise(), []
    inputs, targets = task.examples(leaves_of(data, task), labels_of(data), KEY)
    hidden = np.asarray(inputs.symbols) == MASKED
    counts = np.bincount(hidden.sum(axis=1), minlength=PARAMS.d + 1)
    assert counts[0] == 0 and (np.asarray(targets >= 0) == hidden).all()
    expected = 4000 / PARAMS.d
    assert ((counts[1:] - expected) ** 2 / expected).sum() < chi2.ppf(1 - 1e-4, PARAMS.d - 1)
    assert abs(hidden.mean(axis=0) - hidden.mean()).max() < 5 * math.sqrt(0.25 / 4000)


@pytest.mark.parametrize("task", [Denoise(), NextSymbol()], ids=task_text)
def test_an_exact_predictor_generates_samples_of_the_grammar(task, monkeypatch):
    """Chi-square over all inputs of a small model, at a false-alarm rate of 1e-4."""
    params = Params(n_c=2, v=2, m=1, s=2, s0=1, L=2)
    grammar = Grammar(params, 0)

    def known(symbols):
        evidence = Masking().evidence(params, symbols, np.float64)
        return posterior(grammar, evidence, invalid="mask").symbols[0]

    def exact(net, entering):
        seen = entering.symbols
        if isinstance(task, NextSymbol):  # each from those before it; the first symbol entering is the start
            before = [
                np.where(np.arange(params.d) < place, np.roll(seen, -1, axis=1), MASKED)
                for place in range(params.d)
            ]
            found = np.stack([known(symbols)[:, place] for place, symbols in enumerate(before)], axis=1)
        else:
            found = known(seen)
        with np.errstate(divide="ignore"):
            return np.log(found)

    monkeypatch.setattr(generation, "_scores", exact)
    count = 600
    drawn = generation.generate(None, task, params, "whitened", count, seed=3)
    every = enumerate_all(params)
    tree = expand(grammar, every)
    inputs = encode(params, tree.features[0], tree.positions[0], "integer")
    code = 3 ** np.arange(params.d)
    codes, times = np.unique((inputs + 1) @ code, return_counts=True)
    found = np.searchsorted(codes, (drawn + 1) @ code)
    assert (codes[np.minimum(found, len(codes) - 1)] == (drawn + 1) @ code).all()
    expected = count * times / times.sum()
    counts = np.bincount(found, minlength=len(codes))
    assert ((counts - expected) ** 2 / expected).sum() < chi2.ppf(1 - 1e-4, len(codes) - 1)
    assert (drawn == generation.generate(None, task, params, "whitened", count, seed=3)).all()
    with pytest.raises(ArgumentError, match=r"task = 'masked.*does not predict every symbol"):
        generation.generate(None, MaskedSymbols(0.25), params, "whitened", 3)


@pytest.mark.parametrize("s0", [0, 1])
def test_an_exact_predictor_denoises_step_by_step(s0, monkeypatch):
    """Chi-square against the law of the chain, by the matrices of its steps, at a false-alarm rate of 2e-4."""
    params = Params(n_c=2, v=2, m=1, s=2, s0=s0, L=1)
    grammar, task = Grammar(params, 0), Denoise("uniform", 40, beta_last=0.3)
    symbols = range(-1 if s0 else 0, 2)
    states = np.array(list(itertools.product(symbols, repeat=params.d)), np.int32)
    code = 3 ** np.arange(params.d)
    law = np.full(len(states), 1 / len(states))
    for step in range(40, 0, -1):
        beliefs = task.exact(grammar, states, np.full(len(states), step))
        back = task.diffusion.before(params, states, beliefs, step)
        law = law @ np.prod([back[:, place, states[:, place]] for place in range(params.d)], axis=0)

    def exact(net, entering):
        levels = np.asarray(task.diffusion.levels, "float32")[np.asarray(entering.steps) - 1]
        assert np.array_equal(entering.noise, levels) and not entering.mask
        with np.errstate(divide="ignore"):
            return np.log(task.exact(grammar, entering.symbols, entering.steps))

    monkeypatch.setattr(generation, "_scores", exact)
    drawn = generation.generate(None, task, params, "whitened", 2000, seed=3)
    order = np.argsort(states @ code)
    counts = np.bincount(
        order[np.searchsorted(states @ code, drawn @ code, sorter=order)], minlength=len(law)
    )
    often = 2000 * law >= 5
    counts, expected = (np.append(one[often], one[~often].sum()) for one in (counts, 2000 * law))
    oracles.check_counts(counts[expected >= 5], expected[expected >= 5])
    assert counts[expected < 5].sum() < 30
    assert (drawn == generation.generate(None, task, params, "whitened", 2000, seed=3)).all()


@pytest.mark.parametrize("task", [Denoise(), Denoise("uniform", 60, beta_last=0.2)], ids=task_text)
def test_exact_losses_by_time_by_enumeration(task):
    """To 1e-10, on the inputs that the network gets; of a network that knows nothing ln of the symbols."""
    oracle = Enumeration(GRAMMAR)
    data = split(GRAMMAR, P=2, P_test=80, seed=1, replacement=True).test
    scores = TestSet(data, "whitened", task=task, batch=50).scores(constant(task))
    seen, targets, _, steps = TestSet(data, "whitened", task=task, batch=50).predictions(constant(task))
    times = task.times(PARAMS)
    lost, count = np.zeros(times), np.zeros(times)
    for row in range(len(data)):
        p = oracle.log_prior.copy()
        for position in range(PARAMS.d):
            same = oracle.inputs[:, position] == seen[row, position]
            if steps is None:
                weight = same | (seen[row, position] == MASKED)
            else:
                level = task.diffusion.levels[steps[row] - 1]
                weight = (1 - level) * same + level / 4
            with np.errstate(divide="ignore"):
                p += np.log(weight)
        p = np.exp(p - p.max())
        p /= p.sum()
        clean = np.where(oracle.inputs < 0, PARAMS.v, oracle.inputs)
        hidden = targets[row] >= 0
        time = hidden.sum() - 1 if steps is None else (steps[row] - 1) * times // 60
        right = p @ (clean == targets[row])
        lost[time] -= np.log(right[hidden]).sum()
        count[time] += hidden.sum()
    with np.errstate(invalid="ignore"):
        np.testing.assert_allclose(scores.floors_by_time, lost / count, rtol=0, atol=1e-10)
    np.testing.assert_allclose(scores.losses_by_time, np.where(count > 0, math.log(4), np.nan), rtol=1e-5)
    assert abs(scores.excess - (math.log(4) - lost.sum() / count.sum())) < 1e-5


def test_steps_are_given_where_they_are_needed(refuses, sets):
    for task, steps, fix in (
        (Denoise(), np.ones(2, int), "Leave them out"),
        (Denoise("uniform"), None, "Give the step of each sample"),
    ):
        with refuses("steps", "array([1, 1])" if steps is not None else "None", fix):
            task.exact(GRAMMAR, sets.test.encode("integer")[:2], steps)
    for option, value in (("steps", 100), ("beta_last", 0.2)):
        with refuses(option, value, 'Leave it out, or use "uniform"'):
            Denoise(**{option: value})
    with refuses("process", "'gaussian'", "Use 'absorbing' or 'uniform'"):
        Denoise("gaussian")
    assert Denoise("uniform", 200).to_dict() == {"name": "denoise", "process": "uniform"}
    assert Denoise().to_dict() == {"name": "denoise"}
    assert task_from("denoise(uniform, 100)") == Denoise("uniform", steps=100)


def test_the_noise_level_is_a_channel_of_its_own(sets):
    task = Denoise("uniform", 60, beta_last=0.2)
    inputs, targets = task.examples(leaves_of(sets.test, task), labels_of(sets.test), KEY)
    clean, x = sets.test.encode("integer"), np.asarray(dense(constant(task), inputs))
    assert x.shape[2] == task.interface(PARAMS, "whitened").channels == PARAMS.v + 1
    np.testing.assert_allclose(
        x[:, :, -1], np.repeat(task.diffusion.levels[inputs.steps - 1][:, None], 16, 1), rtol=1e-6
    )
    np.testing.assert_array_equal(x[:, :, :-1], encode_symbols(PARAMS, np.asarray(inputs.symbols)))
    assert np.array_equal(targets, np.where(clean < 0, PARAMS.v, clean))
    assert set(np.unique(inputs.steps)) <= set(range(1, 61)) and len(np.unique(inputs.steps)) > 20
    whole = task.interface(PARAMS, "whitened").enter(jnp.asarray(sets.test.encode()))
    assert not np.any(whole[:, :, -1]), "clean inputs have no noise"


def test_latents_are_those_of_the_tree(sets):
    tree = expand(GRAMMAR, sets.test.derivation())
    grid = np.full((60, 4), PARAMS.v)
    np.put_along_axis(grid, tree.positions[1].astype(int), tree.features[1], axis=1)
    labels = labels_of(sets.test)
    assert np.array_equal(Latent(2).examples(leaves_of(sets.test, Latent(2)), labels, KEY)[1], grid)
    assert np.array_equal(Latent(3).examples(leaves_of(sets.test, Latent(3)), labels, KEY)[1][:, 0], labels)


@pytest.mark.parametrize("task", TASKS, ids=task_text)
def test_losses_over_the_exact_floor(task, sets):
    """The floor is the mean surprisal of exact inference; a network that knows nothing loses ln of the symbols."""
    scores = TestSet(sets.test, "whitened", task=task).scores(constant(task))
    inputs, targets = task.examples(leaves_of(sets.test, task), labels_of(sets.test), KEY)
    symbols, targets = np.asarray(inputs.symbols), np.asarray(targets)
    clean = sets.test.encode("integer")
    if isinstance(task, NextSymbol) and task.positions == "all":
        exact = surprisal(next_symbol(GRAMMAR, clean), clean)[:, -targets.shape[1] :]
    elif isinstance(task, NextSymbol):
        hidden = np.arange(PARAMS.d) == PARAMS.d - 1
        exact = surprisal(masked_symbol(GRAMMAR, clean, hidden & np.ones_like(clean, bool)), clean)[:, -1:]
    elif inputs.steps is not None:
        evidence = np.concatenate([
            UniformNoise(task.diffusion.levels[step - 1]).evidence(PARAMS, symbols[[row]], np.float64)
            for row, step in enumerate(inputs.steps)
        ])  # fmt: skip
        exact = surprisal(posterior(GRAMMAR, evidence).symbols[0], clean)
    elif isinstance(task, MaskedSymbols | Denoise):
        exact = surprisal(masked_symbol(GRAMMAR, clean, symbols == MASKED), clean)
    else:
        found = posterior(GRAMMAR, Masking().evidence(PARAMS, symbols, np.float64))
        table = found.label[:, None] if task.level == 3 else found.symbols[1]
        exact = -np.log(np.take_along_axis(table, targets[:, :, None], axis=2)[:, :, 0])
    counted = targets >= 0
    with np.errstate(invalid="ignore"):
        wanted = np.where(counted, exact, 0).sum(axis=0) / counted.sum(axis=0)
    np.testing.assert_allclose(scores.floors, wanted, rtol=0, atol=1e-12)
    known = math.log(task.interface(PARAMS, "whitened").scores)
    np.testing.assert_allclose(scores.losses, np.where(counted.any(axis=0), known, np.nan), rtol=1e-5)
    assert abs(scores.excess - (known - exact[counted].mean())) < 1e-5


def test_padding_of_the_last_batch_counts_for_nothing(sets):
    for task in (NextSymbol("last"), Latent(2)):
        whole, parts = (
            TestSet(sets.test, "whitened", task=task, batch=size).scores(constant(task)) for size in (60, 7)
        )
        np.testing.assert_allclose(whole.losses, parts.losses, rtol=1e-6)
        np.testing.assert_allclose(whole.floors, parts.floors, rtol=0, atol=1e-12)
        assert whole.error == pytest.approx(parts.error)


def test_a_network_learns_latents_to_their_floor(sets):
    net = NetSpec("cnn", 32).build(PARAMS, 0, interface=Latent(2).interface(PARAMS, "whitened"))
    found = train(net, sets.train, sets.test, task=Latent(2), stopping=Stopping(excess=0.05, max_epochs=2000))
    assert found.status == "converged"
    assert found.scores is not None and 0 <= found.scores.excess <= 0.05
    assert found.test_error < 0.05


def by_hand(net, sets, task, steps, transformation):
    """A loop over the whole set as one batch, in double precision."""
    leaves, labels = leaves_of(sets.train, task), labels_of(sets.train)
    inputs, targets = task.examples(leaves, labels, KEY)

    @jax.jit
    def step(net, state, number):
        loss = lambda net: task.losses(net(dense(net, inputs)), targets).mean()  # noqa: E731
        gradient = jax.grad(loss)(net)
        with jax.numpy_dtype_promotion("standard"):
            update, state = transformation.update(gradient, state, net)
        return eqx.apply_updates(net, update), state

    state = transformation.init(eqx.filter(net, eqx.is_array))
    for number in range(steps):
        net, state = step(net, state, number)
    return net


@pytest.mark.parametrize(
    ("optimizer", "transformation"),
    [
        pytest.param(Optimizer(0.01, method="adam"), optax.adam(0.01), marks=pytest.mark.long),
        (
            Optimizer(0.01, method="adamw", weight_decay=0.1, schedule="cosine", warmup=3),
            optax.adamw(
                lambda n: (
                    0.01
                    * jnp.minimum(1, (n + 1) / 3)
                    * 0.5
                    * (1 + jnp.cos(jnp.pi * jnp.clip((n - 3) / 5, 0)))
                ),
                weight_decay=0.1,
            ),
        ),
        pytest.param(
            Optimizer(0.01, schedule="cosine"),
            optax.sgd(lambda n: 0.01 * 8 * 0.5 * (1 + jnp.cos(jnp.pi * n / 8)), 0.9),
            marks=pytest.mark.long,
        ),
    ],
    ids=["adam", "adamw-cosine-warmup", "sgd-cosine"],
)
def test_methods_of_descent_against_a_loop(optimizer, transformation, sets):
    with jax.enable_x64(True):
        task = Latent(2)
        net = NetSpec("cnn", 8).build(PARAMS, 0, "float64", interface=task.interface(PARAMS, "whitened"))
        whole = {"batch_per_class": 40, "rate": optimizer.rate}
        given = {name: getattr(optimizer, name) for name in ("method", "weight_decay", "schedule", "warmup")}
        found = train(
            net,
            sets.train,
            sets.test,
            task=task,
            optimizer=Optimizer(**whole, **given),
            stopping=Stopping(max_steps=8),
        )
        wanted = by_hand(net, sets, task, 8, transformation)
        assert (found.steps, found.status) == (8, "epochs")
        pairs = zip(jax.tree.leaves(found.net), jax.tree.leaves(wanted), strict=True)
        assert max(float(jnp.abs(a - b).max()) for a, b in pairs) < 1e-8


def test_patience_ends_a_run_that_no_longer_improves(sets):
    """With a rate that moves nothing the loss never falls: the first evaluation is the lowest, three more end it."""
    task = Latent(2)
    net = NetSpec("cnn", 32).build(PARAMS, 0, interface=task.interface(PARAMS, "whitened"))
    stopping = Stopping(patience=3, eval_every=2, max_epochs=100)
    found = train(
        net, sets.train, sets.test, task=task, optimizer=Optimizer(1e-30), stopping=stopping, record=True
    )
    assert (found.status, found.epochs) == ("plateau", 8)
    assert found.record[-1]["step"] == found.steps
    assert set(found.record[-1]) >= {"test_loss", "excess", "loss_by_place", "train_loss", "test_error"}


@pytest.mark.long
def test_the_best_network_is_that_of_the_smallest_loss(sets):
    task = MaskedSymbols(0.25)
    net = NetSpec("cnn", 32).build(PARAMS, 0, interface=task.interface(PARAMS, "whitened"))
    how = {"task": task, "optimizer": Optimizer(3e-2, method="adam")}
    stopping = Stopping(patience=4, eval_every=5, max_epochs=400)
    found = train(net, sets.train, sets.test, stopping=stopping, **how)
    again = TestSet(sets.test, "whitened", task=task).scores(found.net)
    assert found.status == "plateau" and found.best_epoch < found.epochs
    assert found.scores is not None and again.loss == found.scores.loss
    last = train(net, sets.train, sets.test, stopping=Stopping(**vars(stopping) | {"select": "last"}), **how)
    assert last.scores is not None and last.scores.loss > found.scores.loss
    assert last.steps == found.steps


def test_an_interrupted_run_is_the_whole_one(sets, tmp_path):
    task = MaskedSymbols(0.25)
    net = NetSpec("cnn", 8).build(PARAMS, 0, interface=task.interface(PARAMS, "whitened"))
    how = {
        "task": task,
        "optimizer": Optimizer(1e-2, method="adamw", schedule="cosine", warmup=5),
        "stopping": Stopping(patience=2, eval_every=2, max_epochs=30),
        "record": True,
    }
    whole, path = train(net, sets.train, sets.test, **how), tmp_path / "run.npz"

    def interrupt(progress):
        raise KeyboardInterrupt

    for _ in range(3):
        with pytest.raises(KeyboardInterrupt):
            train(net, sets.train, sets.test, **how, checkpoint=path, progress=interrupt)
    final = train(net, sets.train, sets.test, **how, checkpoint=path)
    assert final.status == whole.status
    pairs = zip(jax.tree.leaves(final.net), jax.tree.leaves(whole.net), strict=True)
    assert all(np.array_equal(*pair) for pair in pairs)
    assert final.record == whole.record


@pytest.mark.long
def test_ensembles_and_one_pass_take_latents_too(sets):
    task = Latent(2)
    net = NetSpec("cnn", 8).build(PARAMS, 0, interface=task.interface(PARAMS, "whitened"))
    how = Optimizer(0.02, method="adam"), Stopping(max_epochs=3)
    jobs = [TrainingJob(net, sets.train, sets.test, *how, order_seed=seed, task=task) for seed in (0, 1)]
    alone = train(net, sets.train, sets.test, task=task, optimizer=how[0], stopping=how[1])
    np.testing.assert_allclose(train_ensemble(jobs)[0].net.readout, alone.net.readout, rtol=1e-4, atol=1e-6)
    found = train_online(net, sets.train.stream, sets.test, points=60, task=task, optimizer=how[0])
    assert found.scores is not None and len(found.record[-1]["loss_by_place"]) == 4


@pytest.mark.parametrize("task", [*TASKS, Classification()], ids=task_text)
def test_a_task_is_its_text_and_its_data(task):
    assert task_from(task_text(task)) == task_from(task.to_dict()) == task


def test_texts_of_tasks(unchecked):
    assert task_from("latent(3)") == Latent(3)
    assert task_from(" masked( 0.3 ) ") == MaskedSymbols(0.3)
    assert task_from("next(first=false)") == NextSymbol(first=False)
    for text in (
        "latent(",
        "latent(2, 0.1, 7)",
        "next(sometimes)",
        "latents",
        "latent(rate=x)",
        "masked(width=3)",
    ):
        with pytest.raises(ArgumentError):
            task_from(text)


def test_setups_of_tasks():
    """A setup of a task comes back from its JSON data; what is filled in is that of the task."""
    for task in TASKS[3:]:
        setup = Setup(PARAMS, NetSpec("cnn", 8), task=task)
        assert Setup.from_dict(setup.to_dict()) == setup
        assert (setup.stopping.select, setup.stopping.patience) == ("best", 10)
        assert setup.prediction is None
    plain = Setup(PARAMS, NetSpec("cnn", 8))
    assert plain.stopping.select == "last" and plain.optimizer.method == "sgd"
    assert "method" not in plain.to_dict()["optimizer"] and "select" not in plain.to_dict()["stopping"]
    other = Setup(PARAMS, NetSpec("cnn", 8), Optimizer(0.1, method="adam"))
    assert Setup.from_dict(other.to_dict()) == other and other.digest != plain.digest


def test_options_of_tasks():
    """What is filled in is that of the task, and options name only what differs from it."""
    chosen = setup_of(PARAMS, {"net": "cnn", "task": "latent(2)", "width": 8})
    assert chosen == Setup(PARAMS, NetSpec("cnn", 8), task=Latent(2))
    assert (chosen.stopping.select, chosen.stopping.patience) == ("best", 10)
    assert options_of(chosen) == {"net": "cnn", "width": 8, "task": "latent"}
    last = setup_of(PARAMS, {"net": "cnn", "task": "latent(2)", "select": "last"})
    assert last.stopping.select == "last" and options_of(last)["select"] == "last"
    assert setup_of(PARAMS, options_of(last)) == last
    how = {"net": "cnn", "width": 8, "task": "masked(rate=0.25)"}
    excess = setup_of(PARAMS, how | {"stop_excess": 0.1})
    assert excess == Setup(PARAMS, NetSpec("cnn", 8), task=MaskedSymbols(0.25), stopping=Stopping(excess=0.1))
    assert options_of(excess) == how | {"stop_excess": 0.1} and setup_of(PARAMS, options_of(excess)) == excess
    for given in ({"replacement": True}, {"rule_weights": "zipf(1)"}, {"stop_excess": 0.1, "patience": 5}):
        chosen = setup_of(PARAMS, {"task": "masked(rate=0.25)"} | given)
        assert setup_of(PARAMS, options_of(chosen)) == chosen and given.items() <= options_of(chosen).items()


def test_the_front_door_measures_excess(tmp_path):
    how = {"width": 16, "P_test": 60, "store": tmp_path / "runs.sqlite", "progress": False, "max_epochs": 60}
    found = srhm.run(PARAMS, "cnn", P=150, task="latent(2)", **how)
    last = found.run.record[-1]
    assert len(last["loss_by_place"]) == len(last["floor_by_place"]) == 4
    assert found.run.metrics["excess"] == pytest.approx(
        np.mean(last["loss_by_place"]) - np.mean(last["floor_by_place"]), abs=0.02
    )
    assert found.S.shape == (3, 2)
    assert "nats above its exact floor" in run_text(found.run) and "  output  " in run_text(found.run)
    assert found.run.spec.setup.prediction is None
    x = encode_symbols(PARAMS, np.full((1, PARAMS.d), -1))
    assert found.network()(x).shape == (1, 4, PARAMS.v + 1)
    searched = srhm.pstar(
        PARAMS, "cnn", task="latent(2)", thresholds={"excess": 0.3}, start=100, seeds=1, workers=1, **how
    )
    assert searched.P_star is not None and 10 < searched.P_star < 150
    with pytest.raises(ArgumentError, match=r"excess=0\.1"):
        srhm.pstar(PARAMS, "cnn", task="latent(2)", start=100, seeds=1, **how)


def test_what_is_refused(unchecked, sets):
    classifier, sgd = NetSpec("cnn", 8).build(PARAMS), optax.sgd(0.1)
    masked = NetSpec("cnn", 8).build(PARAMS, interface=MaskedSymbols().interface(PARAMS, "whitened"))
    for make, argument in [
        (lambda: MaskedSymbols(1.0), "rate"),
        (lambda: MaskedSymbols(0.0), "rate"),
        (lambda: MaskedSymbols(0.99).interface(PARAMS, "whitened"), "rate"),
        (lambda: Latent(0), "level"),
        (lambda: Setup(PARAMS, NetSpec("cnn"), task=Latent(4)), "level"),
        (lambda: Setup(PARAMS, NetSpec("cnn"), task=NextSymbol()), "task"),
        (lambda: Setup(PARAMS, NetSpec("vgg11"), task=NextSymbol("last")), "task"),
        (lambda: NextSymbol(start=False), "start"),
        (lambda: NextSymbol("last", start=True), "start"),
        (lambda: Setup(PARAMS, NetSpec("cnn"), stopping=Stopping(patience=3)), "patience"),
        (lambda: Setup(PARAMS, NetSpec("cnn"), stopping=Stopping(excess=0.1)), "stop_excess"),
        (lambda: Setup(PARAMS, NetSpec("cnn"), Optimizer(method="adam")), "learning_rate"),
        (lambda: Optimizer(momentum=0.5, method="adam"), "momentum"),
        (lambda: Optimizer(weight_decay=0.1, method="sgd"), "weight_decay"),
        (lambda: train(filled("cnn", PARAMS, 8), sets.train, sets.test, task=Latent(2)), "net"),
        (lambda: train(classifier, sets.train, sets.test, task=Latent(2)), "net"),
        (lambda: train(classifier, sets.train, sets.test, task=MaskedSymbols()), "net"),
        (lambda: train(classifier, sets.train, sets.test, task=Classification(Masking(0.2))), "net"),
        (lambda: train(masked, sets.train, sets.test), "net"),
        (lambda: train_online(classifier, sets.train.stream, sets.test, points=64, task=Latent(2)), "net"),
        (
            lambda: train_online(classifier, sets.train.stream, sets.test, points=64, optimizer=sgd),
            "optimizer",
        ),
        (lambda: generation.generate(classifier, Denoise(), PARAMS, "whitened", 3), "net"),
    ]:
        with pytest.raises(ArgumentError) as error:
            make()
        assert error.value.argument == argument, (argument, str(error.value))


def test_sensitivities_of_every_position(sets):
    """Of a causal network with a start symbol: a change of the last patch changes nothing to the left of it."""
    task = NextSymbol()
    net = NetSpec("transformer", 8, options={"layers": 1, "heads": 2}).build(
        PARAMS, 0, interface=task.interface(PARAMS, "whitened")
    )
    layers = ByPosition(net)
    x = sets.test.encode()
    seen, cut = layers(x), layers(np.concatenate([x[:, :8], x[::-1, 8:]], axis=1))
    assert list(seen)[:2] == ["layer_1_position_1", "layer_1_position_2"]
    same = [
        np.allclose(seen[f"layer_1_position_{t}"], cut[f"layer_1_position_{t}"], atol=1e-6)
        for t in range(1, 17)
    ]
    assert same[:9] == [True] * 9 and not any(same[10:])  # what enters at position t is the symbol before
    found = sensitivities(layers, sets.test)
    assert found.S.shape == (32, 2)
    whole = sensitivities(net, sets.test)
    assert whole.layers == ("layer_1", "predictions")
    assert probes(net, sets.test, inputs=60).layers == clusters(net, sets.test).layers == whole.layers


def test_the_floor_where_everything_is_hidden():
    """It is the entropy of each position's own marginal."""
    grid = encode(PARAMS, *(_leaves(enumerate_all(PARAMS))), "integer")
    marginals = np.stack([(grid == symbol).mean(axis=0) for symbol in (0, 1, 2, -1)], axis=-1)
    exact = Denoise().exact(GRAMMAR, np.full((2, PARAMS.d), MASKED))
    assert np.abs(exact - marginals).max() < 1e-6


def _leaves(derivation):
    tree = expand(GRAMMAR, derivation)
    return tree.features[0], tree.positions[0]


def test_samples_of_a_network_of_another_task_are_refused(unchecked):
    net = filled("cnn", PARAMS, 8)
    with pytest.raises(ArgumentError, match=r"^net = 'cnn' was built for classes.*Build it with interface"):
        generation.generate(net, Denoise(), PARAMS, "whitened", 2)
