"""Models whose levels differ."""

import json
import re
from dataclasses import asdict
from math import prod

import jax.numpy as jnp
import numpy as np
import pytest

from oracles import MIXED, check_uniform, equal, name_of
from srhm import (
    ArgumentError,
    Dataset,
    Grammar,
    Params,
    Stream,
    diffeomorphism,
    encode,
    enumerate_all,
    exchange_synonyms,
    expand,
    rank,
    split,
    unrank,
)
from srhm.inference import parse
from srhm.model.params import PER_LEVEL, PerLevel


def long_but(cases, *numbers):
    """Mark all but some as long."""
    return [
        case if number in numbers else pytest.param(case, marks=pytest.mark.long)
        for number, case in enumerate(cases)
    ]


def test_equal_levels_are_one_number():
    uniform = Params(n_c=4, v=6, m=3, s=2, s0=1, L=2)
    for numbers in ({"v": (6, 6)}, {"m": [3, 3], "s0": np.array([1, 1])}, {"s": (2, 2), "v": (6, 6)}):
        params = Params(**(asdict(uniform) | numbers))
        assert params == uniform and hash(params) == hash(uniform) and params.uniform
        assert json.dumps(asdict(params)) == json.dumps(asdict(uniform))
        assert Grammar(params, 3).digest == Grammar(uniform, 3).digest


def test_the_default_of_L_is_the_number_of_levels():
    assert Params(v=6, s0=(1, 0, 2)) == Params(v=6, s0=(1, 0, 2), L=3)
    assert Params(v=(5, 5), s0=0) == Params(v=5, s0=0, L=2)


def test_open_numbers():
    assert Params(v=6, s0=(3, 0)).m == 6, (
        "where v and s are equal, the default of m is that of a uniform model"
    )
    params = Params(v=(4, 6), s0=0)
    assert params.n_c == 6 and params.m == (2, 6), "16 tuples for 6 parents; 36 for 6 classes"
    assert Params(v=(2, 3), s0=0, s=(2, 2)).m == (1, 3)


@pytest.mark.parametrize("params", MIXED, ids=name_of)
def test_numbers_by_level(params):
    given = {
        name: value if isinstance(value := getattr(params, name), tuple) else (value,) * params.L
        for name in PER_LEVEL
    }
    patch = [s * (s0 + 1) for s, s0 in zip(given["s"], given["s0"], strict=True)]
    for level in params.levels:
        index = level.level - 1
        assert (level.v, level.m, level.s, level.s0) == tuple(given[name][index] for name in PER_LEVEL)
        assert level.patch == patch[index] and level.patches == prod(patch[index + 1 :])
        assert level.nodes == prod(given["s"][index + 1 :]) and level.features == level.nodes * level.s
        assert level.parents == (params.n_c if level.level == params.L else given["v"][index + 1])
        assert params.level(level.level) is level
    assert params.d == prod(patch) and params.num_leaves == prod(given["s"])
    assert params.relevant_fraction == pytest.approx(params.num_leaves / params.d)
    assert Params(**asdict(params)) == params and not params.uniform
    assert Params.from_dict(json.loads(json.dumps(asdict(params)))) == params


@pytest.mark.parametrize("params", MIXED, ids=name_of)
def test_every_sample_once(params):
    """Ranks are a bijection onto the samples; samples are distinct, parse, and have classes of one size."""
    grammar, ranks = Grammar(params, 5), np.arange(params.P_max)
    derivation = enumerate_all(params)
    assert (rank(params, derivation) == ranks).all() and equal(unrank(params, ranks), derivation)
    assert (np.bincount(derivation.label) == params.data_per_class).all()
    tree = expand(grammar, derivation)
    inputs = encode(params, tree.features[0], tree.positions[0], "integer")
    assert inputs.shape == (params.P_max, params.d)
    assert len(np.unique(inputs, axis=0)) == params.P_max
    assert ((inputs >= 0).sum(axis=1) == params.num_leaves).all()
    assert equal(parse(grammar, inputs), derivation)
    assert Grammar.from_json(grammar.to_json()) == grammar


