"""Training: against plain NumPy step by step, and the promises of a run: same bits however it is cut."""

import json
from dataclasses import fields, replace
from types import SimpleNamespace

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import filled_nets
import srhm.files
import srhm.training.evaluation
import srhm.training.loop
import srhm.training.run
from srhm import ArgumentError, Grammar, Params, split
from srhm.gradients import gradient_moments, open_gradient, overlap
from srhm.measure.clustering import clusters
from srhm.measure.probing import probes
from srhm.measure.sensitivity import sensitivities, test_error
from srhm.nets import build
from srhm.nets.network import width_of
from srhm.nets.spec import netspec
from srhm.randomness import fold, role_key, threefry2x32
from srhm.study import Measuring, Setup
from srhm.training import Optimizer, Stopping, train, train_online
from srhm.training.checkpoint import Checkpoint
from srhm.training.evaluation import TestSet
from srhm.training.job import TrainingJob
from srhm.training.loop import advance, start
from srhm.training.order import class_data, stable_order
from srhm.training.run import SingleRun
from srhm.training.stuck import LossWatch

PARAMS = Params(n_c=4, v=4, m=4, s=2, s0=1, L=2)
WIDTH, RATE = 8, 0.05
PER_CLASS = 4
GRAMMAR = Grammar(PARAMS, seed=0)
MODES = ("reshuffled", "fixed")


@pytest.fixture(scope="module")
def sets():
    """45 training points: classes of 12, 11, 11, 11, three batches an epoch, the last of 13 points."""
    return split(GRAMMAR, P=45, P_test=100, seed=1)


@pytest.fixture(scope="module")
def net():
    return filled("cnn", seed=2)


def filled(name, seed, dtype="float32"):
    """A network as it is built, its weights drawn by NumPy: nothing to compile."""
    random = np.random.default_rng(seed)
    form = eqx.filter_eval_shape(lambda: build(name, PARAMS, WIDTH, dtype=dtype))
    return jax.tree.map(lambda leaf: jax.device_put(random.normal(size=leaf.shape).astype(leaf.dtype)), form)


def built_for(net, **changes):
    """The same weights, as if the network had been built for something else."""
    return replace(net, design=net.design._replace(spec=replace(net.design.spec, **changes)))


def begin(net, *, batches="reshuffled", rate=RATE, order_seed=5):
    rate, optimizer, stopping = rate * width_of(net), Optimizer(batches=batches), Stopping(loss=1e-9)
    return start(net, optimizer, stopping, rate=rate, order_seed=order_seed)


def go(state, settings, data, steps, until_epoch=10**6):
    """Advance by some batches."""
    return advance(
        state,
        data,
        settings,
        jnp.asarray(steps, jnp.int32),
        jnp.asarray(until_epoch, jnp.int32),
        params=PARAMS,
        encoding="whitened",
        batch_per_class=PER_CLASS,
    )


def leaves(tree):
    return [np.asarray(leaf) for leaf in jax.tree.leaves(eqx.filter(tree, eqx.is_array))]


def same_bits(first, second):
    return all(a.tobytes() == b.tobytes() for a, b in zip(leaves(first), leaves(second), strict=True))


# The oracle: the same training in NumPy, from the text of docs, networks.md and 4


def order_of_epoch(order_seed, epoch, counts, mode):
    """The batches of one epoch, each a list of (class, number within the class)."""
    key = role_key(order_seed, "order")
    orders = []
    for class_, count in enumerate(counts):
        numbers = np.arange(count, dtype=np.uint32)
        words, _ = threefry2x32(fold(key, epoch), np.full(count, class_, np.uint32), numbers)
        orders.append(np.argsort(words, kind="stable") if mode == "reshuffled" else np.arange(count))
    batches = [
        [
            (class_, number)
            for class_, order in enumerate(orders)
            for number in order[first : first + PER_CLASS]
        ]
        for first in range(0, max(counts), PER_CLASS)
    ]
    if mode == "fixed":  # the second counter word 1 is bit 32 of the number that is folded in
        numbers = np.arange(len(batches), dtype=np.uint32)
        words, _ = threefry2x32(fold(key, epoch + 2**32), numbers, np.zeros_like(numbers))
        batches = [batches[number] for number in np.argsort(words, kind="stable")]
    return batches


