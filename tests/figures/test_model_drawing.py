"""The drawings of the model and the networks: rules, tiles and lines are those of the grammar and the layers."""

import dataclasses

import jax.numpy as jnp
import numpy as np
import pytest
from matplotlib.colors import to_hex

from figure_checks import artists, check_layout
from srhm import Grammar, Params, Stream, expand
from srhm.figures.model import generative_model
from srhm.figures.networks import connections, network_schemes
from srhm.nets import build

MODELS = [
    {"n_c": 4, "v": 4, "m": 4, "s": 2, "s0": 1, "L": 2},
    {"n_c": 10, "v": 10, "m": 10, "s": 2, "s0": 1, "L": 2, "sparsity": "B"},
    {"n_c": 2, "v": 12, "m": 5, "s": 3, "s0": 1, "L": 1},
    {"n_c": 4, "v": (6, 4), "m": (3, 2), "s": (3, 2), "s0": (1, 0)},
]


def drawn(draw, row: int = 2, **numbers):
    grammar = Grammar(Params(**numbers), seed=1)
    derivation = Stream(grammar, seed=0).take(0, 12)
    return draw(grammar, derivation, row), grammar, derivation, expand(grammar, derivation)


@pytest.mark.parametrize("numbers", MODELS)
def test_rules_are_those_of_the_grammar_and_the_used_ones_are_outlined(numbers):
    figure, grammar, derivation, tree = drawn(generative_model, **numbers)
    for level in range(1, grammar.params.L + 1):
        numbers_shown = artists(figure, f"rule/{level}/")
        shown = {tuple(map(int, gid.split("/")[2:4])) for gid in numbers_shown if gid.count("/") == 5}
        assert shown
        for parent, choice in shown:
            texts = [
                numbers_shown[f"rule/{level}/{parent}/{choice}/number/{child}"].get_text()
                for child in range(grammar.params.level(level).s)
            ]
            assert list(map(int, texts)) == grammar.rules[level - 1][parent, choice].tolist()
        parents = tree.features[level][2].tolist() if level < grammar.params.L else [int(tree.label[2])]
        used = set(zip(parents, derivation.rules[level - 1][2].tolist(), strict=True))
        outlined = {tuple(map(int, gid.split("/")[2:])) for gid in artists(figure, f"used/{level}/")}
        assert outlined == used <= shown
    check_layout(figure)


@pytest.mark.parametrize("numbers", MODELS)
def test_the_datum_without_blanks_is_the_same_datum(numbers):
    figure, grammar, _, tree = drawn(generative_model, **numbers)
    for level in range(1, grammar.params.L + 1):
        features = tree.features[level - 1][2].tolist()
        for block, places in ((0, range(len(features))), (1, tree.positions[level - 1][2].tolist())):
            shown = artists(figure, f"{block}/number/{level}/")
            assert {gid: text.get_text() for gid, text in shown.items()} == {
                f"{block}/number/{level}/{place}": str(feature)
                for place, feature in zip(places, features, strict=True)
            }
        assert not artists(figure, "0/blank/")
        blanks = any(above.s0 for above in grammar.params.levels[level - 1 :])
        assert bool(artists(figure, f"1/blank/{level}/")) == blanks


def test_changes_are_marked():
    figure, *_ = drawn(generative_model, **MODELS[0])
    assert artists(figure, "2/changed/1/") and not artists(figure, "2/arrow/")
    assert artists(figure, "3/arrow/1/") and not artists(figure, "3/changed/")


def test_the_model_is_refused_where_nothing_can_be_seen(refuses):
    for change, fix in (
        ({"s0": 0}, "Use a model with s0 > 0 and m > 1"),
        ({"m": 1}, "Use a model with s0 > 0 and m > 1"),
        ({"L": 3}, "Use a model with d <= 26"),
    ):
        with refuses("grammar", "Params(", fix):
            drawn(generative_model, **{**MODELS[0], **change})
    with refuses("row", 12, "Use row <= 11"):
        drawn(generative_model, row=12, **MODELS[0])


NETS = ("LCN", "CNN", "FCN")


