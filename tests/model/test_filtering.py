"""Filtered grammars against the definition, all inputs one by one."""

import pickle
from collections import defaultdict
from itertools import product

import numpy as np
import pytest
from scipy.stats import chi2

from srhm import ArgumentError, Grammar, Params, Zipf, split
from srhm.inference import (
    MASKED,
    Masking,
    class_posterior,
    filtered,
    log_likelihood,
    masked_symbol,
    next_symbol,
    parse,
    posterior,
    surprisal,
)
from srhm.model.derivation import child_offsets
from srhm.model.marginals import symbol_probability

CASES = [
    (Params(n_c=2, v=3, m=2, s=2, s0=0, L=2), {}),
    (Params(n_c=2, v=2, m=2, s=2, s0=1, L=2), {}),
    (Params(n_c=3, v=(2, 3), m=(1, 2), s=2, s0=(0, 1), sparsity="B"), {}),
    (Params(n_c=2, v=3, m=2, s=2, s0=0, L=2), {"rule_weights": Zipf(1), "class_weights": [1, 3]}),
]


def grow(grammar, level, symbol):
    """All inputs below a symbol of a level, as (tuple of symbols with -1 for blanks, probability)."""
    if level == 1:
        return [((symbol,), 1.0)]
    numbers = grammar.params.level(level - 1)
    blank = (-1,) * (grammar.params.d // numbers.positions)
    found = []
    weights = grammar.rule_probability(level - 1)[symbol]
    for rule, p in zip(grammar.rules[level - 2][symbol], weights, strict=True):
        below = [grow(grammar, level - 1, int(child)) for child in rule]
        found += placed(numbers, below, blank, p)
    return found


def placed(numbers, below, blank, p):
    """All ways to place children, each one of a list of (symbols, probability), in a patch."""
    offsets = np.asarray(child_offsets(numbers, np.arange(numbers.placements, dtype=np.int32)))
    found = []
    for places, chosen in product(offsets, product(*below)):
        patch = [blank] * numbers.patch
        for place, (symbols, _) in zip(places, chosen, strict=True):
            patch[place] = symbols
        total = p / numbers.placements * np.prod([one for _, one in chosen])
        found.append((sum(patch, ()), total))
    return found


def by_definition(grammar, k):
    """p(class, input): symbols of level L+1-k drawn independently given the class, placements as they are."""
    params = grammar.params
    cut, joint = params.L + 1 - k, defaultdict(lambda: np.zeros(params.n_c))
    marginals = symbol_probability(grammar, cut)
    for class_ in range(params.n_c):
        nodes = []
        for of_slot in marginals[:, class_]:
            grown = [
                (x, p * q) for symbol, q in enumerate(of_slot) if q for x, p in grow(grammar, cut, symbol)
            ]
            nodes.append(grown)
        for numbers in params.levels[cut - 1 :]:
            blank = (-1,) * (params.d // numbers.positions)
            groups = [nodes[i : i + numbers.s] for i in range(0, len(nodes), numbers.s)]
            nodes = [placed(numbers, group, blank, 1.0) for group in groups]
        for x, p in nodes[0]:
            joint[x][class_] += p * grammar.class_probability[class_]
    return joint


@pytest.mark.parametrize("k", [1, 2])
@pytest.mark.parametrize(("params", "weights"), CASES, ids=str)
def test_every_probability_is_that_of_the_definition(params, weights, k):
    grammar = Grammar(params, 3, **weights)
    joint = by_definition(grammar, k)
    x = np.array(list(joint))
    p = np.array(list(joint.values()))
    assert p.sum() == pytest.approx(1)
    cut = filtered(grammar, k)
    evidence = Masking().evidence(cut.params, x, np.float64)
    assert np.abs(np.exp(log_likelihood(cut, evidence)) - p.sum(axis=1)).max() < 1e-10
    assert np.abs(class_posterior(cut, evidence) - p / p.sum(axis=1, keepdims=True)).max() < 1e-10

    # The last symbol given the others, and every symbol given half of them.
    v, rng = params.level(1).v, np.random.default_rng(0)
    some = x[rng.choice(len(x), 20)]
    found = next_symbol(cut, some)
    for row, symbols in zip(some, found, strict=True):
        alike = (x[:, :-1] == row[:-1]).all(axis=1)
        expected = [p[alike & (x[:, -1] == (symbol if symbol < v else -1))].sum() for symbol in range(v + 1)]
        assert np.abs(symbols[-1] - np.array(expected) / p[alike].sum()).max() < 1e-10
    hidden = np.arange(params.d) % 2 == 1
    for row, symbols in zip(some, masked_symbol(cut, some, np.tile(hidden, (20, 1))), strict=True):
        alike = (x[:, ~hidden] == row[~hidden]).all(axis=1)
        for place in np.flatnonzero(hidden):
            expected = [
                p[alike & (x[:, place] == (symbol if symbol < v else -1))].sum() for symbol in range(v + 1)
            ]
            assert np.abs(symbols[place] - np.array(expected) / p[alike].sum()).max() < 1e-10


def test_nothing_is_cut_at_k_0_and_the_rest_keeps_its_marginals():
    grammar = Grammar(Params(v=4, m=2, s=2, s0=1, L=3), 0)
    assert filtered(grammar, 0) is grammar
    for k in (1, 2, 3):
        cut = filtered(grammar, k)
        assert cut.params.d == grammar.params.d
        assert np.abs(symbol_probability(cut, 1) - symbol_probability(grammar, 1)).max() < 1e-12
        again = pickle.loads(pickle.dumps(cut))
        assert again == cut and (again.rule_probability(4 - k) == cut.rule_probability(4 - k)).all()
    assert len({filtered(grammar, k).digest for k in range(4)}) == 4


def test_samples_are_of_the_filtered_law():
    """Chi-square over all inputs, at a false-alarm rate of 1e-4."""
    grammar = Grammar(CASES[0][0], 3)
    joint = by_definition(grammar, 1)
    drawn = split(filtered(grammar, 1), P=20_000, P_test=2).train.encode("integer")
    seen, counts = np.unique(drawn, axis=0, return_counts=True)
    expected = np.array([joint[tuple(row)].sum() for row in seen]) * len(drawn)
    assert (expected > 0).all()
    left = len(drawn) - expected.sum()
    statistic = ((counts - expected) ** 2 / expected).sum() + left
    assert statistic < chi2.ppf(1 - 1e-4, len(joint) - 1)


def test_what_is_cut_is_lost():
    """On samples of the grammar the more is cut the worse the prediction; sub-trees below the cut stay exact."""
    grammar = Grammar(Params(v=6, m=3, s=2, s0=0, L=3), 0)
    x = split(grammar, P=2000, P_test=1).train.encode("integer")
    losses = [surprisal(next_symbol(filtered(grammar, k), x), x)[:, -1].mean() for k in range(4)]
    assert losses == sorted(losses) and losses[3] > losses[0] + 0.1
    # Given the left neighbour alone nothing above level 2 matters but the class.
    hidden = np.full_like(x, MASKED)
    hidden[:, -2:] = x[:, -2:]
    cut = posterior(filtered(grammar, 2), Masking().evidence(grammar.params, hidden, np.float64))
    whole = posterior(grammar, Masking().evidence(grammar.params, hidden, np.float64))
    assert np.abs(cut.symbols[1] - whole.symbols[1])[:, -1].max() < 1e-10


def test_refusals():
    grammar = Grammar(Params(v=4, m=2, s=2, s0=1, L=2), 0)
    for wrong in (-1, 3):
        with pytest.raises(ArgumentError, match="k = "):
            filtered(grammar, wrong)
    cut = filtered(grammar, 1)
    with pytest.raises(ArgumentError, match="is filtered already"):
        filtered(cut, 1)
    with pytest.raises(ArgumentError, match="is filtered"):
        cut.to_json()
    with pytest.raises(ArgumentError, match="its tuples do not tell their parents"):
        parse(cut, split(grammar, P=2, P_test=1).train.encode("integer"))


def test_weights_planes_and_levels():
    """Weights that are tiny stay; pictures stay pictures; the numbers of levels are those of the whole grammar."""
    plane = Grammar(Params(n_c=2, v=2, m=2, s=4, s0=0, L=2, plane=True), 0)
    cut = filtered(plane, 1)
    assert cut.params.plane and cut.weighted and split(cut, P=5, P_test=1).rule == "replacement"
    x = split(plane, P=5, P_test=1).train.encode("integer")
    assert (
        x.shape == (5, 4, 4) and np.isfinite(log_likelihood(cut, Masking().evidence(plane.params, x))).all()
    )
    rare = Grammar(Params(n_c=2, v=3, m=2, s=2, s0=0, L=2), 0, rule_weights=[1.0, 1e-9])
    assert (filtered(rare, 2).rule_probability(1) >= 0).all()
    deep = filtered(Grammar(Params(v=4, m=2, s=2, s0=0, L=3), 0), 1)
    assert [deep.latent_level(level) for level in (1, 3, 4, 5)] == [1, 3, None, None]
    with pytest.raises(ArgumentError, match="level = "):
        deep.latent_level(6)