class NumpyNetwork:
    """Forward and backward passes of CNN, LCN and FCN with weights [patch, entry, unit]."""

    def __init__(self, name, net):
        self.name = name
        self.weights = []
        for layer in net.layers:
            weight, bias = np.array(layer.weight, np.float64), np.array(layer.bias, np.float64)
            self.weights += [weight, bias]
        self.weights.append(np.array(net.readout, np.float64))
        self.momentum = [np.zeros_like(weight) for weight in self.weights]

    def losses_and_gradient(self, x, labels):
        """The cross-entropy of every point, and the gradient of their mean."""
        *hidden, readout = self.weights
        n, h = len(x), readout.shape[0]
        kept, C_in = [], x.shape[2]
        divisors = []
        for weight, bias in zip(hidden[::2], hidden[1::2], strict=True):
            patch = x.reshape(n, 1 if self.name == "fcn" else x.shape[1] // PARAMS.patch, -1)
            divisors.append(np.sqrt(C_in))
            z = np.empty((n, patch.shape[1], bias.shape[-1]))
            for q in range(patch.shape[1]):
                matrix = weight[q] if self.name == "lcn" else weight
                z[:, q] = patch[:, q] @ matrix / divisors[-1] + 0.1 * (
                    bias if self.name == "fcn" else bias[q]
                )
            kept.append((patch, z))
            x, C_in = np.maximum(z, 0), h
        mean = x.mean(axis=1)
        f = mean @ readout / h
        p = np.exp(f - f.max(axis=1, keepdims=True))
        p /= p.sum(axis=1, keepdims=True)
        losses = -np.log(p[np.arange(n), labels])
        df = p.copy()
        df[np.arange(n), labels] -= 1
        df /= n
        gradient = [mean.T @ df / h]
        dx = np.repeat((df @ readout.T / h)[:, None] / x.shape[1], x.shape[1], axis=1)
        for number in reversed(range(len(kept))):
            patch, z = kept[number]
            weight, bias = hidden[2 * number], hidden[2 * number + 1]
            dz = dx.reshape(z.shape) * (z > 0)
            d_bias = 0.1 * (dz.sum(axis=(0, 1)) if self.name == "fcn" else dz.sum(axis=0))
            d_weight, dx = np.zeros_like(weight), np.empty_like(patch)
            for q in range(z.shape[1]):
                matrix = weight[q] if self.name == "lcn" else weight
                product = patch[:, q].T @ dz[:, q] / divisors[number]
                if self.name == "lcn":
                    d_weight[q] = product
                else:
                    d_weight += product
                dx[:, q] = dz[:, q] @ matrix.T / divisors[number]
            gradient = [d_weight, d_bias.reshape(bias.shape), *gradient]
        return losses, gradient

    def step(self, x, labels, rate):
        losses, gradients = self.losses_and_gradient(x, labels)
        for weight, momentum, gradient in zip(self.weights, self.momentum, gradients, strict=True):
            momentum *= 0.9
            momentum += gradient
            weight -= rate * momentum
        return losses


def numpy_training(name, net, dataset, steps, *, mode, order_seed, rate=RATE):
    """Train `steps` batches; return the network and the losses of the points of each batch, epoch by epoch."""
    network = NumpyNetwork(name, net)
    dense, labels = dataset.encode("whitened", np.float64), dataset.labels
    by_class = [np.flatnonzero(labels == class_) for class_ in range(PARAMS.n_c)]
    epochs, done = [], 0
    while done < steps:
        epochs.append([])
        for batch in order_of_epoch(order_seed, len(epochs) - 1, [len(rows) for rows in by_class], mode):
            rows = np.array([by_class[class_][number] for class_, number in batch])
            epochs[-1].append(network.step(dense[rows], labels[rows].astype(int), rate * WIDTH))
            done += 1
            if done == steps:
                break
    return network, epochs


@pytest.mark.parametrize("frozen", [pytest.param((1,), marks=pytest.mark.long), (2, 3)])
def test_frozen_layers_are_the_same_bits_after_training(frozen):
    params = Params(n_c=3, v=3, m=3, s=2, s0=1, L=2)
    sets = split(Grammar(params), 40, 20)
    net = build("cnn", params, 6, frozen_layers=frozen)
    trained = run(sets, net, rate=0.1, loss=1e-9, max_epochs=3).net
    pairs = zip((*net.layers, net.readout), (*trained.layers, trained.readout), strict=True)
    for number, (before, after) in enumerate(pairs, start=1):
        for a, b in zip(jax.tree.leaves(before), jax.tree.leaves(after), strict=True):
            assert bool((a == b).all()) == (number in frozen)


def test_the_oracle_s_gradient():
    """Backward by hand against differences, so that the oracle itself is beyond doubt."""
    random = np.random.default_rng(0)
    x, labels = random.normal(size=(5, PARAMS.d, 4)), np.array([0, 1, 2, 3, 1])
    for name in ("cnn", "lcn", "fcn"):
        network = NumpyNetwork(name, filled(name, seed=1))
        _, gradients = network.losses_and_gradient(x, labels)
        for weight, gradient in zip(network.weights, gradients, strict=True):
            for _ in range(5):
                entry = tuple(random.integers(size) for size in weight.shape)
                value, sides = weight[entry], []
                for sign in (1, -1):
                    weight[entry] = value + sign * 1e-6
                    sides.append(network.losses_and_gradient(x, labels)[0].mean())
                weight[entry] = value
                assert abs((sides[0] - sides[1]) / 2e-6 - gradient[entry]) < 1e-8


SINGLE, DOUBLE = ("float32", 1e-3), ("float64", 1e-10)


@pytest.mark.parametrize(
    ("name", "dtype", "tolerance"),
    [
        *((name, *DOUBLE) for name in ("cnn", "lcn", "fcn")),
        ("cnn", *SINGLE),
        *(pytest.param(name, *SINGLE, marks=pytest.mark.long) for name in ("lcn", "fcn")),
    ],
)
def test_twenty_steps_against_numpy(name, dtype, tolerance):
    """P = 45 ends its epochs with 13 points, P = 35 with 3, of three classes; 20 steps end amid an epoch."""
    with jax.enable_x64(dtype == "float64"):
        net = filled(name, 3, dtype)
        for mode, P in (("reshuffled", 45), ("fixed", 45), ("reshuffled", 35), ("fixed", 35)):
            train_set = split(GRAMMAR, P, 1, seed=P).train
            oracle, epochs = numpy_training(name, net, train_set, 20, mode=mode, order_seed=7)
            state, settings = begin(net, batches=mode, order_seed=7)
            state = go(state, settings, class_data(train_set, PER_CLASS), 20)
            found = [part for layer in state.net.layers for part in (layer.weight, layer.bias)]
            for one, expected in zip([*found, state.net.readout], oracle.weights, strict=True):
                assert np.abs(np.asarray(one) - expected).max() < tolerance
            assert (int(state.epoch), int(state.batch)) == (6, 2)
            assert abs(float(state.loss_sum) - np.concatenate(epochs[6]).sum()) < 45 * tolerance
            assert abs(float(state.epoch_loss) - np.concatenate(epochs[5]).mean()) < tolerance


# The order of the training points, seen from inside the network


class Spy(eqx.Module):
    """A linear network that shows the batches it is given."""

    weight: jax.Array
    tell: object = eqx.field(static=True)

    def __call__(self, x):
        jax.debug.callback(self.tell, x, ordered=True)
        return x.reshape(len(x), -1) @ self.weight


def spied_batches(train_set, mode, epochs):
    """The rows of the training set in each batch, epoch by epoch, and the padding set aside.

    Padding repeats the first point of a class, behind the points of the class in the batch.
    """
    seen = []
    net = Spy(jnp.zeros((PARAMS.d * PARAMS.v, PARAMS.n_c), jnp.float32), lambda x: seen.append(np.array(x)))
    state, settings = begin(net, batches=mode)
    go(state, settings, class_data(train_set, PER_CLASS), 10**6, until_epoch=epochs)
    jax.effects_barrier()
    number = {x.tobytes(): row for row, x in enumerate(train_set.encode())}
    first, counts = np.unique(train_set.labels, return_index=True, return_counts=True)[1:]
    batches = [np.array([number[x.tobytes()] for x in batch]).reshape(-1, PER_CLASS) for batch in seen]
    for epoch in range(epochs):
        one = batches[epoch * len(batches) // epochs : (epoch + 1) * len(batches) // epochs]
        for class_ in range(PARAMS.n_c):
            padded = len(one) * PER_CLASS - counts[class_]
            small = [batch for batch in one if padded and batch[class_, -1] == first[class_]]
            for place in range(padded):
                assert small[-1][class_, -1 - place] == first[class_]
                small[-1][class_, -1 - place] = -1
        yield [batch[batch >= 0].tolist() for batch in one]


@pytest.mark.parametrize("mode", MODES)
def test_every_point_once_an_epoch_and_classes_balanced(sets, mode):
    epochs = list(spied_batches(sets.train, mode, 6))
    labels = sets.train.labels
    for batches in epochs:
        assert sorted(row for batch in batches for row in batch) == list(range(45))
        shares = [sorted(np.bincount(labels[batch], minlength=4).tolist()) for batch in batches]
        assert sorted(shares) == [[3, 3, 3, 4], [4] * 4, [4] * 4]
    compositions = [{frozenset(batch) for batch in batches} for batches in epochs]
    if mode == "fixed":
        assert all(one == compositions[0] for one in compositions)
        assert len({tuple(len(batch) for batch in batches) for batches in epochs}) > 1  # in changing order
    else:
        assert len({frozenset(one) for one in compositions}) == len(epochs)
        assert all(len(batches[-1]) == 13 for batches in epochs)


@pytest.mark.parametrize("entries", [1, 7, 1000, 2**16, 2**16 + 1])
@pytest.mark.parametrize("values", [3, 2**17, 2**32])
def test_sorting_by_halves_is_argsort(entries, values):
    """Few values make many ties; the widest rows are sorted in the usual way."""
    words = np.random.default_rng(0).integers(0, values, (2, entries), dtype=np.uint64).astype(np.uint32)
    np.testing.assert_array_equal(stable_order(jnp.asarray(words)), np.argsort(words, axis=1, kind="stable"))


def test_orders_are_uniform():
    """Each of 3 points of a class comes first equally often: chi-square with 2 degrees, false alarm 1e-4."""
    key_of = [order_of_epoch(seed, 0, [3], "reshuffled")[0][0][1] for seed in range(3000)]
    counts = np.bincount(key_of, minlength=3)
    assert ((counts - 1000) ** 2 / 1000).sum() < 18.4


# Bits that do not depend on how a run is cut


@pytest.mark.parametrize("mode", MODES)
def test_calls_of_any_length_give_the_same_bits(sets, net, mode):
    data = class_data(sets.train, PER_CLASS)
    state, settings = begin(net, batches=mode)
    whole = go(state, settings, data, 20)
    for calls in ([1] * 20, [3] * 6 + [2], [7, 13], [19, 1]):
        cut = state
        for steps in calls:
            cut = go(cut, settings, data, steps)
        assert same_bits(cut, whole), calls
    assert same_bits(go(go(state, settings, data, 100, until_epoch=6), settings, data, 2), whole)


def test_a_call_ends_with_its_epoch(sets, net):
    data = class_data(sets.train, PER_CLASS)
    state, settings = begin(net)
    for until in (1, 2, 5):
        state = go(state, settings, data, 1000, until_epoch=until)
        assert (int(state.epoch), int(state.batch), float(state.loss_sum)) == (until, 0, 0)
    assert same_bits(go(state, settings, data, 1000, until_epoch=5), state)
    assert same_bits(go(state, settings, data, 0), state)


def test_padding_changes_nothing(sets, net):
    state, settings = begin(net)
    small, large = class_data(sets.train, PER_CLASS), class_data(sets.train, 8 * PER_CLASS)
    assert (small.features.shape[1], large.features.shape[1]) == (64, 512)
    assert same_bits(go(state, settings, small, 20), go(state, settings, large, 20))


def test_padding_is_not_looked_at(sets, net):
    state, settings = begin(net)
    data = class_data(sets.train, PER_CLASS)
    padding = np.arange(64)[None] >= np.asarray(data.counts)[:, None]
    changed = np.where(padding[..., None], 3, np.asarray(data.features))
    assert (changed != np.asarray(data.features)).any()
    other = data._replace(features=jnp.asarray(changed.astype(np.uint8)))
    assert same_bits(go(state, settings, data, 20), go(state, settings, other, 20))


def test_layout_by_class(sets):
    for P, slots in ((4, 64), (256, 64), (257, 256), (1025, 1024)):
        train_set = split(GRAMMAR, P, 1).train
        data = class_data(train_set, PER_CLASS)
        assert data.features.shape == data.positions.shape == (4, slots, 4)
        for class_ in range(4):
            rows = train_set.labels == class_
            assert int(data.counts[class_]) == rows.sum()
            for laid, given in ((data.features, train_set.features), (data.positions, train_set.positions)):
                np.testing.assert_array_equal(laid[class_, : rows.sum()], given[rows])


def test_classes_with_weights_are_trained_as_they_come(net):
    """Batches of as many points, whatever their classes; each point once an epoch, with its own class."""
    skewed = split(Grammar(PARAMS, 1, class_weights=[6, 1, 2, 3]), 45, 20)
    data, labels = class_data(skewed.train, PER_CLASS), skewed.train.labels
    assert np.bincount(labels).max() > 15 and data.labels.shape == (4, 64)
    assert data.counts.tolist() == [12, 11, 11, 11]
    for row in range(45):
        at = row % 4, row // 4
        assert int(data.labels[at]) == labels[row]
        np.testing.assert_array_equal(data.features[at], skewed.train.features[row])
        np.testing.assert_array_equal(data.positions[at], skewed.train.positions[row])
    for mode in MODES:
        state, settings = begin(net, batches=mode, rate=0.0)
        state = go(state, settings, data, 10**6, until_epoch=3)
        scores = np.asarray(jax.vmap(lambda x: net(x[None])[0])(jnp.asarray(skewed.train.encode())), float)
        chosen = np.take_along_axis(scores, labels[:, None].astype(int), axis=1)[:, 0]
        loss = np.mean(np.log(np.exp(scores).sum(axis=1)) - chosen)
        assert float(state.epoch_loss) == pytest.approx(loss, rel=1e-5) and int(state.batch) == 0


def test_nothing_is_compiled_for_another_P_rate_or_seed(monkeypatch):
    """Both compiled functions call `outputs` when they are traced, and never afterwards."""
    traced = []
    plain = srhm.nets.network.outputs
    for module in (srhm.training.loop, srhm.training.evaluation):
        monkeypatch.setattr(module, "outputs", lambda *args: traced.append(1) or plain(*args))
    params = Params(n_c=3, v=3, m=2, s=2, s0=0, L=1)  # of no other test, so nothing is compiled yet
    grammar = Grammar(params, 0)

    def one(P, **options):
        sets = split(grammar, P, 5, replacement=True, seed=P)
        run(sets, build("cnn", params, 3, seed=0), **options)

    one(7, rate=0.1, max_epochs=2)
    first = len(traced)
    assert first > 0
    one(100, rate=0.1, max_epochs=3, eval_every=2)
    one(192, rate=0.02, max_epochs=1, batches="fixed", select="best", order_seed=9, loss=0.5)
    one(3, rate=0.1, max_epochs=4, momentum=0.0, every=2, record=True)
    assert len(traced) == first
    one(193, rate=0.1, max_epochs=1)  # 65 of a class: the next size
    assert len(traced) > first


# The end of a run


def losses_of_epochs(sets, net, epochs, order_seed=0, rate=RATE):
    data = class_data(sets.train, PER_CLASS)
    state, settings = begin(net, rate=rate, order_seed=order_seed)
    losses = []
    for epoch in range(epochs):
        state = go(state, settings, data, 10**6, until_epoch=epoch + 1)
        losses.append(float(state.epoch_loss))
    return np.array(losses)


def run(sets, net, **options):
    """Train for 30 epochs by default; fields of the optimizer and of the stop rule are given by name."""
    options = {"rate": RATE, "max_epochs": 30} | options

    def taken(kind):
        return kind(**{one.name: options.pop(one.name) for one in fields(kind) if one.name in options})

    optimizer, stopping = taken(Optimizer), taken(Stopping)
    return train(net, sets.train, sets.test, optimizer=optimizer, stopping=stopping, **options)


def outcome(result):
    """All of a result but the network and the wall times."""
    plain = replace(result, net=None, seconds=0.0, compile_seconds=0.0)
    return json.dumps(vars(plain))  # nan is not equal to nan, but its text is


def test_the_stop_rule_holds_at_the_first_epoch_below(sets, net):
    losses = losses_of_epochs(sets, net, 60)
    for threshold in (losses[0] + 1e-3, losses[11] * 1.0001, losses[:38].min() * 1.0001, losses[57] * 1.0001):
        first = int(np.argmax(losses < threshold)) + 1
        result = run(sets, net, max_epochs=60, loss=float(threshold))
        assert (result.status, result.epochs, result.steps) == ("converged", first, 3 * first)
        assert result.train_loss == losses[first - 1]
    exactly = run(sets, net, max_epochs=1, loss=float(losses[0]))
    assert exactly.status == "epochs"  # below, not at, the threshold


def test_the_stop_rule_at_every_tenth_epoch(sets, net):
    losses = losses_of_epochs(sets, net, 60)
    threshold = float(losses[12] * 1.0001)
    tenths = [epoch for epoch in range(10, 61, 10) if losses[epoch - 1] < threshold]
    assert np.argmax(losses < threshold) + 1 < tenths[0]
    result = run(sets, net, max_epochs=60, every=10, loss=threshold)
    assert (result.status, result.epochs) == ("converged", tenths[0])


@pytest.mark.parametrize("epochs", [1, 9, 10, 11, 30])
def test_the_last_epoch(sets, net, epochs):
    result = run(sets, net, max_epochs=epochs, loss=1e-9)
    assert (result.status, result.epochs, result.steps) == ("epochs", epochs, 3 * epochs)
    assert result.train_loss == losses_of_epochs(sets, net, epochs)[-1]


def test_the_final_network_is_the_one_of_the_last_step(sets, net):
    state, settings = begin(net, order_seed=0)
    last = go(state, settings, class_data(sets.train, PER_CLASS), 33)
    assert same_bits(run(sets, net, max_epochs=11).net, last.net)


def test_training_learns(sets, net):
    """3 of 4 points are known: a network that fits them all is right on unseen ones far above chance."""
    many = split(GRAMMAR, 2000, 500, seed=0)
    result = run(many, net, max_epochs=100, loss=0.05)
    assert result.status == "converged"
    assert result.test_error < 0.15 < 0.75
    assert (
        result.test_error
        == (np.asarray(result.net(many.test.encode())).argmax(axis=1) != many.test.labels).mean()
    )


@pytest.mark.parametrize("rate", [1e15, 1e30])
def test_a_diverged_run_has_no_number(sets, net, rate, tmp_path):
    options = {"rate": rate, "record": True, "checkpoint": tmp_path / "run.npz"}
    result = run(sets, net, max_epochs=2000, select="best", **options)
    assert result.status == "diverged"
    assert np.isnan(result.test_error) and np.isnan(result.best_test_error)
    assert not (tmp_path / "run.npz").exists()
    data = class_data(sets.train, PER_CLASS)
    for calls in (1, 2, 1000):  # the step at which it ends does not depend on the calls
        state, settings = begin(net, rate=rate, order_seed=0)
        for _ in range(result.steps + 5):
            state = go(state, settings, data, calls)
        assert 3 * int(state.epoch) + int(state.batch) == result.steps


@pytest.mark.parametrize("rate", [10, 100])
def test_a_dead_network_is_stuck_at_once(sets, net, rate, tmp_path):
    """Its first steps throw all units out of reach: the loss is then ln n_c for ever. Interrupted, it ends alike."""
    dead = {"rate": rate, "max_epochs": 2000, "loss_patience": 1000}
    result = run(sets, net, **dead)
    assert (result.status, result.train_loss) == ("stuck", pytest.approx(np.log(4)))
    assert result.epochs < 200 and result.test_error == 0.75
    longer = run(sets, net, rate=rate, max_epochs=3 * result.epochs)
    assert longer.train_loss == result.train_loss and same_bits(longer.net, result.net)
    options = {"checkpoint": tmp_path / "run.npz", "progress": Interrupter(4)}
    with pytest.raises(KeyboardInterrupt):
        run(sets, net, **dead, **options)
    again = run(sets, net, **dead, checkpoint=tmp_path / "run.npz")
    assert outcome(again) == outcome(result)


def test_a_network_that_learns_is_not_stopped(sets, net):
    """Slowly too: 300 epochs for what takes 26 at the usual rate."""
    for rate in (RATE, RATE / 10):
        options = {"rate": rate, "max_epochs": 4_000}
        watched, usual = (run(sets, net, **options, **more) for more in ({"loss_patience": 20}, {}))
        assert watched.status == usual.status == "converged" and outcome(watched) == outcome(usual)


def test_a_loss_that_stays_away_from_chance_is_unstable(sets, net):
    """A rate too small to move a weight; the weights of these tests are large, so that the loss is above chance."""
    result = run(sets, net, rate=1e-30, max_epochs=2000, eval_every=2, loss_patience=5)
    assert (result.status, result.epochs) == (
        "unstable",
        12,
    )  # the first evaluation has the lowest loss so far
    assert result.train_loss > 1.1 * np.log(4)


def test_what_counts_as_a_loss_that_falls(net):
    """By 1% of the lowest one, however it moves in between; at chance within 5%."""

    def ends(*losses, patience=3):
        watch = LossWatch(patience, chance=1.0)
        nets = (filled("cnn", seed) for seed in range(len(losses)))
        found = [watch.ends(loss, one) for loss, one in zip(losses, nets, strict=True)]
        assert not any(found[:-1])
        return found[-1]

    assert ends(1.0, 1.0, 0.995, 1.04) == "stuck"
    assert ends(1.0, 1.0, 0.985, 1.0, 1.0) is None
    assert ends(0.5, 0.9, 0.4999, 0.7) == "unstable"
    assert ends(0.5, 1.0, 1.0, 1.0) == "unstable"  # it has learned, and died since
    assert ends(5.0, 1.0, 1.0, 1.0, 1.0) == "stuck"  # large weights, then chance
    assert ends(1.0, 1.2, 1.0, 1.0) == "unstable"
    watch = LossWatch(1000, chance=1.0)
    assert [watch.ends(1.0, net) for _ in range(2)] == [None, "stuck"]
    assert [watch.ends(loss, net) for loss in (0.5, 0.5, 1.0, 1.0)] == [None, None, None, "unstable"]


@pytest.mark.parametrize("rate", [1e20, 1e37])
def test_weights_broken_by_the_last_step(net, rate):
    """The loss of a batch is taken before its step: one batch, one epoch, a finite loss, useless weights."""
    sets = split(GRAMMAR, 16, 50, seed=1)
    result = run(sets, net, max_epochs=1, select="best", rate=rate, record=True)
    assert np.isfinite(result.train_loss)
    assert result.status == "diverged" and result.record == []
    assert np.isnan(result.test_error) and np.isnan(result.best_test_error)


# Looks


def errors_by_hand(sets, net, epochs, order_seed=0):
    """The networks after given epochs, and their test errors counted by NumPy."""
    data = class_data(sets.train, PER_CLASS)
    state, settings = begin(net, order_seed=order_seed)
    found = {}
    for epoch in epochs:
        state = go(state, settings, data, 10**6, until_epoch=epoch)
        answers = np.asarray(state.net(sets.test.encode())).argmax(axis=1)
        found[epoch] = (float((answers != sets.test.labels).mean()), state.net)
    return found


@pytest.mark.parametrize(
    ("eval_every", "epochs"), [(10, [10, 20, 27]), (5, [5, 10, 15, 20, 25, 27]), (50, [27])]
)
@pytest.mark.parametrize("order_seed", [0, 1])
def test_looks_against_a_count_by_hand(sets, net, eval_every, epochs, order_seed):
    looks = errors_by_hand(sets, net, epochs, order_seed)
    best_epoch = min(looks, key=lambda epoch: looks[epoch][0])  # the first of the smallest
    for select in ("last", "best"):
        options = {"max_epochs": 27, "eval_every": eval_every, "select": select}
        result = run(sets, net, **options, order_seed=order_seed)
        assert result.best_test_error == looks[best_epoch][0]
        assert result.best_epoch == best_epoch
        reported = 27 if select == "last" else best_epoch
        assert result.test_error == looks[reported][0]
        assert same_bits(result.net, looks[reported][1])
        assert (result.epochs, result.steps) == (27, 81)


@pytest.mark.parametrize(
    "size", [33, *(pytest.param(size, marks=pytest.mark.long) for size in (1, 99, 100, 1000))]
)
def test_errors_do_not_depend_on_the_batch(sets, net, size):
    by_hand = float((np.asarray(net(sets.test.encode())).argmax(axis=1) != sets.test.labels).mean())
    for shared in (False, True):
        assert TestSet(sets.test, "whitened", shared=shared, batch=size).error(net) == by_hand


# The record


def log_spaced(most):
    return sorted({round(2 ** (k / 2)) for k in range(60)} & set(range(1, most + 1)))


@pytest.mark.parametrize("mode", MODES)
def test_the_record_against_numpy(sets, net, mode):
    """Mean loss over the points of the epoch so far; with fixed batches the small one may come first."""
    order_seed = next(
        seed for seed in range(100) if len(order_of_epoch(seed, 2, [12, 11, 11, 11], "fixed")[0]) == 13
    )
    _, epochs = numpy_training("cnn", net, sets.train, 26, mode=mode, order_seed=order_seed)
    options = {"max_epochs": 9, "batches": mode, "eval_every": 4}
    result = run(sets, net, **options, record=True, order_seed=order_seed)
    assert [point["step"] for point in result.record] == [*log_spaced(27), 27]
    for point in result.record[:-1]:
        epoch, batch = divmod(point["step"] - 1, 3)
        seen = np.concatenate(epochs[epoch][: batch + 1])
        assert point["epoch"] == point["step"] // 3
        assert abs(point["train_loss"] - seen.mean()) < 1e-4
    assert result.record[-1]["test_error"] == result.test_error
    assert result.record[-1]["train_loss"] == result.train_loss
    assert result.record[-1]["epoch"] == 9


def test_recording_changes_nothing(sets, net):
    with_record, without = run(sets, net, record=True), run(sets, net)
    assert same_bits(with_record.net, without.net)
    assert outcome(replace(with_record, record=[])) == outcome(without)


def test_what_is_recorded_can_be_kept(sets, net, tmp_path):
    def measure(net):
        return {
            "norm": jnp.float32(1.5),
            "each": [np.float32(2), np.arange(2)],
            "half": jnp.bfloat16(0.5),
            "text": "a",
        }

    checkpoint = Checkpoint(tmp_path / "run.npz", every=0.0)
    stopping = Stopping(max_epochs=2)
    found = train(net, sets.train, sets.test, stopping=stopping, record=measure, checkpoint=checkpoint)
    known = {"norm": 1.5, "each": [2.0, [0, 1]], "half": 0.5, "text": "a"}
    assert all(point | known == point for point in found.record) and found.record
    with pytest.raises(ArgumentError, match="was returned as 'net'"):
        train(net, sets.train, sets.test, stopping=stopping, record=lambda net: {"net": net})


def test_files_and_budgets_that_cannot_be(sets, net, tmp_path):
    for argument, value in (("checkpoint", tmp_path), ("checkpoint", "/proc/none/run.npz"), ("budget", "5")):
        with pytest.raises(ArgumentError, match=f"^{argument} = "):
            train(net, sets.train, sets.test, **{argument: value})
    with pytest.raises(ArgumentError, match="every = "):
        Checkpoint("run.npz", every="5")


# Interruption


PUBLISHED_LIKE = {"max_epochs": 33, "select": "best", "batches": "fixed", "eval_every": 4}


@pytest.fixture(scope="module")
def undisturbed(sets, net):
    return run(sets, net, **PUBLISHED_LIKE, record=True)


class Interrupter:
    """Interrupts a run at its n-th call."""

    def __init__(self, calls, error=KeyboardInterrupt):
        self.calls, self.error = calls, error

    def __call__(self, *_):
        self.calls -= 1
        if self.calls == 0:
            raise self.error


def equal_runs(result, undisturbed):
    return outcome(result) == outcome(undisturbed) and same_bits(result.net, undisturbed.net)


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])
def test_an_interrupted_run_goes_on_to_the_same_bits(sets, net, undisturbed, tmp_path, error):
    path = tmp_path / "run.npz"
    sittings = 0
    while True:
        sittings += 1
        options = {"record": True, "checkpoint": path, "progress": Interrupter(3, error)}
        try:
            result = run(sets, net, **PUBLISHED_LIKE, **options)
            break
        except error:
            assert path.exists()
    assert sittings > 3
    assert equal_runs(result, undisturbed)
    assert path.exists()  # whoever keeps the result deletes it


