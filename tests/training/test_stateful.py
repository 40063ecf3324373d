"""Training of networks with state: statistics, drops, and the promises of a run, on a network that compiles fast."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from srhm import Dataset, Grammar, Params, Stream, split
from srhm.measure.sensitivity import sensitivities
from srhm.model.encoding import encode
from srhm.nets.active import Leaves
from srhm.nets.draws import Uniforms
from srhm.nets.standard.linear import Linear
from srhm.nets.standard.network import StandardNetwork, relu_node
from srhm.nets.standard.unit import Unit
from srhm.nets.stateful import StatefulNetwork
from srhm.randomness import Key, fold, role_key, threefry2x32
from srhm.training import Optimizer, Stopping, train, train_ensemble, train_online
from srhm.training.job import TrainingJob
from srhm.training.loop import advance, batch_gradient, start
from srhm.training.order import class_data

PARAMS = Params(n_c=4, v=4, m=4, s=2, s0=1, L=2)
GRAMMAR = Grammar(PARAMS, 0)
RATE, WIDTH = 0.02, 8
OPTIMIZER = Optimizer(rate=RATE * WIDTH)


class Tiny(StandardNetwork):
    """One unit, one node, and a dropout: all that the loop has to know of."""

    unit: Unit
    readout: Linear
    dropout: float = eqx.field(static=True)

    def forward(self, x, way):
        x = relu_node(self.unit(x, way), way)
        return self.readout(way.drop(x.mean(axis=1), self.dropout, axes=2))


def tiny(seed=0, dtype="float32", dropout=0.3):
    uniform = Uniforms(role_key(seed, "network"), dtype)
    return Tiny(Unit.draw(uniform, 4, WIDTH, 3, bias=True), Linear.draw(uniform, WIDTH, 4), dropout)


@pytest.fixture(scope="module")
def sets():
    """45 training points: classes of 12, 11, 11, 11, three batches an epoch, the last of 13 points."""
    return split(GRAMMAR, P=45, P_test=100, seed=1)


def begin(net, order_seed=5):
    return start(net, Optimizer(), Stopping(loss=1e-9), rate=RATE * WIDTH, order_seed=order_seed)


def go(state, settings, sets, steps):
    return advance(
        state, class_data(sets.train, 4), settings, jnp.asarray(steps, jnp.int32), jnp.asarray(10**6, jnp.int32),
        params=PARAMS, encoding="whitened", batch_per_class=4,
    )  # fmt: skip


def arrays(tree):
    return [np.asarray(leaf) for leaf in jax.tree.leaves(eqx.filter(tree, eqx.is_array))]


def same_bits(first, second):
    return all(a.tobytes() == b.tobytes() for a, b in zip(arrays(first), arrays(second), strict=True))


def apart(first, second):
    return max(np.abs(a - b).max() for a, b in zip(arrays(first), arrays(second), strict=True))


def batches_of_epoch(sets, epoch, order_seed=5):
    """The batches of one epoch, each as features, positions and labels of its points alone."""
    data, batches = sets.train, []
    key = fold(role_key(order_seed, "order"), epoch)
    of_class = [np.flatnonzero(data.labels == class_) for class_ in range(4)]
    orders = []
    for class_, rows in enumerate(of_class):
        numbers = np.arange(len(rows), dtype=np.uint32)
        words, _ = threefry2x32(key, np.full(len(rows), class_, np.uint32), numbers)
        orders.append(rows[np.argsort(words, kind="stable")])
    for first in range(0, 12, 4):
        rows = np.concatenate([order[first : first + 4] for order in orders])
        batches.append((data.features[rows], data.positions[rows], data.labels[rows].astype(np.int32)))
    return batches


def test_six_steps_against_a_loop(sets):
    """Plain momentum over the points of each batch alone, the last of an epoch with 13 of 16."""
    with jax.enable_x64(True):
        net = tiny(dtype="float64", dropout=0.0)
        state, settings = begin(net)
        state = go(state, settings, sets, 6)
        momentum = jax.tree.map(jnp.zeros_like, net)
        step = eqx.filter_jit(batch_gradient)
        sizes = []
        for epoch in range(2):
            for features, positions, labels in batches_of_epoch(sets, epoch):
                leaves = Leaves(PARAMS, "whitened", jnp.asarray(features), jnp.asarray(positions))
                sizes.append(len(labels))
                valid = jnp.ones(len(labels), bool)
                _, gradient, net = step(
                    net, leaves, jnp.asarray(labels), valid, Key(jnp.uint32(0), jnp.uint32(0))
                )
                assert all(not np.any(one) for one in gradient.statistics())
                momentum = jax.tree.map(lambda m, g: 0.9 * m + g, momentum, gradient)
                net = jax.tree.map(lambda w, m: w - RATE * WIDTH * m, net, momentum)
        assert sizes == [16, 16, 13] * 2
        assert apart(state.net, net) < 1e-12
        assert apart(net.statistics(), begin(tiny(dtype="float64"))[0].net.statistics()) > 0.1


def test_statistics_and_drops_by_their_text(sets):
    """One step: a tenth of the batch's mean, and the dropped entries from the key of epoch 0 and batch 0."""
    state, settings = begin(tiny())
    net, state = state.net, go(state, settings, sets, 1)
    ((features, positions, labels), *_) = batches_of_epoch(sets, 0)
    x = encode(PARAMS, features, positions)
    z = np.asarray(net.unit.convolution(jnp.asarray(x)), np.float64).reshape(-1, WIDTH)
    np.testing.assert_allclose(state.net.unit.norm.mean, 0.1 * z.mean(0), rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(state.net.unit.norm.variance, 0.9 + 0.1 * z.var(0, ddof=1), rtol=1e-4)
    key = fold(fold(role_key(5, "order"), 2 * 2**32), 0)  # part 2 of epoch 0, then the batch
    words, _ = threefry2x32(key, np.arange(16 * WIDTH, dtype=np.uint32), np.uint32(0))
    kept = (words >= round(0.3 * 2**32)).reshape(16, WIDTH)
    hidden = np.maximum((z - z.mean(0)) / np.sqrt(z.var(0) + 1e-5), 0).reshape(16, -1, WIDTH).mean(1)
    f = (hidden * kept / 0.7) @ np.asarray(net.readout.weight) + np.asarray(net.readout.bias)
    losses = np.log(np.exp(f).sum(1)) - f[np.arange(16), labels]
    np.testing.assert_allclose(state.loss_sum, losses.sum(), rtol=1e-5)


def test_calls_of_any_length_give_the_same_bits(sets):
    state, settings = begin(tiny())
    whole = go(state, settings, sets, 11)
    for cut in (1, 4):
        assert same_bits(go(go(state, settings, sets, cut), settings, sets, 11 - cut), whole)
    other, settings = begin(tiny(), order_seed=6)
    assert not same_bits(go(other, settings, sets, 11), whole)


def test_a_run_that_was_cut_goes_on_to_the_same_bits(sets, tmp_path):
    """The checkpoint holds the statistics, of the best network too."""

    def run(**options):
        stopping = Stopping(loss=1e-9, max_epochs=21, eval_every=5, select="best")
        return train(tiny(), sets.train, sets.test, optimizer=OPTIMIZER, stopping=stopping, **options)

    def interrupt(told):
        raise KeyboardInterrupt

    whole = run()
    assert whole.steps == 63 and whole.status == "epochs"
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            run(checkpoint=tmp_path / "state", progress=interrupt)
    resumed = run(checkpoint=tmp_path / "state")
    assert same_bits(resumed.net, whole.net)
    for name in ("epochs", "steps", "train_loss", "test_error", "best_test_error", "best_epoch"):
        assert getattr(resumed, name) == getattr(whole, name), name


@pytest.mark.long
def test_members_of_an_ensemble_are_single_runs(sets):
    with jax.enable_x64(True):
        how = {"optimizer": OPTIMIZER, "stopping": Stopping(max_epochs=4)}
        jobs = [
            TrainingJob(tiny(seed, "float64"), sets.train, sets.test, **how, order_seed=seed)
            for seed in (0, 1)
        ]
        together = train_ensemble(jobs)
        for job, found in zip(jobs, together, strict=True):
            alone = train(job.net, sets.train, sets.test, **how, order_seed=job.order_seed)
            assert apart(alone.net, found.net) < 1e-10
            assert abs(alone.train_loss - found.train_loss) < 1e-10
        assert apart(together[0].net, together[1].net) > 0.1


@pytest.mark.long
def test_one_pass_training():
    """Against a loop over the stream: batch i drops by the i-th key of the stream's seed in the role of the order."""
    stream, test_set = Stream(GRAMMAR, 3), Dataset.draw(Stream(GRAMMAR, 3, reverse=True), 100)
    with jax.enable_x64(True):
        net = tiny(dtype="float64")
        found = train_online(net, stream, test_set, points=5 * 16, optimizer=Optimizer(RATE * WIDTH))
        momentum = jax.tree.map(jnp.zeros_like, net)
        step = eqx.filter_jit(batch_gradient)
        for number in range(5):
            data = Dataset.draw(stream, 16, start=16 * number)
            leaves = Leaves(PARAMS, "whitened", jnp.asarray(data.features), jnp.asarray(data.positions))
            key = Key(*map(jnp.asarray, fold(role_key(3, "order"), number)))
            labels, valid = jnp.asarray(data.labels, jnp.int32), jnp.ones(16, bool)
            _, gradient, net = step(net, leaves, labels, valid, key)
            momentum = jax.tree.map(lambda m, g: 0.9 * m + g, momentum, gradient)
            net = jax.tree.map(lambda w, m: w - RATE * WIDTH * m, net, momentum)
        assert apart(found.net, net) < 1e-12


def test_it_learns(sets):
    """The loss falls far below that of a guess, ln 4, though entries are dropped."""
    found = train(tiny(), sets.train, sets.test, optimizer=OPTIMIZER, stopping=Stopping(max_epochs=150))
    assert found.train_loss < 1.0 < np.log(4)


def test_errors_and_sensitivities_are_those_of_evaluation_mode(sets):
    """Nothing is dropped, and the running statistics are used: the same as by the map of activations."""
    state, settings = begin(tiny())
    net = go(state, settings, sets, 9).net
    assert isinstance(net, StatefulNetwork)
    measured = sensitivities(net, sets.test)
    assert measured.layers == ("depth_0.2", "depth_0.5", "depth_0.8", "last", "output")
    plain = sensitivities(lambda x: dict(net.activations(x)), sets.test)
    np.testing.assert_allclose(measured.S, plain.S, rtol=1e-5)
    x = sets.test.encode()
    np.testing.assert_array_equal(net(x), net(x))
