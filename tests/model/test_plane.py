"""The plane: squares in squares, and the same model at every border of the library."""

import itertools
import json
from dataclasses import replace

import numpy as np
import pytest

import srhm
from srhm import ArgumentError, Dataset, Grammar, Params, Stream, encode, expand
from srhm.inference import MASKED, Masking, UniformNoise, class_posterior, parse, posterior, validity
from srhm.model.options import Model
from srhm.model.plane import in_tree_order, pixels

MODEL = Params(v=4, m=4, s=4, s0=3, L=2, plane=True)
DEEP = Params(n_c=3, v=(3, 4, 3), m=2, s=(4, 9, 4), s0=(3, 0, 8), plane=True)
MODELS = [
    MODEL,
    Params(v=2, s=9, s0=3, L=1, m=2, plane=True),
    DEEP,
    Params(v=2, m=2, s=4, s0=0, L=3, plane=True),
]


def on_a_line(params):
    return replace(params, plane=False)


def blocks(params, level):
    """Top left pixel and side of the square of every position of a level, by walking down the squares."""
    squares = [(0, 0, params.shape[0])]
    for one in reversed(params.levels[level - 1 :]):
        a, b = round(one.s**0.5), round((one.s0 + 1) ** 0.5)
        within = []
        for row, column, side in squares:
            step = side // (a * b)
            for i, j, k, m in itertools.product(range(a), range(a), range(b), range(b)):
                within.append((row + (i * b + k) * step, column + (j * b + m) * step, step))
        squares = within
    return squares


@pytest.mark.parametrize("params", MODELS, ids=str)
def test_positions_and_pixels_are_a_bijection(params):
    side = params.shape[0]
    assert side * side == params.d and len(params.shape) == 2
    for level in range(1, params.L + 1):
        raster = params.raster(level)
        positions = params.level(level).positions
        assert raster.shape == (positions**0.5,) * 2
        assert sorted(raster.ravel()) == list(range(positions))
    x = np.arange(2 * params.d * 3).reshape(2, params.d, 3)
    pictures = x[:, params.raster()]
    assert pictures.shape == (2, *params.shape, 3)
    assert np.array_equal(in_tree_order(params, pictures, more=1), x)
    assert np.array_equal(params.raster().ravel()[pixels(params)], np.arange(params.d))