@pytest.mark.parametrize("look", range(1, 16))
def test_a_look_that_was_interrupted_is_made_up_for(sets, net, undisturbed, tmp_path, monkeypatch, look):
    """The step is taken, its look is not: the looks and the record must not have a gap."""
    plain, interrupt = TestSet.scores, Interrupter(look)

    def scores(self, net):
        interrupt()
        return plain(self, net)

    options = {"record": True, "checkpoint": tmp_path / "run.npz"}
    with monkeypatch.context() as interrupted:
        interrupted.setattr(TestSet, "scores", scores)
        with pytest.raises(KeyboardInterrupt):
            run(sets, net, **PUBLISHED_LIKE, **options)
    assert equal_runs(run(sets, net, **PUBLISHED_LIKE, **options), undisturbed)


@pytest.mark.parametrize("budget", [0, 2, 7, 20])
def test_a_run_out_of_budget_goes_on_to_the_same_bits(sets, net, undisturbed, tmp_path, monkeypatch, budget):
    """With a clock that counts how often it is read; every other sitting is long."""
    ticks = iter(range(10**9))
    monkeypatch.setattr(srhm.training.run, "time", SimpleNamespace(perf_counter=lambda: float(next(ticks))))
    path, sitting, seconds = tmp_path / "run.npz", 0, 0.0
    while True:
        given = budget if sitting % 2 == 0 else 30
        result = run(sets, net, **PUBLISHED_LIKE, record=True, checkpoint=path, budget=given)
        sitting += 1
        assert result.seconds > seconds
        seconds = result.seconds
        if result.status != "stopped":
            break
        assert path.exists()
        assert result.epochs <= 33 and result.steps <= 99
    assert sitting > 2
    assert equal_runs(result, undisturbed)


