"""One-pass training: against a plain loop over the samples of the stream."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from srhm import Dataset, Grammar, Params, Stream
from srhm.nets import build
from srhm.nets.active import Leaves
from srhm.randomness import role_key
from srhm.training import Optimizer, train_online
from srhm.training.loop import batch_gradient

PARAMS = Params(n_c=4, v=4, m=4, s=2, s0=1, L=2)
GRAMMAR = Grammar(PARAMS, 0)


def filled(name, dtype="float32", width=8):
    random = np.random.default_rng(0)
    form = eqx.filter_eval_shape(lambda: build(name, PARAMS, width, dtype=dtype))
    return jax.tree.map(lambda leaf: jnp.asarray(random.normal(size=leaf.shape), leaf.dtype), form)


def stream_of(rule):
    return Stream(GRAMMAR, 3, rule)


def test_set(count=200):
    return Dataset.draw(Stream(GRAMMAR, 3, reverse=True), count)


test_set.__test__ = False


@pytest.mark.parametrize("rule", [pytest.param("permutation", marks=pytest.mark.long), "replacement"])
def test_thirteen_steps_against_a_loop(rule):
    """Batches of 8 samples in the order of the stream, plain momentum, double precision."""
    with jax.enable_x64(True):
        net = filled("cnn", "float64")
        found = train_online(
            net, stream_of(rule), test_set(), points=13 * 8 + 5, optimizer=Optimizer(0.05, batch_per_class=2)
        )
        momentum, losses = jax.tree.map(jnp.zeros_like, net), []
        slope = eqx.filter_jit(batch_gradient)
        for step in range(13):
            data = Dataset.draw(stream_of(rule), 8, start=8 * step)
            leaves = Leaves(PARAMS, "whitened", jnp.asarray(data.features), jnp.asarray(data.positions))
            labels, key = jnp.asarray(data.labels, jnp.int32), role_key(0, "order")  # no draws here
            loss, gradient, _ = slope(net, leaves, labels, jnp.ones(8, bool), key)
            losses.append(float(loss))
            momentum = jax.tree.map(lambda m, g: 0.9 * m + g, momentum, gradient)
            net = jax.tree.map(lambda w, m: w - 0.4 * m, net, momentum)
        pairs = zip(jax.tree.leaves(found.net), jax.tree.leaves(net), strict=True)
        assert max(float(jnp.abs(a - b).max()) for a, b in pairs) < 1e-10
    assert (found.steps, found.status) == (13, "epochs")
    assert [point["step"] for point in found.record] == [1, 2, 3, 4, 6, 8, 11, 13]
    assert abs(found.record[0]["train_loss"] - losses[0]) < 1e-10
    assert abs(found.record[-1]["train_loss"] - np.mean(losses[11:])) < 1e-10
    assert found.record[-1]["test_error"] == found.test_error


@pytest.mark.long
def test_it_learns_the_task():
    found = train_online(
        filled("cnn", width=64),
        stream_of("replacement"),
        test_set(),
        points=12_000,
        optimizer=Optimizer(0.05),
    )
    assert found.test_error < 0.05 < 0.5 < found.record[0]["test_error"]


@pytest.mark.long
def test_a_run_that_diverges_says_so():
    found = train_online(
        filled("cnn"), stream_of("replacement"), test_set(), points=1000, optimizer=Optimizer(1e30)
    )
    assert found.status == "diverged"
    assert np.isnan(found.test_error)
    assert found.steps < 1000 // 16


def test_a_budget_stops_it():
    found = train_online(
        filled("cnn"),
        stream_of("replacement"),
        test_set(),
        points=10**6,
        optimizer=Optimizer(0.01),
        budget=0.0,
    )
    assert found.status == "stopped"
    assert found.steps < 10**6 // 16


def test_refused():
    net, stream = filled("cnn"), stream_of("permutation")
    room = PARAMS.P_max - 200
    with pytest.raises(ValueError, match=f"reaches into the test set. Use points <= {room}"):
        train_online(net, stream, test_set(), points=room + 1, optimizer=Optimizer(0.1))
    own, other = Dataset.draw(stream, 50), Dataset.draw(Stream(GRAMMAR, 4), 50)
    with pytest.raises(ValueError, match="Draw the test set from the same stream with reverse=True"):
        train_online(net, stream, own, points=160, optimizer=Optimizer(0.1))
    with pytest.raises(ValueError, match=f"Use points <= {PARAMS.P_max - 50}"):
        train_online(net, stream, other, points=PARAMS.P_max - 49, optimizer=Optimizer(0.1))
    with pytest.raises(ValueError, match="exceeds the"):
        train_online(net, stream, test_set(), points=PARAMS.P_max + 1, optimizer=Optimizer(0.1))
    with pytest.raises(ValueError, match="points = 15 is below 16"):
        train_online(net, stream, test_set(), points=15, optimizer=Optimizer(0.1))
    with pytest.raises(ValueError, match="rate = -1"):
        train_online(net, stream, test_set(), points=64, optimizer=Optimizer(-1))
    with pytest.raises(ValueError, match="is of another grammar"):
        train_online(net, Stream(Grammar(PARAMS, 1), 0), test_set(), points=64, optimizer=Optimizer(0.1))
