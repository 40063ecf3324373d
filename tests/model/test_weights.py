"""Uneven weights of rules, placements and classes: as stated, the same everywhere, and in every exact answer."""

import pickle
from decimal import Decimal, localcontext
from math import inf

import jax.numpy as jnp
import numpy as np
import pytest
from scipy.stats import kstest

from enumeration import Enumeration, check_alike, check_oracle, received
from oracles import ALARM, check_counts, equal
from srhm import (
    ArgumentError,
    Dataset,
    Grammar,
    LogNormal,
    Params,
    Stream,
    Zipf,
    diffeomorphism,
    enumerate_all,
    exchange_synonyms,
    expand,
    rank,
    split,
)
from srhm.inference import Masking, UniformNoise, bayes_error, most_probable, posterior, sample_posterior
from srhm.learners import LayerwiseLearner
from srhm.model.weights import TOTAL
from srhm.theory import features, patches, positions, predicted_P, tuples
from srhm.torch import TorchDataset

A = Params(n_c=3, v=3, m=3, s=2, s0=1, L=1)
DEEP = Params(n_c=2, v=3, m=2, s=2, s0=1, L=2)
DENSE = Params(n_c=3, v=3, m=3, s=2, s0=0, L=2)
B = Params(n_c=2, v=3, m=2, s=2, s0=1, L=2, sparsity="B")
LEVELS = Params(n_c=2, v=(3, 2), m=(3, 2), s=(3, 2), s0=(0, 1))

GRAMMARS = {
    "zipf": Grammar(A, 1, rule_weights=Zipf(1.0)),
    "zipf at the top": Grammar(DEEP, 1, rule_weights={2: Zipf(0.5)}),
    "first rules alone": Grammar(DENSE, 1, rule_weights={1: Zipf(inf)}),
    "log-normal": Grammar(DENSE, 1, rule_weights=LogNormal(1.0)),
    "arrays": Grammar(DEEP, 1, rule_weights={1: [[1, 2], [5, 1], [0.5, 0.25]], 2: [3, 1]}),
    "placements": Grammar(A, 1, placement_weights=[1, 2, 3, 4]),
    "placements at the input": Grammar(DEEP, 1, placement_weights={1: Zipf(1.0)}),
    "both": Grammar(DEEP, 1, rule_weights=LogNormal(0.5), placement_weights=LogNormal(0.7)),
    "placements of B": Grammar(B, 1, placement_weights=Zipf(0.3)),
    "rules of B": Grammar(B, 1, rule_weights=Zipf(0.3)),
    "levels that differ": Grammar(LEVELS, 1, rule_weights=Zipf(0.2), placement_weights={2: LogNormal(1.0)}),
    "classes": Grammar(A, 1, class_weights=Zipf(0.5)),
    "classes of two levels": Grammar(DEEP, 1, class_weights=[1, 3]),
    "classes of B": Grammar(B, 1, rule_weights=Zipf(0.3), class_weights=LogNormal(1.0)),
    "all": Grammar(
        LEVELS, 1, rule_weights=Zipf(0.2), placement_weights=LogNormal(1.0), class_weights=LogNormal(0.7)
    ),
    "a class that never comes": Grammar(DENSE, 1, class_weights=[2, 0, 1]),
    "a placement that never comes": Grammar(A, 1, placement_weights=[1, 0, 2, 0]),
}
NAMES = list(GRAMMARS)
FEW = ("arrays", "placements of B", "all", "a placement that never comes")
"""Weights of rules, placements and classes, at one level or all, none and uneven, of both sparsities."""