def test_a_stopped_run_without_a_checkpoint_reports_what_it_has(sets, net):
    result = run(sets, net, budget=0.0)
    assert (result.status, result.epochs, result.steps) == ("stopped", 0, 0)
    assert np.isnan(result.train_loss)
    assert same_bits(result.net, net)
    assert result.test_error == result.best_test_error == TestSet(sets.test, "whitened").error(net)


def test_a_failing_save_leaves_the_last_checkpoint(sets, net, undisturbed, tmp_path, monkeypatch):
    """The process dies while it writes its third checkpoint: the run goes on from the second."""
    checkpoint = Checkpoint(tmp_path / "run.npz", every=0)
    options = {"record": True, "checkpoint": checkpoint}
    with monkeypatch.context() as broken:
        broken.setattr(srhm.files.os, "fsync", Interrupter(3, OSError))
        with pytest.raises(OSError):
            run(sets, net, **PUBLISHED_LIKE, **options)
    with np.load(checkpoint.path) as content:
        assert 0 < json.loads(content["head"].tobytes())["host"]["record"][-1]["step"] < 99
    assert list(tmp_path.iterdir()) == [checkpoint.path]
    assert equal_runs(run(sets, net, **PUBLISHED_LIKE, **options), undisturbed)


def test_checkpoints_are_written_when_due(sets, net, undisturbed, tmp_path, monkeypatch):
    saved = []
    plain = Checkpoint.save
    monkeypatch.setattr(Checkpoint, "save", lambda *args: saved.append(1) or plain(*args))
    calls = []
    options = {"record": True, "progress": calls.append}
    result = run(sets, net, **PUBLISHED_LIKE, checkpoint=Checkpoint(tmp_path / "a", every=0), **options)
    assert len(saved) == len(calls) > 5
    assert equal_runs(result, undisturbed)
    saved.clear()
    run(sets, net, **PUBLISHED_LIKE, checkpoint=Checkpoint(tmp_path / "b", every=1e9), **options)
    assert not saved


