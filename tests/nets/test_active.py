"""Active-tree execution: the dense network is the oracle, in double and in single precision."""

from itertools import product as product_of

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom

from filled_nets import filled
from srhm import Dataset, Grammar, Params, Stream, split
from srhm.nets.active import Leaves
from srhm.nets.blocks import blockwise, choose_capacities, rank_in_block
from srhm.nets.network import outputs
from srhm.nets.products import product
from srhm.training import Optimizer, Stopping
from srhm.training.loop import advance, start
from srhm.training.order import class_data
from strategies import small_params

LONG = pytest.mark.long
FAMILIES = ("cnn", "lcn", "fcn")
MODELS = {
    "blanks": Params(n_c=3, v=3, m=2, s=2, s0=1, L=2),
    "deep": Params(n_c=3, v=3, m=2, s=2, s0=2, L=3),
    "sparsity B": Params(n_c=3, v=3, m=2, s=3, s0=1, L=2, sparsity="B"),
    "no blanks": Params(n_c=3, v=3, m=2, s=2, s0=0, L=3),
    "one level": Params(n_c=3, v=3, m=2, s=2, s0=3, L=1),
    "blanks at the input": Params(n_c=3, v=(4, 3), m=(3, 2), s=(2, 3), s0=(2, 0)),
    "blanks above": Params(n_c=3, v=(3, 4), m=(2, 3), s=(3, 2), s0=(0, 2)),
    "levels of B": Params(n_c=3, v=3, m=2, s=2, s0=(1, 0, 2), sparsity="B"),
}


class Dense(eqx.Module):
    """The same network, shown to the training as a foreign one: it computes every position."""

    net: eqx.Module

    def __call__(self, x):
        return self.net(x)


def batch_of(params, encoding, count=11, seed=0):
    data = Dataset.draw(Stream(Grammar(params), seed, "replacement"), count)
    return Leaves(params, encoding, jnp.asarray(data.features), jnp.asarray(data.positions))


def value_and_gradient(net, leaves, seed=0):
    """A random combination of the outputs, and its gradient in all weights."""
    weights = np.random.default_rng(seed).normal(size=(len(leaves.features), leaves.params.n_c))
    combined = eqx.filter_value_and_grad(
        lambda net: (outputs(net, leaves) * jnp.asarray(weights, net_type(net))).sum()
    )
    return eqx.filter_jit(combined)(net)


def net_type(net):
    return jax.tree.leaves(eqx.filter(net, eqx.is_inexact_array))[0].dtype


def differences(first, second):
    pairs = zip(jax.tree.leaves(first), jax.tree.leaves(second), strict=True)
    return max(float(np.abs(np.asarray(one) - np.asarray(other)).max()) for one, other in pairs)


def check_double(name, params, encoding, width=5, **options):
    with jax.enable_x64(True):
        net = filled(name, params, width, encoding=encoding, dtype="float64", **options)
        leaves = batch_of(params, encoding)
        assert differences(value_and_gradient(net, leaves), value_and_gradient(Dense(net), leaves)) < 1e-12


ALWAYS = {
    *(("cnn", model) for model in ("deep", "one level", "blanks above", "levels of B")),
    *(("lcn", model) for model in ("deep", "sparsity B", "blanks at the input")),
    ("fcn", "deep"),
}
"""Every model but two once, and every family on a deep one; the rest are long tests."""


@pytest.mark.parametrize(
    ("name", "model"),
    [one if one in ALWAYS else pytest.param(*one, marks=LONG) for one in product_of(FAMILIES, MODELS)],
)
def test_outputs_and_gradients_are_those_of_the_dense_network(name, model):
    check_double(name, MODELS[model], "whitened")


@pytest.mark.parametrize(
    ("name", "model"),
    [
        ("cnn", "deep"),
        *(pytest.param(*one, marks=LONG) for one in (("lcn", "deep"), ("fcn", "deep"), ("cnn", "no blanks"))),
    ],
)
def test_wide_networks(name, model):
    """Their products are computed in another order."""
    check_double(name, MODELS[model], "whitened", width=130)


@pytest.mark.parametrize("encoding", [pytest.param("onehot", marks=LONG), "onehot_blank"])
@pytest.mark.parametrize("name", ["lcn", *(pytest.param(name, marks=LONG) for name in ("cnn", "fcn"))])
def test_other_encodings(name, encoding):
    check_double(name, MODELS["blanks"], encoding)


@pytest.mark.parametrize("bias", [pytest.param("shared", marks=LONG), "none"])
@pytest.mark.parametrize("model", [pytest.param("blanks", marks=LONG), "deep"])
def test_blanks_that_are_alike_everywhere(model, bias):
    """Where the bias is shared, the response to blanks is one constant a layer."""
    check_double("cnn", MODELS[model], "whitened", bias=bias)