@pytest.mark.parametrize("name", NAMES)
def test_draws_have_the_stated_weights(name):
    """Chi-square of the counts of each choice, and of the derivations (false-alarm rate 2e-4 each)."""
    grammar = GRAMMARS[name]
    params, samples = grammar.params, 20_000
    derivation = Stream(grammar, 3, "replacement").take(0, samples)
    tree = expand(grammar, derivation)
    if grammar.class_weights is not None:  # else they are balanced
        check_likely(np.bincount(derivation.label, minlength=params.n_c), grammar.class_probability)
    for level in range(1, params.L + 1):
        parents = tree.features[level] if level < params.L else tree.label[:, None]
        for parent in range(params.level(level).parents):
            drawn = derivation.rules[level - 1][parents == parent]
            check_likely(
                np.bincount(drawn, minlength=params.level(level).m), grammar.rule_probability(level)[parent]
            )
        placements = derivation.placements[level - 1].ravel()
        check_likely(
            np.bincount(placements, minlength=params.level(level).placements),
            grammar.placement_probability(level),
        )


def check_likely(counts, p):
    assert (counts[p == 0] == 0).all()
    kept = p * counts.sum() >= 5
    if kept.sum() > 1:
        counts, p = counts[kept], p[kept] / p[kept].sum()
        check_counts(counts, counts.sum() * p)


@pytest.mark.parametrize(
    "name", [name if name in FEW else pytest.param(name, marks=pytest.mark.long) for name in NAMES]
)
def test_the_same_samples_from_both_backends(name):
    grammar = GRAMMARS[name]
    stream = Stream(grammar, 7, "replacement")
    assert equal(stream.take(5, 300), stream.take(5, 300, jnp))
    first, second = (Dataset.draw(stream, 300, 5, backend) for backend in ("numpy", "jax"))
    assert equal(
        (first.features, first.positions, first.labels), (second.features, second.positions, second.labels)
    )
    derivation = stream.take(0, 100)
    assert equal(stream.at(np.arange(100, dtype=np.uint32)), derivation)
    for transformed in (exchange_synonyms, diffeomorphism):
        changed = transformed(grammar, derivation, grammar.params.L, 3, cumulative=True)
        again = transformed(
            grammar, type(derivation)(*map(as_jax, derivation)), grammar.params.L, 3, cumulative=True
        )
        assert equal(changed, again)


def as_jax(part):
    return tuple(map(jnp.asarray, part)) if isinstance(part, tuple) else jnp.asarray(part)


@pytest.mark.parametrize("name", ["both", "all"])
@pytest.mark.parametrize("cumulative", [False, True])
def test_transformations_draw_by_the_weights(name, cumulative):
    """Chi-square of the counts of each new choice (false-alarm rate 2e-4 each), by the parent that it has then."""
    grammar = GRAMMARS[name]
    params = grammar.params
    derivation = Stream(grammar, 4, "replacement").take(0, 20_000)
    for level in range(1, params.L + 1):
        levels = range(1, level + 1) if cumulative else [level]
        exchanged = exchange_synonyms(grammar, derivation, level, 7, cumulative=cumulative)
        shifted = diffeomorphism(grammar, derivation, level, 7, cumulative=cumulative)
        tree = expand(grammar, exchanged)
        assert equal(exchanged.placements, derivation.placements) and equal(shifted.rules, derivation.rules)
        for one in range(1, params.L + 1):
            if one not in levels:
                assert equal(exchanged.rules[one - 1], derivation.rules[one - 1])
                continue
            numbers = params.level(one)
            parents = tree.features[one] if one < params.L else tree.label[:, None]
            for parent in range(numbers.parents):
                drawn = exchanged.rules[one - 1][parents == parent]
                check_likely(np.bincount(drawn, minlength=numbers.m), grammar.rule_probability(one)[parent])
            drawn = shifted.placements[one - 1].ravel()
            check_likely(np.bincount(drawn, minlength=numbers.placements), grammar.placement_probability(one))