@pytest.mark.parametrize("end", ["saved", "interrupted", "diverged"])
def test_a_finished_run_comes_back_at_once(sets, net, undisturbed, tmp_path, monkeypatch, end):
    """Whoever measures and keeps the result may be interrupted too, and must not train again."""
    checkpoint = Checkpoint(tmp_path / "run.npz", every=1e9 if end == "interrupted" else 0)
    options = {"record": True, "checkpoint": checkpoint}
    if end == "interrupted":
        with pytest.raises(KeyboardInterrupt):
            run(sets, net, **PUBLISHED_LIKE, **options, progress=Interrupter(3))
    if end == "diverged":
        options["rate"] = 1e30
    first = run(sets, net, **PUBLISHED_LIKE, **options)
    assert first.status == ("diverged" if end == "diverged" else "epochs")
    monkeypatch.setattr(
        srhm.training.run, "advance_compiled", lambda *_, **__: pytest.fail("it trains again")
    )
    again = run(sets, net, **PUBLISHED_LIKE, **options)
    assert again.status == first.status
    if end != "diverged":  # which is nan, and nan is not nan
        assert equal_runs(first, undisturbed) and equal_runs(again, undisturbed)


def test_a_short_run_leaves_no_file(sets, net, tmp_path):
    run(sets, net, **PUBLISHED_LIKE, checkpoint=tmp_path / "run.npz")
    assert list(tmp_path.iterdir()) == []


