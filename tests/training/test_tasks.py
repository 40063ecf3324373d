"""Tasks and optimizers of others: one loop trains them all."""

from dataclasses import dataclass
from typing import ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from filled_nets import filled
from setups import run_spec, setup
from srhm import Dataset, Grammar, Params, encode, split
from srhm.inference import MASKED, Masking, UniformNoise, bayes_error
from srhm.nets.active import Leaves
from srhm.nets.network import check_scores, dense
from srhm.randomness import Key, fold, threefry2x32
from srhm.runner.execution import execute
from srhm.study import RunSpec, Setup
from srhm.study.describe import setup_name
from srhm.training import Classification, Optimizer, Stopping, Task, train, train_ensemble, train_online
from srhm.training.checkpoint import Checkpoint
from srhm.training.evaluation import TestSet
from srhm.training.job import TrainingJob
from srhm.training.loop import descend
from srhm.training.task import TASKS, task_from

PARAMS = Params(n_c=3, v=3, m=3, s=2, s0=1, L=2)


@pytest.fixture(scope="module")
def sets():
    return split(Grammar(PARAMS, 0), 24, 60, seed=1)


@dataclass(frozen=True)
class Noisy(Task):
    """Tell the class `by` numbers on, from inputs with noise; squared distance and the fraction wrong."""

    name: ClassVar[str] = "noisy"
    by: int = 1
    """How far on."""
    noise: float = 0.0
    """Standard deviation of the noise of every entry."""

    def examples(self, leaves, labels, key):
        x = dense(NET, leaves)
        number = jnp.arange(x.size, dtype=jnp.uint32)
        high, low = threefry2x32(fold(key, 7), number, jnp.zeros_like(number))
        signs = jnp.where((high ^ low) % 2 == 0, 1.0, -1.0).reshape(x.shape)
        return x + self.noise * signs, (labels + self.by) % 3

    def check(self, output, targets, params):
        check_scores("net", output, len(targets), params)

    def losses(self, output, targets):
        return jnp.square(output - jax.nn.one_hot(targets, 3)).sum(axis=1)

    def errors(self, output, targets):
        return (output.argmax(axis=1).astype(jnp.int32) != targets).astype(jnp.float32)


NET = filled("cnn", PARAMS, 8)


@pytest.fixture
def known(monkeypatch):
    monkeypatch.setitem(TASKS, "noisy", Noisy)


def same_bits(first, second):
    pairs = zip(*(jax.tree.leaves(eqx.filter(one, eqx.is_array)) for one in (first, second)), strict=True)
    return all(np.asarray(a).tobytes() == np.asarray(b).tobytes() for a, b in pairs)


# Tasks


def test_the_task_decides_inputs_targets_loss_and_error(sets):
    how = {"optimizer": Optimizer(rate=0.1), "stopping": Stopping(loss=0.1, max_epochs=2000)}
    found = train(filled("cnn", PARAMS, 32), sets.train, sets.test, task=Noisy(2), **how)
    assert found.status == "converged", found.train_loss
    forward = eqx.filter_jit(found.net)
    answers = np.asarray(forward(sets.train.encode("whitened")))
    assert (answers.argmax(axis=1) == (sets.train.labels + 2) % 3).all()
    wrong = np.asarray(forward(sets.test.encode("whitened"))).argmax(axis=1) != (sets.test.labels + 2) % 3
    assert found.test_error == wrong.mean() < 0.6  # by chance 0.67
    for size in (60, 7):  # the last batch is filled up
        measured = TestSet(sets.test, "whitened", shared=True, batch=size, task=Noisy(2))
        assert abs(measured.error(found.net) - wrong.mean()) < 1e-6


def test_what_a_task_draws_depends_on_the_step_alone(sets, tmp_path):
    how = {"optimizer": Optimizer(rate=0.1), "stopping": Stopping(loss=1e-9, max_epochs=9, eval_every=2)}
    whole, clean = (train(NET, sets.train, sets.test, task=Noisy(noise=noise), **how) for noise in (1.0, 0.0))
    assert not same_bits(whole.net, clean.net)
    path, result = Checkpoint(tmp_path / "run.npz"), None
    while result is None or result.status == "stopped":
        assert result is None or path.path.exists()
        stopped = train(NET, sets.train, sets.test, task=Noisy(noise=1.0), **how, checkpoint=path, budget=0)
        assert stopped.status in ("stopped", "epochs")
        result = train(NET, sets.train, sets.test, task=Noisy(noise=1.0), **how, checkpoint=path)
    assert same_bits(whole.net, result.net) and whole.test_error == result.test_error


