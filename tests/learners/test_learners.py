from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import xlogy

from oracles import close
from srhm import Dataset, Grammar, LogNormal, Params, Stream, Zipf, expand, split
from srhm.learners import LayerwiseLearner, measure
from srhm.learners.grouping import _merged, group
from srhm.learners.observations import observed_features, observed_patches
from srhm.measure.complexity import pstar
from srhm.measure.sensitivity import test_error as error_of
from srhm.theory import predicted_P
from srhm.theory.confusion import learner_error


def same_partition(first, second):
    """Whether two labellings divide the symbols alike."""
    pairs = set(zip(np.ravel(first).tolist(), np.ravel(second).tolist(), strict=True))
    return len(pairs) == len({a for a, _ in pairs}) == len({b for _, b in pairs})


# The clustering.


def likelihood(counts):
    total = counts.sum()
    return xlogy(counts, counts).sum() - xlogy(total, total)


def united_slowly(counts, groups):
    """Unite the best pair again and again, every pair looked at anew."""
    parts = [[row] for row in range(len(counts))]
    while len(parts) > groups:
        pairs = [(i, j) for j in range(len(parts)) for i in range(j)]
        tables = [counts[part].sum(axis=0) for part in parts]

        def loss(pair, tables=tables):
            first, second = tables[pair[0]], tables[pair[1]]
            return likelihood(first) + likelihood(second) - likelihood(first + second)

        i, j = min(pairs, key=loss)
        parts[i] += parts.pop(j)
    return np.array([next(n for n, part in enumerate(parts) if row in part) for row in range(len(counts))])


def test_unions_are_those_of_the_slow_search():
    """For tables with and without structure, and large counts, so that no two losses are equal."""
    for seed in range(20):
        random = np.random.default_rng(seed)
        counts = random.poisson(random.gamma(0.5, 60.0, (10, 6))) + random.integers(0, 2, (10, 6))
        for groups in (2, 5):
            assert same_partition(_merged(counts, groups), united_slowly(counts, groups))


def clear_counts(random, groups=4, members=5, contexts=6):
    """Counts of symbols whose groups cannot be mistaken, and the groups."""
    probabilities = random.dirichlet(np.full(contexts, 0.3), groups)
    member = random.permutation(np.repeat(np.arange(groups), members))
    return np.array([random.multinomial(3000, probabilities[one]) for one in member]), member


@settings(max_examples=20)
@given(st.integers(0, 2**32))
def test_clear_groups_are_found_whatever_the_order(seed):
    random = np.random.default_rng(seed)
    counts, member = clear_counts(random)
    found = group(counts, 4)
    assert same_partition(found, member)
    rows, columns = random.permutation(len(counts)), random.permutation(counts.shape[1])
    assert same_partition(group(counts[rows][:, columns], 4), member[rows])
    assert (group(counts, 4) == found).all()


def test_the_likelihood_is_the_largest_where_the_noise_is_small():
    """Every way to divide 7 symbols into 2 groups is looked at."""
    random = np.random.default_rng(3)
    for _ in range(20):
        p, q = random.dirichlet(np.ones(4), 2)
        counts = np.array([random.multinomial(60, p if row < 4 else q) for row in range(7)])
        best = max(
            range(1, 2**6),
            key=lambda code: sum(
                likelihood(counts[[(code >> row & 1) == side for row in range(7)]].sum(axis=0))
                for side in (0, 1)
            ),
        )
        found = group(counts, 2)
        assert same_partition(found, [best >> row & 1 for row in range(7)])


def test_few_symbols_are_groups_of_their_own():
    assert group(np.array([[1, 0], [1, 0]]), 3).tolist() == [0, 1]
    assert group(np.array([[4, 0, 0], [3, 0, 0], [0, 0, 9]]), 2).tolist() == [0, 0, 1]


# The learner.