@pytest.mark.parametrize("examples", [2, pytest.param(8, marks=LONG)])
def test_any_model(examples):
    @settings(max_examples=examples)
    @given(small_params(), st.sampled_from(("cnn", "lcn")))
    def check(params, name):
        if params.d <= 2000:
            check_double(name, params, "whitened")

    check()


@pytest.mark.parametrize("name", ["cnn", *(pytest.param(name, marks=LONG) for name in ("lcn", "fcn"))])
def test_batches_at_few_places(name):
    """All points the same: all children of a patch are at one place, far more than a block can usually hold."""
    params = MODELS["deep"]
    with jax.enable_x64(True):
        net = filled(name, params, 5, dtype="float64")
        one = batch_of(params, "whitened", 1)
        leaves = one._replace(
            features=jnp.repeat(one.features, 40, axis=0), positions=jnp.repeat(one.positions, 40, axis=0)
        )
        assert differences(value_and_gradient(net, leaves), value_and_gradient(Dense(net), leaves)) < 1e-11


@pytest.mark.parametrize(
    ("name", "model"),
    [
        pytest.param("cnn", "deep", marks=LONG),
        pytest.param("lcn", "deep", marks=LONG),
        pytest.param("fcn", "deep", marks=LONG),
        pytest.param("cnn", "sparsity B", marks=LONG),
    ],
)
def test_fifty_steps_in_single_precision(name, model):
    params = MODELS[model]
    sets = split(Grammar(params), P=100, P_test=10)
    net, found = filled(name, params, 16), []
    for one in (net, Dense(net)):
        state, settings = start(one, Optimizer(), Stopping(loss=1e-9), rate=0.02 * 16, order_seed=0)
        state = advance(
            state, class_data(sets.train, 4), settings, jnp.int32(50), jnp.int32(10**6),
            params=params, encoding="whitened", batch_per_class=4,
        )  # fmt: skip
        found.append(state)
    assert int(found[0].epoch) == int(found[1].epoch) > 2
    np.testing.assert_allclose(found[0].epoch_loss, found[1].epoch_loss, rtol=1e-4)
    assert differences(found[0].net, found[1].net) < 2e-3
    moved = differences(found[0].net, net)
    assert moved > 0.05, moved  # it did train


# The kernel


@pytest.mark.parametrize(
    "sizes",
    [(9,), (5, 9), (1, 5, 9), *(pytest.param(one, marks=LONG) for one in ((1, 9), (5, 6, 9), (6, 7, 9)))],
)
def test_blockwise_is_a_loop_over_rows(sizes):
    """Nine rows, six of them in block 2, and a row for each of 8 places; at whichever capacity holds them."""
    random = np.random.default_rng(0)
    weight, rows, blank_rows = (
        random.normal(size=shape).astype(np.float32) for shape in ((4, 3, 5), (9, 3), (8, 3))
    )
    block = np.array([0, 2, 2, 3, 2, 0, 2, 2, 2], np.int32)
    near = {"rtol": 1e-4, "atol": 1e-4}
    cotangents = random.normal(size=(9, 5)).astype(np.float32), random.normal(size=(8, 5)).astype(np.float32)

    def combined(weight, rows, blank_rows):
        found = blockwise(sizes, weight, rows, jnp.asarray(block), blank_rows)
        return sum((one * cotangent).sum() for one, cotangent in zip(found, cotangents, strict=True))

    products, blank_product = blockwise(sizes, *map(jnp.asarray, (weight, rows, block, blank_rows)))
    np.testing.assert_allclose(
        products, np.stack([rows[i] @ weight[block[i]] for i in range(9)]), rtol=1e-5, atol=1e-5
    )
    np.testing.assert_allclose(
        blank_product, np.stack([blank_rows[q] @ weight[q % 4] for q in range(8)]), rtol=1e-5, atol=1e-5
    )
    gradient = jax.jit(jax.grad(combined, argnums=(0, 1, 2)))(*map(jnp.asarray, (weight, rows, blank_rows)))
    d_weight = np.zeros_like(weight)
    for i in range(9):
        d_weight[block[i]] += np.outer(rows[i], cotangents[0][i])
    for q in range(8):
        d_weight[q % 4] += np.outer(blank_rows[q], cotangents[1][q])
    np.testing.assert_allclose(gradient[0], d_weight, **near)
    np.testing.assert_allclose(
        gradient[1], np.stack([weight[block[i]] @ cotangents[0][i] for i in range(9)]), rtol=1e-4, atol=1e-4
    )
    np.testing.assert_allclose(
        gradient[2], np.stack([weight[q % 4] @ cotangents[1][q] for q in range(8)]), rtol=1e-4, atol=1e-4
    )