def test_the_checkpoint_of_another_task_is_refused(sets, tmp_path, refuses):
    path = tmp_path / "run.npz"
    train(NET, sets.train, sets.test, task=Noisy(1), optimizer=Optimizer(0.1), checkpoint=path, budget=0)
    with refuses("checkpoint", repr(str(path)), "Use another file, or delete it"):
        train(NET, sets.train, sets.test, task=Noisy(2), optimizer=Optimizer(0.1), checkpoint=path)


def test_one_pass_training_takes_it_too(sets):
    """Its first loss is that of the first batch before any step."""
    stream, test = sets.train.stream, sets.test
    found = train_online(NET, stream, test, points=24, task=Noisy(), optimizer=Optimizer(0.1))
    first = Dataset.draw(stream, 12)
    f, targets = np.asarray(NET(first.encode())), np.eye(3)[(first.labels + 1) % 3]
    assert found.record[0]["train_loss"] == pytest.approx(np.square(f - targets).sum(axis=1).mean(), rel=1e-5)


def test_the_task_of_a_setup(known):
    usual, other = setup(PARAMS), setup(PARAMS, task="noisy")
    assert usual.task == Classification() and "task" not in usual.to_dict()
    assert other.task == Noisy() and other.to_dict()["task"] == {"name": "noisy"}
    assert other.digest != usual.digest
    chosen = Setup(PARAMS, usual.net, task=Noisy(by=2), measuring=usual.measuring)
    assert chosen.to_dict()["task"] == {"name": "noisy", "by": 2}
    spec = chosen.at(24, 3)
    assert RunSpec.from_dict(spec.to_dict()) == spec


def test_a_run_has_the_task_of_its_setup(known, sets):
    options = {"width": 8, "P_test": 60, "max_epochs": 5, "stop_loss": 1e-9}
    spec = run_spec(PARAMS, "cnn", 24, task="noisy", **options)
    run, own = execute(spec), split(Grammar(PARAMS, 0), 24, 60)
    result = train(spec.net.build(PARAMS), own.train, own.test, task=Noisy(), stopping=spec.setup.stopping)
    assert (run.metrics["train_loss"], run.metrics["error"]) == (result.train_loss, result.test_error)


def test_what_is_not_a_task_is_refused(known, sets, refuses):
    names = "classification, next, masked, denoise, latent, noisy"
    with refuses("task", "'noissy'", f"Did you mean 'noisy'? Use one of {names}"):
        task_from("noissy")
    with refuses("size", "3", "Leave it out"):
        task_from({"name": "noisy", "size": 3})
    with refuses("task", "'noisy'", "Give a Task"):
        train(NET, sets.train, sets.test, task="noisy", optimizer=Optimizer(0.1))


# Any optimizer


FEW = Stopping(loss=1e-9, max_epochs=7, eval_every=3)


def test_adam_against_its_formula(sets):
    """Batches of the whole set, in double precision."""
    with jax.enable_x64(True):
        net = filled("cnn", PARAMS, 8, dtype="float64")
        found = train(net, sets.train, sets.test, optimizer=optax.adam(0.05), batch_per_class=8, stopping=FEW)
        x = jnp.asarray(encode(PARAMS, sets.train.features, sets.train.positions, "whitened", np.float64))
        labels = jnp.asarray(sets.train.labels, jnp.int32)

        def loss(net):
            return optax.softmax_cross_entropy_with_integer_labels(net(x), labels).mean()

        @eqx.filter_jit
        def adam(net, m, v, t):
            gradient = eqx.filter_grad(loss)(net)
            m = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, m, gradient)
            v = jax.tree.map(lambda v, g: 0.999 * v + 0.001 * g**2, v, gradient)
            net = jax.tree.map(
                lambda w, m, v: w - 0.05 * (m / (1 - 0.9**t)) / (jnp.sqrt(v / (1 - 0.999**t)) + 1e-8),
                net, m, v,
            )  # fmt: skip
            return net, m, v

        m = v = jax.tree.map(lambda w: jnp.asarray(np.zeros(w.shape)), net)
        for step in range(1, 8):
            net, m, v = adam(net, m, v, jnp.asarray(float(step)))
        pairs = zip(jax.tree.leaves(found.net), jax.tree.leaves(net), strict=True)
        assert max(float(jnp.abs(a - b).max()) for a, b in pairs) < 1e-10
    assert (found.steps, found.epochs) == (7, 7)