@pytest.mark.parametrize("name", NAMES)
def test_posterior_by_enumeration(name):
    oracle = Enumeration(GRAMMARS[name])
    assert np.exp(oracle.log_prior).sum() == pytest.approx(1, abs=1e-12)
    likely = np.flatnonzero(oracle.log_prior > -np.inf)
    inputs = oracle.inputs[likely[:: max(1, len(likely) // 3)][:3]]
    evidence = received(oracle.grammar, inputs)
    found = posterior(oracle.grammar, evidence)
    check_oracle(found, evidence, oracle)
    check_alike(oracle.grammar, evidence, found)
    best = most_probable(oracle.grammar, evidence)
    for one, number in zip(evidence, rank(oracle.params, best.derivation), strict=True):
        joint = oracle.joint(one)
        np.testing.assert_allclose(joint[number], joint.max(), rtol=0, atol=1e-10)


@pytest.mark.parametrize("name", ["both", "placements of B", "classes of B"])
def test_draws_from_the_posterior_by_enumeration(name):
    """Chi-square of the counts of derivations, rare ones together (false-alarm rate 2e-4)."""
    oracle, draws = Enumeration(GRAMMARS[name]), 4000
    evidence = received(oracle.grammar, oracle.inputs[11:12], seed=5)[[3]]
    ranks = rank(oracle.params, sample_posterior(oracle.grammar, evidence, draws, seed=2))
    joint = oracle.joint(evidence[0])
    p = np.exp(joint - np.logaddexp.reduce(joint))
    counts, common = np.bincount(ranks, minlength=oracle.params.P_max), draws * p >= 5
    observed = [*counts[common], counts[~common].sum()]
    check_likely(np.array(observed), np.array([*p[common], p[~common].sum()]))


def test_classes_are_drawn_independently():
    """Chi-square of the pairs of neighbours (false-alarm rate 2e-4); without weights they are balanced."""
    grammar = GRAMMARS["classes"]
    labels = Stream(grammar, 3, "replacement").take(0, 20_000).label
    pairs = np.bincount(3 * labels[::2] + labels[1::2], minlength=9)
    check_likely(pairs, np.outer(grammar.class_probability, grammar.class_probability).ravel())
    stream = Stream(Grammar(A, 1, rule_weights=Zipf(1.0)), 3, "replacement")
    assert (np.sort(stream.take(0, 300).label.reshape(-1, 3), axis=1) == [0, 1, 2]).all()


@pytest.mark.parametrize("name", ["zipf", "both", "placements of B", "classes of B", "all"])
def test_bayes_error_by_enumeration(name):
    """Within 4 standard errors of the exact one (false-alarm rate 6e-5)."""
    oracle, process = Enumeration(GRAMMARS[name]), Masking(1.0)
    found = bayes_error(oracle.grammar, process, samples=200)
    assert found.value == pytest.approx(1 - oracle.grammar.class_probability.max())
    process = UniformNoise(0.4)
    found = bayes_error(oracle.grammar, process, samples=2000)
    rng = np.random.default_rng(0)
    drawn = rng.choice(oracle.params.P_max, 400, p=np.exp(oracle.log_prior))
    evidence = process.evidence(
        oracle.params, process.corrupt(oracle.params, oracle.inputs[drawn], 9), np.float64
    )
    wrong = [1 - oracle.posterior(one)[1].max() for one in evidence]
    deviation = np.hypot(found.standard_error, np.std(wrong, ddof=1) / 20)
    assert abs(found.value - np.mean(wrong)) < 4 * deviation


@pytest.mark.parametrize("name", NAMES)
def test_statistics_by_enumeration(name):
    oracle = Enumeration(GRAMMARS[name])
    grammar, params, p = oracle.grammar, oracle.params, np.exp(oracle.log_prior)
    for level in range(1, params.L + 1):
        numbers = params.level(level)
        seen, where = oracle.tree.features[level - 1], oracle.tree.positions[level - 1]
        check_statistics(features(grammar, level), oracle, p, seen, numbers.v)
        parent = oracle.tree.label[:, None] if level == params.L else oracle.tree.features[level]
        rules, count = parent * numbers.m + oracle.derivation.rules[level - 1], numbers.parents * numbers.m
        check_statistics(tuples(grammar, level), oracle, p, rules, count)
        grid = np.full((len(p), numbers.positions), numbers.v)
        np.put_along_axis(grid, where, seen, axis=1)
        check_statistics(positions(grammar, level), oracle, p, grid, numbers.v + 1)
        grid = np.full((len(p), numbers.patches), count)
        np.put_along_axis(grid, where[:, :: numbers.s] // numbers.patch, rules, axis=1)
        check_statistics(patches(grammar, level), oracle, p, grid, count + 1)


def check_statistics(found, oracle, p, symbols, count):
    expected = np.zeros((symbols.shape[1], oracle.params.n_c, count))
    for place, column in enumerate(symbols.T):
        np.add.at(expected[place], (oracle.tree.label, column), p)
    prior = oracle.grammar.class_probability
    joint = expected.sum(axis=1), expected - prior[:, None] * expected.sum(axis=1, keepdims=True)
    assert np.abs(prior[:, None] * found.given_class - expected).max() < 1e-12
    assert np.abs(found.probability - joint[0]).max() < 1e-12
    assert np.abs(found.covariance - joint[1]).max() < 1e-12
    with np.errstate(invalid="ignore"):
        given = expected / joint[0][:, None]
    np.testing.assert_allclose(found.conditional, given, rtol=0, atol=1e-12)


def test_laws_are_what_they_say():
    grammar = Grammar(Params(n_c=2, v=16, m=16, s=2, s0=0, L=1), rule_weights=Zipf(1.0))
    with localcontext(prec=30):
        exact = [Decimal(k + 1) ** -2 for k in range(16)]
        exact = np.array([float(one / sum(exact)) for one in exact])
    assert np.abs(grammar.rule_probability(1) - exact).max() < 2**-32
    grammar = Grammar(Params(n_c=30, v=40, m=40, s=2, s0=0, L=1), 5, rule_weights=LogNormal(1.5))
    z = np.log(grammar.rule_probability(1))
    z = (z - z.mean(axis=1, keepdims=True)) * np.sqrt(40 / 39)
    assert kstest(z.ravel() / 1.5, "norm").pvalue > ALARM
    other = Grammar(grammar.params, 6, rule_weights=LogNormal(1.5))
    assert not equal(grammar.rule_weights, other.rule_weights)


@pytest.mark.parametrize("name", NAMES)
def test_weights_are_part_of_the_grammar(name):
    grammar = GRAMMARS[name]
    for weights in (*grammar.rule_weights, *grammar.placement_weights, grammar.class_weights):
        assert weights is None or (weights.sum(axis=-1) == TOTAL).all()
    plain = Grammar(grammar.params, 1)
    assert equal(plain.rules, grammar.rules) and plain != grammar and plain.digest != grammar.digest
    again = Grammar.from_json(grammar.to_json())
    assert again == grammar and again.seed == 1
    assert equal(again.rule_weights, grammar.rule_weights)
    copied = pickle.loads(pickle.dumps(grammar))
    assert copied == grammar and copied.class_probability.tolist() == again.class_probability.tolist()
    weights = {name: numbered(one) for name, one in grammar.weights_to_dict().items()}
    assert Grammar.from_rules(grammar.params, grammar.rules, **weights) == grammar
    assert "weights" not in plain.to_json() and "_weights" in grammar.to_json()


def numbered(weights):
    return {int(level): one for level, one in weights.items()} if isinstance(weights, dict) else weights


def test_equal_weights_are_none():
    grammar = Grammar(DEEP, 1, rule_weights=[2, 2], placement_weights={1: [0.1] * 4, 2: LogNormal(1.0)})
    assert grammar.rule_weights == (None, None) and grammar.placement_weights[0] is None
    assert not Grammar(DEEP, 1, rule_weights=[2, 2]).weighted
    assert Grammar(DEEP, 1, rule_weights=[2, 2], class_weights=[5, 5]) == Grammar(DEEP, 1)
    assert Grammar(DEEP, 1, rule_weights=Zipf(1.0)) == Grammar(DEEP, 1, rule_weights=[4, 1])


def test_samples_may_occur_again():
    grammar = GRAMMARS["zipf"]
    with pytest.raises(ArgumentError, match="Use 'replacement'"):
        Stream(grammar, 0)
    sets = split(grammar, 40, 20)
    assert sets.rule == "replacement"
    rows = [set(map(tuple, one.encode("integer").tolist())) for one in (sets.train, sets.test)]
    again = [tuple(one) in rows[0] for one in sets.test.encode("integer").tolist()]
    assert sets.seen_share == np.mean(again) > 0.2
    assert split(Grammar(A), 10, 10).seen_share == 0
    p = np.exp(Enumeration(grammar).log_prior)
    big = Grammar(Params(n_c=6, v=6, m=6, s=2, s0=1, L=2), rule_weights=Zipf(1.0))
    assert split(big, 30, 10).repeat_bound < 1
    tiny = split(grammar, 1, 1)
    assert tiny.repeat_bound == pytest.approx(
        min(1, 2 * (p**2).sum() * grammar.params.n_c / grammar.params.n_c)
    )


DISTINCT = [
    "zipf at the top",
    "both",
    "placements of B",
    "levels that differ",
    "classes of two levels",
    "all",
]


@pytest.mark.parametrize("name", DISTINCT)
def test_distinct_samples(name):
    """Each point is the next of its class in the stream that is new: against a loop over the stream."""
    grammar, P, P_test = GRAMMARS[name], 40, 12
    sets = split(grammar, P, P_test, 3, distinct=True)
    assert sets.rule == "replacement" and sets.distinct and sets.repeat_bound == 0 == sets.seen_share
    seen = set()
    for part, role, count in ((sets.test, "test", P_test), (sets.train, "samples", P)):
        stream = Stream(grammar, 3, "replacement", role=role)
        assert part.stream == stream and len(part) == count
        drawn, fresh = Dataset.draw(stream, 8000), {c: [] for c in range(grammar.params.n_c)}
        for number, row in enumerate(map(tuple, drawn.encode("integer").tolist())):
            if row not in seen:
                seen.add(row)
                fresh[int(drawn.labels[number])].append(number)
        expected = [fresh[c].pop(0) for c in drawn.labels[:count].tolist()]
        assert part.numbers.tolist() == expected and (part.labels == drawn.labels[:count]).all()
        seen -= {tuple(row) for row in drawn.encode("integer").tolist()}
        seen |= set(map(tuple, part.encode("integer").tolist()))
        tree = expand(grammar, part.derivation(3, 5))
        assert equal((tree.features[0], tree.positions[0]), (part.features[3:8], part.positions[3:8]))
        latents = TorchDataset(part, 5, latents=True, start=3)[[4, 0]][-1]
        of_rows = part.derivation().rules[0][[7, 3]]
        assert equal(latents["rules_1"].numpy(), of_rows)
    smaller = split(grammar, P // 2, P_test, 3, distinct=True)
    assert equal(smaller.train.features, sets.train.features[: P // 2])
    assert equal(smaller.test.features, sets.test.features)


def test_distinct_samples_elsewhere(refuses):
    plain = split(Grammar(A), 10, 10, distinct=True)
    assert plain.rule == "permutation" and plain.distinct and plain.train.numbers is None
    assert not split(Grammar(A), 10, 10, replacement=True).distinct
    for grammar in (Grammar(A), GRAMMARS["zipf"]):
        with refuses("distinct", "True", "Leave out one of the two"):
            split(grammar, 10, 10, replacement=True, distinct=True)
    large = Params(v=40, m=40, s0=3, L=3)
    assert large.P_max > 2**62
    sets, again = split(Grammar(large), 30, 10, distinct=True), split(Grammar(large), 30, 10)
    assert sets.distinct and not again.distinct
    assert equal((sets.train.features, sets.test.positions), (again.train.features, again.test.positions))


def test_distinct_samples_that_are_not_there(refuses, monkeypatch):
    monkeypatch.setattr("srhm.model.splitting._MIN_DRAWS", 2000)
    P_max = A.P_max
    with refuses("P", P_max, "Use fewer points, or distinct=False"):
        split(GRAMMARS["zipf"], P_max, 3, distinct=True)
    assert split(GRAMMARS["zipf"], P_max - 3, 3, distinct=True).distinct
    with refuses("P", 10, "Use fewer points, or distinct=False"):
        split(GRAMMARS["a placement that never comes"], P_max // 2 - 8, 9, distinct=True)
    rare = Grammar(A, 1, rule_weights=[2**31, 2**31 - 1, 1])
    with refuses("P", P_max - 3, "Use fewer points, or distinct=False"):
        split(rare, P_max - 3, 3, distinct=True)


@pytest.mark.parametrize(
    ("arguments", "argument", "fix"),
    [
        (
            {"rule_weights": [1, 2]},
            "rule_weights",
            "Give Zipf(a), LogNormal(sigma), or numbers [parent, m] or [m]",
        ),
        ({"rule_weights": "zipf"}, "rule_weights", "Give Zipf(a), LogNormal(sigma)"),
        ({"rule_weights": {2: [1, 2, 3]}}, "rule_weights", "Use levels 1 to 1"),
        ({"rule_weights": [1, -2, 3]}, "rule_weights", "Give finite numbers from 0 on"),
        ({"rule_weights": [1, float("nan"), 3]}, "rule_weights", "Give finite numbers from 0 on"),
        ({"rule_weights": [0, 0, 0]}, "rule_weights", "Give each parent a positive weight"),
        ({"rule_weights": [1, 1, 1e-12]}, "rule_weights", "Use a smaller exponent or sigma"),
        ({"rule_weights": Zipf(60.0)}, "rule_weights", "Use a smaller exponent or sigma"),
        ({"placement_weights": [1, 2, 3]}, "placement_weights", "numbers [placement]"),
        ({"class_weights": [1, 2]}, "class_weights", "numbers [class_]"),
        ({"class_weights": {1: [1, 2, 3]}}, "class_weights", "is by level, and classes have none"),
        ({"class_weights": [1, 1, 1e-12]}, "class_weights", "fewer choices"),
        ({"class_weights": [0, 0, 0]}, "class_weights", "Give one of them a positive weight"),
    ],
)
def test_weights_that_do_not_fit(arguments, argument, fix):
    with pytest.raises(ArgumentError) as caught:
        Grammar(A, **arguments)
    assert caught.value.argument == argument and fix in str(caught.value)


def test_laws_out_of_range(refuses):
    for a in (-1, float("nan"), "1"):
        with refuses("a", repr(a), "Give a as a finite number > -1"):
            Zipf(a)
    with refuses("sigma", 0, "Give sigma as a finite number > 0"):
        LogNormal(0)
    with refuses("rule_weights", "LogNormal", "Give the weights as numbers"):
        Grammar.from_rules(A, Grammar(A).rules, rule_weights=LogNormal(1.0))


def test_what_takes_equal_rules_only_refuses_weights(refuses):
    with refuses("grammar", "Grammar", "Use a grammar without weights"):
        predicted_P(GRAMMARS["zipf at the top"])
    data = split(GRAMMARS["zipf at the top"], 50, 10)
    assert LayerwiseLearner().fit(data.train) is not None  # it learns from the data, whatever their law
    assert len(enumerate_all(A).label) == A.P_max