@pytest.mark.parametrize("params", MODELS, ids=str)
def test_a_patch_is_a_square_at_every_level_and_holds_what_is_below(params):
    raster = params.raster()
    for level in range(1, params.L + 1):
        each = params.d // params.level(level).positions
        for position, (row, column, side) in enumerate(blocks(params, level)):
            inside = raster[row : row + side, column : column + side]
            assert np.array_equal(np.sort(inside.ravel()), position * each + np.arange(each))
        of_level, side = params.raster(level), blocks(params, level)[0][2]
        assert np.array_equal(of_level, raster[::side, ::side] // each)


def test_children_lie_in_the_square_of_their_parent():
    grammar = Grammar(DEEP, seed=3)
    tree = expand(grammar, Stream(grammar, 1, "replacement").take(0, 20))
    for level in range(1, DEEP.L):
        children, parents = blocks(DEEP, level), blocks(DEEP, level + 1)
        s = DEEP.level(level).s
        for sample in range(20):
            for number, position in enumerate(tree.positions[level - 1][sample]):
                row, column, side = children[position]
                top, left, size = parents[tree.positions[level][sample, number // s]]
                assert top <= row <= top + size - side and left <= column <= left + size - side


def test_the_rules_and_samples_are_those_of_the_line():
    plane, line = (Grammar(one, seed=5) for one in (MODEL, on_a_line(MODEL)))
    assert all(map(np.array_equal, plane.rules, line.rules)) and plane.digest != line.digest
    first, second = (Dataset.draw(Stream(one, 2, "replacement"), 50) for one in (plane, line))
    assert np.array_equal(first.positions, second.positions) and np.array_equal(first.labels, second.labels)
    for encoding in ("whitened", "onehot", "onehot_blank", "integer"):
        pictures, rows = first.encode(encoding), second.encode(encoding)
        assert pictures.shape[:3] == (50, 16, 16) and np.array_equal(pictures, rows[:, MODEL.raster()])


@pytest.mark.parametrize("params", [MODEL, DEEP], ids=str)
def test_pictures_parse_with_the_right_class(params):
    grammar = Grammar(params, seed=1)
    derivation = Stream(grammar, 1, "replacement").take(0, 30)
    tree = expand(grammar, derivation)
    pictures = encode(params, tree.features[0], tree.positions[0], "integer")
    assert pictures.shape == (30, *params.shape)
    found = parse(grammar, pictures)
    assert np.array_equal(found.label, derivation.label)
    assert all(map(np.array_equal, found.placements, derivation.placements))
    assert (validity(grammar, pictures) == 1).all()
    turned = parse(grammar, pictures.transpose(0, 2, 1), invalid="mask")
    assert (turned.label != derivation.label).any()  # what is a column and what a row matters
    assert np.array_equal(parse(grammar, in_tree_order(params, pictures)).label, derivation.label)
    with pytest.raises(
        ArgumentError, match=rf"Give \[sample, {params.shape[0]}, {params.shape[0]}\] integers"
    ):
        parse(grammar, pictures[:, 1:])


@pytest.mark.parametrize("process", [UniformNoise(0.2), Masking(0.3)])
def test_noise_takes_pictures_and_gives_pictures(process):
    grammar = Grammar(MODEL, seed=1)
    data = Dataset.draw(Stream(grammar, 1, "replacement"), 20)
    pictures = data.encode("integer")
    received = process.corrupt(MODEL, pictures, seed=4)
    line = in_tree_order(MODEL, pictures)
    assert received.shape == pictures.shape
    assert np.array_equal(received, process.corrupt(MODEL, line, seed=4)[:, MODEL.raster()])
    evidence = process.evidence(MODEL, received)
    assert np.array_equal(evidence, process.evidence(MODEL, in_tree_order(MODEL, received)))
    answer = class_posterior(grammar, evidence)
    assert np.array_equal(answer, class_posterior(grammar, evidence[:, MODEL.raster()]))
    line_grammar = Grammar(on_a_line(MODEL), seed=1)
    assert np.array_equal(answer, class_posterior(line_grammar, evidence))
    shapes = set()
    srhm.measure.test_error(
        lambda x: shapes.add(x.shape) or np.zeros(len(x), int), data, noise=process, encoding="integer"
    )
    assert shapes == {(20, 16, 16)}


def all_pictures(params, grammar):
    """Every picture of a small model with its class, drawn square by square in plain loops."""

    def grown(level, symbol):
        """All squares of a feature of level l + 1, as lists of (row, column, feature), with the side."""
        numbers = params.level(level)
        a, b = round(numbers.s**0.5), round((numbers.s0 + 1) ** 0.5)
        below = 1 if level == 1 else side_of[level - 1]
        for children in grammar.rules[level - 1][symbol].tolist():
            inside = [[[(0, 0, one)]] if level == 1 else list(grown(level - 1, one)) for one in children]
            corners = [
                [((c // a * b + k) * below, (c % a * b + m) * below) for k in range(b) for m in range(b)]
                for c in range(numbers.s)
            ]
            for parts in itertools.product(*inside):
                for places in itertools.product(*corners):
                    yield [
                        (row + top, column + left, feature)
                        for part, (top, left) in zip(parts, places, strict=True)
                        for row, column, feature in part
                    ]

    side_of = {}
    for one in params.levels:
        side_of[one.level] = side_of.get(one.level - 1, 1) * round(one.patch**0.5)
    pictures, labels = [], []
    for label in range(params.n_c):
        for pixels_of in grown(params.L, label):
            one = np.full(params.shape, -1)
            for row, column, feature in pixels_of:
                one[row, column] = feature
            pictures.append(one)
            labels.append(label)
    return np.array(pictures), np.array(labels)


@pytest.mark.parametrize(
    "params",
    [
        Params(n_c=2, v=2, m=2, s=4, s0=3, L=1, plane=True),
        Params(n_c=2, v=2, m=2, s=4, s0=0, L=2, plane=True),
        Params(n_c=2, v=2, m=1, s=4, s0=(0, 3), plane=True),
    ],
    ids=str,
)
def test_the_posterior_of_pictures_is_that_of_enumeration(params):
    grammar = Grammar(params, seed=2)
    pictures, labels = all_pictures(params, grammar)
    assert (
        len(pictures) == params.P_max
        and len(np.unique(pictures.reshape(len(pictures), -1), axis=0)) == params.P_max
    )
    noise, masked, n = 0.3, 0.4, 6
    process = UniformNoise(noise)
    received = process.corrupt(params, pictures[:: len(pictures) // n][:n], seed=3)
    received = Masking(masked).corrupt(params, received, seed=3)
    found = posterior(grammar, process.evidence(params, received, np.float64))
    symbols = params.level(1).v + params.has_blanks
    for row, picture in enumerate(received):
        heard = picture != MASKED
        right = (pictures == picture) & heard
        weight = np.where(heard, noise / symbols + (1 - noise) * right, 1.0).prod(axis=(1, 2))
        total = weight.sum()
        by_class = [weight[labels == label].sum() / total for label in range(params.n_c)]
        assert np.allclose(found.label[row], by_class, rtol=0, atol=1e-10)
        for symbol in range(params.v):
            exact = np.tensordot(weight, pictures == symbol, 1) / total
            pixel = found.symbols[0][row, :, symbol][params.raster()]
            assert np.allclose(pixel, exact, rtol=0, atol=1e-10)


def test_plane_is_in_json_and_digest_only_where_it_is_true():
    line = on_a_line(MODEL)
    assert line.to_dict() == {"n_c": 4, "v": 4, "m": 4, "s": 4, "s0": 3, "L": 2, "sparsity": "A"}
    assert MODEL.to_dict() == line.to_dict() | {"plane": True}
    assert repr(line) == "Params(n_c=4, v=4, m=4, s=4, s0=3, L=2, sparsity='A')"
    assert (
        eval(repr(MODEL)) == MODEL != line
        and Params.from_dict(json.loads(json.dumps(DEEP.to_dict()))) == DEEP
    )
    grammar = Grammar(DEEP, seed=1)
    assert Grammar.from_json(grammar.to_json()) == grammar
    assert Model.of(MODEL).params() == MODEL and Model.of(line).params() == line


@pytest.mark.parametrize(
    ("numbers", "said"),
    [
        ({"s": 3}, "s = 3 is not a square, as a plane needs. Use s = 4, or plane=False"),
        ({"s": 5}, "s = 5 is not a square, as a plane needs. Use s = 4 or 9, or plane=False"),
        ({"s0": 1}, "s0 = 1 gives s0 + 1 = 2, which is not a square, as a plane needs. "
         "Use s0 = 0 or 3, or plane=False"),
        ({"s0": (3, 4)}, "s0 = (3, 4) gives s0 + 1 = 5, which is not a square at level 2, as a plane needs. "
         "Use s0 = 3 or 8 at level 2, or plane=False"),
        ({"sparsity": "B"}, "sparsity = 'B' has no sub-patches, which are squares in the plane. "
         "Use sparsity A, or plane=False"),
    ],
)  # fmt: skip
def test_what_is_no_plane_is_refused(numbers, said):
    with pytest.raises(ArgumentError) as caught:
        Params(**{"v": 4, "m": 4, "s": 4, "s0": 3, "L": 2, "plane": True} | numbers)
    assert str(caught.value) == f"{said}."


def test_a_line_has_no_raster():
    with pytest.raises(ArgumentError, match="plane=True"):
        on_a_line(MODEL).raster()
    with pytest.raises(ArgumentError, match="level"):
        MODEL.raster(3)
    with pytest.raises(ArgumentError, match="plane"):
        Params(v=4, s=4, s0=3, L=2, plane="yes")
    assert on_a_line(MODEL).shape == (256,)