def test_sgd_of_optax_is_ours_with_the_width_in_its_rate(sets):
    ours = train(NET, sets.train, sets.test, optimizer=Optimizer(0.1, 0.5), stopping=FEW)
    theirs = train(NET, sets.train, sets.test, optimizer=optax.sgd(0.8, 0.5), stopping=FEW)
    assert ours.steps == theirs.steps == 14  # two batches an epoch: 4 of each class by default
    for a, b in zip(jax.tree.leaves(ours.net), jax.tree.leaves(theirs.net), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5)


def test_weight_decay_leaves_frozen_layers(sets):
    net = filled("cnn", PARAMS, 8, frozen_layers=(1,))
    found = train(net, sets.train, sets.test, optimizer=optax.adamw(1e-3, weight_decay=1.0), stopping=FEW).net
    assert same_bits(found.layers[0], net.layers[0]) and not same_bits(found.layers[1], net.layers[1])


def test_running_statistics_do_not_pass_through_an_optimizer():
    net = filled("resnet18", PARAMS, 8)
    optimizer = optax.add_decayed_weights(1.0)
    update, _ = eqx.filter_eval_shape(descend, optimizer, net, optimizer.init(net), net)
    assert net.statistics() and all(one is None for one in update.statistics())
    assert len(jax.tree.leaves(update)) + len(net.statistics()) == len(jax.tree.leaves(net))


def test_an_optimizer_of_others_resumes_to_the_same_bits(sets, tmp_path, refuses):
    schedule = optax.warmup_cosine_decay_schedule(0.0, 0.05, 3, 12)
    make = lambda peak=1.0: optax.adamw(lambda step: peak * schedule(step))  # noqa: E731
    whole = train(NET, sets.train, sets.test, optimizer=make(), stopping=FEW)
    path = tmp_path / "run.npz"

    def interrupt(progress):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(NET, sets.train, sets.test, optimizer=make(), stopping=FEW, checkpoint=path, progress=interrupt)
    for other, size in ((make(0.5), None), (optax.sgd(0.1), None), (make(), 2)):
        with refuses("checkpoint", repr(str(path)), "Use another file, or delete it"):
            train(
                NET,
                sets.train,
                sets.test,
                optimizer=other,
                batch_per_class=size,
                stopping=FEW,
                checkpoint=path,
            )
    resumed = train(NET, sets.train, sets.test, optimizer=make(), stopping=FEW, checkpoint=path)
    assert same_bits(resumed.net, whole.net) and resumed.test_error == whole.test_error


def test_an_ensemble_shares_one_task_and_one_optimizer(sets):
    optimizer = optax.adam(0.01)

    def job(seed, optimizer=optimizer, by=1):
        net = filled("cnn", PARAMS, 8, seed)
        return TrainingJob(net, sets.train, sets.test, optimizer, FEW, task=Noisy(by))

    jobs = [job(0), job(1)]
    for one, found in zip(jobs, train_ensemble(jobs), strict=True):
        alone = train(one.net, sets.train, sets.test, optimizer=optimizer, stopping=FEW, task=one.task)
        np.testing.assert_allclose(found.net.readout, alone.net.readout, rtol=1e-3, atol=1e-5)
        assert found.test_error == alone.test_error
    for other in (job(1, by=2), job(1, optax.adam(0.01))):
        with pytest.raises(ValueError, match=r"task or optax transformation than the first.*of its own"):
            train_ensemble([jobs[0], other])


@pytest.mark.long
def test_a_network_without_a_default_rate_needs_none(sets):
    net = eqx.nn.Lambda(lambda x: x)
    net = eqx.nn.Sequential([net, eqx.nn.Linear(PARAMS.d * PARAMS.v, 3, key=jax.random.key(0))])

    class Flat(eqx.Module):
        linear: eqx.nn.Linear

        def __call__(self, x):
            return jax.vmap(self.linear)(x.reshape(len(x), -1))

    found = train(Flat(net.layers[1]), sets.train, sets.test, optimizer=optax.adam(0.1), stopping=FEW)
    assert found.status == "epochs"