MODEL = Params(n_c=6, v=6, m=6, s=2, s0=1, L=2)
DEEP = Params(n_c=4, v=4, m=4, s=2, s0=1, L=3)
WIDE = Params(n_c=3, v=3, m=9, s=3, s0=1, L=2)


LEVELS = Params(n_c=5, v=(4, 6), m=(2, 4), s=(3, 2), s0=(1, 2))
THREE = Params(n_c=5, v=(5, 4, 6), m=(4, 3, 3), s=(2, 3, 2), s0=(0, 1, 0))
OPTIONS = [
    {"shared": True},
    {"sweeps": 2},
    {"knows_positions": True, "sweeps": 2},
    {"shifts_first": True, "shared": True, "sweeps": 2},
]


def independent(params, grammar_seed, P, P_test=1000):
    return split(Grammar(params, grammar_seed), P, P_test, 1, replacement=True)


def check_groups(learner, params, predictor, dataset):
    """Each place's groups are the true features of the next level, under other names."""
    derivation = dataset.derivation()
    tree = expand(dataset.stream.grammar, derivation)
    found = predictor.groups(dataset)
    assert (found[-1][:, 0] == dataset.labels).all()
    for level in range(1, params.L):
        true, place = tree.features[level], tree.positions[level]
        assert found[level - 1].min() >= 0
        if learner.knows_positions:
            place = np.broadcast_to(np.arange(place.shape[1]), place.shape)
        places = [np.ones_like(place, bool)] if learner.shared else [place == one for one in np.unique(place)]
        for here in places:
            assert same_partition(found[level - 1][here], true[here])


@pytest.mark.parametrize(
    ("params", "options", "P"),
    [
        (MODEL, {"knows_positions": True}, 8_000),
        (MODEL, {"knows_positions": True, "shared": True}, 8_000),
        (MODEL, {"shared": True}, 20_000),
        (MODEL, {}, 40_000),
        (MODEL, {"sweeps": 2}, 6_000),
        (MODEL, {"shifts_first": True, "sweeps": 3}, 6_000),
        (MODEL, {"shifts_first": True, "shared": True, "sweeps": 3}, 4_000),
        (replace(MODEL, sparsity="B"), {"shared": True}, 40_000),
        (replace(MODEL, sparsity="B"), {"sweeps": 2}, 20_000),
        (replace(MODEL, sparsity="B"), {"knows_positions": True, "sweeps": 2}, 2_000),
        (DEEP, {"knows_positions": True, "sweeps": 3}, 4_000),
        (DEEP, {"shared": True, "sweeps": 3}, 4_000),
        (DEEP, {"shifts_first": True, "shared": True, "sweeps": 4}, 6_000),
        (WIDE, {"shared": True, "sweeps": 2}, 20_000),
        (WIDE, {"knows_positions": True, "sweeps": 2}, 6_000),
        (Params(n_c=5, v=7, m=4, s=2, s0=1, L=2), {"shared": True}, 20_000),
        (Params(n_c=4, v=4, m=4, s=2, s0=1, L=1), {}, 4_000),
        *((LEVELS, options, 20_000) for options in OPTIONS),
        (replace(LEVELS, sparsity="B"), {"shared": True, "sweeps": 2}, 20_000),
        *((THREE, options, 20_000) for options in OPTIONS),
    ],
    ids=str,
)
def test_from_many_points_everything_is_learned(params, options, P):
    learner = LayerwiseLearner(**options)
    sets = independent(params, 0, P)
    predictor = learner.fit(sets.train)
    assert predictor.error(sets.test) == 0
    check_groups(learner, params, predictor, sets.test)


def test_uneven_weights_are_learned_too():
    """Tuples of a parent occur with the classes equally often, whatever their own probabilities."""
    weights = {
        "rule_weights": Zipf(-0.5),
        "placement_weights": LogNormal(0.2),
        "class_weights": [2, 1, 1, 2, 1],
    }
    sets = split(Grammar(LEVELS, 0, **weights), 20_000, 1000, 1)
    for options in OPTIONS:
        learner = LayerwiseLearner(**options)
        predictor = learner.fit(sets.train)
        assert predictor.error(sets.test) == 0
        check_groups(learner, LEVELS, predictor, sets.test)