@pytest.mark.parametrize("params", long_but(MIXED, 6, 7, 9), ids=name_of)
def test_the_same_samples_from_both_backends(params):
    grammar = Grammar(params, 2)
    for rule in ("permutation", "replacement"):
        stream = Stream(grammar, 7, rule)
        count = min(100, params.P_max)
        first, second = stream.take(0, count), stream.take(0, count, jnp)
        assert equal(first, second), rule
        assert equal(stream.at(jnp.arange(count, dtype=np.uint32)), first)
    drawn = Dataset.draw(Stream(grammar, 7, "permutation"), params.P_max)
    assert len(np.unique(rank(params, drawn.derivation()))) == params.P_max
    sets = split(grammar, params.P_max - 4, 4, seed=1)
    both = [rank(params, one.derivation()) for one in (sets.train, sets.test)]
    assert len(np.unique(np.concatenate(both))) == params.P_max


@pytest.mark.parametrize("params", MIXED, ids=name_of)
def test_choices_are_uniform_at_every_level(params):
    derivation = Stream(Grammar(params, 2), 3, "replacement").take(0, 6000)
    for level in params.levels:
        check_uniform(derivation.rules[level.level - 1], level.m) if level.m > 1 else None
        check_uniform(
            derivation.placements[level.level - 1], level.placements
        ) if level.placements > 1 else None


@pytest.mark.parametrize("params", MIXED, ids=name_of)
def test_transformations_keep_the_class(params):
    grammar = Grammar(params, 4)
    derivation = Stream(grammar, 3, "replacement").take(0, 200)
    for level in range(1, params.L + 1):
        for transformation, part, count in (
            (exchange_synonyms, "rules", params.level(level).m),
            (diffeomorphism, "placements", params.level(level).placements),
        ):
            changed = transformation(params, derivation, level, seed=6)
            tree = expand(grammar, changed)
            inputs = encode(params, tree.features[0], tree.positions[0], "integer")
            assert equal(parse(grammar, inputs), changed) and (changed.label == derivation.label).all()
            moved = [
                (getattr(changed, part)[index] != getattr(derivation, part)[index]).any()
                for index in range(params.L)
            ]
            assert moved == [index == level - 1 and count > 1 for index in range(params.L)]


@pytest.mark.parametrize(
    ("numbers", "argument", "fix"),
    [
        ({"v": (6, 6, 6)}, "v", "Give one number, or one for each level"),
        ({"s0": (1,)}, "s0", "Give one number, or one for each level"),
        ({"s0": ((1, 0), (0, 1))}, "s0", "Give one number, or one for each level, as s0=(2, 0)"),
        ({"s0": ()}, "s0", "Give one number, or one for each level, as s0=(2, 0)"),
        ({"s0": (1, -1)}, "s0[1]", "Use s0[1] >= 0"),
        ({"s": (2, 1)}, "s[1]", "Use s[1] >= 2"),
        ({"m": (2.0, 1)}, "m[0]", "Give m[0] as an int"),
        ({"m": (9, 1)}, "m", "Use m <= 6 at level 1"),
        ({"n_c": 40, "m": (1, 1)}, "m", "Use n_c <= 36, or a larger s"),
        ({"v": (6, 40), "n_c": 2, "m": 1}, "m", "Use v <= 36, or a larger s"),
        ({"s0": (2**15, 2**15 - 1)}, "L", "Use a smaller L, s or s0"),
        ({"v": (6, 2**40), "n_c": 2}, "s", "Use a smaller s or v"),
    ],
)
def test_numbers_that_do_not_fit(numbers, argument, fix):
    with pytest.raises(ArgumentError, match=re.escape(fix)) as caught:
        Params(**({"v": 6, "s0": 1, "L": 2} | numbers))
    assert caught.value.argument == argument


def test_what_takes_one_number_refuses_several():
    params = Params(v=6, s0=(3, 0))
    for compute in (
        lambda: params.s0 + 1,
        lambda: 2**params.s0,
        lambda: range(params.s0),
        lambda: params.patch,
    ):
        with pytest.raises(ArgumentError, match="differs from level to level"):
            compute()
    assert isinstance(params.s0, PerLevel) and params.s0 == (3, 0) and params.s0 != 3