@given(st.sampled_from([1, 2, 7, 50]).flatmap(lambda n: st.lists(st.integers(0, 6), min_size=n, max_size=n)))
def test_ranks(blocks):
    """Of a few lengths: each is a program."""
    expected = [blocks[:i].count(block) for i, block in enumerate(blocks)]
    assert rank_in_block(jnp.asarray(blocks, jnp.int32), 7).tolist() == expected


@pytest.mark.parametrize("rows", [128, 129])
def test_ranks_of_many_rows(rows):
    """More than the lists above have."""
    blocks = np.random.default_rng(0).integers(0, 7, rows)
    expected = [int((blocks[:i] == block).sum()) for i, block in enumerate(blocks)]
    assert rank_in_block(jnp.asarray(blocks, jnp.int32), 7).tolist() == expected


def test_ranks_of_very_many_blocks():
    """Where block and row do not fit into one 32-bit integer."""
    blocks = np.random.default_rng(0).choice([5, 2**19, 2**20 - 1], 2100)
    expected = [int((blocks[:i] == block).sum()) for i, block in enumerate(blocks)]
    assert rank_in_block(jnp.asarray(blocks, jnp.int32), 2**20).tolist() == expected


@pytest.mark.parametrize("extra", [0, 1, 10])
@pytest.mark.parametrize(("rows", "blocks", "most"), [(160, 10, 80), (32, 4, 16), (48, 6, 24), (6, 4, 3)])
def test_capacities_cost_least_on_average(rows, blocks, most, extra):
    """Against all pairs of sizes, with the cost counted from the binomial law."""

    def cost(size):
        """Three rows, those there are to a multiple of 4, and one if that is not a multiple of 8."""
        fours = next(number for number in range(200) if 4 * number >= size + extra)
        return 3 + 4 * fours + (fours % 2 == 1)

    def average(sizes):
        holds = [binom.cdf(size, most, rows / blocks / most) ** blocks for size in sizes]
        parts = [after - before for before, after in zip([0, *holds], holds, strict=False)]
        return sum(part * cost(size) for part, size in zip(parts, sizes, strict=True))

    found = choose_capacities(rows, blocks, most, extra)
    assert found[-1] == most
    assert list(found) == sorted(set(found))
    assert all((size + extra) % 4 == 0 for size in found[:-1])  # as many as the same cost allows
    pairs = [(low, high, most) for high in range(1, most + 1) for low in range(1, high + 1)]
    assert average(found) == pytest.approx(min(map(average, pairs)))


def test_full_blocks_have_the_capacity_for_what_they_hold():
    assert choose_capacities(80, 2, 40) == (40,)


@pytest.mark.parametrize(
    "shape", [(3, 5, 6, 7), (3, 5, 6, 40), (2, 3, 128, 130)], ids=["narrow", "small", "large"]
)
def test_products_have_the_gradient_of_the_plain_product(shape):
    """Whatever the order in which they are computed, which depends on the size; in double precision."""
    blocks, rows, entries, units = shape
    random = np.random.default_rng(0)
    with jax.enable_x64(True):
        a, weight, cotangent = (
            jnp.asarray(random.normal(size=size))
            for size in ((blocks, rows, entries), (blocks, entries, units), (blocks, rows, units))
        )
        found = jax.jit(jax.grad(lambda a, w: (product(a, w) * cotangent).sum(), argnums=(0, 1)))(a, weight)
        expected = jax.grad(
            lambda a, w: (jnp.einsum("bri,bio->bro", a, w) * cotangent).sum(), argnums=(0, 1)
        )(a, weight)
        np.testing.assert_allclose(product(a, weight), jnp.einsum("bri,bio->bro", a, weight), rtol=1e-12)
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-12, atol=1e-12)


FEW_SHARED = [("cnn", (1, 2), "onehot_blank"), ("lcn", (1, 2, 3), "whitened")]
MORE_SHARED = [
    ("cnn", (1,), "whitened"),
    ("cnn", (2,), "whitened"), ("cnn", (1, 2), "whitened"), ("lcn", (1,), "whitened"), ("lcn", (1, 2), "whitened"),
    ("lcn", (1, 2, 3), "onehot_blank"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "layers", "encoding"), [*FEW_SHARED, *(pytest.param(*one, marks=LONG) for one in MORE_SHARED)]
)
def test_layers_shared_over_blanks(name, layers, encoding):
    check_double(name, MODELS["deep"], encoding, shared_layers=layers)


@pytest.mark.parametrize("bias", ["shared", pytest.param("none", marks=LONG)])
def test_shared_layers_with_blanks_that_are_alike(bias):
    check_double("cnn", MODELS["deep"], "whitened", bias=bias, shared_layers=(1, 3))