def test_optimizers_that_cannot_be_used_are_refused(sets, refuses):
    with refuses(
        "optimizer", "'adam'", "Give an Optimizer, or a transformation of optax such as optax.adam(1e-3)"
    ):
        train(NET, sets.train, sets.test, optimizer="adam")
    with pytest.raises(ValueError, match=r"cannot be used with gradients and weights alone.*Use another"):
        train(NET, sets.train, sets.test, optimizer=optax.lbfgs())
    with refuses("batch_per_class", "2", "Put it into the Optimizer"):
        train(NET, sets.train, sets.test, optimizer=Optimizer(), batch_per_class=2)
    with pytest.raises(ValueError, match="batch_per_class = 0"):
        train(NET, sets.train, sets.test, optimizer=optax.adam(0.1), batch_per_class=0)


@pytest.mark.long
def test_batches_alone_are_those_of_the_default_optimizer(sets):
    found = train(NET, sets.train, sets.test, batch_per_class=8, stopping=FEW)
    assert found.steps == 7
    same = train(NET, sets.train, sets.test, optimizer=Optimizer(batch_per_class=8), stopping=FEW)
    assert same_bits(found.net, same.net)


# Classes of noisy inputs


@pytest.mark.parametrize("noise", [UniformNoise(0.2), UniformNoise(0.2, "features"), Masking(0.3)])
def test_what_enters_a_network_is_noisy(noise, sets):
    """It is what the process leaves: a position of the encoding for each symbol, and a channel for masks."""
    task, key = Classification(noise), Key(np.uint32(3), np.uint32(4))
    leaves = Leaves(PARAMS, "onehot_blank", jnp.asarray(sets.test.features), jnp.asarray(sets.test.positions))
    labels = jnp.asarray(sets.test.labels, jnp.int32)
    inputs, targets = task.examples(leaves, labels, key)
    received = np.asarray(inputs.symbols)
    assert (jax.jit(lambda: task.examples(leaves, labels, key)[0].symbols)() == received).all()
    again, _ = task.examples(leaves, labels, Key(np.uint32(4), np.uint32(4)))
    assert (targets == labels).all() and (received != np.asarray(again.symbols)).any()
    changed = (received != sets.test.encode("integer")).mean()
    drawn = 1 if isinstance(noise, Masking) else 3 / 4 if noise.over is None else 1 - 2 / 3 * 4 / 16
    expected = noise.strength * drawn
    assert abs(changed - expected) < 4 * (expected / received.size) ** 0.5
    x = dense(NET, inputs)
    assert x.shape == (60, 16, task.interface(PARAMS, "onehot_blank").channels)
    if noise.masks:
        assert (np.asarray(x[..., -1]) == (received == MASKED)).all()


def test_training_on_noisy_inputs(sets):
    """It ends when the error no longer falls, at or above the Bayes error: 4 standard errors are 0.25."""
    task = task_from("classification(uniform(0.2))")
    result = train(NET, sets.train, sets.test, task=task, stopping=Stopping(patience=3))
    best = bayes_error(sets.train.stream.grammar, task.noise, 1000).value
    assert result.status == "plateau" and best - 0.25 < result.test_error < 0.8


def test_the_noise_of_a_setup():
    usual, noisy = setup(PARAMS), setup(PARAMS, task="classification(uniform(0.2))")
    spec = noisy.at(24)
    assert RunSpec.from_dict(spec.to_dict()) == spec and usual.classifies and not noisy.classifies
    assert spec.to_dict()["task"] == {"name": "classification", "noise": "uniform(0.2)"}
    assert noisy.stopping.patience == 10 and usual.stopping.patience is None
    assert "classification(noise=uniform(0.2))" in setup_name(noisy)


def test_noise_that_cannot_enter_is_refused(refuses):
    with refuses("noise", "'belief(0.2)'", "Use uniform noise or masking"):
        task_from("classification(belief(0.2))")
    with refuses("task", "'classification(uniform(0.2), noise=uniform(0.3))'", "Give it once"):
        task_from("classification(uniform(0.2), noise=uniform(0.3))")
    with refuses("noise", "0.2", "Give a Process"):
        Classification(0.2)
    with refuses("patience", 3, "Leave it out, or choose another task"):
        Stopping(patience=3).filled_in(Classification())
    with refuses("loss_patience", 3, "Leave it out"):
        Stopping(loss_patience=3).filled_in(task_from("next"))