def test_checkpoints_of_other_runs_are_refused(sets, net, refuses, tmp_path):
    path = tmp_path / "run.npz"
    run(sets, net, budget=0.0, checkpoint=path)
    other_sets = split(GRAMMAR, 45, 100, seed=2)
    repeated = split(GRAMMAR, 45, 100, seed=1, replacement=True)
    longer = split(GRAMMAR, 46, 100, seed=1)
    others = [
        (sets, filled("cnn", seed=3), {}),  # the same shapes, other weights
        (sets, filled("lcn", seed=2), {}),
        (other_sets, net, {}),
        (repeated, net, {}),
        (replace(sets, train=repeated.train), net, {}),
        (longer, net, {}),
        (replace(sets, test=longer.train), net, {}),
        (sets, net, {"rate": 2 * RATE}),
        (sets, net, {"loss": 1e-2}),
        (sets, net, {"order_seed": 1}),
        (sets, net, {"max_epochs": 31}),
        (sets, built_for(net, encoding="onehot"), {}),
        (sets, net, {"record": True}),
    ]
    for given_sets, given_net, options in others:
        with refuses("checkpoint", repr(str(path)), "Use another file, or delete it"):
            run(given_sets, given_net, budget=0.0, checkpoint=path, **options)
    assert run(sets, net, budget=0.0, checkpoint=path).status == "stopped"