@pytest.mark.parametrize("net", NETS)
@pytest.mark.parametrize("shape", [(2, 0, 3), (2, 1, 2), (3, 2, 1)])
def test_connections_count_the_weights_of_the_real_network(net, shape):
    s, s0, L = shape
    params = Params(n_c=3, v=3, m=2, s=s, s0=s0, L=L)
    real = build(net.lower(), params, width=4)
    entering = params.v
    for layer in range(1, L + 1):
        lines = connections(net, params, layer)
        units = params.d // params.patch**layer
        assert len(lines) == len({(line.unit, line.place) for line in lines})
        assert {line.unit for line in lines} == set(range(units))
        assert {line.place for line in lines} == set(range(params.d // params.patch ** (layer - 1)))
        weights = {(line.filter, line.entry) for line in lines}
        assert real.layers[layer - 1].weight.size == len(weights) * entering * 4
        entering = 4


@pytest.mark.parametrize("net", ["LCN", "CNN"])
def test_units_that_share_weights_see_patches_alike(net):
    """Move an input to the next patch: a shared filter answers alike there, one of its own does not."""
    params = Params(n_c=3, v=3, m=2, s=2, s0=1, L=2)
    first = build(net.lower(), params, width=4, **({"bias": "none"} if net == "CNN" else {})).layers[0]
    if net == "LCN":
        first = dataclasses.replace(first, bias=None)
    x = np.zeros((2, params.d, params.v), np.float32)
    x[0, 1], x[1, 5] = 1, 1
    z = np.asarray(first(jnp.asarray(x)))
    lines = {line.place: line for line in connections(net, params, 1)}
    alike = (lines[1].filter, lines[1].entry) == (lines[5].filter, lines[5].entry)
    assert (lines[1].unit, lines[5].unit) == (0, 1)
    assert np.allclose(z[0, 0], z[1, 1]) == alike == (net == "CNN")


@pytest.mark.parametrize(
    "numbers", [MODELS[0], MODELS[3], {"n_c": 10, "v": 10, "m": 10, "s": 2, "s0": 0, "L": 3}]
)
def test_lines_have_one_colour_exactly_where_they_have_one_weight(numbers):
    figure, grammar, _, tree = drawn(network_schemes, **numbers)
    params = grammar.params
    for net in NETS:
        by_weight = {}
        for layer in range(1, params.L + 1):
            lines = artists(figure, f"{net}/weight/{layer}/")
            expected = connections(net, params, layer)
            assert len(lines) == len(expected)
            for line in expected:
                drawn_line = lines[f"{net}/weight/{layer}/{line.unit}/{line.place}"]
                by_weight.setdefault((layer, line.filter, line.entry), set()).add(
                    to_hex(drawn_line.get_color())
                )
                low, high = (tuple(point) for point in drawn_line.get_xydata())
                circle = artists(figure, f"{net}/unit/{layer}/{line.unit}")[f"{net}/unit/{layer}/{line.unit}"]
                assert circle.center[0] == high[0] and low[1] < high[1] < circle.center[1]
        assert all(len(colours) == 1 for colours in by_weight.values())
        assert len(set.union(*by_weight.values())) == len(by_weight)
        words = artists(figure, f"{net}/weights")[f"{net}/weights"].get_text()
        counts = [len({key for key in by_weight if key[0] == layer}) for layer in range(1, params.L + 1)]
        assert words.endswith(", ".join(map(str, counts)))
        places = tree.positions[0][2].tolist()
        assert set(artists(figure, f"{net}/feature/")) == {f"{net}/feature/{place}" for place in places}
        assert len(artists(figure, f"{net}/blank/")) == params.d - len(places)
        assert len(artists(figure, f"{net}/readout/")) == params.n_c
    check_layout(figure)


def test_some_networks_alone():
    grammar = Grammar(Params(**MODELS[0]), seed=1)
    figure = network_schemes(grammar, Stream(grammar, seed=0).take(0, 4), nets=("CNN",))
    assert artists(figure, "CNN/unit/") and not artists(figure, "LCN/")


def test_networks_are_refused_where_they_cannot_be_told_apart(refuses):
    for change, fix in (
        ({"s0": 2}, "Use a model with d <= 18"),
        ({"s0": 0, "L": 4}, "Use a model with 9 at most"),
    ):
        with refuses("grammar", "Params(", fix):
            drawn(network_schemes, **{**MODELS[0], **change})
    with refuses("grammar", "Params(", "Use a model with 10 at most"):
        drawn(network_schemes, n_c=11, v=11, m=2, s=2, s0=1, L=1)
    with refuses("nets", "'VGG11'", "Use 'LCN', 'CNN' or 'FCN'"):
        drawn(lambda *given: network_schemes(*given, nets=("VGG11",)), **MODELS[0])
    with refuses("nets", (), "Use 'LCN', 'CNN' or 'FCN'"):
        drawn(lambda *given: network_schemes(*given, nets=()), **MODELS[0])
