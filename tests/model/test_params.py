from dataclasses import FrozenInstanceError, asdict
from math import comb

import numpy as np
import pytest
from hypothesis import given

from srhm import Params
from srhm.model.options import Model
from strategies import any_params

PAPER = {"n_c": 10, "v": 10, "m": 10, "s": 2, "s0": 2, "L": 2}


def test_numbers_of_the_paper():
    params = Params(**PAPER)
    assert (params.patch, params.d, params.num_leaves, params.num_nodes) == (6, 36, 4, 3)
    assert params.placements == 9 and params.relevant_fraction == pytest.approx(1 / 9)
    assert params.P_max == 10 * (10 * 9) ** 3 and params.data_per_class == 90**3
    assert params.sparsity == "A" and Params(**PAPER, sparsity="B").placements == comb(6, 2)


def test_random_hierarchy_model():
    """Without blanks both sparsities are the Random Hierarchy Model, of n_c m^((d-1)/(s-1)) data."""
    for sparsity in "AB":
        params = Params(n_c=8, v=8, m=8, s=2, s0=0, L=3, sparsity=sparsity)
        assert params.d == params.num_leaves == 8 and params.placements == 1
        assert params.P_max == 8 * 8 ** ((8 - 1) // (2 - 1)) and params.relevant_fraction == 1


def test_open_numbers_are_those_of_the_paper():
    assert Params(v=6, s0=1, L=2) == Params(n_c=6, v=6, m=6, s=2, s0=1, L=2)
    assert Params(v=4, s=3, s0=0, L=2) == Params(n_c=4, v=4, m=16, s=3, s0=0, L=2)
    assert Params(v=4, n_c=8, s0=0, L=2).m == 2, "the 16 tuples are shared by 8 classes"
    assert Params(v=4, n_c=2, s0=0, L=2).m == 4
    for numbers in ({}, {"v": 5}, {"v": 4, "s": 3}, {"v": 4, "n_c": 8}):
        assert Model(**numbers).params() == Params(**({"v": 6, "s0": 1, "L": 2} | numbers))


@pytest.mark.parametrize("missing", list(PAPER))
def test_a_file_leaves_no_number_open(missing):
    assert Params.from_dict(PAPER) == Params(**PAPER)
    with pytest.raises(KeyError, match=missing):
        Params.from_dict({name: value for name, value in PAPER.items() if name != missing})


@given(any_params())
def test_sums_over_levels(params):
    assert params.num_nodes == sum(params.level(level).nodes for level in range(1, params.L + 1))
    assert params.num_leaves == params.s * params.level(1).nodes and params.level(params.L).nodes == 1
    assert round(params.d * params.relevant_fraction) == params.num_leaves
    assert params.P_max == params.n_c * (params.m * params.placements) ** params.num_nodes
    assert [params.level(level).parents for level in range(1, params.L + 1)] == [params.v] * (
        params.L - 1
    ) + [params.n_c]
    assert Params(**asdict(params)) == params and hash(Params(**asdict(params))) == hash(params)


def test_numpy_integers_become_int(unchecked):
    params = Params(*np.array([10, 10, 10, 2, 2, 2], np.int16))
    assert params == Params(**PAPER) and all(type(n) is int for n in list(asdict(params).values())[:6])


def test_frozen():
    with pytest.raises(FrozenInstanceError):
        Params(**PAPER).m = 3  # pyright: ignore


@pytest.mark.parametrize(
    ("name", "value", "fix"),
    [
        ("n_c", 1, "Use n_c >= 2"),
        ("v", 1, "Use v >= 2"),
        ("m", 0, "Use m >= 1"),
        ("s", 1, "Use s >= 2"),
        ("s0", -1, "Use s0 >= 0"),
        ("L", 0, "Use L >= 1"),
        ("m", 2.0, "Give m as an int"),
        ("v", True, "Give v as an int"),
        ("L", "2", "Give L as an int"),
        ("v", None, "Give v, s0 and L; n_c, m and s have defaults"),
        ("L", None, "Give v, s0 and L; n_c, m and s have defaults"),
        ("sparsity", "C", "Use 'A' or 'B'"),
        ("sparsity", None, "Use 'A' or 'B'"),
        ("sparsity", ["A"], "Use 'A' or 'B'"),
        ("m", 11, "Use m <= 10"),
        ("s", 19, "Use a smaller s or v"),
        ("v", 2**31, "Use a smaller s or v"),
        ("L", 12, "Use a smaller L, s or s0"),
        ("L", 10**6, "Use a smaller L, s or s0"),
        ("s0", 2**40, "Use a smaller L, s or s0"),
    ],
)
def test_numbers_out_of_range(refuses, name, value, fix):
    argument = {"Use a smaller s or v": "s", "Use a smaller L, s or s0": "L"}.get(fix, name)
    value_shown = value if argument == name else PAPER[argument]
    with refuses(argument, repr(value_shown), fix):
        Params(**(PAPER | {name: value}))


@pytest.mark.parametrize(
    ("numbers", "argument", "fix"),
    [
        ((2, 3, 4, 2, 0, 2), "m", "Use m <= 3"),  # v m = 12 > 9, though n_c m = 8 fits
        ((5, 3, 2, 2, 0, 2), "m", "Use m <= 1"),
        ((10, 3, 1, 2, 0, 2), "m", "Use n_c <= 9, or a larger s"),
        ((2, 2**16, 2**15, 2, 0, 2), "m", "Use a smaller m"),
        ((2, 2, 1, 2, 32767, 1), "L", None),  # 2^30 placements: fits
        ((2, 2, 1, 2, 46340, 1), "s0", "Use a smaller s0"),
    ],
)
def test_tuples_and_sizes(refuses, numbers, argument, fix):
    if fix is None:
        Params(*numbers)
        return
    value = dict(zip(PAPER, numbers, strict=True))[argument]
    with refuses(argument, value, fix):
        Params(*numbers)


def test_a_single_level_needs_tuples_for_its_classes_alone():
    assert Params(n_c=2, v=3, m=4, s=2, s0=0, L=1).P_max == 8


def test_largest_numbers_that_fit():
    assert Params(n_c=2, v=2, m=1, s=2, s0=0, L=30).d == 2**30
    assert Params(n_c=2, v=2, m=1, s=2, s0=46338, L=1).placements == 46339**2
    assert Params(n_c=2, v=2, m=1, s=61, s0=0, L=1, sparsity="B").placements == 1


@pytest.mark.parametrize(("level", "fix"), [(0, "Use level >= 1"), (3, "Use level <= 2")])
def test_levels_out_of_range(refuses, level, fix):
    with refuses("level", level, fix):
        Params(**PAPER).level(level)