@pytest.mark.parametrize(
    "options", [{}, {"shared": True}, {"knows_positions": True}, {"shared": True, "sweeps": 3}]
)
def test_from_few_points_or_false_labels_nothing_is_learned(options):
    """Chance is 5/6: it is reached within 4 standard errors by labels in random order, nearly by 30 points."""
    learner, deviation = LayerwiseLearner(**options), np.sqrt(5 / 36 / 5000)
    sets = independent(MODEL, 0, 600, 5000)
    assert learner.fit(independent(MODEL, 0, 30).train).error(sets.test) > 0.75
    labels = np.random.default_rng(0).permutation(sets.train.labels)
    predictor = learner.fit(replace(sets.train, labels=labels))
    assert close(predictor.error(sets.test), 5 / 6, deviation)


def test_the_errors_of_many_grammars_are_as_predicted():
    """At the predicted P* of 8 grammars, the error is 10 % within a factor 2 in the mean."""
    options, errors = {"shared": True}, []
    for seed in range(8):
        grammar = Grammar(MODEL, seed)
        P = predicted_P(grammar, **options)
        assert learner_error(grammar, P, **options) == pytest.approx(0.1, rel=0.01)
        sets = split(grammar, round(P), 1000, seed, replacement=True)
        errors.append(LayerwiseLearner(**options).fit(sets.train).error(sets.test))
    assert 0.05 < np.mean(errors) < 0.2


