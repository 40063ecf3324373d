"""Splits that hold something out: no training input has it, every test input does."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from enumeration import Enumeration
from srhm import Dataset, Grammar, Params, Placements, RulePairs, Tuples, Zipf, expand, parse, split
from srhm.errors import ArgumentError
from srhm.model.holdout import class_counts, class_sums, hold_out_of, hold_out_text
from strategies import small_params

SMALL = Params(n_c=3, v=3, m=2, s=2, s0=1, L=2)
LEVELS = Params(n_c=2, v=(4, 3), m=(4, 3), s=(3, 2), s0=(0, 1))
DEEP = Params(n_c=2, v=3, m=3, s=2, s0=0, L=3)
GRAMMARS = {
    "small": Grammar(SMALL, 0),
    "levels that differ": Grammar(LEVELS, 1),
    "deep": Grammar(DEEP, 2),
    "uneven": Grammar(SMALL, 3, rule_weights={1: Zipf(1.0)}, placement_weights={2: [4, 2, 1, 1]}),
    "uneven classes": Grammar(SMALL, 4, class_weights=[3, 2, 1]),
}
KINDS = [Tuples, RulePairs, Placements]


def held_out(kind, grammar, fraction=0.4, seed=0):
    """What of this kind can be held out of a grammar, at each level where it can."""
    for level in range(1, grammar.params.L + 1):
        numbers = grammar.params.level(level)
        if kind is RulePairs and (level == 1 or grammar.params.level(level - 1).m == 1):
            continue
        if (kind is Tuples and numbers.m == 1) or (kind is Placements and numbers.placements == 1):
            continue
        yield kind(level, fraction, seed)


CASES = [
    pytest.param(grammar, hold_out, id=f"{name} {type(hold_out).__name__} {hold_out.level}")
    for (name, grammar), kind in product(GRAMMARS.items(), KINDS)
    for hold_out in held_out(kind, grammar)
]


def items(grammar, hold_out, derivation):
    """The entries of the table that each sample has, read node by node."""
    tree, level = expand(grammar, derivation), hold_out.level
    found = []
    for row in range(len(derivation.label)):
        parents = [derivation.label[row]] if level == grammar.params.L else tree.features[level][row]
        entries = set()
        for node, parent in enumerate(parents):
            rule, s = int(derivation.rules[level - 1][row, node]), grammar.params.level(level).s
            if isinstance(hold_out, Tuples):
                entries.add((int(parent), rule))
            elif isinstance(hold_out, Placements):
                entries.add((int(derivation.placements[level - 1][row, node]),))
            else:
                below = derivation.rules[level - 2][row, node * s : (node + 1) * s]
                entries |= {(int(parent), rule, place, int(child)) for place, child in enumerate(below)}
        found.append(entries)
    return found


def inputs_of(dataset):
    return list(map(tuple, dataset.encode("integer").tolist()))


@pytest.mark.parametrize(("grammar", "hold_out"), CASES)
def test_what_is_held_out(grammar, hold_out):
    """No training input has an entry of the table, every test input does; classes are balanced; sets are nested."""
    P, P_test, params = 30, 21, grammar.params
    sets = split(grammar, P, P_test, 5, hold_out=hold_out)
    table = {tuple(map(int, entry)) for entry in np.argwhere(hold_out.mask(grammar))}
    for part, count, held in ((sets.train, P, False), (sets.test, P_test, True)):
        hidden = parse(grammar, part.encode("integer"))
        assert np.array_equal(hidden.label, part.labels) and len(part) == count
        for one, other in zip(hidden.rules, part.derivation().rules, strict=True):
            assert np.array_equal(one, other)
        assert [bool(entries & table) for entries in items(grammar, hold_out, hidden)] == [held] * count
        first = part.stream.take(0, count).label
        assert np.array_equal(part.labels, first)  # balanced as the stream is
        if grammar.class_weights is None:
            counts = np.bincount(part.labels, minlength=params.n_c)
            assert counts.max() - counts.min() <= 1
    assert sets.hold_out == hold_out and sets.seen_share == 0
    assert sets.distinct == (not grammar.weighted) and (sets.repeat_bound == 0) == sets.distinct
    again = split(grammar, P // 2, P_test, 5, hold_out=hold_out)
    assert inputs_of(again.train) == inputs_of(sets.train)[: P // 2]
    assert inputs_of(again.test) == inputs_of(sets.test)
    fewer = split(grammar, P, P_test // 2, 5, hold_out=hold_out)
    assert inputs_of(fewer.train) == inputs_of(sets.train)
    distinct = split(grammar, P, P_test, 5, hold_out=hold_out, distinct=True)
    whole = inputs_of(distinct.train) + inputs_of(distinct.test)
    assert distinct.distinct and distinct.repeat_bound == 0 and len(set(whole)) == P + P_test


@pytest.mark.parametrize("distinct", [False, True])
@pytest.mark.parametrize(("grammar", "hold_out"), CASES)
def test_in_distribution(grammar, hold_out, distinct):
    """Further inputs without what is held out, none of the training set if all are distinct, whatever P is."""
    sets = split(grammar, 30, 21, 5, hold_out=hold_out, distinct=distinct)
    other = sets.in_distribution
    assert 0 < len(other) <= 21 and not hold_out.occurs(grammar, other.derivation()).any()
    assert other.stream == sets.test.stream
    if sets.distinct:
        assert len({*inputs_of(sets.train), *inputs_of(other)}) == 30 + len(other)
    plain = split(grammar, 30, 21, 5)
    assert plain.in_distribution is plain.test


@pytest.mark.parametrize(("grammar", "hold_out"), CASES)
def test_counts(grammar, hold_out):
    """Counts, shares and coincidences are those of an enumeration of all samples."""
    oracle = Enumeration(grammar)
    held = hold_out.occurs(grammar, oracle.derivation)
    table = {tuple(map(int, entry)) for entry in np.argwhere(hold_out.mask(grammar))}
    few = slice(0, None, max(1, len(held) // 200))
    some = type(oracle.derivation)(
        oracle.derivation.label[few],
        *(tuple(level[few] for level in part) for part in oracle.derivation[1:]),
    )
    assert held[few].tolist() == [bool(entries & table) for entries in items(grammar, hold_out, some)]
    label = oracle.derivation.label
    p = np.exp(oracle.log_prior) / grammar.class_probability[label]
    for power in range(3):
        for sums, rows in zip(class_sums(grammar, power, hold_out), (~held, held), strict=True):
            wanted = np.bincount(label[rows], p[rows] ** power, grammar.params.n_c)
            np.testing.assert_allclose(sums, wanted, rtol=1e-12)


@given(small_params(), st.sampled_from(KINDS), st.floats(0.01, 0.99), st.integers(0, 2**64 - 1))
def test_all_samples(params, kind, fraction, seed):
    """The largest training and test sets are all samples there are, each once; one more is refused."""
    grammar = Grammar(params, 0)
    for hold_out in held_out(kind, grammar, fraction, seed):
        free, held = (counts.astype(int) for counts in class_sums(grammar, 0, hold_out))
        P, P_test = int(free.min()) * params.n_c, int(held.min()) * params.n_c
        assert held.min() > 0  # of each class
        assert class_counts(params, hold_out) == (free.min(), held.min()) == (free.max(), held.max())
        assert (free + held == params.data_per_class).all()
        if not P:
            with pytest.raises(ArgumentError):
                split(grammar, params.n_c, 1, 0, hold_out=hold_out)
            continue
        sets = split(grammar, P, P_test, seed, hold_out=hold_out)
        assert sets.in_distribution is None  # none are left
        assert hold_out_of(hold_out_text(hold_out)) == hold_out
        assert len({*inputs_of(sets.train), *inputs_of(sets.test)}) == P + P_test
        assert (np.bincount(sets.train.labels) == P // params.n_c).all()
        assert (np.bincount(sets.test.labels) == P_test // params.n_c).all()
        assert not hold_out.occurs(grammar, sets.train.derivation()).any()
        assert hold_out.occurs(grammar, sets.test.derivation()).all()


def test_tables():
    """Each parent keeps a rule and loses one; each rule of a child is held out at some places and free at others."""
    grammar = Grammar(Params(v=4, s0=1, L=3), 0)
    for fraction, held in ((0.01, 1), (0.5, 2), (0.99, 3)):
        assert (Tuples(2, fraction).mask(grammar).sum(axis=1) == held).all()
        assert Placements(3, fraction).mask(grammar).sum() == held
        mask = RulePairs(2, fraction).mask(grammar)
        assert mask.shape == (4, 4, 2, 4) and (mask.sum(axis=-1) == held).all()
        for symbol in range(4):  # is at 8 places
            times = mask[grammar.rules[1] == symbol].sum(axis=0)
            assert (times == 2 * held).all()
    tables = [kind(2, 0.5, seed).mask(grammar) for kind in KINDS for seed in (0, 0, 1)]
    for first, again, other in zip(tables[::3], tables[1::3], tables[2::3], strict=True):
        assert np.array_equal(first, again)
        assert first.ndim == 1 or not np.array_equal(first, other)


def test_sizes_that_are_impossible(refuses):
    grammar = GRAMMARS["small"]
    hold_out = Placements(1, 0.5)
    free, held = (int(counts.min()) for counts in class_sums(grammar, 0, hold_out))
    for sizes, name, largest in (((10**6, 5), "P", 3 * free), ((5, 10**6), "P_test", 3 * held)):
        with refuses(name, 10**6, f"Use {name} <= {largest}"):
            split(grammar, *sizes, hold_out=hold_out)
    assert len(split(grammar, 3 * free, 3 * held, hold_out=hold_out).train) == 3 * free
    skewed = GRAMMARS["uneven classes"]
    with pytest.raises(ArgumentError, match="Use P <= ") as error:
        split(skewed, 10**5, 5, hold_out=hold_out, distinct=True)
    largest = int(str(error.value).split("Use P <= ")[1].rstrip("."))
    assert len(split(skewed, largest, 5, hold_out=hold_out, distinct=True).train) == largest
    with refuses("P", largest + 1, f"Use P <= {largest}"):
        split(skewed, largest + 1, 5, hold_out=hold_out, distinct=True)
    never = Grammar(SMALL, rule_weights={2: [1, 0]})
    parts = [Tuples(2, 0.5, seed) for seed in range(5)]
    for part in parts:  # the one rule of a class is held out, or the one that never comes
        with pytest.raises(ArgumentError, match="Use another hold_out"):
            split(never, 3, 3, hold_out=part)


def test_what_cannot_be_held_out(refuses):
    grammar = GRAMMARS["deep"]
    for hold_out, fix in (
        (Placements(1, 0.5), "Use a level with blanks, s0 > 0"),
        (Tuples(4, 0.5), "level = 4"),
    ):
        with pytest.raises(ArgumentError, match=fix):
            split(grammar, 5, 5, hold_out=hold_out)
    with refuses("hold_out", Tuples(1, 0.5), "Use a level with more"):
        split(Grammar(Params(n_c=2, v=3, m=1, s0=1, L=1)), 5, 5, hold_out=Tuples(1, 0.5))
    for kind, name, values in (
        (RulePairs, "level", (1, 0.5)),
        (Tuples, "level", (0, 0.5)),
        (Tuples, "fraction", (1, 1.0)),
        (Placements, "fraction", (1, 0)),
        (Placements, "seed", (1, 0.5, -1)),
    ):
        with pytest.raises(ArgumentError, match=name):
            kind(*values)
    with pytest.raises(ArgumentError, match="hold_out"):
        split(grammar, 5, 5, hold_out="tuples")
    with refuses("distinct", "True", "Leave out one of the two"):
        split(grammar, 5, 5, distinct=True, replacement=True, hold_out=Tuples(1, 0.5))


def test_samples_too_rare(refuses, monkeypatch):
    """Where almost every sample has what is held out, the search ends."""
    monkeypatch.setattr("srhm.model.splitting._MIN_DRAWS", 2000)
    large = Grammar(Params(v=8, s0=1, L=5), 0)  # 16 nodes produce the input
    with refuses("P", 3, "Use fewer points, or another fraction or level"):
        split(large, 3, 3, hold_out=Tuples(1, 0.9))
    sets = split(large, 40, 8, hold_out=Tuples(5, 0.25))
    assert sets.rule == "replacement" and 0 < sets.repeat_bound < 1e-12


def test_replacement():
    """With replacement, points are the next of their class, repeats included."""
    grammar, hold_out = GRAMMARS["small"], Tuples(1, 0.5)
    sets = split(grammar, 60, 30, 2, replacement=True, hold_out=hold_out)
    assert sets.rule == "replacement" and not sets.distinct and sets.seen_share == 0
    stream = sets.train.stream
    drawn, held = Dataset.draw(stream, 3000), hold_out.occurs(grammar, stream.take(0, 3000))
    free = {c: np.flatnonzero(~held & (drawn.labels == c)).tolist() for c in range(3)}
    assert sets.train.numbers.tolist() == [free[c].pop(0) for c in drawn.labels[:60].tolist()]