def test_numbers_of_numpy_can_be_kept(unchecked, sets, net, tmp_path):
    """What JSON cannot hold would be found out only after a minute of training."""
    given = {
        "rate": np.float32(RATE),
        "order_seed": np.uint64(3),
        "loss": np.float64(1e-3),
    }
    result = run(sets, net, budget=0.0, checkpoint=tmp_path / "run.npz", **given)
    assert result.status == "stopped"


def test_the_pace_of_calls_has_bounds():
    """Calls that end early at a look seem ever faster: a long run overflowed by this."""
    steps = 32
    for _ in range(2000):
        steps = srhm.training.run.paced(steps, 1e-6)
    assert steps == 2**24
    assert srhm.training.run.paced(64, 4.0) == 8
    assert srhm.training.run.paced(1, 1e9) == 1


def test_progress(sets, net):
    seen = []
    result = run(sets, net, max_epochs=12, progress=seen.append)
    assert seen[-1] == {
        "epoch": 12,
        "step": 36,
        "train_loss": result.train_loss,
        "best_test_error": result.best_test_error,
    }
    assert [one["step"] for one in seen] == sorted({one["step"] for one in seen})
    early = []
    run(sets, net, max_epochs=1, record=True, progress=early.append)
    assert np.isnan(early[0]["train_loss"]) and early[0]["best_test_error"] == np.inf


def test_a_checkpoint_knows_its_samples_by_the_names_it_always_had(net):
    """Checkpoints of earlier versions are resumed: a rule is stored under its first name."""
    for replacement, rule in ((True, "independent"), (False, "permutation")):
        sets = split(GRAMMAR, 45, 100, seed=1, replacement=replacement)
        first = TrainingJob(net, sets.train, sets.test).identity["train"]
        assert first == [1, rule, False, "samples", 0, 45]
    job = TrainingJob(net, sets.train, sets.test)
    assert not any("loss_patience" in str(one) for one in job.identity["options"])
    waiting = TrainingJob(net, sets.train, sets.test, stopping=Stopping(loss_patience=7))
    assert any("loss_patience=7" in str(one) for one in waiting.identity["options"])


# What the network knows


def test_the_width_is_that_of_the_network(sets, net):
    """The rate is per width for networks of ours, however they were made, and the rate itself for any other."""
    own = eqx.nn.Linear(3, 4, key=jax.random.key(0))
    for one, times in ((net, WIDTH), (replace(net, design=None), WIDTH), (own, 1)):
        job = TrainingJob(one, sets.train, sets.test, Optimizer(rate=RATE))
        assert job.rate == RATE * times and SingleRun(job).settings.rate == np.float32(RATE * times)
        assert job.identity["numbers"] == [times, 0]
    for width in (2, 24):
        wide = eqx.filter_eval_shape(lambda width=width: build("efficientnetb0", PARAMS, 8 * width))
        assert width_of(wide) == 8 * width


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("cnn", {}), ("lcn", {}), ("lcn", {"shared_layers": (1,)}), ("fcn", {}), ("vgg11", {}),
        ("efficientnetb0", {"encoding": "onehot_blank"}),
    ],
)  # fmt: skip
@pytest.mark.parametrize("s0", [0, 1])
def test_what_is_left_out_is_what_a_run_of_the_laboratory_has(name, options, s0):
    params = Params(v=4, s0=s0, L=2)
    if name == "vgg11":
        params = Params(v=4, s0=s0, L=5 - s0)
    sets = split(Grammar(params), 8, 4, replacement=True)
    setup = Setup(params, netspec(name, width=16, **options), measuring=Measuring(P_test=4))
    job = TrainingJob(filled_nets.filled(name, params, 16, **options), sets.train, sets.test)
    assert (job.optimizer, job.stopping) == (setup.optimizer, setup.stopping)
    assert (job.encoding, job.width) == (setup.net.encoding, setup.width)


def test_what_is_given_is_used_and_what_is_left_out_is_filled_in(sets, net):
    job = TrainingJob(net, sets.train, sets.test, Optimizer(rate=0.02), Stopping(loss=0.3, max_epochs=30))
    stopping = Stopping(loss=0.3, max_epochs=30, select="last")
    assert (job.optimizer, job.stopping) == (Optimizer(rate=0.02, method="sgd"), stopping)
    default = net.design.spec.rate(PARAMS).value
    filled_in = TrainingJob(net, sets.train, sets.test)
    assert filled_in.optimizer == Optimizer(rate=default, method="sgd")
    assert filled_in.stopping == Stopping(loss=1e-3, max_epochs=10_000, select="last")
    explicit = run(sets, net, rate=default, loss=1e-3)
    assert outcome(run(sets, net, rate=None)) == outcome(explicit) != outcome(run(sets, net, rate=0.02))


def test_the_published_protocol_is_taken_from_a_setup(sets, net):
    published = Setup(PARAMS, netspec("cnn", width=WIDTH)).published()
    job = TrainingJob(net, sets.train, sets.test, published.optimizer, published.stopping)
    assert (job.optimizer, job.stopping) == (published.optimizer, published.stopping)
    assert (job.optimizer.batches, job.stopping.every, job.stopping.select) == ("fixed", 10, "best")