@pytest.mark.parametrize("shared", [False, True])
@pytest.mark.parametrize("by_slot", [False, True])
def test_a_context_is_the_class_and_the_siblings(shared, by_slot):
    """Two patches have the same context if their class, place among the siblings and siblings' groups agree.

    Groups of raw patches mean something at their own place only, so that the siblings' places count too.
    """
    random = np.random.default_rng(0)
    dataset = independent(replace(WIDE, L=3), 0, 40).train
    shape = len(dataset), 9, 3
    features, positions = dataset.features.astype(np.int64), dataset.positions.astype(np.int64)
    params = dataset.params
    seen = observed_patches(
        params.level(1),
        params.level(2),
        features.reshape(shape),
        positions.reshape(shape),
        by_slot=by_slot,
        placed=not by_slot,
        shared=shared,
    )
    groups = random.integers(0, 3, shape[:2])
    found = seen.context(dataset.labels.astype(np.int64), groups)
    patch = positions.reshape(shape)[..., 0] // dataset.params.patch
    expected = []
    for row, item in np.ndindex(shape[:2]):
        siblings = [one for one in range(item // 3 * 3, item // 3 * 3 + 3) if one != item]
        context = [int(dataset.labels[row]), *groups[row, siblings].tolist()]
        context += (
            [item % 3]
            if shared
            else []
            if by_slot
            else (patch[row, siblings] % dataset.params.patch).tolist()
        )
        expected.append(str(context))
    assert same_partition(found, np.unique(expected, return_inverse=True)[1])


def test_features_are_each_others_siblings():
    dataset = independent(WIDE, 0, 40).train
    shape = len(dataset), 3, 3
    features, positions = dataset.features.astype(np.int64), dataset.positions.astype(np.int64)
    seen = observed_features(WIDE.level(1), features.reshape(shape), positions.reshape(shape), shared=False)
    found = seen.context(dataset.labels.astype(np.int64), features)
    expected = []
    for row, item in np.ndindex(features.shape):
        others = [one for one in range(item // 3 * 3, item // 3 * 3 + 3) if one != item]
        expected.append(str([int(dataset.labels[row]), *features[row, others].tolist()]))
    assert same_partition(found, np.unique(expected, return_inverse=True)[1])
    # The symbol is the feature at its place in the sub-patch, the place the sub-patch.
    assert (seen.key // seen.symbols == positions // 2).all() and seen.symbols == 6
    assert same_partition(seen.key, features + 3 * positions)


# Features 0 and 1 of level 2 go with class 0 and 1 alike, as first children; only the sibling tells them apart.
TWINS = Grammar.from_rules(
    Params(n_c=2, v=4, m=4, s=2, s0=0, L=2),
    [
        [[[a, (a + b) % 4] for a in range(4)] for b in range(4)],
        [[[0, 0], [1, 1], [2, 0], [2, 1]], [[0, 1], [1, 0], [3, 2], [3, 3]]],
    ],
)


def test_twins_are_told_apart_by_their_siblings_alone():
    sets = split(TWINS, 20_000, 2000, replacement=True)
    options = {"knows_positions": True}
    assert predicted_P(TWINS, **options) == np.inf
    assert LayerwiseLearner(**options).fit(sets.train).error(sets.test) > 0.05
    assert LayerwiseLearner(**options, sweeps=3).fit(sets.train).error(sets.test) == 0


def test_pictures_are_classified_as_they_are_drawn(unchecked):
    sets = split(Grammar(Params(v=4, m=2, s=4, s0=0, L=1, n_c=4, plane=True)), 200, 50, replacement=True)
    learner = LayerwiseLearner().fit(sets.train)
    pictures = sets.test.encode("integer")
    assert pictures.ndim == 3
    np.testing.assert_array_equal(learner(pictures), learner.predict(sets.test))
    assert error_of(learner, sets.test, encoding="integer") == learner.error(sets.test)
    with pytest.raises(ValueError, match="are not inputs with 4 of 4"):
        learner([0, 1])
    with pytest.raises(ValueError, match="data = "):
        learner.predict(pictures)


def test_names_do_not_matter():
    """Other names of features and classes: the same predictions, in the new names."""
    random = np.random.default_rng(1)
    sets = independent(MODEL, 2, 4000)
    features, classes = random.permutation(6), random.permutation(6)

    def renamed(dataset):
        return replace(
            dataset,
            features=features[dataset.features].astype(np.uint8),
            labels=classes[dataset.labels].astype(np.uint8),
        )

    for options in ({"shared": True}, {"knows_positions": True, "sweeps": 2}):
        learner = LayerwiseLearner(**options)
        before, after = learner.fit(sets.train), learner.fit(renamed(sets.train))
        known = (before.groups(sets.test)[-1][:, 0] >= 0).nonzero()[0]
        assert len(known) > 900
        assert (after.predict(renamed(sets.test))[known] == classes[before.predict(sets.test)[known]]).all()


def test_blanks_do_not_matter_to_those_who_know_the_positions():
    sets = independent(MODEL, 0, 900)
    moved = replace(sets.train, positions=np.zeros_like(sets.train.positions))
    learner = LayerwiseLearner(knows_positions=True)
    assert (learner.fit(sets.train).predict(sets.test) == learner.fit(moved).predict(sets.test)).all()


def test_without_blanks_all_know_the_positions():
    params = replace(MODEL, s0=0)
    sets = independent(params, 0, 400)
    for shared in (False, True):
        first, second = (
            LayerwiseLearner(knows_positions=knows, shared=shared, sweeps=2)
            .fit(sets.train)
            .predict(sets.test)
            for knows in (False, True)
        )
        assert (first == second).all()


def test_a_part_never_seen_is_a_guess():
    grammar = Grammar(MODEL, 0)
    dataset = Dataset.draw(Stream(grammar, 0), 7)
    predictor = LayerwiseLearner().fit(dataset)
    assert predictor.error(dataset) == 0
    other = Dataset.draw(Stream(grammar, 0), 60, start=6000)
    unseen = predictor.groups(other)[-1][:, 0] < 0
    assert unseen.sum() > 50 and (predictor.predict(other)[unseen] == 0).all()


@pytest.mark.parametrize(
    "options", [{}, {"knows_positions": True}, {"shared": True}, {"shifts_first": True}], ids=str
)
def test_what_has_an_unknown_part_is_unknown(options):
    sets = independent(DEEP, 0, 20)
    groups = LayerwiseLearner(**options).fit(sets.train).groups(sets.test)
    for below, above in pairwise(groups):
        unknown = (below.reshape(*above.shape, -1) < 0).any(axis=-1)
        assert unknown.any() and (above[unknown] == -1).all()


def test_a_predictor_is_measured_like_a_network():
    sets = independent(MODEL, 0, 2500)
    predictor = LayerwiseLearner(shared=True).fit(sets.train)
    error = predictor.error(sets.test)
    assert 0 < error < 0.8
    assert error_of(predictor, sets.test, encoding="integer", dtype=np.int64) == error
    part = sets.test[:10]
    assert (predictor.predict(part) == predictor.predict(sets.test)[:10]).all()


def test_P_star_is_measured():
    """For the learner that knows the positions, at the points that its exact statistics predict, within 3."""
    params = replace(MODEL, s0=0)
    point = measure(LayerwiseLearner(knows_positions=True), params, P_test=1000, replacement=True)
    assert point(300, 0) == point(300, 0) != point(300, 1)
    found = pstar(point, start=500, seeds=(0, 1), smallest=6)["error"]
    for seed, crossing in enumerate(found.crossings):
        assert crossing.status == "bracketed"
        assert 1 / 3 < crossing.P_star / predicted_P(Grammar(params, seed), knows_positions=True) < 3
    fixed = measure(
        LayerwiseLearner(knows_positions=True),
        params,
        P_test=1000,
        replacement=True,
        grammar=Grammar(params, 1),
    )
    assert fixed(300, 1) == point(300, 1)
    distinct = measure(LayerwiseLearner(knows_positions=True), params)
    assert 0 < distinct(500, 0)["error"] < 1
    with pytest.raises(ValueError, match="exceed the P_max"):
        distinct(params.P_max, 0)


def test_data_of_another_model_are_refused(refuses):
    own, other = (Params(n_c=4, v=4, m=4, s=2, s0=1, L=2, sparsity=kind) for kind in "AB")
    learned = LayerwiseLearner().fit(split(Grammar(own), 200, 1).train)
    data = split(Grammar(other), 200, 1).train
    with refuses("data", other, f"Give data of {own}, the model of the training set"):
        learned.error(data)
    with refuses(
        "features", "'uint8 of shape (200, 8)'", "Give leaves together with the params of their model"
    ):
        learned.predict(split(Grammar(replace(own, L=3)), 200, 1).train[:])


def test_bad_arguments_are_named(refuses):
    with refuses("sweeps", 0, "Use sweeps >= 1"):
        LayerwiseLearner(sweeps=0)
    with refuses("shifts_first", True, "Use shifts_first or knows_positions, not both"):
        LayerwiseLearner(shifts_first=True, knows_positions=True)
    sets = independent(replace(MODEL, sparsity="B"), 0, 12)
    with refuses("shifts_first", True, "Use shifts_first=False, or sparsity A"):
        LayerwiseLearner(shifts_first=True).fit(sets.train)
    large = Params(n_c=2, v=2**7, m=1, s=8, s0=2, L=2)
    dataset = Dataset.draw(Stream(Grammar(large), 0, "replacement"), 2)
    with refuses("dataset", "Params", "Use a smaller v, s, s0 or L"):
        LayerwiseLearner().fit(dataset)
    with refuses("P_test", 0, "Use P_test >= 1"):
        measure(LayerwiseLearner(), MODEL, P_test=0)
    predictor = LayerwiseLearner().fit(sets.train)
    inputs = sets.test.encode("integer")
    with refuses("inputs", "(1000, 15)", "Give the 'integer' encoding of data of this model"):
        predictor(inputs[:, 1:])
    with refuses("inputs", "(1000, 16)", "Give the 'integer' encoding of data of this model"):
        predictor(np.zeros_like(inputs))
