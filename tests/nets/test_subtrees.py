"""Hash-consed sub-trees: equal sub-trees are computed once, and nothing changes by it."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from filled_nets import filled
from srhm import Dataset, Grammar, Params, Stream, encode
from srhm.nets import build
from srhm.nets.patch_layer import works_on_patches
from srhm.nets.subtrees import _size, deduplicate
from srhm.training.evaluation import TestSet
from strategies import small_params

MODELS = {
    "blanks": Params(n_c=3, v=3, m=2, s=2, s0=1, L=2),
    "deep": Params(n_c=3, v=3, m=2, s=2, s0=2, L=3),
    "sparsity B": Params(n_c=3, v=3, m=2, s=3, s0=1, L=2, sparsity="B"),
    "no blanks": Params(n_c=3, v=3, m=2, s=2, s0=0, L=3),
    "one level": Params(n_c=3, v=3, m=2, s=2, s0=3, L=1),
    "levels": Params(n_c=3, v=(4, 3, 3), m=(3, 2, 2), s=(2, 3, 2), s0=(1, 2, 1)),
}


MORE_CASES = [
    *((model, "cnn", {}) for model in ("blanks", "sparsity B", "no blanks", "levels")),
    *((model, "lcn", {}) for model in ("blanks", "no blanks", "one level", "levels")),
    ("deep", "cnn", {"bias": "shared"}),
    ("deep", "cnn", {"shared_layers": (1, 2)}),
    ("blanks", "lcn", {"shared_layers": (1,)}),
    ("deep", "lcn", {"shared_layers": (1, 2)}),
]


def drawn(params, count, seed=0):
    return Dataset.draw(Stream(Grammar(params), seed, "replacement"), count)


def sub_trees(params, data, level):
    """The (features, positions) of the leaves below each level-(l+1) node, as a set, the obvious way."""
    size = params.s**level
    found = set()
    for features, positions in zip(data.features.tolist(), data.positions.tolist(), strict=True):
        for first in range(0, params.num_leaves, size):
            found.add((tuple(features[first : first + size]), tuple(positions[first : first + size])))
    return found


@given(small_params(), st.integers(1, 60))
def test_every_distinct_sub_tree_once_and_every_datum_back(params, count):
    data = drawn(params, count)
    table = deduplicate(params, data.features, data.positions)
    rows = [len(table.features), *(len(layer) for layer in table.children)]
    assert rows == [_size(len(sub_trees(params, data, level))) for level in range(1, params.L + 1)]
    trees = [(f, q) for f, q in zip(table.features.tolist(), table.positions.tolist(), strict=True)]
    for layer in table.children:
        joined = [[trees[child] for child in row] for row in layer]
        trees = [tuple([value for part in row for value in part[i]] for i in (0, 1)) for row in joined]
    assert [trees[root][0] for root in table.roots] == data.features.tolist()
    assert [trees[root][1] for root in table.roots] == data.positions.tolist()
    places = [table.positions[:, 0].astype(int) // params.patch]
    for layer in table.children:
        places.append(places[-1][layer[:, 0]] // params.patch)
    for (by_place, by_position), where in zip(table.max_multiplicity, places, strict=False):
        assert np.bincount(where % params.patch).max() <= by_place
        assert np.bincount(where).max() <= by_position


def test_the_number_of_lowest_patches():
    """At v = 6, L = 2, s0 = 1 there are v m placements positions = 36 * 4 * 4 of them, as the module says."""
    params = Params(n_c=6, v=6, m=6, s=2, s0=1, L=2)
    data = drawn(params, 10_000)
    assert len(sub_trees(params, data, 1)) == 576
    assert len(deduplicate(params, data.features, data.positions).features) == 640


@pytest.mark.parametrize(
    ("model", "name", "options"),
    [
        ("deep", "cnn", {}),
        ("deep", "lcn", {}),
        ("sparsity B", "lcn", {}),
        ("one level", "cnn", {}),
        ("blanks", "cnn", {"bias": "none"}),
        ("levels", "cnn", {"shared_layers": (1, 2)}),
        ("levels", "lcn", {"shared_layers": (1, 2, 3)}),
        *(pytest.param(*case, marks=pytest.mark.long) for case in MORE_CASES),
    ],
)
def test_activations_and_outputs_are_those_of_the_dense_network(model, name, options):
    params = MODELS[model]
    with jax.enable_x64(True):
        net = filled(name, params, 5, dtype="float64", **options)
        data = drawn(params, 40)
        table = deduplicate(params, data.features, data.positions)
        actives, output = eqx.filter_jit(lambda net, f: net.on_table(params, "whitened", f))(net, table)
        inputs = encode(params, data.features, data.positions, "whitened", "float64")
        dense = eqx.filter_jit(lambda net, x: net.activations(x))(net, inputs)
        np.testing.assert_allclose(np.asarray(output)[table.roots], dense["output"], rtol=0, atol=1e-12)
        numbers = table.roots[:, None]
        for level in range(params.L, 0, -1):
            active = actives[level - 1]
            values, places = (np.asarray(one)[numbers, 0] for one in (active.values, active.places))
            at_places = np.take_along_axis(np.asarray(dense[f"layer_{level}"]), places[..., None], 1)
            np.testing.assert_allclose(values, at_places, rtol=0, atol=1e-12)
            if level > 1:
                numbers = table.children[level - 2][numbers].reshape(len(data), -1)


@pytest.mark.long  # of one table: test_training.py
@pytest.mark.parametrize("name", ["cnn", "lcn"])
def test_the_test_error_is_the_same(name):
    """Of a set that fills several tables, and of a broken network."""
    params = MODELS["deep"]
    net, data = build(name, params, 6), drawn(params, 10_500)
    shared, plain = TestSet(data, "whitened", shared=True), TestSet(data, "whitened")
    assert shared.error(net) == plain.error(net)
    assert 0.3 < shared.error(net) < 0.9
    broken = eqx.tree_at(lambda net: net.readout, net, net.readout.at[0, 0].set(jnp.nan))
    assert np.isnan(shared.error(broken))


def test_who_sees_patches():
    assert works_on_patches(build("cnn", MODELS["blanks"], 2)) and works_on_patches(
        build("lcn", MODELS["blanks"], 2)
    )
    assert not works_on_patches(build("fcn", MODELS["blanks"], 2))
    assert not works_on_patches(lambda x: x)