def test_a_network_of_ones_own_needs_a_rate(sets, net, refuses):
    own = eqx.nn.Linear(3, 4, key=jax.random.key(0))
    for one, fix in (
        (own, "Give the learning rate"),
        (replace(net, design=None), f"Give the learning rate divided by {WIDTH}"),
    ):
        with refuses("learning_rate", "None is missing", fix):
            train(one, sets.train, sets.test)
        with refuses("learning_rate", "None is missing", fix):
            train_online(one, sets.train.stream, sets.test, points=16)


def takers_of(net, sets):
    """All that takes a network of the width of `net` together with data."""
    point, stream = {"points": 16, "optimizer": Optimizer(RATE)}, sets.train.stream
    entries = np.zeros((net.layers[0].weight.shape[0],) * 2)
    return [
        lambda net, **given: TrainingJob(net, sets.train, sets.test, **given),
        lambda net, **given: train(net, sets.train, sets.test, **given),
        lambda net, **given: train_online(net, stream, sets.test, **point, **given),
        lambda net, **given: sensitivities(net, sets.test, **given),
        lambda net, **given: test_error(net, sets.test, **given),
        lambda net, **given: probes(net, sets.test, **given),
        lambda net, **given: clusters(net, sets.test, **given),
        lambda net, **given: gradient_moments(net, sets.test, **given),
        lambda net, **given: open_gradient(GRAMMAR, net, **given),
        lambda net, **given: overlap(GRAMMAR, net, entries, **given),
    ]


@pytest.mark.parametrize(("name", "value"), [("v", 7), ("s", 3), ("s0", 0), ("s0", 2), ("L", 1), ("L", 3)])
def test_a_network_of_another_model_is_refused(sets, net, refuses, name, value):
    """Sub-trees of other patches, or of other blanks, would give numbers all the same."""
    other = replace(GRAMMAR.params, **{name: value})
    for family in ("cnn", "fcn"):
        foreign = build(family, other, WIDTH)
        problem = f"was built for a model with {name} = {value}, and the data have {name} = "
        for take in takers_of(net, sets)[: None if family == "cnn" else 7]:
            with refuses("network", f"{family!r} {problem}", "Build it with the params of the data"):
                take(foreign)


def test_another_encoding_than_the_networks_is_refused(sets, net, refuses):
    """Whitened and one-hot inputs have as many channels: nothing else would notice."""
    whitened, onehot = net, built_for(net, encoding="onehot")
    takers = takers_of(net, sets)
    for take in takers:
        for one, other in ((whitened, "onehot"), (onehot, "whitened")):
            fix = f"Leave encoding out, or use build(..., encoding={other!r})"
            with refuses("encoding", f"{other!r} differs from", fix):
                take(one, encoding=other)
    plain = replace(net, design=None)  # takes whatever is given, whitened by default
    for measure in (
        lambda *given, **options: sensitivities(*given, inputs=20, **options).S.tolist(),
        test_error,
    ):
        values = [measure(plain, sets.test, encoding=encoding) for encoding in ("whitened", "onehot")]
        assert values == [measure(whitened, sets.test), measure(onehot, sets.test)]
        assert measure(plain, sets.test) == values[0] != values[1]


# Bad arguments


@pytest.mark.parametrize(("field", "argument"), [("rate", "learning_rate"), ("loss", "stop_loss")])
@pytest.mark.parametrize("value", [0, -1.0, float("nan"), float("inf")])
def test_numbers_that_are_not_positive(sets, net, refuses, field, argument, value):
    with refuses(argument, repr(value), f"Give {argument} as a finite number > 0"):
        run(sets, net, **{field: value})


class _Outputs(eqx.Module):
    """A linear network of any number of outputs."""

    weights: jax.Array

    def __call__(self, x):
        return x.reshape(len(x), -1) @ self.weights


@pytest.mark.parametrize("outputs", [1, 7])
def test_outputs_that_are_not_the_scores_of_the_classes(sets, refuses, outputs):
    """With one output the loss would be zero, and a run at once converged."""
    net = _Outputs(jnp.zeros((64, outputs), jnp.float32))
    fix = "Return one score per class, ({}, 4)".format
    with refuses("net", f"(16, {outputs})", fix(16)):
        train(net, sets.train, sets.test, optimizer=Optimizer(rate=RATE))
    with refuses("net", f"(100, {outputs})", fix(100)):
        TestSet(sets.test, "whitened").error(net)
    right = _Outputs(jnp.zeros((64, 4), jnp.float32))
    assert TestSet(sets.test, "whitened").error(right) == np.mean(sets.test.labels != 0)
    assert np.isnan(TestSet(sets.test, "whitened").error(_Outputs(right.weights * jnp.nan)))


def test_a_standard_network_of_another_number_of_classes(sets, refuses):
    other = build("resnet18", Params(n_c=3, v=4, m=4, s=2, s0=1, L=2), 8)
    with refuses("net", "(16, 3)", "Return one score per class, (16, 4)"):
        train(other, sets.train, sets.test, optimizer=Optimizer(rate=RATE))


def test_what_is_no_network_and_no_data(sets, net, refuses):
    options = {"optimizer": Optimizer(rate=RATE)}
    for other in (sets.train.features, lambda x: x, sets.train, eqx.nn.Lambda(jax.nn.relu)):
        with refuses("net", repr(other)[:5], "Give one of srhm.nets.build, or an Equinox module"):
            train(other, sets.train, sets.test, **options)
    with refuses("train_set", "array", "Give a Dataset"):
        train(net, sets.train.encode(), sets.train.labels, **options)
    with refuses("test_set", "Split", "Give a Dataset"):
        train(net, sets.train, sets, **options)
    adam = "Give an Optimizer, or a transformation of optax such as optax.adam(1e-3)"
    for name, fix in (("optimizer", adam), ("stopping", "Give a Stopping")):
        for other in ({"momentum": 0.5}, {}):
            with refuses(name, repr(other), fix):
                train(net, sets.train, sets.test, **options | {name: other})


def test_sets_of_two_grammars(sets, net, refuses):
    """The same numbers but other rules: a test error of such a pair means nothing."""
    other = split(Grammar(PARAMS, seed=1), 45, 100, seed=1)
    with refuses("test_set", repr(other.test.stream.grammar), f"Use {GRAMMAR}"):
        run(replace(sets, test=other.test), net)


def test_unknown_orders(sets, net, refuses):
    with refuses("seed", "-1", "Use seed >= 0"):
        run(sets, net, order_seed=-1)
